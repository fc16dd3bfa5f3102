# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Region and zone tags on the lab's vCenter: both spellings of its REST API, what others did before and meanwhile, kills, and how many calls it takes."""
from __future__ import annotations

import contextlib
import copy
import ssl
import threading
from collections import Counter
from pathlib import Path

import pytest
import requests
import yaml
from conftest import lab_at
from faulty import judged, sessions, vcenter
from palette_lab import wait
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from ansible_collections.palette.vmware.plugins.module_utils import _zone_tags as zones
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, outcome

ROOT = Path(__file__).resolve().parents[2]
PAGE = [{"datacenter": "dc-1", "region": "region1", "zones": [{"compute_cluster": f"cluster-{number}", "zone": f"az{number}"} for number in (1, 2, 3)]}]
OTHER = [{"datacenter": "dc-1", "region": "MyValue", "zones": [{"compute_cluster": "cluster-1", "zone": "az2"}, {"compute_cluster": "cluster-2", "zone": "az1"},
                                                               {"compute_cluster": "cluster-3", "zone": "12345"}]}]
ATTACH = "POST */tag-association/*?action=attach-tag-to-multiple-objects"
DATACENTER, CLUSTER = "Datacenter", "ClusterComputeResource"


def go(site, regions=None, state="present", check=False, user="ADMIN_", **options):
    """The module's answer, run in this process as vCenter's administrator; user "": as the service account."""
    params = {name: entry.get("default") for name, entry in zones.SPEC["argument_spec"].items()}
    connection = {"hostname": site.env["VMWARE_HOST"], "port": int(site.env["VMWARE_PORT"]), "username": site.env[f"VMWARE_{user}USER"],
                  "password": site.env[f"VMWARE_{user}PASSWORD"], "ca_path": site.env["VMWARE_CA_PATH"]}
    given = {**params, **connection, "state": state, "regions": copy.deepcopy(regions), **options}
    return outcome(zones.execute, given, Context(check=check), [connection["password"]])


def good(answer, changed):
    assert not answer.get("failed"), answer.get("msg")
    assert answer["changed"] is changed and bool(answer["plan"]) is changed, answer["plan"]
    return answer


def view(site):
    """{categories: {name: (cardinality, types)}, tags: [category/tag], attached: {(tag, Type:path)}} as the lab's state has it."""
    state = site.state(False)["vcenter"]
    return {"categories": {each["name"]: (each["cardinality"], tuple(each["associable_types"])) for each in state["tag_categories"]},
            "tags": [f"{each['category']}/{each['name']}" for each in state["tags"]],
            "attached": {(each["tag"], each["object"].replace(":/", ":")) for each in state["attachments"]}}


def attached(regions):
    """The attachments that these options mean."""
    found = {(f"k8s-region/{entry['region']}", f"{DATACENTER}:{entry['datacenter']}") for entry in regions}
    return found | {(f"k8s-zone/{zone['zone']}", f"{CLUSTER}:{entry['datacenter']}/host/{zone['compute_cluster']}")
                    for entry in regions for zone in entry["zones"]}


def calls(site, since=0):
    return [item for item in site.journal()[since:] if item["server"] == "vcenter" and item["agent"] != "palette"]


class Hand:
    """Another person with vCenter's REST API."""

    def __init__(self, site):
        self.site = site
        self.base = f"https://{site.env['VMWARE_HOST']}:{site.env['VMWARE_PORT']}/api"
        self.http = requests.Session()
        self.http.trust_env, self.http.verify = False, site.env["VMWARE_CA_PATH"]
        answer = self.http.post(f"{self.base}/session", auth=(site.env["VMWARE_ADMIN_USER"], site.env["VMWARE_ADMIN_PASSWORD"]), timeout=30)
        self.http.headers["vmware-api-session-id"] = answer.json()

    def do(self, path, body):
        answer = self.http.post(f"{self.base}/cis/tagging/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def category(self, name, *kinds, cardinality="SINGLE"):
        return self.do("category", {"name": name, "cardinality": cardinality, "associable_types": list(kinds), "description": "made by hand"})

    def tag(self, category, name, *objects):
        found = self.do("tag", {"name": name, "category_id": category, "description": ""})
        for kind, moid in objects:
            self.do(f"tag-association/{found}?action=attach", {"object_id": {"type": kind, "id": moid}})
        return found

    @contextlib.contextmanager
    def soap(self):
        env = self.site.env
        session = SmartConnect(host=env["VMWARE_HOST"], port=int(env["VMWARE_PORT"]), user=env["VMWARE_ADMIN_USER"], pwd=env["VMWARE_ADMIN_PASSWORD"],
                               sslContext=ssl.create_default_context(cafile=env["VMWARE_CA_PATH"]))
        yield session.content
        Disconnect(session)

    def objects(self):
        """{name: (type, id)} of datacenters, compute clusters, hosts and machines."""
        with self.soap() as content:
            kinds = [vim.Datacenter, vim.ClusterComputeResource, vim.HostSystem, vim.VirtualMachine]
            found = content.viewManager.CreateContainerView(content.rootFolder, kinds, True)
            return {each.name: (type(each).__name__.rsplit(".", 1)[-1], each._GetMoId()) for each in found.view}

    def hide(self, name):
        """Takes every right on a compute cluster away from the service account, but to read it."""
        with self.soap() as content:
            found = content.viewManager.CreateContainerView(content.rootFolder, [vim.ClusterComputeResource], True).view
            manager, target = content.authorizationManager, next(each for each in found if each.name == name)
            permission = vim.AuthorizationManager.Permission(principal=self.site.env["VMWARE_USER"], group=False, roleId=-2, propagate=True)
            manager.SetEntityPermissions(target, [permission])

    def wipe(self):
        """Deletes every category, and with it all tags."""
        for each in self.http.get(f"{self.base}/cis/tagging/category", timeout=30).json():
            assert self.http.delete(f"{self.base}/cis/tagging/category/{each}", timeout=30).ok

    def close(self):
        self.http.delete(f"{self.base}/session", timeout=30)
        self.http.close()


@pytest.fixture(scope="module", name="own_lab")
def _own_lab(tmp_path_factory):
    """Without a gateway, so that it is reset fast; with one machine."""
    with lab_at(tmp_path_factory.mktemp("lab"), site="default", hosts=1, vms=1) as site:
        yield site


@pytest.fixture(name="lab")
def _lab(own_lab):
    own_lab.reset()
    yield own_lab
    own_lab.call("DELETE", "/faults")


@pytest.fixture(name="hand")
def _hand(lab):
    found = Hand(lab)
    yield found
    found.close()


@pytest.mark.parametrize("spelling", ["/api/", "/rest/"])
def test_life_in_both_spellings(lab, spelling):
    if spelling == "/rest/":
        lab.fault(vcenter("status", "POST /api/session", status=404, count=0))
    before = sessions(lab)
    foreseen = good(go(lab, PAGE, check=True), True)
    assert view(lab)["tags"] == []
    made = good(go(lab, PAGE), True)
    assert (made["plan"], made["zone_tags"], made["table"]) == (foreseen["plan"], foreseen["zone_tags"], foreseen["table"])
    assert view(lab) == {"categories": {"k8s-region": ("SINGLE", (DATACENTER,)), "k8s-zone": ("SINGLE", (CLUSTER,))},
                         "tags": ["k8s-region/region1", "k8s-zone/az1", "k8s-zone/az2", "k8s-zone/az3"], "attached": attached(PAGE)}
    assert [row["zone"] for row in made["table"]] == ["az1", "az2", "az3"] and made["table"][0]["compute_clusters"] == ["/dc-1/host/cluster-1"]
    since = len(lab.journal())
    good(go(lab, PAGE), False)
    assert not [item for item in calls(lab, since) if item["write"]]
    checked = go(lab, PAGE, state="validated")
    assert checked["ready"] and checked["findings"] == [] and not checked["changed"] and {entry["id"] for entry in checked["passed"]} >= {"region", "zone"}
    foreseen = good(go(lab, OTHER, check=True), True)
    assert good(go(lab, OTHER), True)["zone_tags"] == foreseen["zone_tags"] and view(lab)["attached"] == attached(OTHER)
    foreseen = good(go(lab, OTHER, state="absent", check=True), True)
    assert good(go(lab, OTHER, state="absent"), True)["zone_tags"] == foreseen["zone_tags"]
    assert view(lab)["attached"] == set() and len(view(lab)["tags"]) == 6
    good(go(lab, OTHER, state="absent", purge_unused=True), True)
    assert view(lab)["tags"] == ["k8s-region/region1", "k8s-zone/az3"] and len(view(lab)["categories"]) == 2
    good(go(lab, PAGE, state="absent", purge_unused=True), True)
    assert view(lab) == {"categories": {}, "tags": [], "attached": set()}
    tagging = [item["path"] for item in calls(lab) if "/tagging/" in item["path"]]
    assert len(tagging) > 100 and all(path.startswith(spelling) for path in tagging)
    assert sessions(lab) == before


def test_a_connection_that_breaks_while_tagged_objects_are_looked_up_is_no_finding(lab, hand):
    """Every read of the inventory in turn, three of the inventory and one of the host that is tagged."""
    hand.tag(hand.category("k8s-zone"), "az9", hand.objects()["cluster-1-esx-1"])
    since = len(lab.journal())
    whole = good(go(lab, state="validated"), False)
    reads = [item for item in calls(lab, since) if item["method"] == "RetrievePropertiesEx"]
    assert len(reads) == 4 and "tag_misplaced" in {each["id"] for each in whole["findings"]}
    for place in range(1, len(reads) + 1):
        lab.fault(vcenter("drop-before", "RetrievePropertiesEx", nth=place, count=2))
        judged(go(lab, state="validated"), f"read {place}", "VCENTER_UNREACHABLE")
        lab.call("DELETE", "/faults")


def test_tags_on_the_wrong_objects_are_found_then_refused_then_detached(lab, hand):
    """W08: the object and its path, on every kind of object; nothing is written until it is asked for."""
    objects, region, zone = hand.objects(), hand.category("k8s-region"), hand.category("k8s-zone")
    machine = next(name for name, (kind, _moid) in objects.items() if kind == "VirtualMachine")
    hand.tag(region, "region1", objects["cluster-1"], objects["dc-1"])
    hand.tag(zone, "az9", objects["dc-1"], objects["cluster-1-esx-1"], objects[machine])
    hand.tag(zone, "root", ("Folder", "group-d1"))
    state = view(lab)
    found = go(lab, state="validated")
    wrong = {(entry["object"]["type"], entry["object"]["path"], entry["observed"]) for entry in found["findings"] if entry["id"] == "tag_misplaced"}
    assert len(wrong) == 5 and not found["ready"]
    assert {(CLUSTER, "/dc-1/host/cluster-1", "k8s-region region1"), (DATACENTER, "/dc-1", "k8s-zone az9"),
            ("HostSystem", "/dc-1/host/cluster-1/cluster-1-esx-1", "k8s-zone az9"), ("Folder", "/", "k8s-zone root")} < wrong
    [path] = [path for kind, path, _tag in wrong if kind == "VirtualMachine"]
    assert path.startswith("/dc-1/vm/") and path.endswith(machine)
    since = len(lab.journal())
    answer = go(lab, PAGE)
    error = judged(answer, "misplaced", "PLAN_REFUSED", "things stand in the way", "detach_misplaced")
    for word in ("/dc-1/host/cluster-1 (ClusterComputeResource:", "/dc-1 (Datacenter:", "cluster-1-esx-1 (HostSystem:", "/ (Folder:group-d1)", path):
        assert word in error["where"], error["where"]
    assert go(lab, PAGE, check=True)["error"] == error and not [item for item in calls(lab, since) if item["write"]] and view(lab) == state
    good(go(lab, PAGE, detach_misplaced=True), True)
    assert view(lab)["attached"] == attached(PAGE)
    good(go(lab, PAGE, detach_misplaced=True), False)
    assert go(lab, PAGE, state="validated")["ready"]


def test_one_name_in_two_categories_and_tags_of_others_are_left_alone(lab, hand):
    objects, team = hand.objects(), hand.category("team", cardinality="MULTIPLE")
    hand.tag(team, "az1", objects["cluster-1"], objects["cluster-2"])
    hand.tag(team, "region1", objects["dc-1"])
    foreign = view(lab)
    same = [{**PAGE[0], "region": "az1", "zones": [PAGE[0]["zones"][0], PAGE[0]["zones"][2]]}]
    good(go(lab, same), True)
    good(go(lab, same), False)
    assert view(lab)["attached"] == foreign["attached"] | attached(same)
    assert go(lab, same, state="validated")["ready"]
    good(go(lab, same, state="absent", purge_unused=True), True)
    assert view(lab) == foreign


def test_a_category_that_takes_several_tags_is_refused_and_one_for_other_types_is_widened(lab, hand):
    objects, zone = hand.objects(), hand.category("k8s-zone", CLUSTER, cardinality="MULTIPLE")
    hand.tag(zone, "az1", objects["cluster-1"])
    hand.tag(zone, "az2", objects["cluster-1"])
    found = {entry["id"]: entry for entry in go(lab, state="validated")["findings"]}
    assert found["tag_category_cardinality"]["observed"] == "MULTIPLE" and found["zone_not_single"]["observed"] == "k8s-zone: az1, az2"
    state = view(lab)
    judged(go(lab, PAGE), "several", "PLAN_REFUSED", "tag category k8s-zone", "seen: MULTIPLE", "expected: SINGLE", "vCenter cannot make it SINGLE again")
    assert view(lab) == state
    hand.category("our-zone", "HostSystem")
    made = good(go(lab, PAGE, zone_category="our-zone"), True)
    assert [change["after"]["associable_types"] for change in made["plan"] if change["verb"] == "update"] == [[CLUSTER, "HostSystem"]]
    assert view(lab)["categories"]["our-zone"] == ("SINGLE", (CLUSTER, "HostSystem"))
    assert {(entry["id"], entry["severity"]) for entry in go(lab, PAGE, state="validated", zone_category="our-zone")["findings"]} == {
        ("tag_category_wide", "advice")}


def test_names_that_differ_only_by_case(lab, hand):
    zone = hand.category("k8s-zone", CLUSTER)
    hand.tag(zone, "AZ2", hand.objects()["cluster-2"])
    judged(go(lab, PAGE), "tag", "PLAN_REFUSED", "AZ2", "differs only by case")
    judged(go(lab, PAGE, zone_category="K8S-ZONE"), "category", "PLAN_REFUSED", "tag category K8S-ZONE", "k8s-zone", "differs only by case")
    assert not view(lab)["tags"] == [] and "k8s-region" not in view(lab)["categories"]


def test_objects_that_do_not_exist(lab):
    unknown = [{"datacenter": "dc-1", "region": "region1", "zones": [{"compute_cluster": "cluster-7", "zone": "az7"}]}]
    judged(go(lab, unknown), "cluster", "PARENT_MISSING", "compute_cluster 'dc-1/cluster-7'")
    assert "compute_cluster 'dc-1/cluster-7' does not exist yet" in good(go(lab, unknown, check=True), True)["warnings"][0]
    assert [(entry["id"], entry["where"]) for entry in go(lab, unknown, state="validated")["findings"] if entry["id"] == "object_missing"] == [
        ("object_missing", "option regions[0].zones[0].compute_cluster")]
    good(go(lab, unknown, state="absent"), False)
    assert view(lab)["categories"] == {}


LIVES = [("first", None, {"regions": PAGE}), ("change", PAGE, {"regions": OTHER}), ("absent", PAGE, {"regions": PAGE, "state": "absent", "purge_unused": True})]


@pytest.mark.parametrize("name, before, then", LIVES, ids=[row[0] for row in LIVES])
def test_a_call_that_is_lost_at_any_write_is_healed_by_the_next_run(lab, hand, name, before, then):
    """R07: each write in turn does not arrive, or its answer does not; the next run ends where an undisturbed one does."""

    def fresh():
        lab.call("DELETE", "/faults")
        hand.wipe()
        if before:
            good(go(lab, before), True)
        lab.call("DELETE", "/journal")

    fresh()
    good(go(lab, **then), True)
    wanted = view(lab)
    places = [number for number, item in enumerate(calls(lab), 1) if item["write"]]
    assert len(places) == {"first": 10, "change": 10, "absent": 10}[name]
    for place in places:
        for kind in ("drop-before", "drop-after-commit"):
            fresh()
            lab.fault(vcenter(kind, "*", nth=place))
            error = judged(go(lab, **then), f"{name} {place} {kind}", "VCENTER_UNREACHABLE")
            assert error["retriable"] and error["changed_something"] is (place != places[0])
            lab.call("DELETE", "/faults")
            assert not go(lab, **then).get("failed")
            assert view(lab) == wanted, f"{name}: {kind} at call {place}"
            good(go(lab, **then), False)


@pytest.mark.parametrize("execution", ["auto", "module"])
@pytest.mark.parametrize("method", ["POST */tagging/category", "POST */tagging/tag", ATTACH])
def test_a_playbook_that_is_killed_is_healed_by_the_next(lab, starting, play, method, execution):
    """R07: kill -9 while vCenter is at work on the second such write."""
    task = [{"name": "tags", "palette.vmware.zone_tags": {"regions": PAGE}}]
    admin = {"VMWARE_USER": lab.env["VMWARE_ADMIN_USER"], "VMWARE_PASSWORD": lab.env["VMWARE_ADMIN_PASSWORD"]}
    lab.fault(vcenter("delay", method, nth=2, seconds=30))
    begun = starting(lab, task, execution=execution, env=admin)
    tail = method.split("/")[-1].split("=")[-1]
    assert wait.until(lambda: sum(item["write"] and item["path"].endswith(tail) for item in calls(lab)) == 2, 60), begun.stdout()
    begun.kill()
    assert view(lab)["attached"] < attached(PAGE)
    lab.call("DELETE", "/faults")
    run = play(lab, task, execution=execution, env=admin)
    assert run.result("tags")["changed"] or view(lab)["attached"] == attached(PAGE)
    assert view(lab)["attached"] == attached(PAGE) and len(view(lab)["tags"]) == 4 and len(view(lab)["categories"]) == 2


def together(site, *runs):
    """The answers of runs in threads of their own: functions, or numbers of vCenter's calls to wait for in between."""
    answers, threads = {}, []

    def one(number, options):
        answers[number] = go(site, **options)
    for number, (options, ready) in enumerate(runs):
        assert wait.until(ready, 30)
        threads.append(threading.Thread(target=one, args=(number, options)))
        threads[-1].start()
    for thread in threads:
        thread.join(60)
    return [answers[number] for number in range(len(runs))]


def seen(site, text, count=1):
    return lambda: sum(text in item["path"] and item["write"] for item in calls(site)) >= count


def single(zone, cluster="cluster-1", region="region1"):
    return {"regions": [{"datacenter": "dc-1", "region": region, "zones": [{"compute_cluster": cluster, "zone": zone}]}]}


def test_two_runs_that_attach_different_zones(lab):
    """C06: the one that comes second fails with both values, and what the first one attached stays."""
    lab.fault(vcenter("delay", ATTACH, nth=2, seconds=1.5))
    late, early = together(lab, (single("az1"), lambda: True), (single("az2"), seen(lab, "attach-tag-to-multiple-objects", 2)))
    good(early, True)
    error = judged(late, "late", "ZONE_CONFLICT", "/dc-1/host/cluster-1", "seen: az2", "expected: k8s-zone az1")
    assert error["retriable"] and error["changed_something"]
    assert view(lab)["attached"] == attached(single("az2")["regions"]) and len(view(lab)["categories"]) == 2


def test_a_value_that_another_run_replaces_before_it_is_read_back(lab):
    """C06: detach and attach of the other run between our attach and our reading."""
    lab.fault(vcenter("delay", "GET */tagging/category", nth=2, seconds=1.5))
    first, second = together(lab, (single("az1"), lambda: True), (
        single("az2"), lambda: seen(lab, "attach-tag-to-multiple-objects", 2)() and calls(lab)[-1]["path"].endswith("/category")))
    good(second, True)
    judged(first, "first", "ZONE_CONFLICT", "seen: az2", "expected: k8s-zone az1")
    assert view(lab)["attached"] == attached(single("az2")["regions"])


@pytest.mark.parametrize("method", ["POST */tagging/category", "POST */tagging/tag"])
def test_two_runs_that_want_the_same_share_what_the_first_one_makes(lab, method):
    lab.fault(vcenter("delay", method, nth=1, seconds=1.5))
    for answer in together(lab, (single("az1"), lambda: True), (single("az1"), seen(lab, method.rsplit("/", maxsplit=1)[-1]))):
        good(answer, True)
    assert view(lab) == {"categories": {"k8s-region": ("SINGLE", (DATACENTER,)), "k8s-zone": ("SINGLE", (CLUSTER,))},
                         "tags": ["k8s-region/region1", "k8s-zone/az1"], "attached": attached(single("az1")["regions"])}


@pytest.mark.parametrize("seed", range(3))
def test_eight_runs_at_once_leave_one_zone_on_each_cluster(lab, seed):
    lab.fault(vcenter("delay", ATTACH, nth=2 + seed, seconds=0.2, count=6))
    wanted = [single(f"az{number % 4}", f"cluster-{1 + number % 2}") for number in range(8)]
    answers = together(lab, *((options, lambda: True) for options in wanted))
    failed = [answer for answer in answers if answer.get("failed")]
    assert len(failed) < 8 and all(answer["error"]["code"] == "ZONE_CONFLICT" and answer["error"]["observed"] for answer in failed), failed
    state = view(lab)
    assert Counter(target for _tag, target in state["attached"]).most_common(1)[0][1] == 1 and len(state["categories"]) == 2
    assert len(state["attached"]) == 3 and len(set(state["tags"])) == len(state["tags"]) <= 5


def test_a_tag_that_is_used_again_is_not_deleted(lab, hand):
    """Deleting would detach it silently, so vCenter is asked once more right before."""
    good(go(lab, PAGE), True)
    objects = hand.objects()
    tag = next(each["id"] for each in lab.state(False)["vcenter"]["tags"] if each["name"] == "az1")
    region = next(each["id"] for each in lab.state(False)["vcenter"]["tags"] if each["name"] == "region1")
    lab.fault(vcenter("delay", f"DELETE */tagging/tag/*{region[-12:]}*", seconds=1.5))
    thread = threading.Thread(target=lambda: wait.until(seen(lab, region), 30) and hand.do(f"tag-association/{tag}?action=attach", {"object_id": {
        "type": CLUSTER, "id": objects["cluster-2"][1]}}))
    lab.call("DELETE", "/journal")
    good(go(lab, PAGE, state="absent"), True)
    lab.call("DELETE", "/journal")
    thread.start()
    answer = go(lab, PAGE, state="absent", purge_unused=True)
    thread.join(30)
    judged(answer, "used", "ZONE_CONFLICT", "tag k8s-zone/az1", objects["cluster-2"][1])
    assert view(lab)["attached"] == {("k8s-zone/az1", f"{CLUSTER}:dc-1/host/cluster-2")}


def test_a_right_that_is_missing_is_told_with_object_and_label_and_the_rest_is_done(lab, hand):
    """vCenter refuses inside an answer that is otherwise good; the service account may read cluster-2, and no more."""
    hand.hide("cluster-2")
    answer = go(lab, PAGE, user="")
    error = judged(answer, "no right", "VCENTER_DENIED", "InventoryService.Tagging.ObjectAttachable", "Assign or Unassign vSphere Tag on Object",
                   "/dc-1/host/cluster-2 (ClusterComputeResource:", "role")
    assert error["changed_something"] and not error["retriable"]
    assert view(lab)["attached"] == {("k8s-region/region1", f"{DATACENTER}:dc-1"), ("k8s-zone/az1", f"{CLUSTER}:dc-1/host/cluster-1")}
    good(go(lab, [{**PAGE[0], "zones": [PAGE[0]["zones"][0], PAGE[0]["zones"][2]]}], user=""), True)


@pytest.fixture(scope="module", name="two")
def _two(tmp_path_factory):
    """A site with two datacenters of two compute clusters each."""
    folder = tmp_path_factory.mktemp("two")
    site = yaml.safe_load((ROOT / "lab" / "sites" / "default.yml").read_text(encoding="utf-8"))
    [first] = site["vcenter"]["datacenters"]
    first["compute_clusters"] = first["compute_clusters"][:2]
    second = yaml.safe_load(yaml.safe_dump(first).replace("cluster-", "other-").replace("name: dc-1", "name: dc-2").replace("vds-1", "vds-2"))
    for name in ("pg-k8s", "VM Network"):
        second = yaml.safe_load(yaml.safe_dump(second).replace(name, f"{name}-2"))
        site["networks"][f"{name}-2"] = site["networks"][name]
    site["vcenter"]["datacenters"].append(second)
    (folder / "two.yml").write_text(yaml.safe_dump(site), encoding="utf-8")
    with lab_at(folder / "lab", site=str(folder / "two.yml"), hosts=1) as running:
        yield running


BOTH = [{**PAGE[0], "zones": PAGE[0]["zones"][:2]},
        {"datacenter": "dc-2", "region": "region2", "zones": [{"compute_cluster": "other-1", "zone": "az1"}, {"compute_cluster": "other-2", "zone": "az2"}]}]


def test_one_tag_of_several_objects_is_one_write(two):
    two.reset()
    good(go(two, BOTH), True)
    assert view(two)["attached"] == attached(BOTH)
    assert Counter(item["path"].split("?action=")[-1] for item in calls(two) if item["write"] and "?action=" in item["path"]) == {
        "attach-tag-to-multiple-objects": 4}
    found = go(two, state="validated")
    assert found["ready"] and len(found["table"]) == 4 and len(found["zone_tags"]["regions"]) == 2
    one = [{**entry, "region": "region1"} for entry in BOTH]
    judged(go(two, one), "unique", "INPUT_REFUSED", "not unique within region 'region1'", "dc-1/cluster-1 and dc-2/other-1")
    judged(go(two, one[1:]), "elsewhere", "PLAN_REFUSED", "not unique within region 'region1'", "/dc-1/host/cluster-1, /dc-2/host/other-1")
    assert view(two)["attached"] == attached(BOTH)


def test_what_vcenter_refuses_of_many_is_named_and_the_rest_stays(two):
    """C10: zone az1 goes to two compute clusters in one call, and another person was faster with one of them."""
    two.reset()
    hand = Hand(two)
    objects = hand.objects()
    two.fault(vcenter("delay", ATTACH, nth=3, seconds=1.5))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(go(two, BOTH)))
    thread.start()
    assert wait.until(seen(two, "attach-tag-to-multiple-objects", 3), 30)
    zone = next(each["id"] for each in two.state(False)["vcenter"]["tag_categories"] if each["name"] == "k8s-zone")
    hand.tag(zone, "hand", objects["other-1"])
    thread.join(60)
    hand.close()
    error = judged(answers[0], "partial", "ZONE_CONFLICT", "seen: hand", "expected: k8s-zone az1")
    assert error["where"] == "/dc-2/host/other-1" and error["changed_something"]
    assert ("k8s-zone/az1", f"{CLUSTER}:dc-1/host/cluster-1") in view(two)["attached"]
    good(go(two, BOTH), True)
    assert view(two)["attached"] == attached(BOTH)


def test_a_hundred_compute_clusters(tmp_path, record_property):
    """No more than 120 requests where nothing is to be done; one creation and one attachment for each distinct tag where all is."""
    regions = [{**PAGE[0], "zones": [{"compute_cluster": f"cluster-{number}", "zone": f"az{number}"} for number in range(1, 101)]}]
    with lab_at(tmp_path / "lab", site="default", clusters=100, hosts=1) as site:
        counts = []
        for state, changed in (("present", True), ("present", False)):
            since = len(calls(site))
            good(go(site, regions, state=state), changed)
            counts.append(calls(site)[since:])
        first, again = counts
        assert view(site)["attached"] == attached(regions)
    writes = Counter(item["path"].split("/tagging/")[-1].split("/")[0].split("?")[0] for item in first if item["write"])
    assert writes == {"category": 2, "tag": 101, "tag-association": 101}
    assert len(first) - sum(writes.values()) <= 30, "reads of the first run"
    assert len(again) <= 120 and not [item for item in again if item["write"]]
    assert Counter(item["path"].rsplit("?", maxsplit=1)[-1] for item in again if "action=list-attached" in item["path"]) == {
        "action=list-attached-objects-on-tags": 1}
    record_property("requests", f"first {len(first)}, again {len(again)}")
