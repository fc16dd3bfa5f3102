# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of a site returned, as the one data that all renderings of the report are made of. Pure. PRIVATE to the collection."""
from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ansible_collections.palette.vmware.plugins.module_utils._finding import SEVERITIES, finding, ordered

CHECKS = {"site_check": "Site and prerequisites", "permission_audit": "Permissions", "login_audit": "Permissions of the login", "zone_tags": "Zone tags"}
SECTIONS = {"site_check": "Prerequisites", "permission_audit": "VMware Cloud Account Permissions", "login_audit": "VMware Cloud Account Permissions",
            "zone_tags": "Zone Tagging"}
AT_NEED = ("login_audit",)
WORDS = {"error": ("error", "errors"), "warning": ("warning", "warnings"), "advice": ("piece of advice", "pieces of advice"),
         "repaired": ("to be repaired", "to be repaired"), "passed": ("passed", "passed"), "not_checked": ("not checked", "not checked")}
KINDS = (*SEVERITIES, "repaired")
UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def shown(value):
    """Plain data of a value: texts without characters that XML forbids, that steer a terminal or that turn the direction of writing."""
    if isinstance(value, Mapping):
        return {shown(str(key)): shown(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    if isinstance(value, str):
        return UNSHOWN.sub("\ufffd", value)
    return value if value is None or isinstance(value, (bool, int, float)) else shown(str(value))


def natural(text):
    """A key that puts esx-9 before esx-10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in re.split(r"(\d+)", text) if part]


def in_full(each):
    """A key that tells apart all that differs."""
    return json.dumps(each, sort_keys=True, ensure_ascii=False)


def counted(totals, names):
    """'2 errors, 1 warning' of those that are not 0; '' when all are."""
    return ", ".join(f"{totals[name]} {WORDS[name][totals[name] != 1]}" for name in names if totals[name])


def broken(check, result):
    """The finding that stands for a check that could not be made; its error is kept as `error`."""
    error = result.get("error") if isinstance(result.get("error"), Mapping) else {}
    module = f"palette.vmware.{'permission_audit' if check == 'login_audit' else check}"
    return finding(f"{check}_failed", "error", "The check could not be made", error.get("where") or f"module {module}",
                   error.get("observed") or error.get("what") or result.get("msg") or "the module returned no findings",
                   error.get("expected") or "the check is made", error.get("fix") or f"correct what stands in the way: {result.get('msg', 'see the task')}",
                   SECTIONS[check], error.get("code") or "module", error=dict(error), what=error.get("what", "") if error.get("observed") else "")


def in_inventory(where, check, variables):
    """'gateway_size (option size of site_check)' for 'option size', where a variable of the inventory stands for the option; any other place as it is."""
    names = re.fullmatch(r"options? ((?:[\w.]|\[\d+\])+(?:, (?:[\w.]|\[\d+\])+)*)", where)
    parts = [re.fullmatch(r"(\w+)(.*)", name).groups() for name in names.group(1).split(", ")] if names else []
    if not parts or any(option not in variables for option, _rest in parts):
        return where
    return f"{', '.join(variables[option] + rest for option, rest in parts)} ({where} of {check})"


def placed(results, variables):
    """The results with every place in the words of the inventory. variables: {check: {option: name of a variable}}."""
    def entries(check, rows):
        return [{**each, "where": in_inventory(each["where"], check, variables[check])} for each in rows]
    return {check: {**result, **{key: entries(check, result[key]) for key in ("findings", "passed") if result.get(key) and check in variables}}
            for check, result in results.items()}


def collected(results, repairs):
    """All findings of all checks, each with `check`, and `repaired_by` where a real run repairs it before (repairs: {check or id of a finding: by what})."""
    for check in CHECKS:
        if check in results:
            made = isinstance(results[check].get("findings"), (list, tuple))
            for each in ordered(sorted(results[check]["findings"], key=in_full)) if made else [broken(check, results[check])]:
                yield {**each, "check": check, "repaired_by": repairs.get(each["id"], repairs.get(check, "")) if made else ""}


def kind_of(each):
    """The severity of a finding, or 'repaired'."""
    return "repaired" if each["repaired_by"] else each["severity"]


def severity_of(findings):
    """The worst severity among findings that nobody repairs, or 'repaired'."""
    return min((kind_of(each) for each in findings), key=KINDS.index)


def totals_of(findings, passed=0, not_checked=0):
    counts = {name: sum(1 for each in findings if each["severity"] == name and not each["repaired_by"]) for name in SEVERITIES}
    return {**counts, "repaired": sum(1 for each in findings if each["repaired_by"]), "passed": passed, "not_checked": not_checked}


def general(text, each):
    """A text about one missing privilege, as it is said of several."""
    return text.replace(f"{each.get('label', '')} ({each['privilege']})", "these privileges")


def required_words(demanded):
    """'page; collection: zone_tags attaches the region' of a finding's required_by."""
    if isinstance(demanded, str):
        return demanded
    return "; ".join(dict.fromkeys(f"{each['profile']}: {each['step']}" if each.get("step") else each["profile"] for each in demanded))


OWN = ("title", "privilege", "label", "required_by", "expected", "fix", "path", "moid", "type")


def merged(findings):
    """Findings of missing privileges that differ in nothing else are one item with `privileges`; every other finding is an item of its own."""
    groups = {}
    for each in findings:
        one = each.get("privilege")
        key = in_full([{key: value for key, value in each.items() if key not in OWN}, general(each["fix"], each)]) if one else id(each)
        groups.setdefault(key, []).append(each)
    for group in groups.values():
        rows = [{"privilege": each["privilege"], "label": each.get("label", ""), "required_by": required_words(each.get("required_by", ""))}
                for each in group if each.get("privilege")]
        several = {"title": f"{len(rows)} privileges are missing", "fix": general(group[0]["fix"], group[0])} if len(rows) > 1 else {}
        yield {**group[0], **several, "privileges": sorted(rows, key=lambda row: row["privilege"])}


def subject(each, known):
    """Key of the object that a finding is about; what has no object is told apart by where it is. known: {(path, type): id} of objects."""
    on = each.get("object")
    return (on["path"], on["moid"] or known.get((on["path"], on["type"]), ""), on["type"]) if on else ("", "", each["where"])


def alike(key, items):
    """A key that objects of one type share when they have the same findings, but for their own name, id and place."""
    path, moid, kind = key
    if not path:
        return key
    texts = in_full([{name: value for name, value in item.items() if name not in ("where", "object", "path", "moid")} for item in items])
    name = path.rpartition("/")[2]
    return (kind, re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "", texts) if len(name) > 3 else texts)


def by_object(findings):
    """[{objects, heading, severity, totals, items}], the worst first. Objects of one type with the same findings share an entry."""
    known = {(on["path"], on["type"]): on["moid"] for on in sorted((each["object"] for each in findings if each.get("object")), key=in_full) if on["moid"]}
    found, shared = {}, {}
    for each in findings:
        found.setdefault(subject(each, known), []).append(each)
    for key in sorted(found, key=lambda key: (natural(key[0]), natural(key[2]), key)):
        items = sorted(merged(found[key]), key=lambda item: (SEVERITIES.index(item["severity"]), natural(item["title"]), in_full(item)))
        shared.setdefault(alike(key, items), []).append((key, items))
    groups = [group_of(entries, found) for entries in shared.values()]
    ordered_groups = sorted(groups, key=lambda group: (KINDS.index(group["severity"]), -sum(kind_of(item) == "error" for item in group["items"])))
    return [{**group, "anchor": f"place-{number}"} for number, group in enumerate(ordered_groups, 1)]


def overview(groups):
    """[{kind, title, count, places: [{heading, anchor}]}] of what is found in the groups: one row for each kind of finding, the worst first."""
    rows = {}
    for group in groups:
        for item in group["items"]:
            title = "privileges are missing" if item["privileges"] else item["title"]
            row = rows.setdefault((kind_of(item), title), {"kind": kind_of(item), "title": title, "count": 0, "places": []})
            row["count"] += (len(item["privileges"]) or 1) * (len(group["objects"]) or 1)
            place = {"heading": group["heading"], "anchor": group["anchor"], "more": max(len(group["objects"]) - 1, 0)}
            row["places"] += [] if place in row["places"] else [place]
    return sorted(rows.values(), key=lambda row: (KINDS.index(row["kind"]), natural(row["title"])))


def group_of(entries, found):
    key, items = entries[0]
    objects = [{"path": path, "moid": moid, "type": kind} for (path, moid, kind), _items in entries if path]
    findings = [each for other, _items in entries for each in found[other]]
    return {"objects": objects, "heading": key[0] or key[2], "severity": severity_of(findings), "totals": totals_of(findings), "items": items}


def passed_by_section(results):
    """[{section, items}] of everything that was checked and is as it should be, in the order of the checks."""
    sections = {}
    for check in CHECKS:
        for each in (results.get(check) or {}).get("passed") or []:
            sections.setdefault(each["section"], []).append({**each, "check": check})
    return [{"section": section, "items": sorted(items, key=lambda each: (natural(each["title"]), natural(each["where"]), in_full(each)))}
            for section, items in sections.items()]


def check_rows(results, findings, left_out):
    """[{check, title, state, findings, passed, why}]; state: ready, repair, not ready, failed, not checked."""
    rows = []
    for check, title in CHECKS.items():
        if check in AT_NEED and check not in results:
            continue
        own, result = [each for each in findings if each["check"] == check], results.get(check)
        totals = totals_of(own, len((result or {}).get("passed") or []))
        state = ("not checked" if result is None else "failed" if "findings" not in result else "not ready" if totals["error"] else
                 "repair" if totals["repaired"] else "ready")
        rows.append({"check": check, "title": title, "state": state, "totals": totals, "why": left_out.get(check, "")})
    return rows


def zone_rows(result):
    """[{region, zone, paths, labels}] of what zone_tags returned; a missing value is ''."""
    return [{"region": row["region"] or "", "zone": row["zone"] or "", "paths": row["compute_clusters"],
             "labels": [f"{label}={value}" for label, value in sorted(row["labels"].items())]} for row in (result or {}).get("table") or []]


def permission_rows(result):
    """[{kind, objects, granted, missing, surplus, not_applicable, because, source}] of what permission_audit returned, by kind and place."""
    rows = []
    for each in ((result or {}).get("permission_audit") or {}).get("verdicts") or []:
        because = [f"role {via['role']} of {via['principal']} on {via['object']}{', propagated' if via['propagate'] else ''}" for via in each["via"]]
        rows.append({**{key: each[key] for key in ("granted", "missing", "surplus", "not_applicable")}, "kind": each["kind"].replace("_", " "),
                     "objects": sorted(each["objects"], key=lambda on: (natural(on["path"]), on["moid"])), "because": because, "source": each["method"]})
    return rows


def head_rows(results, given):
    """[[label, value]] of what was looked at and as whom; what has no value is left out."""
    audit = (results.get("permission_audit") or {}).get("permission_audit") or {}
    account = f"{audit['principal']}{' in ' if audit['groups'] else ''}{', '.join(audit['groups'])}" if audit else ""
    site = (results.get("site_check") or {}).get("site_check") or {}
    rows = [*shown(given or []), ["vCenter version", f"{site['version']} build {site['build']}" if site.get("version") else ""], ["Audited account", account],
            ["Profiles of privileges", ", ".join(audit.get("profiles", []))], ["Granted according to", audit.get("method", "")]]
    return [list(row) for row in rows if row[1] not in (None, "")]


def outcome_of(each, fail_on):
    """What a finding is in JUnit's words. noted: the case passes, with the finding as its output."""
    if each["repaired_by"]:
        return "noted"
    if each["id"] == f"{each['check']}_failed":
        return "error"
    return "failure" if each["severity"] == "error" or fail_on == each["severity"] else "noted"


def junit(findings, passed, open_points, fail_on):
    """{tests, failures, errors, skipped, suites: [{check, tests, …, cases: [{name, section, outcome, …}]}]}"""
    cases = [{**each, "outcome": outcome_of(each, fail_on)} for each in findings]
    cases += [{**each, "outcome": "passed"} for group in passed for each in group["items"]]
    cases = [{**each, "name": ": ".join(filter(None, (each["title"], each["where"], each.get("privilege"))))} for each in cases]
    cases += [{**each, "outcome": "skipped", "name": each["title"], "section": SECTIONS[each["check"]]} for each in open_points]
    suites = [{"check": check, **tests([each for each in cases if each["check"] == check])} for check in CHECKS]
    suites = [each for each in suites if each["tests"] or each["check"] not in AT_NEED]
    return {**tests(cases), "cases": [], "suites": suites}


def tests(cases):
    count = {outcome: sum(1 for each in cases if each["outcome"] == outcome) for outcome in ("failure", "error", "skipped")}
    return {"tests": len(cases), "failures": count["failure"], "errors": count["error"], "skipped": count["skipped"], "cases": cases}


def verdict(site, totals, fail_on):
    """(ready, sentence)"""
    against = totals["error"] + (totals["warning"] if fail_on == "warning" else 0)
    found = counted(totals, ("error", "warning", "advice", "repaired")) or "nothing was found"
    rest = counted(totals, ("passed", "not_checked"))
    return not against, f"{site} is {'not ready' if against else 'ready'}: {found}{'; ' if rest else ''}{rest}"


def report(results, site, generated="", fail_on="error", not_checked=None, repairs=None, about=None, variables=None):
    """The report's data.

    results: {check: what its module returned}; a check that is not in it was not made, not_checked says why (login_audit is
    made only at need). generated: the time, as it shall be shown.
    fail_on: error or warning. repairs: {check or id of a finding: by what} that a real run repairs. about: [[label, value]] to show in the head.
    variables: {check: {option: variable}} of the inventory that the options come from.
    Raises ValueError for an unknown check or value.
    """
    if fail_on not in ("error", "warning"):
        raise ValueError(f"fail_on is '{fail_on}', expected error or warning")
    if unknown := sorted(set(results) - set(CHECKS)):
        raise ValueError(f"unknown checks: {', '.join(unknown)}; known: {', '.join(CHECKS)}")
    results, left_out = placed(shown(results), variables or {}), shown(dict(not_checked or {}))
    findings = list(collected(results, repairs or {}))
    open_points = [{"check": check, "title": CHECKS[check], "why": left_out.get(check, "not asked for")} for check in CHECKS
                   if check not in results and check not in AT_NEED]
    passed, groups = passed_by_section(results), by_object(findings)
    unseen = sum(1 for each in findings if each["id"].endswith("_not_checked"))
    totals = totals_of(findings, sum(len(each["items"]) for each in passed), len(open_points) + unseen)
    ready, sentence = verdict(site, totals, fail_on)
    return {"site": shown(site), "ready": ready, "verdict": "READY" if ready else "NOT READY", "sentence": shown(sentence), "generated": generated,
            "fail_on": fail_on, "totals": totals, "about": head_rows(results, about),
            "checks": check_rows(results, findings, left_out), "overview": overview(groups), "groups": groups, "findings": findings, "passed": passed,
            "permissions": permission_rows(results.get("permission_audit")), "zones": zone_rows(results.get("zone_tags")),
            "not_checked": open_points, "junit": junit(findings, passed, open_points, fail_on)}
