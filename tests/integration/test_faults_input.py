# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that cannot be right (faults V02 to V04, V07, W01 to W05, W09, W13, W14, W20): refused before either server is asked anything, by both fronts alike."""
from __future__ import annotations

import faulty
import pytest
from faulty import PLACE, POOL, judged

CANARY = "C4n4ry-5150"
INSTALLER = {"name": "refused-installer", **PLACE}
PLACEMENT = {**PLACE, "resource_pool": "palette"}
GATEWAY = {"name": "refused-gw", "ip_allocation": "static", "ip_pool": "refused-pool", "placements": [PLACEMENT]}
SUBNET = {key: value for key, value in POOL.items() if key not in ("start", "end", "prefix")}
PROXY = {"http": "http://proxy:3128", "https": "http://proxy:3128", "no_proxy": "127.0.0.1"}
ACCOUNT = {"vcenter_server": "vcenter.lab.local", "username": "svc", "password": CANARY}
KEY = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"


def installer(**options):
    return "gateway_installer", {**INSTALLER, **options}


def endpoint(text):
    return installer(console_endpoint=text)


def proxy(**values):
    return installer(proxy={key: value for key, value in {**PROXY, **values}.items() if value is not None})


def pool(**options):
    return "ip_pool", {key: value for key, value in {**POOL, **options}.items() if value is not None}


def subnet(**options):
    return "ip_pool", {**SUBNET, **options}


def gateway(**options):
    return "gateway", {**GATEWAY, **options}


def account(**options):
    return "gateway", {**GATEWAY, "account": {**ACCOUNT, **options}}


ENDPOINTS = {
    "W01 slash": (endpoint("https://console.example.com/"), "write https://console.example.com"),
    "W01 slashes": (endpoint("https://console.example.com:8443///"), "write https://console.example.com:8443"),
    "W01 path": (endpoint("https://console.example.com/path"), "write https://console.example.com"),
    "W01 query": (endpoint("https://console.example.com?a=b"), "write https://console.example.com"),
    "W01 no scheme": (endpoint("console.example.com"), "write https://console.example.com"),
    "W01 http": (endpoint("http://console.example.com"), "write https://console.example.com"),
    "W01 user": (endpoint(f"https://user:{CANARY}@console.example.com"), "credentials"),
    "W01 blank": (endpoint("https://console example.com"), "blanks"),
    "W01 idn": (endpoint("https://münchen.example"), "xn--"),
    "W02 scheme": (installer(hostname="https://vcenter.lab.local"), "write vcenter.lab.local"),
    "W02 sdk": (installer(hostname="vcenter.lab.local/sdk"), "write vcenter.lab.local"),
    "W02 port": (installer(hostname="vcenter.lab.local:443"), "option port"),
    "W02 account sdk": (account(vcenter_server="https://vcenter.lab.local/sdk"), "write vcenter.lab.local"),
    "W02 account blank": (account(vcenter_server="vcenter lab"), "option account.vcenter_server"),
    "W02 account password": (account(password=""), "option account.password"),
}
SECRETS = {
    "W03 blank": (installer(pairing_code=f" {CANARY}"), "option pairing_code"),
    "W03 quotes": (installer(pairing_code=f"'{CANARY}'"), "option pairing_code"),
    "W03 newline": (installer(pairing_code=f"{CANARY}\n"), "option pairing_code"),
    "W03 empty": (installer(pairing_code=""), "option pairing_code"),
    "W04 http only": (proxy(https=None, no_proxy=None), "missing: proxy.https, proxy.no_proxy"),
    "W04 https only": (proxy(http=None, no_proxy=None), "missing: proxy.http, proxy.no_proxy"),
    "W04 no_proxy only": (proxy(http=None, https=None), "missing: proxy.http, proxy.https"),
    "W04 no http": (proxy(http=None), "missing: proxy.http"),
    "W04 no https": (proxy(https=None), "missing: proxy.https"),
    "W04 no no_proxy": (proxy(no_proxy=None), "missing: proxy.no_proxy"),
    "W04 star": (proxy(no_proxy="*"), "option proxy.no_proxy"),
    "W04 slash in password": (proxy(https=f"http://u:{CANARY}/x@proxy:3128"), "percent-encode"),
    "W04 scheme": (proxy(http=f"htp://u:{CANARY}@proxy:3128"), "option proxy.http"),
    "W05 key": (proxy(certificate=KEY), "private key"),
    "W05 no base64": (proxy(certificate="not base64!"), "option proxy.certificate"),
    "W05 ssh key": (gateway(ssh_keys=[KEY]), "private key"),
}
POOLS = {
    "V02 reversed": (pool(start=POOL["end"], end=POOL["start"]), "10.10.8.50 to 10.10.8.59"),
    "V02 no end": (pool(end=None), "option end"),
    **{f"V02 prefix {prefix!r}": (pool(prefix=prefix), "option prefix") for prefix in (0, 31, 32, 33, -1, "24 ", "/24", "255.255.255.0", "x")},
    "V02 leaves the network": (pool(prefix=27, network_gateway="10.10.8.1"), "leaves the network"),
    "V02 no address": (pool(start="10.10.8.256"), "option start"),
    "V02 octal": (pool(start="010.10.8.50"), "option start"),
    "V03 inside": (pool(network_gateway="10.10.8.55"), "inside the range"),
    "V03 network": (pool(network_gateway="10.10.8.0"), "network's own address"),
    "V03 broadcast": (pool(network_gateway="10.10.11.255"), "broadcast"),
    "V03 family": (pool(network_gateway="fd00::1"), "family"),
    "V03 outside": (pool(network_gateway="10.20.0.1"), "leaves the network"),
    "V04 host bits": (subnet(subnet="10.10.8.5/24"), "write 10.10.8.0/24"),
    "V04 both": (pool(subnet="10.10.8.0/24"), "both"),
    "V04 neither": (pool(start=None, end=None), "neither"),
    "V04 mask": (subnet(subnet="10.10.8.0/255.255.255.0"), "option subnet"),
    "V07 name": (pool(name_servers=["10.10.0.2", "dns.lab.local"]), "option name_servers[1]"),
    "V07 family": (pool(name_servers=["fd00::53"]), "option name_servers[0]"),
}
OTHERS = {
    **{f"W13 size {size!r}": (gateway(size=size), "1 or 3") for size in (0, 2, 4, 7, -1)},
    "W09 slash": (installer(name="a/b"), "option name"), "W09 long": (installer(name="x" * 81), "option name"),
    "W09 blank": (gateway(name=" refused-gw"), "option name"),
    "W09 empty": (gateway(name=""), "option name"),
    "V01 pod in service": (installer(pod_cidr="10.0.0.0/8", service_cidr="10.96.0.0/12"), "10.96.0.0-10.111.255.255"),
    "placement twice": (gateway(placements=[PLACEMENT, PLACEMENT]), "option placements[1]"),
    "placement empty": (gateway(placements=[{**PLACEMENT, "datastore": ""}]), "datastore"),
    "time": (gateway(registration_timeout=-1), "option registration_timeout"),
    "domain": (("dns_mapping", {"gateway": "dc1-gw", "datacenter": "dc-1", "network": "pg-k8s", "dns_name": "no domain"}), "option dns_name"),
    "two credentials": (("gateway_info", {"palette_username": "a", "palette_password": CANARY}), "palette_api_key"),
    "base url": (("gateway_info", {"palette_host": f"https://u:{CANARY}@palette.lab.local"}), "option palette_host"),
    "path": (("gateway_info", {"palette_host": "https://palette.lab.local/v1"}), "option palette_host"),
    "no retries": (("gateway_info", {"palette_retries": -1}), "option palette_retries"),
}
ALL = {**ENDPOINTS, **SECRETS, **POOLS, **OTHERS}
ALIKE = ("W01 slash", "W03 quotes", "V02 reversed", "W13 size 2")
MISTYPED = {
    "W20 size": (gateway(size="many"), "size"), "W20 list": (gateway(placements=7), "placements"),
    "W20 inner": (account(insecure="perhaps"), "insecure"), "W20 unknown": (gateway(sise=1), "sise"), "W20 choice": (gateway(state="there"), "state"),
    "W20 pair": (("gateway", {"name": "refused-gw", "ip_allocation": "static", "placements": [PLACEMENT]}), "ip_pool"),
}


def played(play, lab, cases, **how):
    """A run with one task for each module and the cases as its items; their options are in a variable, which no output shows."""
    found = {}
    for name, ((module, _options), _words) in cases.items():
        found.setdefault(module, []).append(name)
    tasks = [{"name": module, f"palette.vmware.{module}": "{{ cases[item] }}", "loop": names, "ignore_errors": True} for module, names in found.items()]
    return play(lab, tasks, extra={"cases": {name: options for name, ((_module, options), _words) in cases.items()}}, **how)


def answers(run):
    """{case: its entry}"""
    return {entry["result"]["item"]: entry for entry in run.entries if entry["item"]}


def shown(run):
    return run.text + str(run.entries)


@pytest.fixture(scope="module", name="said")
def _said():
    """{case: message}, filled by the first test."""
    return {}


def asked(lab):
    return [item for item in lab.journal() if item["agent"] != "palette"]


def test_it_is_refused_before_anything_is_asked(lab, play, said):
    before = lab.state()
    run = played(play, lab, ALL)
    found = answers(run)
    for name, (_task, words) in ALL.items():
        assert found[name]["status"] == "failed", f"{name}: {found[name]['result']}"
        error = judged(found[name]["result"], name, "INPUT_REFUSED", words)
        assert not error["retriable"] and not error["changed_something"] and error["leftovers"] == [], name
        said[name] = found[name]["result"]["msg"]
    assert asked(lab) == [] and lab.state() == before
    assert CANARY not in shown(run)


def test_the_module_front_and_check_mode_say_the_same(lab, play, said):
    run = played(play, lab, {name: ALL[name] for name in ALIKE}, execution="module", check=True)
    assert {name: answers(run)[name]["result"]["msg"] for name in ALIKE} == {name: said[name] for name in ALIKE}
    assert asked(lab) == [] and CANARY not in shown(run)


def test_what_the_argument_spec_refuses_is_named(lab, play):
    run = played(play, lab, MISTYPED)
    for name, (_task, words) in MISTYPED.items():
        answer = answers(run)[name]["result"]
        assert answers(run)[name]["status"] == "failed" and words in answer["msg"], answer
        error = answer["error"]
        assert set(error) == faulty.KEYS and (error["code"], error["what"]) == ("INPUT_REFUSED", answer["msg"]) and error["fix"], answer
        assert error["where"].startswith("option") and words in error["where"], answer
    assert asked(lab) == [] and CANARY not in shown(run)


def test_the_same_input_put_right_goes_through(lab, play):
    """The cases are refused for their one mistake: without it the options are taken (foreseen only)."""
    good = {"installer": installer(console_endpoint="https://console.example.com", proxy={**PROXY, "https": f"http://u:{CANARY}%2Fx@proxy:3128"},
                                   pairing_code=CANARY),
            "pool": pool(), "subnet": subnet(subnet="10.10.8.0/24"), "gateway": account(), "W13 size '3'": gateway(account=ACCOUNT, size="3")}
    run = played(play, lab, {name: (task, "") for name, task in good.items()}, check=True)
    for name in good:
        assert answers(run)[name]["status"] == "ok" and answers(run)[name]["result"]["plan"], answers(run)[name]["result"]
    assert answers(run)["W13 size '3'"]["result"]["gateway"]["size"] == 3
    assert asked(lab) and lab.writes() == [] and CANARY not in shown(run)


def test_the_labs_logs_hold_no_secret(lab):
    faulty.logs_without_secrets(lab, CANARY)
