# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user asks of a gateway installer, judged before anything is called. Pure. PRIVATE to the collection.

Rules: the page, sections "vSphere - Deploy Gateway Installer" and "Gateway installer - Unable to register with the Tenant Portal".
"""
from __future__ import annotations

import base64
import binascii
import re
import urllib.parse

from ._address import address, network, network_of, overlap
from ._errors import InputRefused
from ._ova import parse_checksum
from ._ova_source import location
from ._palette import SAAS, base_url, connection
from ._secret import Secret, secret

SAAS_CONSOLE = "https://console.spectrocloud.com"
PROXY = ("http", "https", "no_proxy")
NO_PROXY = "proxy.no_proxy"
PLACEMENT = ("datacenter", "folder", "compute_cluster", "resource_pool", "datastore")
PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END \1-----")
SSH_KEY = re.compile(r"(ssh-(rsa|ed25519|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
                     r" [A-Za-z0-9+/]+={0,3}( [^\r\n]*)?")


def from_params(params):
    """Options -> desired. Raises InputRefused.

    {state, name, placement, networks, disk_format, properties: {option: str or Secret}, property_keys, power, redeploy, ova: Location or None, source:
    keyword arguments for a location that Palette names, manifest, checksum, validate_host, stall_timeout, advice: [str]}
    """
    name = vm_name(params["name"])
    placement = {key: params[key] for key in PLACEMENT}
    desired = {"state": params["state"], "name": name, "placement": placement, "power": "on" if params["power_on"] else "off", "redeploy": params["redeploy"]}
    if params["state"] != "present":
        return desired
    check_numbers(params)
    source = {"username": params["ova_username"], "password": secret(params["ova_password"]),
              "ca_path": params["ova_ca_path"] or (params["palette_ca_path"] if params["ova"] is None else None),
              "validate_certs": params["ova_validate_certs"], "stall_timeout": params["stall_timeout"]}
    proxy = proxies(params["proxy"])
    values = {**properties(params, name), **proxy}
    disjoint(params)
    if params["ova"] is None or params["pairing_code"] is None:
        connection(params)
    return {**desired, "networks": networks(params), "disk_format": params["disk_format"], "properties": values,
            "property_keys": dict(params["property_keys"] or {}), "ova": location(params["ova"], **source) if params["ova"] is not None else None,
            "source": source, "manifest": params["manifest"], "checksum": parse_checksum(params["checksum"]), "validate_host": params["host_validate_certs"],
            "stall_timeout": params["stall_timeout"], "node_network": params["node_network"], "advice": advice(params, values)}


def check_numbers(params):
    if params["stall_timeout"] < 1:
        raise InputRefused("stall_timeout is no time", where="option stall_timeout", observed=params["stall_timeout"], expected="seconds, 1 or more",
                           fix="give whole seconds, or leave it out for the default")


def printable(value, where, limit):
    """The text itself; control characters, blanks around it, emptiness and excess are refused."""
    if not value or value != value.strip() or len(value) > limit or any(not c.isprintable() for c in value):
        raise InputRefused("the value is empty, too long, or holds blanks around it or control characters", where=where, observed=value,
                           expected=f"1 to {limit} printable characters", fix="correct the value")
    return value


def vm_name(name):
    """A VM's name that needs no escape in inventory paths (vSphere: at most 80 characters; / \\ % are stored escaped)."""
    printable(name, "option name", 80)
    if re.search(r"[/\\%]", name) or name in (".", ".."):
        raise InputRefused("the name of the VM holds a character that vCenter escapes", where="option name", observed=name, expected="none of / \\ %",
                           fix="choose a name without it")
    return name


def networks(params):
    """{OVF network or '' for whichever there is: network of vSphere}"""
    if (params["network"] is None) == (not params["networks"]):
        raise InputRefused("the VM needs its network, named once", where="options network, networks", observed="both" if params["network"] else "neither",
                           fix="set network, or networks when the OVA has several")
    return {"": params["network"]} if params["network"] is not None else dict(params["networks"])


def properties(params, name):
    values = {"installer_name": printable(params["installer_name"] or name, "option installer_name", 253),
              "console_endpoint": endpoint(params["console_endpoint"], params["palette_host"])}
    if params["pairing_code"] is not None:
        values["pairing_code"] = pairing_code(params["pairing_code"])
    if params["ssh_public_key"]:
        values["ssh_public_key"] = ssh_key(params["ssh_public_key"])
    for option in ("pod_cidr", "service_cidr"):
        if params[option]:
            values[option] = str(network(params[option], f"option {option}"))
    return values


def pairing_code(value):
    """The code as Secret. Its alphabet is not documented; only what cannot be part of any code is refused, and it is never shown."""
    bare = value.strip().strip("'\"")
    if not bare or bare != value or re.search(r"\s", value) or not value.isprintable():
        raise InputRefused("the pairing code holds blanks, quotes or control characters, or is empty", where="option pairing_code",
                           fix="copy it again, without what is around it")
    return Secret(value)


def endpoint(value, palette_host):
    """The console's URL. Default: Palette's own base, and the product's console for its SaaS API.

    With a trailing slash an installer does not register (page).
    """
    if value is None:
        base = base_url(palette_host or SAAS, False)
        return SAAS_CONSOLE if base == SAAS else base
    where, bare = "option console_endpoint", value.rstrip("/")
    if value != bare:
        raise InputRefused("the console endpoint has a trailing slash, with which an installer cannot register", where=where, observed=value, expected=bare,
                           fix=f"write {bare}")
    if re.search(r"\s", value) or not value.isprintable():
        raise InputRefused("the console endpoint holds blanks or control characters", where=where, observed=value,
                           expected="https://host[:port]", fix="write it without them")
    if not value.isascii():
        raise InputRefused("the console endpoint holds characters outside ASCII", where=where, observed=value, fix="write the host name in its xn-- form")
    parts = urllib.parse.urlsplit(value if "://" in value else f"//{value}")
    if parts.username is not None or parts.password is not None:
        raise InputRefused("the console endpoint holds credentials", where=where, expected="https://host[:port]", fix="leave them out")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    try:
        right = f"https://{host}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        raise InputRefused("the console endpoint's port is none", where=where, observed=value, expected="https://host[:port]",
                           fix="write a port from 1 to 65535, or none") from None
    if value.lower() != right or not host:
        raise InputRefused("the console endpoint is no https URL of a host", where=where, observed=value, expected=right if host else "https://host[:port]",
                           fix=f"write {right}" if host else "name the host")
    return value


def ssh_key(value):
    text = value.strip()
    if "PRIVATE KEY" in text:
        raise InputRefused("a private key is given where the public one belongs", where="option ssh_public_key", fix="give the content of the .pub file")
    if not SSH_KEY.fullmatch(text):
        raise InputRefused("this is no SSH public key", where="option ssh_public_key", expected="one line such as: ssh-ed25519 AAAA… comment",
                           fix="give the content of the .pub file")
    return text


def proxies(proxy):
    """Option proxy -> http_proxy, https_proxy (Secret), no_proxy, certificate. All three or none (page)."""
    given = {key: value for key, value in (proxy or {}).items() if value is not None}
    if not given:
        return {}
    lacking = [f"proxy.{key}" for key in PROXY if key not in given]
    if lacking:
        raise InputRefused("behind a proxy, HTTP proxy, HTTPS proxy and no_proxy are mandatory together", where="option proxy",
                           observed=f"missing: {', '.join(lacking)}",
                           fix=f"set {', '.join(lacking)}" + ("; no_proxy: vCenter, the local networks, the site's domains" if NO_PROXY in lacking else ""))
    values = {f"{key}_proxy": Secret(proxy_url(given[key], f"option proxy.{key}")) for key in ("http", "https")}
    values["no_proxy"] = no_proxy(given["no_proxy"])
    if given.get("certificate"):
        values["certificate"] = certificate(given["certificate"])
    return values


def proxy_url(value, where):
    try:
        parts = urllib.parse.urlsplit(value)
        right = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True) and parts.path in ("",
                                                                                                                 "/") and not parts.query and not parts.fragment
    except ValueError:
        right = False
    if not right or re.search(r"\s", value) or not value.isprintable():
        raise InputRefused("this is no URL of a proxy", where=where, expected="http://[user:password@]host:port",
                           fix="percent-encode special characters in user and password (@ is %40, / is %2F, : is %3A, % is %25)")
    return value.rstrip("/")


def without_password(url):
    """A proxy as it may be shown: 'host:port', '***@host:port' when it has credentials."""
    parts = urllib.parse.urlsplit(url)
    mark = "***@" if parts.username is not None else ""
    return f"{mark}{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def proxy_passwords(params):
    """The passwords inside the proxies' URLs, as written and decoded: [str]. Never raises; wrong URLs are refused elsewhere."""
    found = set()
    for key in ("http", "https"):
        user, _at, _host = ((params.get("proxy") or {}).get(key) or "").rpartition("@")
        password = user.partition("://")[2].partition(":")[2]
        found.update(text for text in (password, urllib.parse.unquote(password)) if len(text) > 2)
    return sorted(found)


def no_proxy(value):
    entries = [entry.strip() for entry in value.split(",") if entry.strip()]
    if not entries or "*" in entries or any(re.search(r"\s", entry) or not entry.isprintable() for entry in entries):
        raise InputRefused("no_proxy is empty, excludes everything, or holds blanks", where="option proxy.no_proxy", observed=value,
                           expected="vCenter, local networks, host and domain names, separated by commas",
                           fix="list them without blanks, and without a * for all")
    return ",".join(entries)


def certificate(value):
    """PEM, or base64 of PEM or DER, padded or not, on one line or wrapped -> the vendor's form: base64 in one line, one trailing = removed (page)."""
    where = "option proxy.certificate"
    data = value.encode("utf-8") if "-----BEGIN" in value else debased(value, where)
    if b"PRIVATE KEY" in data:
        raise InputRefused("the proxy certificate holds a private key, which must not leave its server", where=where,
                           fix="give the certificates alone, and replace that key")
    if b"-----BEGIN" in data:
        blocks = PEM_BLOCK.findall(data.decode("utf-8", "replace"))
        if not blocks or any(kind not in ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE") for kind, _body in blocks):
            raise InputRefused("the proxy certificate is no PEM certificate", where=where,
                               observed=", ".join(sorted({kind for kind, _body in blocks})) or "a damaged block",
                               fix="give the blocks from BEGIN CERTIFICATE to END CERTIFICATE, whole")
        ders = [debased(body, where) for _kind, body in blocks]
        data = "".join(pem(kind, der) for (kind, _body), der in zip(blocks, ders)).encode("ascii")
    else:
        ders = [data]
    if any(not der.startswith(b"\x30\x82") and not der.startswith(b"\x30\x81") for der in ders):
        raise InputRefused("the proxy certificate is no certificate", where=where, expected="PEM, or the base64 of a PEM or DER certificate",
                           fix="give the proxy's CA certificate")
    encoded = base64.b64encode(data).decode("ascii")
    return encoded[:-1] if encoded.endswith("=") else encoded


def debased(text, where):
    """bytes of base64 with or without padding and line ends."""
    bare = re.sub(r"\s+", "", text).rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InputRefused("the proxy certificate is neither PEM nor base64", where=where, fix="encode it with: base64 -w0") from None


def pem(kind, der):
    body = base64.encodebytes(der).decode("ascii").replace("\n", "")
    return f"-----BEGIN {kind}-----\n" + "".join(body[i:i + 64] + "\n" for i in range(0, len(body), 64)) + f"-----END {kind}-----\n"


def disjoint(params):
    """Raises InputRefused when two of pod, service and node network share addresses (page: must not overlap)."""
    given = [(option, network(params[option], f"option {option}")) for option in ("pod_cidr", "service_cidr", "node_network") if params[option]]
    for index, (option, block) in enumerate(given):
        for other, around in given[index + 1:]:
            shared = overlap(block, around)
            if shared:
                raise InputRefused(f"{option} and {other} overlap", where=f"options {option}, {other}", observed=f"{block} and {around} share {shared}",
                                   expected="ranges without a common address", fix=f"choose another {option}")


def advice(params, values):
    """What is no error and worth a warning."""
    lacking = []
    if "no_proxy" in values:
        listed = values["no_proxy"].split(",")
        lacking = [name for name in (params["hostname"], params["node_network"], params["pod_cidr"], params["service_cidr"]) if name and not excluded(name,
                                                                                                                                                      listed)]
    return [f"proxy.no_proxy does not list {', '.join(lacking)}; without that the gateway reaches them through the proxy"] if lacking else []


def excluded(name, listed):
    """Whether a host name, an address or a network is listed itself, by its domain, or by a network around it."""
    if name in listed or any(entry.startswith(".") and name.endswith(entry) or name.endswith(f".{entry}") for entry in listed):
        return True
    block = block_of(name)
    around = [block_of(entry) for entry in listed] if block is not None else []
    return any(each is not None and each.version == block.version and each.first <= block.first and block.last <= each.last for each in around)


def block_of(text):
    """The network that the text names (an address is one of its own), or None for a name."""
    try:
        return network(text, "") if "/" in text else network_of(address(text, ""), 32 if "." in text else 128)
    except InputRefused:
        return None
