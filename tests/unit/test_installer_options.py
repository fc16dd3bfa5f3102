# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateway_installer refuses before the first call, and what it makes of its options (faults 3.7)."""
from __future__ import annotations

import base64

import pytest
import trustme

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer as noun
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused
from ansible_collections.palette.vmware.plugins.module_utils._installer_options import certificate, excluded, from_params, without_password
from ansible_collections.palette.vmware.plugins.module_utils._secret import Secret

PEM = trustme.CA().cert_pem.bytes().decode()
OTHER = trustme.CA().cert_pem.bytes().decode()
CANARY = "hunter2canary"


def params(**given):
    defaults = {name: entry.get("default") for name, entry in noun.SPEC["argument_spec"].items()}
    return {**defaults, "name": "dc1-gw", "datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds", "network": "pg-k8s", "ova": "/tmp/x.ova",
            "hostname": "vcenter.lab.local", "pairing_code": "PIN-1", **given}


def proxy(**given):
    values = {"http": "http://proxy:3128", "https": "http://proxy:3128", "no_proxy": "vcenter.lab.local", "certificate": None, **given}
    return params(proxy=values)


def test_defaults():
    desired = from_params(params())
    assert desired["properties"] == {"installer_name": "dc1-gw", "console_endpoint": "https://console.spectrocloud.com", "pairing_code": Secret("PIN-1")}
    assert (desired["power"], desired["networks"], desired["checksum"], desired["advice"]) == ("on", {"": "pg-k8s"}, None, [])


@pytest.mark.parametrize("host, endpoint", [
    ("https://api.spectrocloud.com", "https://console.spectrocloud.com"), ("api.spectrocloud.com", "https://console.spectrocloud.com"),
    ("https://palette.example.com:8443", "https://palette.example.com:8443"), ("https://palette.example.com/", "https://palette.example.com"),
])
def test_the_console_endpoint_follows_palette(host, endpoint):
    assert from_params(params(palette_host=host))["properties"]["console_endpoint"] == endpoint


@pytest.mark.parametrize("value", ["https://console.example.com", "https://console.example.com:8443", "https://10.0.0.1", "https://[fd00::1]:8443",
                                   "https://Console.Example.com"])
def test_console_endpoints_that_are_right(value):
    assert from_params(params(console_endpoint=value))["properties"]["console_endpoint"] == value


@pytest.mark.parametrize("value, words", [
    ("https://console.example.com/", "write https://console.example.com"), ("https://console.example.com///", "write https://console.example.com"),
    ("https://c/path", "write https://c"), ("https://c?q=1", "write https://c"), ("http://c", "write https://c"),
    ("c.example.com", "write https://c.example.com"),
    ("https://user@c", "holds credentials"), ("https://user:x@c", "holds credentials"), ("https://c d", "blanks"), ("https://c\n", "blanks"),
    ("https://münchen.example", "xn--"),
    ("https://", "trailing slash"), ("", "no https URL"), ("https://c:port", "port is none"),
])
def test_console_endpoints_that_are_refused(value, words):
    with pytest.raises(InputRefused) as refusal:
        from_params(params(console_endpoint=value))
    assert words in str(refusal.value) and "option console_endpoint" in str(refusal.value)


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\\b", "a%b", "a\nb", "x" * 81, "..", "a\x00"])
def test_names_that_are_refused(name):
    with pytest.raises(InputRefused, match="option name"):
        from_params(params(name=name))


@pytest.mark.parametrize("name", ["a", "x" * 80, "yes", "1e3", "null", "gw ü", "{{ 7*7 }}", "a'b\"c]*?;rm", "CON"])
def test_names_are_data(name):
    assert from_params(params(name=name))["name"] == name


@pytest.mark.parametrize("given", [{key: value for key, value in (("http", http), ("https", https), ("no_proxy", bypass)) if value}
                                   for http in (None, "http://p:1") for https in (None, "http://p:1") for bypass in (None, "vcenter.lab.local")])
def test_the_three_proxy_values_come_together(given):
    values = {"http": None, "https": None, "no_proxy": None, "certificate": None, **given}
    if len(given) in (0, 3):
        assert len([key for key in from_params(params(proxy=values))["properties"] if "proxy" in key]) == len(given)
        return
    with pytest.raises(InputRefused) as refusal:
        from_params(params(proxy=values))
    assert refusal.value.observed == "missing: " + ", ".join(f"proxy.{key}" for key in ("http", "https", "no_proxy") if key not in given)


def test_a_certificate_alone_is_no_proxy():
    with pytest.raises(InputRefused, match="missing: proxy.http, proxy.https, proxy.no_proxy"):
        from_params(params(proxy={"http": None, "https": None, "no_proxy": None, "certificate": PEM}))


@pytest.mark.parametrize("url",
                         [f"proxy:3128/{CANARY}", f"ftp://u:{CANARY}@p", f"http://u:{CANARY}/x@proxy:3128", f"http://u:{CANARY}@", f"http://u:{CANARY} x@p:1",
                                 f"http://u:{CANARY}@p:port", f"http://u:{CANARY}@p:1/path", f"http://u:{CANARY}@p:1?x"])
def test_proxy_urls_that_are_refused_are_not_shown(url):
    with pytest.raises(InputRefused) as refusal:
        from_params(proxy(https=url))
    assert "option proxy.https" in str(refusal.value) and CANARY not in str(refusal.value) and CANARY not in str(refusal.value.as_dict())


@pytest.mark.parametrize("url, shown",
                         [("http://proxy:3128", "proxy:3128"), (f"http://user:{CANARY}@proxy:3128/", "***@proxy:3128"), (f"https://{CANARY}@p", "***@p"),
                                        ("http://u:p%40%2F@[fd00::1]:8080", "***@fd00::1:8080")])
def test_proxies_are_shown_without_credentials(url, shown):
    desired = from_params(proxy(http=url))
    assert without_password(desired["properties"]["http_proxy"].reveal()) == shown
    assert CANARY not in repr(desired)


@pytest.mark.parametrize("url, passwords", [
    (None, []), ("http://p:1", []), ("http://u:canary@p:1", ["canary"]), ("http://u:ca%40ry@p:1", ["ca%40ry", "ca@ry"]), ("http://u@p:1", []),
    ("u:canary@p", []), ("http://[", []),
])
def test_passwords_inside_proxies_are_known(url, passwords):
    assert noun.secrets({"proxy": {"http": url, "https": None}}) == passwords


@pytest.mark.parametrize("value, emitted", [("a, b ,c", "a,b,c"), ("10.0.0.0/8,.lab.local", "10.0.0.0/8,.lab.local")])
def test_no_proxy_is_a_list(value, emitted):
    assert from_params(proxy(no_proxy=value))["properties"]["no_proxy"] == emitted


@pytest.mark.parametrize("value", ["", " , ", "*", "a,*", "a b"])
def test_no_proxy_that_is_refused(value):
    with pytest.raises(InputRefused, match="option proxy.no_proxy"):
        from_params(proxy(no_proxy=value))


@pytest.mark.parametrize("bypass, lacking",
                         [("vcenter.lab.local,10.10.8.0/22", False), (".lab.local,10.10.8.0/22", False), ("lab.local,10.10.8.0/22", False), ("other", True)])
def test_advice_on_no_proxy(bypass, lacking):
    given = {**proxy(no_proxy=bypass), "node_network": "10.10.8.0/22"}
    advice = from_params(given)["advice"]
    assert bool(advice) == lacking and (not lacking or "vcenter.lab.local, 10.10.8.0/22" in advice[0])


def forms(text):
    padded = base64.b64encode(text.encode()).decode()
    wrapped = "\n".join(padded[at:at + 64] for at in range(0, len(padded), 64))
    return [text, text.strip(), text.replace("\n", "\r\n"), padded, padded.rstrip("="), padded.rstrip("=") + "=", wrapped, wrapped + "\r\n"]


@pytest.mark.parametrize("text", [PEM, PEM + OTHER, PEM + "# note\n" + OTHER], ids=["one", "chain", "comment"])
def test_all_forms_of_a_certificate_are_one(text):
    clean = "".join(line + "\n" for line in text.replace("# note\n", "").splitlines())
    expected = base64.b64encode(clean.encode()).decode()
    assert {certificate(form) for form in forms(text)} == {expected[:-1] if expected.endswith("=") else expected}


def test_a_certificate_in_der():
    der = base64.b64decode("".join(PEM.splitlines()[1:-1]))
    padded = base64.b64encode(der).decode()
    assert {certificate(form) for form in (padded, padded.rstrip("="))} == {padded[:-1] if padded.endswith("=") else padded}


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
@pytest.mark.parametrize("encode", [False, True])
def test_a_private_key_is_refused(kind, encode):
    text = PEM + f"-----BEGIN {kind}-----\n{base64.b64encode(CANARY.encode()).decode()}\n-----END {kind}-----\n"
    with pytest.raises(InputRefused, match="private key") as refusal:
        certificate(base64.b64encode(text.encode()).decode() if encode else text)
    assert CANARY not in str(refusal.value) and base64.b64encode(CANARY.encode()).decode() not in str(refusal.value)


@pytest.mark.parametrize("value", ["not base64!", "aGVsbG8=", "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nxyz",
                                   "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----", PEM.replace("CERTIFICATE", "PUBLIC KEY")])
def test_certificates_that_are_none(value):
    with pytest.raises(InputRefused, match="option proxy.certificate"):
        certificate(value)


@pytest.mark.parametrize("ranges, words", [
    ({"pod_cidr": "10.1.0.0/16", "service_cidr": "10.1.128.0/17"}, "pod_cidr and service_cidr overlap"),
    ({"pod_cidr": "10.0.0.0/8", "node_network": "10.10.8.0/22"}, "pod_cidr and node_network overlap"),
    ({"service_cidr": "10.10.8.0/24", "node_network": "10.10.8.0/22"}, "service_cidr and node_network overlap"),
    ({"pod_cidr": "10.1.0.1/16"}, "host bits"), ({"pod_cidr": "10.1.0.0"}, "CIDR form"), ({"service_cidr": "10.1.0.0/33"}, "CIDR form"),
    ({"node_network": "x/8"}, "not an IP address"),
])
def test_ranges_that_are_refused(ranges, words):
    with pytest.raises(InputRefused, match=words):
        from_params(params(**ranges))


def test_ranges_side_by_side():
    desired = from_params(params(pod_cidr="10.1.0.0/16", service_cidr="10.2.0.0/16", node_network="10.3.0.0/16"))
    assert (desired["properties"]["pod_cidr"], desired["properties"]["service_cidr"]) == ("10.1.0.0/16", "10.2.0.0/16")


@pytest.mark.parametrize("given, words", [
    ({"network": None}, "named once"), ({"networks": {"VM Network": "pg"}}, "named once"), ({"stall_timeout": 0}, "stall_timeout"),
    ({"checksum": "md5:0"}, "option checksum"),
    ({"ova": "ftp://x/y"}, "scheme"), ({"ssh_public_key": "ssh-rsa"}, "no SSH public key"),
    ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "private key"),
    ({"ssh_public_key": "ssh-ed25519 AAAA\nssh-ed25519 BBBB"}, "no SSH public key"), ({"installer_name": "a\nb"}, "option installer_name"),
    ({"pairing_code": None}, "credential"),
    ({"ova": None}, "credential"),
])
def test_other_refusals(given, words):
    with pytest.raises(InputRefused, match=words):
        from_params(params(**given))


@pytest.mark.parametrize("code", ["", " ", f" {CANARY}", f"{CANARY}\n", f"'{CANARY}'", f'"{CANARY}"', f"{CANARY} x", f"{CANARY}\x00"])
def test_pairing_codes_are_refused_without_being_shown(code):
    with pytest.raises(InputRefused, match="option pairing_code") as refusal:
        from_params(params(pairing_code=code))
    assert CANARY not in str(refusal.value.as_dict())


@pytest.mark.parametrize("state", ["absent", "powered_off"])
def test_other_states_need_only_name_and_datacenter(state):
    desired = from_params(params(state=state, network=None, ova=None, pairing_code=None, compute_cluster=None, datastore=None))
    assert desired["state"] == state and desired["placement"]["datacenter"] == "dc-1"


@pytest.mark.parametrize("name, listed, found", [("10.0.0.5", ["10.0.0.0/8"], True), ("10.10.8.0/22", ["10.0.0.0/8"], True),
                                                 ("11.0.0.5", ["10.0.0.0/8"], False),
                                                 ("vc.lab.local", [".lab.local"], True), ("vc.lab.local", ["10.0.0.0/8", "other"], False),
                                                 ("fd00::5", ["fd00::/64"], True), ("10.0.0.0/8", ["10.10.8.0/22"], False)])
def test_what_a_no_proxy_list_excludes(name, listed, found):
    assert excluded(name, listed) is found


@pytest.mark.parametrize("given", [
    {"console_endpoint": "https://c d"}, {"console_endpoint": "https://c:port"}, {"console_endpoint": "https://"}, {"name": "a/b"}, {"name": " a"},
    {"stall_timeout": 0}, {"network": None}, {"ssh_public_key": "ssh-rsa"}, {"pairing_code": " x"}, {"pod_cidr": "10.1.0.1/16"},
    *({"proxy": {"http": "http://p:1", "https": "http://p:1", "no_proxy": "vc", "certificate": None, **value}} for value in (
        {"no_proxy": "a b"}, {"no_proxy": "*"}, {"no_proxy": None}, {"http": "p"}, {"certificate": "aGVsbG8="},
        {"certificate": "not base64!"}, {"certificate": "-----BEGIN CERTIFICATE-----"}))], ids=str)
def test_every_refusal_says_where_and_what_to_do(given):
    with pytest.raises(InputRefused) as refusal:
        from_params(params(**given))
    assert refusal.value.where.startswith("option") and refusal.value.fix
