# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reachability in the site check: which names and servers are tried, and what the outcome means. Pure but for `tried`. PRIVATE to the collection.

Source: the page, section "Prerequisites": outgoing 443 to Palette, a DNS that resolves public names. The upload of an OVA goes to the ESXi hosts
themselves, by the names that vCenter has for them. What the machine that runs this can reach says nothing certain about the nodes' network: the
evidence is "controller only".
"""
from __future__ import annotations

import re
import urllib.parse

from . import _reach
from ._address import address
from ._errors import Failure, InputRefused
from ._installer_options import block_of, excluded, proxies, without_password
from ._palette import base_url
from ._site_check_options import console
from ._site_check_rules import up
from ._site_check_verdict import CONTROLLER, PREREQUISITES, Check

HTTPS = 443
SERVER = Check("name_server_answers", "the name server answers", "the name server does not answer", PREREQUISITES)
NAME = {"console": Check("console_name", "the console's name resolves", "the console's name does not resolve"),
        "api": Check("api_name", "the name of Palette's API resolves", "the name of Palette's API does not resolve"),
        "vcenter": Check("vcenter_name", "vCenter's name resolves", "vCenter's name does not resolve"),
        "ntp": Check("ntp_server_name", "the time server's name resolves", "the time server's name does not resolve"),
        "host": Check("host_name", "the ESXi host's name resolves", "the ESXi host's name does not resolve")}
PORT = {"console": Check("console_reached", "the console answers", "the console does not answer"),
        "api": Check("api_reached", "Palette's API answers", "Palette's API does not answer"),
        "host": Check("host_reached", "the ESXi host answers", "the ESXi host does not answer")}
LIBRARY = Check("name_servers_asked", "the name servers are asked", "")
ASKED = Check("reachability", "names and servers are tried from the controller", "reachability was not tried")
FIX_NAME = {"console": "let the name servers resolve public names, or correct the endpoint", "api": "let the name servers resolve public names",
            "vcenter": "add vCenter to the DNS of the site", "ntp": "add the time server to the DNS of the site, or write its address",
            "host": "add the host to the DNS of the site; uploads go to it by this name"}
FIX_PORT = {"console": "allow outgoing connections to it from the nodes' network, or configure the proxy",
            "api": "allow outgoing connections to it from the nodes' network, or configure the proxy",
            "host": "allow connections from the controller to the host; the OVA is uploaded to it"}


def servers_of(params):
    """([(address, port)], [InputRefused]) of option name_servers, else of the pool's."""
    given, option = params["name_servers"], "name_servers"
    if not given and params["ip_allocation"] == "static":
        given, option = (params["ip_pool"] or {}).get("name_servers"), "ip_pool.name_servers"
    found, wrong = [], []
    for number, text in enumerate(given or ()):
        parts = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?|(.*)", text)
        host, port = parts.group(1) or parts.group(3) or parts.group(5) or "", parts.group(2) or parts.group(4) or "53"
        try:
            found.append((str(address(host, f"option {option}[{number}]")), int(port)))
        except InputRefused as failure:
            wrong.append(failure)
    return list(dict.fromkeys(found)), wrong


def targets(params, facts):
    """[{kind, name, port or None, proxy: URL (Secret) or None, on: place or words, firm: whether a failure is an error}]"""
    found = []
    proxy = usable_proxy(params)
    for kind, url in (("console", console(params)), ("api", api_url(params))):
        parts = urllib.parse.urlsplit(url) if url else None
        if parts and parts.hostname and (kind, parts.hostname) not in {(each["kind"], each["name"]) for each in found}:
            direct = not proxy or excluded(parts.hostname, proxy["no_proxy"].split(","))
            found.append({"kind": kind, "name": parts.hostname, "port": parts.port or HTTPS, "proxy": None if direct else proxy, "on": url,
                          "firm": True})
    if params["hostname"]:
        found.append({"kind": "vcenter", "name": params["hostname"], "port": None, "proxy": None, "on": f"vCenter {params['hostname']}", "firm": True})
    found += [{"kind": "ntp", "name": name, "port": None, "proxy": None, "on": f"option ntp_servers[{number}]", "firm": False}
              for number, name in enumerate(params["ntp_servers"])]
    found += [{"kind": "host", "name": host["name"], "port": params["host_port"], "proxy": None, "on": host["on"], "firm": up(host)}
              for host in (facts["hosts"].values() if facts else ()) if host["name"]]
    return found


def api_url(params):
    try:
        return base_url(params["palette_host"], params["palette_validate_certs"])
    except InputRefused:
        return None


def usable_proxy(params):
    """{url: Secret, no_proxy, certificate} for HTTPS, or None where there is none or it is refused."""
    try:
        values = proxies(params["installer"].get("proxy"))
    except Failure:
        return None
    return {"url": values["https_proxy"], "no_proxy": values["no_proxy"], "certificate": values.get("certificate")} if values else None


def named(name):
    """Whether it is a name that a name server can be asked for."""
    return block_of(name) is None and name != "localhost"


def tried(wanted, servers, domains, context, timeout):
    """[{target, answers: [of _reach.ask], problem: str or None where nothing was connected to}]: names first, then connections, many at once."""
    proxy_hosts = {target["name"]: urllib.parse.urlsplit(target["proxy"]["url"].reveal()).hostname for target in wanted if target["proxy"]}
    names = list(dict.fromkeys(name for name in (*(target["name"] for target in wanted), *proxy_hosts.values()) if named(name)))
    answers = _reach.looked_up(names, servers, domains, context, timeout)

    def addresses(name):
        if block_of(name) is not None:
            return [name]
        if name == "localhost":
            return ["127.0.0.1", "::1"]
        return list(dict.fromkeys(each for said in answers.get(name, ()) for each in said["addresses"]))

    def job(target):
        proxy = target["proxy"] and {**target["proxy"], "addresses": addresses(proxy_hosts[target["name"]])}
        return lambda: _reach.knock(addresses(target["name"]), target["port"], target["name"], timeout, proxy)

    jobs = {number: job(target) for number, target in enumerate(wanted) if target["port"] and (target["proxy"] or addresses(target["name"]))}
    problems = _reach.all_of(jobs, context, f"{_reach.SILENT} in time")
    return [{"target": target, "answers": answers.get(target["name"], []), "problem": problems.get(number)} for number, target in enumerate(wanted)]


def reach(results, servers, wrong):
    """All verdicts about what was tried. wrong: name servers that are none, as InputRefused."""
    yield from (SERVER.refused(failure) for failure in wrong)
    if servers and _reach.resolver() is None:
        yield LIBRARY.unseen("option name_servers", "dnspython is not installed, so the controller's own resolver was asked", "install dnspython >= 2.6")
    elif servers:
        yield from name_servers(results, servers)
    for each in results:
        if each["answers"]:
            yield name(each)
        if each["target"]["port"]:
            yield port(each)


def name_servers(results, servers):
    """A name server is silent when it answered nothing at all."""
    said = {_reach.shown(*server): [] for server in servers}
    for each in results:
        for answer in each["answers"]:
            said.setdefault(answer["server"], []).append(answer)
    silent = [server for server, answers in said.items() if answers and all(answer["silent"] for answer in answers)]
    severity = "error" if len(silent) == len(said) else "warning"
    for server, answers in said.items():
        if server in silent:
            yield SERVER.found(severity, f"name server {server}", answers[0]["problem"], "an answer",
                               "correct the address, or let the controller and the nodes' network reach it", CONTROLLER)
        elif answers:
            yield SERVER.passed(f"name server {server}", f"{len(answers)} names asked", CONTROLLER)


def name(each):
    target, check = each["target"], NAME[each["target"]["kind"]]
    where, heard = target["on"], [answer for answer in each["answers"] if not answer["silent"]]
    lacking = [answer for answer in heard if not answer["addresses"]]
    if not heard:
        return check.unseen(where, f"no name server answered for {target['name']}", "see the findings about the name servers")
    shown = "; ".join(f"{answer['server']}: {', '.join(answer['addresses']) or answer['problem']}" for answer in heard)
    if lacking:
        severity = "error" if target["firm"] and not target["proxy"] else "warning"
        return check.found(severity, where, shown, f"an address for {target['name']} from each name server", FIX_NAME[target["kind"]], CONTROLLER)
    return check.passed(where, f"{target['name']}: {shown}", CONTROLLER)


def port(each):
    target, check, problem = each["target"], PORT[each["target"]["kind"]], each["problem"]
    through = f" through the proxy {without_password(target['proxy']['url'].reveal())}" if target["proxy"] else ""
    what = f"{target['name']} port {target['port']}{through}"
    if problem is None:
        return check.unseen(target["on"], f"{what}: no address to connect to", "see the findings about its name")
    if problem:
        return check.found("error" if target["firm"] else "warning", target["on"], f"{what}: {problem}", "a TLS server that answers", FIX_PORT[target["kind"]],
                           CONTROLLER)
    return check.passed(target["on"], f"{what} answers; the nodes' network may differ" if target["kind"] != "host" else f"{what} answers", CONTROLLER)
