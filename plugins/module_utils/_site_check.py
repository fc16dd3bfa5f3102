# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun site_check: the page's prerequisites of a gateway, all looked at in one run; changes nothing. PRIVATE to the collection.

What is wrong with the site is a finding, never a failure; so is a server that cannot be asked.
"""
from __future__ import annotations

from . import _site_check_capacity as room
from . import _site_check_palette_rules as palette_rules
from . import _site_check_reach as reachability
from ._errors import Failure, InputRefused
from ._finding import SEVERITIES, ready
from ._installer_options import proxy_passwords
from ._site_check_facts import asked_places
from ._site_check_options import options, proxied_hosts
from ._site_check_palette import read_palette
from ._site_check_rules import vcenter
from ._site_check_vcenter import read_site
from ._site_check_verdict import CONTROLLER, PREREQUISITES, VCENTER, Check, split
from ._specs import placements_option, spec
from ._vsphere import Vsphere, vcenter_connection

LIBRARIES = ("requests", "pyVmomi", "netaddr")
SESSION = Check("vcenter_session", "vCenter lets the user in", "vCenter cannot be asked", PREREQUISITES)
POOL = {
    "name": {"type": "str", "required": True}, "start": {"type": "str"}, "end": {"type": "str"}, "subnet": {"type": "str"}, "prefix": {"type": "str"},
    "network_gateway": {"type": "str"}, "name_servers": {"type": "list", "elements": "str"}, "search_domains": {"type": "list", "elements": "str"},
    "restrict_to_single_cluster": {"type": "bool"},
}
PROXY = {"http": {"type": "str"}, "https": {"type": "str"}, "no_proxy": {"type": "str"}, "certificate": {"type": "str"}}
INSTALLER = {
    **{key: {"type": "str"} for key in ("datacenter", "compute_cluster", "resource_pool", "datastore", "network", "folder", "console_endpoint", "pod_cidr",
                                        "service_cidr", "node_network")},
    "proxy": {"type": "dict", "options": PROXY},
}
SPEC = spec({
    "gateway": {"type": "str"},
    "placements": placements_option(),
    "size": {"type": "int", "default": 1},
    "ip_allocation": {"type": "str", "choices": ["static", "dhcp"], "default": "static"},
    "ip_pool": {"type": "dict", "options": POOL},
    "ddns_search_domain": {"type": "str"},
    "ntp_servers": {"type": "list", "elements": "str", "default": []},
    "installer": {"type": "dict", "default": {}, "options": INSTALLER},
    "ova_gib": {"type": "int", "default": 60},
    "clusters_planned": {"type": "bool", "default": False},
    "reach": {"type": "bool", "default": True},
    "name_servers": {"type": "list", "elements": "str", "default": []},
    "host_port": {"type": "int", "default": 443},
    "connect_timeout": {"type": "int", "default": 5},
}, vcenter=True)


def execute(params, context):
    """{changed, site_check, findings, passed, ready, warnings}. Raises InputRefused for options that are no question, Stopped."""
    asked = normal(params)
    verdicts = list(options(asked))
    context.progress("reading vCenter")
    facts, problem = look(asked, context)
    verdicts += [session(problem, asked)]
    context.progress("reading Palette")
    palette = read_palette(asked, context)
    context.stop.check()
    verdicts += palette_rules.palette(palette, asked)
    if facts:
        verdicts += [*vcenter(facts), *room.capacity(facts, asked, palette_rules.standing(palette)), *proxied_hosts(facts, asked)]
    verdicts += reachable(asked, facts, context)
    findings, passed = split(verdicts)
    return {"changed": False, "site_check": summary(asked, facts, findings, passed), "findings": findings, "passed": passed, "ready": ready(findings),
            "warnings": context.warnings}


def normal(params):
    """The options with empty dictionaries where nothing was given. Raises InputRefused for numbers that are none."""
    for key in ("connect_timeout", "host_port"):
        if params[key] < 1:
            raise InputRefused(f"{key} is too small", where=f"option {key}", observed=params[key], expected="1 or more", fix="correct the number")
    if params["ova_gib"] < 0:
        raise InputRefused("ova_gib is negative", where="option ova_gib", observed=params["ova_gib"], expected="0 or more", fix="correct the number")
    return {**params, "installer": params["installer"] or {}, "ip_pool": params["ip_pool"] or {}, "ntp_servers": params["ntp_servers"] or [],
            "name_servers": params["name_servers"] or []}


def look(params, context):
    """(facts, None), or (None, Failure) when vCenter does not let itself be asked."""
    try:
        with Vsphere(vcenter_connection(params), context) as vsphere:
            return read_site(vsphere, asked_places(params), context), None
    except Failure as failure:
        context.stop.check()
        return None, failure


def session(problem, params):
    where = f"vCenter {params['hostname'] or '(no hostname)'}"
    if problem is None:
        return SESSION.passed(where, f"user {params['username']}", VCENTER)
    return SESSION.error(problem.where or where, problem.observed or problem.what, "an answer, so that the site can be checked",
                         problem.fix or "correct the connection", VCENTER, title=problem.what, code=problem.code)


def reachable(params, facts, context):
    if not params["reach"]:
        return [reachability.ASKED.advice("option reach", "false", "true", "set reach to true where the controller stands in the site", CONTROLLER)]
    context.progress("asking name servers, trying connections")
    servers, wrong = reachability.servers_of(params)
    domains = params["ip_pool"].get("search_domains") or ()
    results = reachability.tried(reachability.targets(params, facts), servers, domains, context, params["connect_timeout"])
    return list(reachability.reach(results, servers, wrong))


def summary(params, facts, findings, passed):
    """The site in a few figures: version, hosts, counts of verdicts, capacity."""
    counts = {severity: sum(each["severity"] == severity for each in findings) for severity in SEVERITIES}
    found = {"vcenter": params["hostname"], "version": None, "build": None, "hosts": 0, "compute_clusters": 0, "counts": {**counts, "passed": len(passed)},
             "capacity": {}}
    if facts:
        found.update(version=facts["about"]["version"], build=facts["about"]["build"], hosts=len(facts["hosts"]), compute_clusters=len(facts["clusters"]),
                     capacity=room.figures(facts, params))
    return found


def secrets(params):
    """What is secret inside options: [str]."""
    return proxy_passwords(params["installer"] or {})
