# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight on the lab: a good site is ready, a bad one is told all that is wrong at once; install begins with it."""
from __future__ import annotations

import html.parser
import json
import os
import re
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest
import yaml
from journey import PATIENCE, call, client_calls, command, comparable, played
from palette_lab.supervisor import running
from test_secrets import hits, needles

FORMATS = ("html", "md", "json", "xml")
CANARY = "C4n4ry-pr0xy"
PROXY = {"http": f"http://user:{CANARY}@proxy.lab.local:3128", "https": f"http://user:{CANARY}@proxy.lab.local:3128", "no_proxy": "127.0.0.1"}


@pytest.fixture(scope="module", name="lab")
def _lab(tmp_path_factory):
    with running(tmp_path_factory.mktemp("preflight"), speed=600, ova_mib=8) as lab:
        yield lab


@pytest.fixture(name="fresh")
def _fresh(lab):
    call(lab, "/reset", "POST")
    call(lab, "/journal", "DELETE")
    return lab


def given(**variables):
    return ("-e", json.dumps(variables))


def inventory(lab):
    """The variables of the lab's site."""
    return yaml.safe_load((lab.directory / "inventory" / "hosts.yml").read_text(encoding="utf-8"))["palette_sites"]["hosts"]["dc-1"]


def written(lab):
    return [f"{item['method']} {item['path']}" for item in client_calls(lab) if item["write"]]


def report(folder, site="dc-1"):
    return json.loads((Path(folder) / f"preflight-{site}.json").read_text(encoding="utf-8"))


def said(folder, site="dc-1"):
    """What the page shows, as one line."""
    words = []
    parser = html.parser.HTMLParser()
    parser.handle_data = words.append
    parser.feed((Path(folder) / f"preflight-{site}.html").read_text(encoding="utf-8"))
    return " ".join("".join(words).split())


def test_a_good_site_is_ready_and_the_second_time_nothing_is_written(fresh, tmp_path):
    code, output, changed = played(fresh, "preflight", *given(preflight_report_dir=str(tmp_path)))
    assert code == 0, output
    assert changed > 0, "regions and zones were tagged, as the inventory asks"
    assert report(tmp_path)["ready"]
    call(fresh, "/journal", "DELETE")
    before = comparable(fresh)
    code, output, changed = played(fresh, "preflight", *given(preflight_report_dir=str(tmp_path)))
    assert (code, changed) == (0, 0), output
    assert "dc-1 is ready" in output
    assert client_calls(fresh), "the second run did look"
    assert written(fresh) == []
    assert comparable(fresh) == before
    found = report(tmp_path)
    assert [each["state"] for each in found["checks"]] == ["ready"] * 3
    assert found["findings"] == [each for each in found["findings"] if each["severity"] != "error"]
    assert [(row["region"], row["zone"]) for row in found["zones"]] == [("region1", f"az{number}") for number in (1, 2, 3)]
    assert {row["kind"] for row in found["permissions"]} >= {"root", "datacenter", "compute cluster", "host", "datastore", "network", "resource pool", "folder"}


def test_every_format_is_a_file_for_all_to_read_in_check_mode_too(fresh, tmp_path):
    code, output, _changed = played(fresh, "preflight", "--check", *given(preflight_report_dir=str(tmp_path / "new" / "folder")))
    assert code == 0, output
    assert written(fresh) == []
    folder = tmp_path / "new" / "folder"
    assert {path.name: oct(path.stat().st_mode)[-3:] for path in folder.iterdir()} == {f"preflight-dc-1.{ending}": "644" for ending in FORMATS}
    found = report(folder)
    assert found["ready"] and found["totals"]["repaired"] >= 5, "what a real run repairs does not stand in the way of the prediction"
    assert {each["check"] for each in found["findings"] if each["repaired_by"]} == {"zone_tags"}
    assert "Will be repaired" in said(folder)
    root = xml.etree.ElementTree.parse(folder / "preflight-dc-1.xml").getroot()
    assert (root.tag, root.get("failures"), root.get("errors")) == ("testsuites", "0", "0")
    assert int(root.get("tests")) == len(found["findings"]) + found["totals"]["passed"] > 20


def test_the_console_s_table_fits_and_is_all_that_is_asked_for(fresh, tmp_path):
    asked = given(preflight_report_dir=str(tmp_path / "none"), preflight_formats=["console"], preflight_repair=[], preflight_checks=["zone_tags"],
                  preflight_fail=False)
    code, output, changed = played(fresh, "preflight", *asked)
    assert (code, changed) == (0, 0), output
    table = output[output.index("SEVERITY  OBJECT"):output.index("not checked: Permissions")].splitlines()
    assert len(table) > 20 and max(map(len, table)) <= 120
    assert not (tmp_path / "none").exists()


def test_the_summary_is_kept_for_what_runs_next(fresh, tmp_path):
    env = {**os.environ, "ANSIBLE_SHOW_CUSTOM_STATS": "1"}
    done = subprocess.run([*command(fresh, "preflight"), *given(preflight_report_dir=str(tmp_path), preflight_checks=["zone_tags"])], env=env,
                          capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads(re.search(r"RUN: (\{.*\})", done.stdout).group(1))["palette_preflight"]["dc-1"]
    assert kept["ready"] is True and kept["totals"]["error"] == 0
    assert kept["reports"] == [str(tmp_path / f"preflight-dc-1.{ending}") for ending in ("html", "md", "json", "xml")]


def test_install_begins_with_it_and_a_second_run_changes_and_writes_nothing(fresh):
    code, output, changed = played(fresh, "install", checked=True)
    assert code == 0, output
    assert changed > 3 and output.index("dc-1 is ready") < output.index("Deploy the installer")
    call(fresh, "/journal", "DELETE")
    code, output, changed = played(fresh, "install", checked=True)
    assert (code, changed) == (0, 0), output
    assert "dc-1 is ready" in output and written(fresh) == []


def test_install_predicts_with_it(fresh):
    code, output, changed = played(fresh, "install", "--check", checked=True)
    assert code == 0, output
    assert changed > 3 and "to be repaired" in output
    assert written(fresh) == []


def test_install_stops_before_the_first_write_where_the_site_is_not_ready(fresh):
    before = comparable(fresh)
    code, output, changed = played(fresh, "install", *given(preflight_repair=[]), checked=True)
    assert (code, changed) == (2, 0), output
    assert re.search(r"dc-1 is not ready: \d+ errors.*Report: \S+/preflight-dc-1\.html", output)
    assert written(fresh) == []
    assert comparable(fresh) == before


@pytest.mark.parametrize("wrong", [{"gateway_size": 2}, {"gateway_placements": []}, {"gateway_installer": {"proxi": {}}}], ids=str)
def test_install_refuses_bad_input_before_anything_is_made_with_a_preflight_as_well(fresh, wrong):
    before = comparable(fresh)
    code, output, changed = played(fresh, "install", *given(**wrong, preflight_repair=[], preflight_fail=False), checked=True)
    assert (code, changed, written(fresh)) == (2, 0, []), output
    assert "Deploy the installer" not in output
    assert comparable(fresh) == before


def two_sites(lab, folder):
    """An inventory of the lab's site and of one whose vCenter does not answer."""
    site = {**inventory(lab), "preflight_report_dir": str(folder / "reports")}
    hosts = {"dc-1": site, "far <away>": {**site, "vcenter_port": 9}}
    (folder / "sites.yml").write_text(yaml.safe_dump({"palette_sites": {"hosts": hosts}}), encoding="utf-8")
    return folder / "sites.yml"


def test_a_site_that_cannot_be_asked_is_reported_and_fails_alone(fresh, tmp_path):
    done = subprocess.run([*command(fresh, "preflight"), "-i", str(two_sites(fresh, tmp_path))], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2
    failed = dict(re.findall(r"^(\S.*?)\s+: ok=.*failed=(\d+)", done.stdout, re.M))
    assert failed == {"dc-1": "0", "far <away>": "1"}, done.stdout + done.stderr
    assert report(tmp_path / "reports")["ready"]
    far = report(tmp_path / "reports", "far--away-")
    assert (far["site"], far["ready"]) == ("far <away>", False)
    assert [(each["check"], each["state"]) for each in far["checks"]] == [("site_check", "not ready"), ("permission_audit", "failed"), ("zone_tags", "failed")]
    assert far["totals"]["passed"] > 5, "what needs no vCenter was checked"
    assert "far <away>" in said(tmp_path / "reports", "far--away-") and "vCenter does not answer" in said(tmp_path / "reports", "far--away-")


TROUBLES = {
    ("error", "ntp_configured", "cluster-1-esx-1"), ("error", "ntp_running", "cluster-1-esx-2"), ("error", "time_in_step", "cluster-2-esx-1"),
    ("warning", "host_in_service", "cluster-2-esx-2"), ("error", "network_on_hosts", "pg-k8s"), ("warning", "host_connected", "cluster-3-esx-1"),
    ("error", "host_reached", "cluster-3-esx-2"), ("error", "host_name", "cluster-3-esx-3"), ("error", "esxi_version", "cluster-3-esx-3"),
    ("error", "datastore_shared", "ds-shared-1"), ("error", "datastore_space", "ds-full"), ("error", "datastore_in_service", "ds-lost"),
    ("error", "datastore_shared", "ds-lost"), ("error", "resource_pool_limit", "gateways"), ("error", "region_missing", "dc-1"),
    ("error", "zone_missing", "cluster-1"), ("error", "zone_missing", "cluster-2"), ("error", "zone_missing", "cluster-3")}
TROUBLES_OF_NO_OBJECT = {("error", "cluster_profile"), ("error", "image_template_folder_present"), ("error", "tag_category_missing"),
                         ("warning", "vcenter_version")}


def test_all_that_is_wrong_with_a_site_is_found_in_one_run_and_named_in_every_format(tmp_path):
    with running(tmp_path / "lab", site="troubled", speed=600, ova_mib=8) as lab:
        folder = tmp_path / "reports"
        code, output, changed = played(lab, "preflight", *given(preflight_report_dir=str(folder), preflight_repair=[], preflight_clusters_planned=True))
        assert (code, changed, written(lab)) == (2, 0, []), output
    found = report(folder)
    assert {(each["severity"], each["id"], each["object"]["path"].rpartition("/")[2]) for each in found["findings"] if each["object"]} >= TROUBLES
    assert {(each["severity"], each["id"]) for each in found["findings"] if not each["object"]} >= TROUBLES_OF_NO_OBJECT
    assert found["totals"]["passed"] > 50 and not found["ready"]
    assert output.rindex("dc-1 is not ready") > output.index("SEVERITY  OBJECT"), "it fails at the end, after the report"
    page, note = said(folder), (folder / "preflight-dc-1.md").read_text(encoding="utf-8").replace("\\", "")
    for each in found["findings"]:
        assert all(" ".join(each[key].split()) in page for key in ("title", "section")) and each["title"].split("'")[0] in note, each
    for on in (each["object"] for each in found["findings"] if each["object"]):
        assert on["path"] in page and on["path"] in note and on["moid"] in page
    root = xml.etree.ElementTree.parse(folder / "preflight-dc-1.xml").getroot()
    assert int(root.get("failures")) == found["totals"]["error"] >= len(TROUBLES)


@pytest.fixture(scope="module", name="page_lab")
def _page_lab(tmp_path_factory):
    """A lab whose service account holds the page's two roles, and none of what the collection's own steps need beyond."""
    with running(tmp_path_factory.mktemp("page"), site="page_roles", speed=600, ova_mib=8) as lab:
        yield lab


def repairing(lab, folder, **variables):
    placement = {**inventory(lab)["gateway_placements"][0], "folder": "palette/made", "image_template_folder": "images/made"}
    return given(**{"preflight_report_dir": str(folder), "gateway_placements": [placement], "preflight_repair": ["folders", "vcenter_access", "zone_tags"],
                    "vcenter_admin_username": lab.env["VMWARE_ADMIN_USER"], "vcenter_admin_password": lab.env["VMWARE_ADMIN_PASSWORD"], **variables})


def test_all_that_may_be_repaired_is_repaired_once(page_lab, tmp_path):
    code, output, changed = played(page_lab, "preflight", *repairing(page_lab, tmp_path, preflight_repair=[]))
    assert (code, changed) == (2, 0), output
    ids = {each["id"] for each in report(tmp_path)["findings"] if each["severity"] == "error"}
    assert ids >= {"folder_present", "image_template_folder_present", "privilege_missing", "region_missing", "zone_missing"}
    code, output, _changed = played(page_lab, "preflight", "--check", *repairing(page_lab, tmp_path))
    assert code == 0, output
    assert written(page_lab) == []
    assert {each["repaired_by"] for each in report(tmp_path)["findings"] if each["severity"] == "error"} == {"folders", "vcenter_access", "zone_tags"}
    code, output, changed = played(page_lab, "preflight", *repairing(page_lab, tmp_path))
    assert code == 0 and changed >= 4, output
    found = report(tmp_path)
    assert found["ready"] and ["Repaired", "folders, vcenter_access, zone_tags"] in found["about"]
    call(page_lab, "/journal", "DELETE")
    code, output, changed = played(page_lab, "preflight", *repairing(page_lab, tmp_path))
    assert (code, changed, written(page_lab)) == (0, 0, []), output


def test_the_account_that_palette_works_with_is_audited_whoever_logs_in(page_lab, tmp_path):
    call(page_lab, "/reset", "POST")
    code, output, _changed = played(page_lab, "preflight", *given(
        preflight_report_dir=str(tmp_path), preflight_checks=["permission_audit"], preflight_repair=[], vcenter_username=page_lab.env["VMWARE_ADMIN_USER"],
        vcenter_password=page_lab.env["VMWARE_ADMIN_PASSWORD"]))
    assert code == 0, output
    found = report(tmp_path)
    assert "svc-palette" in dict(found["about"])["Audited account"] and dict(found["about"])["Profiles of privileges"] == "page"
    assert {each["check"]: each["state"] for each in found["checks"]}["login_audit"] == "ready"
    assert {(each["check"], each["id"]) for each in found["findings"]} == {("login_audit", "least_privilege_not_shown")}


def test_another_user_who_logs_in_is_asked_for_what_the_steps_need(page_lab, tmp_path):
    call(page_lab, "/reset", "POST")
    code, output, _changed = played(page_lab, "preflight", *given(
        preflight_report_dir=str(tmp_path), preflight_checks=["permission_audit"], preflight_repair=[], preflight_principal=page_lab.env["VMWARE_ADMIN_USER"]))
    assert code == 2, output
    missing = {each["privilege"] for each in report(tmp_path)["findings"] if each["check"] == "login_audit" and each["id"] == "privilege_missing"}
    assert {"VApp.Import", "InventoryService.Tagging.CreateCategory"} <= missing


def test_folders_are_made_by_the_administrator_of_the_environment(page_lab, tmp_path, monkeypatch):
    call(page_lab, "/reset", "POST")
    for name in ("VMWARE_ADMIN_USER", "VMWARE_ADMIN_PASSWORD"):
        monkeypatch.setenv(name, page_lab.env[name])
    asked = {"preflight_repair": ["folders", "vcenter_access"], "preflight_checks": ["site_check", "permission_audit"]}
    code, output, changed = played(page_lab, "preflight", *repairing(page_lab, tmp_path, **asked, vcenter_admin_username="", vcenter_admin_password=""))
    assert code == 0 and changed >= 3, output
    assert report(tmp_path)["ready"] and "Repair that failed" not in dict(report(tmp_path)["about"])


def test_a_repair_that_fails_is_in_the_report(page_lab, tmp_path):
    call(page_lab, "/reset", "POST")
    code, output, _changed = played(page_lab, "preflight", *repairing(page_lab, tmp_path, preflight_repair=["vcenter_access"], vcenter_admin_password="wrong"))
    assert code == 2, output
    found = report(tmp_path)
    [[_label, text]] = [row for row in found["about"] if row[0] == "Repair that failed"]
    assert "rejects the user or the password" in text and not found["ready"]
    assert "privilege_missing" in {each["id"] for each in found["findings"]}


def test_no_secret_is_in_any_report(fresh, tmp_path):
    site = inventory(fresh)
    installer = {**site["gateway_installer"], "proxy": PROXY, "ova_username": "reader", "ova_password": f"{CANARY}-ova"}
    code, output, _changed = played(fresh, "preflight", "-vvv", *given(preflight_report_dir=str(tmp_path), gateway_installer=installer, preflight_fail=False))
    assert code == 0, output
    secrets = {"key": site["palette_api_key"], "vcenter": site["vcenter_password"], "proxy": CANARY,
               "admin": fresh.env["VMWARE_ADMIN_PASSWORD"]}
    assert "proxy.lab.local" in said(tmp_path), "the proxy was looked at"
    found = {ending: hits((tmp_path / f"preflight-dc-1.{ending}").read_bytes(), needles(secrets)) for ending in FORMATS}
    assert found == {ending: [] for ending in FORMATS}
    lines = "\n".join(line for line in output.splitlines() if "-e " not in line and "extra-vars" not in line)
    assert hits(lines.encode(), needles(secrets)) == []
