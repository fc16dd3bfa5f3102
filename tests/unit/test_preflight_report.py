# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight's report: its data, and every rendering of it, also of names that want to be markup."""
from __future__ import annotations

import html.parser
import json
import random
import re
import xml.etree.ElementTree
from pathlib import Path

import jinja2
import preflight_samples as samples
import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible_collections.palette.vmware.plugins.filter.preflight_report import FilterModule
from ansible_collections.palette.vmware.plugins.module_utils._finding import finding
from ansible_collections.palette.vmware.plugins.plugin_utils._report import CHECKS, natural, report, shown

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "roles" / "preflight" / "templates"
CONSOLE_COLUMNS = 108
VOID = {"meta", "wbr", "br", "link", "img", "hr", "input"}
SITES = {"troubled": samples.troubled, "prepared": samples.prepared, "hostile": samples.hostile}
STRANGE = shown(samples.HOSTILE)
WHEN = "2026-11-27 10:46 UTC"


def made(name, **options):
    site = samples.HOSTILE if name == "hostile" else "frankfurt"
    return report(SITES[name](), site, **{"generated": WHEN, "about": [["vCenter", "vcenter.fra.example.com"], ["Nothing", ""]], **options})


def rendered(template, data):
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    env.filters.update(to_nice_json=CoreFilters().filters()["to_nice_json"],
                       dict2items=lambda given: [{"key": key, "value": value} for key, value in given.items()],
                       items2dict=lambda given: {each["key"]: each["value"] for each in given})
    return env.get_template(template).render(preflight_data=data)


class Page(html.parser.HTMLParser):
    """An HTML document: problems of its nesting, its elements in order as (name, attributes), its text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.problems, self.elements, self.words = [], [], [], []
        self.feed(text)
        self.close()
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    def named(self, *names):
        return [(tag, attrs) for tag, attrs in self.elements if tag in names]


def words(value):
    return " ".join(value.split())


def test_totals_and_verdict():
    data = made("troubled")
    assert data["totals"] == {"error": 46, "warning": 3, "advice": 1, "repaired": 0, "passed": 13, "not_checked": 0}
    assert (data["ready"], data["verdict"]) == (False, "NOT READY")
    assert data["sentence"] == "frankfurt is not ready: 46 errors, 3 warnings, 1 piece of advice; 13 passed"
    assert [(each["check"], each["state"]) for each in data["checks"]] == [(check, "not ready") for check in CHECKS if check != "login_audit"]
    assert sum(each["totals"]["error"] for each in data["checks"]) == 46
    assert data["about"] == [["vCenter", "vcenter.fra.example.com"], ["vCenter version", "8.0.3 build 24022515"],
                             ["Audited account", "LAB\\svc-palette in LAB\\operators"], ["Profiles of privileges", "page, collection"],
                             ["Granted according to", "evaluated, confirmed by vCenter"]]
    good = made("prepared")
    assert (good["ready"], good["verdict"], good["sentence"]) == (True, "READY", "frankfurt is ready: 1 piece of advice; 13 passed")


def test_findings_are_grouped_by_object_and_the_worst_come_first():
    groups = made("troubled")["groups"]
    assert [group["severity"] for group in groups] == ["error"] * 6 + ["warning"] * 2 + ["advice"]
    assert [sum(item["severity"] == "error" for item in group["items"]) for group in groups] == [2, 2, 1, 1, 1, 1, 0, 0, 0]
    assert sum(len(item["privileges"]) or 1 for group in groups for item in group["items"] for _object in group["objects"] or [None]) == 50
    [host] = [group for group in groups if group["heading"].endswith("esx-2")]
    assert [item["title"] for item in host["items"]] == ["10 privileges are missing", "NTP is not configured"]
    assert len(host["items"][0]["privileges"]) == len(samples.PRIVILEGES)
    assert {(each["moid"], each["type"]) for each in host["objects"]} == {("host-102", "HostSystem")}


def test_the_overview_has_a_row_for_each_kind_of_finding():
    data = made("troubled")
    rows = [(row["kind"], row["count"], row["title"]) for row in data["overview"]]
    assert rows == [("error", 3, "NTP is not configured"), ("error", 40, "privileges are missing"), ("error", 1, "The compute cluster has no zone"),
                    ("error", 1, "The datastore is not on every host of the cluster"), ("error", 1, "The name of the Palette endpoint is not resolved"),
                    ("warning", 1, "privileges are missing"), ("warning", 1, "The clock differs from vCenter's"), ("warning", 1, "The host is in maintenance mode"),
                    ("advice", 1, "The gateway has one node")]
    assert sum(row["count"] for row in data["overview"]) == len(data["findings"])
    anchors = {group["anchor"]: group["heading"] for group in data["groups"]}
    assert all(anchors[place["anchor"]] == place["heading"] for row in data["overview"] for place in row["places"])


def test_missing_privileges_are_one_item_with_one_fix():
    [host] = [group for group in made("troubled")["groups"] if group["heading"].endswith("esx-1") and "cluster-1" in group["heading"]]
    [item] = host["items"]
    assert item["fix"] == "add these privileges to the Spectro role, and grant that role to LAB\\svc-palette on /dc-1 with propagation"
    assert [row["privilege"] for row in item["privileges"]] == sorted(privilege for privilege, _label in samples.PRIVILEGES)
    assert {row["required_by"] for row in item["privileges"]} == {"page"}
    [root] = [group for group in made("troubled")["groups"] if group["heading"] == "/"]
    assert root["items"][0]["title"] == "vSphere Tagging > Create vSphere Tag Category is missing"
    assert root["items"][0]["fix"].startswith("add vSphere Tagging > Create vSphere Tag Category (InventoryService")
    assert root["items"][0]["privileges"][0]["required_by"] == "collection: zone_tags creates the categories"


def test_permissions_are_shown_by_verdict():
    granted, lacking = made("troubled")["permissions"]
    assert [on["moid"] for on in granted["objects"]] == ["host-201", "host-202", "host-210"]
    assert (len(granted["granted"]), granted["missing"], lacking["missing"]) == (10, [], granted["granted"])
    assert granted["because"] == ["role Palette of LAB\\svc-palette on /dc-1, propagated"]


def test_objects_with_the_same_findings_share_an_entry_in_natural_order():
    [group] = [group for group in made("troubled")["groups"] if group["heading"].endswith("cluster-1-esx-9")]
    assert [each["moid"] for each in group["objects"]] == ["host-109", "host-110"]
    assert group["totals"]["error"] == 2
    assert sorted(["esx-10", "esx-9", "Esx-1"], key=natural) == ["Esx-1", "esx-9", "esx-10"]


def test_what_differs_by_the_object_s_own_name_only_is_the_same():
    one = samples.troubled()["site_check"]["findings"][0]
    given = {"findings": [{**one, "object": on, "where": samples.at(on), "observed": f"no address for {on['path'].rpartition('/')[2]}"}
                          for on in (samples.host(1, 1), samples.host(1, 10), samples.host(1, 11))]}
    [group] = report({"site_check": given}, "frankfurt")["groups"]
    assert [on["moid"] for on in group["objects"]] == ["host-101", "host-110", "host-111"]
    given["findings"][1]["observed"] = "no address for cluster-1-esx-1"
    assert len(report({"site_check": given}, "frankfurt")["groups"]) == 2


def test_what_is_to_be_made_in_an_object_is_shown_with_it():
    given = samples.troubled()["site_check"]["findings"][0]
    path = samples.host(1, 1)
    [group] = report({"site_check": {"findings": [{**given, "object": {**path, "moid": ""}}, {**given, "object": path}]}}, "frankfurt")["groups"]
    assert (group["objects"], len(group["items"])) == ([path], 2)


def test_what_has_no_object_is_grouped_by_its_place():
    headings = [group["heading"] for group in made("troubled")["groups"] if not group["objects"]]
    assert headings == ["option preflight_name_servers", "option gateway_size"]


@pytest.mark.parametrize("name", SITES)
def test_the_order_that_a_check_reports_in_does_not_matter(name):
    wanted = made(name)
    for seed in range(20):
        given = SITES[name]()
        for result in given.values():
            for key in ("findings", "passed"):
                random.Random(seed).shuffle(result.get(key, []))
        shuffled = report(dict(reversed(given.items())), wanted["site"], generated=WHEN, about=[["vCenter", "vcenter.fra.example.com"]])
        assert shuffled == wanted


def test_a_check_that_could_not_be_made_is_an_error_of_its_own():
    error = {"code": "VCENTER_UNREACHABLE", "what": "vCenter does not answer", "where": "vcenter.fra.example.com:443", "observed": "connection refused",
             "expected": "", "fix": "open port 443"}
    data = report({"site_check": {"failed": True, "msg": "vCenter does not answer", "error": error}, "zone_tags": samples.troubled()["zone_tags"],
                   "permission_audit": {"msg": "MODULE FAILURE"}}, "frankfurt")
    assert [(each["check"], each["state"]) for each in data["checks"]] == [("site_check", "failed"), ("permission_audit", "failed"), ("zone_tags", "not ready")]
    first, second, _zone = data["findings"]
    assert (first["id"], first["severity"], first["observed"], first["fix"], first["evidence"]) == (
        "site_check_failed", "error", "connection refused", "open port 443", "VCENTER_UNREACHABLE")
    assert first["error"] == error
    assert (second["id"], second["observed"]) == ("permission_audit_failed", "MODULE FAILURE")
    assert data["totals"]["error"] == 3


def test_a_single_check_that_could_not_be_made_counts_as_a_warning_and_as_not_checked():
    given = samples.prepared()["site_check"]
    unseen = finding("host_time_not_checked", "warning", "not checked", "esx-1", "no answer", "to look", "look", "Prerequisites", "not checked")
    data = report({"site_check": {**given, "findings": [unseen]}}, "frankfurt")
    assert (data["totals"]["warning"], data["totals"]["not_checked"]) == (1, 3)


def test_another_user_who_logs_in_has_an_audit_of_his_own():
    given = samples.prepared()
    data = report({**given, "login_audit": {"findings": [], "passed": [], "ready": True, "permission_audit": {}}}, "frankfurt")
    assert [each["check"] for each in data["checks"]] == list(CHECKS) and [each["check"] for each in data["junit"]["suites"]][:2] == list(CHECKS)[:2]
    failed = report({**given, "login_audit": {"failed": True, "msg": "no answer"}}, "frankfurt")
    [found] = [each for each in failed["findings"] if each["check"] == "login_audit"]
    assert (found["id"], found["where"], failed["ready"]) == ("login_audit_failed", "module palette.vmware.permission_audit", False)
    assert "login_audit" not in [each["check"] for each in report(given, "frankfurt")["checks"]]


def test_what_was_not_checked_is_said_with_the_reason():
    given = {"site_check": samples.prepared()["site_check"]}
    data = report(given, "frankfurt", not_checked={"zone_tags": "not among preflight_checks"})
    assert {each["check"]: each["why"] for each in data["not_checked"]} == {"permission_audit": "not asked for", "zone_tags": "not among preflight_checks"}
    assert data["sentence"].endswith("4 passed, 2 not checked")
    assert data["ready"]


@pytest.mark.parametrize("fail_on, ready", [("error", True), ("warning", False)])
def test_warnings_count_where_they_shall(fail_on, ready):
    given = samples.troubled()
    for result in given.values():
        result["findings"] = [each for each in result["findings"] if each["severity"] != "error"]
    data = report(given, "frankfurt", fail_on=fail_on)
    assert data["ready"] is ready
    assert data["junit"]["failures"] == (0 if ready else 3)


def test_what_a_real_run_repairs_does_not_stand_in_the_way():
    given = {**samples.prepared(), "zone_tags": samples.troubled()["zone_tags"]}
    assert not report(given, "frankfurt")["ready"]
    data = report(given, "frankfurt", repairs={"zone_tags": "zone_tags"})
    assert data["ready"]
    assert (data["totals"]["repaired"], data["totals"]["error"]) == (1, 0)
    assert data["sentence"] == "frankfurt is ready: 1 piece of advice, 1 to be repaired; 13 passed"
    assert [group["severity"] for group in data["groups"]] == ["advice", "repaired"]
    assert [each["state"] for each in data["checks"]] == ["ready", "ready", "repair"]
    assert "Will be repaired" in Page(rendered("report.html.j2", data)).text
    failed = report({"zone_tags": {"msg": "refused"}}, "frankfurt", repairs={"zone_tags": "zone_tags"})
    assert not failed["ready"], "a check that could not be made is not repaired"


@pytest.mark.parametrize("where, said", [
    ("option size", "gateway_size (option size of site_check)"),
    ("option placements[0].folder", "gateway_placements[0].folder (option placements[0].folder of site_check)"),
    ("options size, placements[12].network", "gateway_size, gateway_placements[12].network (options size, placements[12].network of site_check)"),
    ("option reach", "option reach"), ("options size, reach", "options size, reach"), ("/dc-1/host (option size)", "/dc-1/host (option size)"),
    ("option size\n", "option size\n")])
def test_options_are_told_by_the_inventory_s_variables(where, said):
    found = {**samples.troubled()["site_check"]["findings"][0], "where": where, "object": None}
    variables = {"site_check": {"size": "gateway_size", "placements": "gateway_placements"}}
    data = report({"site_check": {"findings": [found], "passed": [found]}, "zone_tags": {"msg": "broken"}}, "frankfurt", variables=variables)
    assert (data["findings"][0]["where"], data["passed"][0]["items"][0]["where"]) == (said, said)
    assert said in [group["heading"] for group in data["groups"]]


def test_characters_that_steer_a_terminal_or_the_direction_are_replaced():
    assert shown({"a\x1b": ["\u202egnp", "\ud800", "ü\n\t", 1, None, True]}) == {"a\ufffd": ["\ufffdgnp", "\ufffd", "ü\n\t", 1, None, True]}


@pytest.mark.parametrize("results, options, says", [
    ({"nosuch": {}}, {}, "unknown checks: nosuch"), ({}, {"fail_on": "advice"}, "fail_on is 'advice', expected error or warning")])
def test_the_filter_refuses_in_a_sentence(results, options, says):
    with pytest.raises(AnsibleFilterError, match=f"palette.vmware.preflight_report: {re.escape(says)}"):
        FilterModule().filters()["preflight_report"](results, "frankfurt", **options)


@pytest.mark.parametrize("name", SITES)
def test_the_page_is_well_formed_and_refers_to_nothing_outside(name):
    text = rendered("report.html.j2", made(name))
    page = Page(text)
    assert (page.problems, page.open) == ([], [])
    assert text.startswith("<!DOCTYPE html>")
    assert page.named("script", "link", "img", "iframe", "form", "object", "base") == []
    assert [key for _tag, attrs in page.elements for key in attrs if key in ("src", "action", "style") or key.startswith("on")] == []
    assert not re.search(r"url\(|@import|https?://", TEMPLATES.joinpath("report.css").read_text(encoding="utf-8"))
    assert ("meta", {"http-equiv": "Content-Security-Policy", "content": "default-src 'none'; style-src 'unsafe-inline'"}) in page.elements
    levels = [int(tag[1]) for tag, _attrs in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    marks = [attrs["id"] for _tag, attrs in page.elements if "id" in attrs]
    assert len(marks) == len(set(marks)) and {attrs["aria-labelledby"] for _tag, attrs in page.named("section")} <= set(marks)
    assert {attrs["href"] for _tag, attrs in page.elements if "href" in attrs} <= {f"#{mark}" for mark in marks}


@pytest.mark.parametrize("name", SITES)
def test_the_page_says_all_that_was_found_and_all_that_passed(name):
    data = made(name)
    said = Page(rendered("report.html.j2", data)).text
    for each in data["findings"]:
        for key in ("observed", "section", *(("privilege", "label") if each.get("privilege") else ("title", "expected", "fix"))):
            assert words(each[key]) in said, (each["id"], key)
    for group in data["passed"]:
        for each in group["items"]:
            assert words(each["where"]) in said and words(each["observed"]) in said
    for each in data["groups"]:
        assert all(words(f"{on['type']} {on['moid']}") in said and words(on["path"]) in said for on in each["objects"])
    assert data["verdict"].replace(" ", "\xa0") in said.replace("NOT READY", "NOT\xa0READY")


@pytest.mark.parametrize("name", SITES)
def test_junit_has_a_case_for_each_check_and_counts_what_is_in_it(name):
    data = made(name, not_checked={})
    root = xml.etree.ElementTree.fromstring(rendered("report.xml.j2", data).encode())
    assert root.tag == "testsuites"
    cases = root.findall("testsuite/testcase")
    assert len(cases) == int(root.get("tests")) == data["totals"]["passed"] + len(data["findings"])
    for suite in [root, *root.findall("testsuite")]:
        for kind, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert len(suite.findall(f".//{kind}")) == int(suite.get(key)), (suite.get("name"), kind)
        assert len(suite.findall(".//testcase")) == int(suite.get("tests"))
    assert int(root.get("failures")) + int(root.get("errors")) == data["totals"]["error"]
    notes = [case.findtext("system-out") for case in cases if case.find("system-out") is not None]
    assert len(notes) == data["totals"]["warning"] + data["totals"]["advice"]
    assert all(case.get("name") and case.get("classname") for case in cases)
    assert data["findings"] == [] or any(words(data["findings"][0]["fix"]) in words("".join(case.itertext())) for case in cases)


def test_a_check_that_was_not_made_is_a_skipped_case():
    data = report({"site_check": samples.prepared()["site_check"]}, "frankfurt", not_checked={"zone_tags": "no <regions>"})
    root = xml.etree.ElementTree.fromstring(rendered("report.xml.j2", data).encode())
    assert [each.get("message") for each in root.iter("skipped")] == ["not asked for", "no <regions>"]


@pytest.mark.parametrize("name", SITES)
def test_the_console_s_lines_fit(name):
    lines = rendered("console.txt.j2", made(name)).splitlines()
    assert max(map(len, lines)) <= CONSOLE_COLUMNS
    assert not any(line.isspace() for line in lines)
    assert "\x1b" not in "".join(lines)


def test_the_console_names_what_is_found_and_where():
    text = rendered("console.txt.j2", made("troubled"))
    for part in ("SEVERITY  OBJECT", "/dc-1/host/cluster-1/cluster-1-esx-9", "HostSystem host-109", "10 missing: Datastore.AllocateSpace", ", and 2 more",
                 "fix: Set gateway_size: 3", "Zone tags                   not ready         1         0       0       1", "region1               az1"):
        assert part in text
    assert rendered("console.txt.j2", made("prepared")).startswith("frankfurt is ready: 1 piece of advice; 13 passed\n")


def test_a_long_console_report_ends_with_what_is_left_out():
    given = samples.prepared()
    for number in range(60):
        on = samples.host(1, number)
        one = samples.troubled()["site_check"]["findings"][0]
        given["site_check"]["findings"].append({**one, "object": on, "where": samples.at(on), "observed": f"clock {number}"})
    text = rendered("console.txt.j2", report(given, "frankfurt"))
    assert "21 more places are in the report's files." in text
    assert "not checked" not in text


@pytest.mark.parametrize("name", SITES)
def test_markdown_shows_names_and_is_not_steered_by_them(name):
    data = made(name)
    text = rendered("report.md.j2", data)
    assert text.startswith("# ")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    assert tables
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    assert re.findall(r"<(?!/?(?:details|summary)>)", text) == []
    assert "](" not in text.replace("\\](", "")


@pytest.mark.parametrize("name", SITES)
def test_json_is_the_data(name):
    data = made(name)
    assert json.loads(rendered("report.json.j2", data)) == {key: value for key, value in data.items() if key not in ("junit", "groups", "overview")}


def test_hostile_names_are_shown_as_they_are_but_for_what_cannot_be_shown():
    data = made("hostile")
    assert {data["findings"][0]["title"], data["site"]} == {STRANGE}
    assert "<script>" in STRANGE and "{{ 7 * 6 }}" in STRANGE and "\x1b" not in STRANGE
    assert words(STRANGE) in Page(rendered("report.html.j2", data)).text
    assert "<script" not in rendered("report.html.j2", data)
    root = xml.etree.ElementTree.fromstring(rendered("report.xml.j2", data).encode())
    assert root.get("name") == f"preflight {STRANGE}"
