# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tagging session in both spellings of vCenter's REST API, on the lab's vCenter."""
from __future__ import annotations

import json
import urllib.request
from types import SimpleNamespace

import pytest
from servers import reply, serving

from ansible_collections.palette.vmware.plugins.module_utils import _errors as errors
from ansible_collections.palette.vmware.plugins.module_utils import _tagging
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._tagging import Tagging
from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, vcenter_connection, vim

supervisor = pytest.importorskip("palette_lab.supervisor")


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory):
    with supervisor.running(tmp_path_factory.mktemp("lab"), speed=0) as lab:
        env = lab.env
        params = {"hostname": env["VMWARE_HOST"], "port": int(env["VMWARE_PORT"]), "username": env["VMWARE_ADMIN_USER"],
                  "password": env["VMWARE_ADMIN_PASSWORD"],
                  "ca_path": env["VMWARE_CA_PATH"], "validate_certs": True}
        with Vsphere(vcenter_connection(params), Context()) as vsphere:
            clusters = sorted((row["name"], ref._GetMoId()) for ref,
                              row in vsphere.below(vsphere.content.rootFolder, vim.ClusterComputeResource, ("name",)).items())
        yield SimpleNamespace(params=params, control=f"http://{lab.site['vcenter']['control']}",
                              clusters=[{"type": "ClusterComputeResource", "id": moid} for _name, moid in clusters])


@pytest.fixture(params=["/api", "/rest"], name="tagging")
def _tagging_session(request, site, monkeypatch):
    control(site, "POST", "/reset")
    if request.param == "/rest":
        monkeypatch.setattr(_tagging, "NEW_SESSION", "/is-not-there")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    with Tagging(vcenter_connection(site.params), Context()) as tagging:
        yield tagging
    control(site, "DELETE", "/faults")


def control(site, method, path, body=None):
    content = json.dumps(body or {}).encode() if method == "POST" else None
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(site.control + path, content, method=method),
                                                                           timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def test_categories_tags_and_attachments(site, tagging):
    assert tagging.categories() == []
    zone = tagging.create_category("k8s-zone", "SINGLE", ["ClusterComputeResource"], "zones")
    assert [(category["id"], category["name"], category["cardinality"]) for category in tagging.categories()] == [(zone, "k8s-zone", "SINGLE")]
    assert tagging.tags(zone) == []
    az2, az1 = tagging.create_tag("az2", zone), tagging.create_tag("az1", zone)
    assert [(tag["name"], tag["id"]) for tag in tagging.tags(zone)] == [("az1", az1), ("az2", az2)]
    first, second, third = site.clusters
    tagging.attach(az1, first)
    tagging.attach(az2, second)
    found = tagging.attached([first, second, third])
    assert found.get((first["type"], first["id"])) == [az1] and found.get((second["type"], second["id"])) == [az2] and not found.get((third["type"],
                                                                                                                                      third["id"]))
    tagging.detach(az1, first)
    assert not tagging.attached([first]).get((first["type"], first["id"]))


def test_one_call_for_many_objects_and_what_it_refuses(site, tagging):
    zone = tagging.create_category("k8s-zone", "SINGLE", ["ClusterComputeResource"])
    az1, az2 = tagging.create_tag("az1", zone), tagging.create_tag("az2", zone)
    assert tagging.objects_on([]) == {} and tagging.objects_on([az1, az2]) == {az1: [], az2: []}
    before = len(control(site, "GET", "/journal")["items"])
    assert tagging.attach_to_all(az1, site.clusters) == [] and tagging.attach_to_all(az1, site.clusters[:1]) == []
    assert len(control(site, "GET", "/journal")["items"]) == before + 2
    assert sorted(each["id"] for each in tagging.objects_on([az1])[az1]) == sorted(each["id"] for each in site.clusters)
    assert tagging.detach_from_all(az1, site.clusters[:1]) == []
    [refused, gone] = tagging.attach_to_all(az2, [*site.clusters[:2], {"type": "ClusterComputeResource", "id": "domain-c99999"}])
    assert "already has tag az1" in refused["default_message"] and "was not found" in gone["default_message"]
    assert [each["id"] for each in tagging.objects_on([az2])[az2]] == [site.clusters[0]["id"]]


def test_many_objects_are_sent_in_batches(site, tagging, monkeypatch):
    monkeypatch.setattr(_tagging, "BATCH", 2)
    zone = tagging.create_category("k8s-zone", "SINGLE", [])
    tags = [tagging.create_tag(name, zone) for name in ("az1", "az2", "az3")]
    before = len(control(site, "GET", "/journal")["items"])
    assert tagging.attach_to_all(tags[0], site.clusters) == []
    assert {key: len(objects) for key, objects in tagging.objects_on(tags).items()} == {tags[0]: 3, tags[1]: 0, tags[2]: 0}
    assert len(control(site, "GET", "/journal")["items"]) == before + 4


def test_a_category_is_widened_never_narrowed(site, tagging):
    region = tagging.create_category("k8s-region", "SINGLE", ["Folder"], "regions")
    tagging.update_category(region, associable_types=["Datacenter", "Folder"])
    [found] = tagging.categories()
    assert sorted(found["associable_types"]) == ["Datacenter", "Folder"] and found["description"] == "regions"
    for narrower in ({"associable_types": ["Datacenter"]}, {"cardinality": "NONE"}):
        with pytest.raises(errors.VcenterFailure) as failure:
            tagging.update_category(region, **narrower)
        assert failure.value.fault == "InvalidArgument"


def test_deleted(site, tagging):
    zone = tagging.create_category("k8s-zone", "SINGLE", [])
    az1, az2 = tagging.create_tag("az1", zone), tagging.create_tag("az2", zone)
    tagging.delete_tag(az1)
    assert [tag["id"] for tag in tagging.tags(zone)] == [az2]
    tagging.delete_category(zone)
    assert tagging.categories() == []


def test_what_is_gone_between_listing_and_reading_is_left_out_and_what_is_known_not_read(site, tagging, monkeypatch):
    zone = tagging.create_category("k8s-zone", "SINGLE", [])
    az1 = tagging.create_tag("az1", zone)
    known = {}
    assert [tag["name"] for tag in tagging.tags(zone, known)] == ["az1"] and set(known) == {az1}
    az2, before = tagging.create_tag("az2", zone), len(control(site, "GET", "/journal")["items"])
    assert [tag["name"] for tag in tagging.tags(zone, known)] == ["az1", "az2"]
    assert [item["method"] for item in control(site, "GET", "/journal")["items"][before:]] == ["POST", "GET"]
    ids = tagging.tag_ids(zone)
    monkeypatch.setattr(tagging, "tag_ids", lambda _category: ids)
    tagging.delete_tag(az2)
    assert [tag["id"] for tag in tagging.tags(zone)] == [az1]


def test_refusals_are_told_by_type(site, tagging):
    zone = tagging.create_category("k8s-zone", "SINGLE", ["ClusterComputeResource"])
    with pytest.raises(errors.VcenterFailure, match="creating tag category 'k8s-zone' failed") as failure:
        tagging.create_category("k8s-zone", "SINGLE", ["ClusterComputeResource"])
    assert failure.value.fault == "AlreadyExists"
    with pytest.raises(errors.VcenterFailure) as failure:
        tagging.attach("urn:vmomi:InventoryServiceTag:none:GLOBAL", site.clusters[0])
    assert failure.value.fault == "NotFound"
    tags = [tagging.create_tag(name, zone) for name in ("az1", "az2")]
    tagging.attach(tags[0], site.clusters[0])
    with pytest.raises(errors.VcenterFailure) as failure:
        tagging.attach(tags[1], site.clusters[0])
    assert failure.value.fault == "InvalidArgument" or failure.value.fault == "InvalidState"


def refuse(site, words):
    control(site, "POST", "/faults", [{"method": "POST *", "kind": "fault", "fault": "NoPermission", "message": words}])


def test_a_missing_right_is_told_though_vcenter_does_not_name_it(site, tagging):
    refuse(site, "Unable to authorize user")
    with pytest.raises(errors.VcenterDenied) as failure:
        tagging.create_category("k8s-zone", "SINGLE", ["ClusterComputeResource"])
    assert failure.value.fault == "NoPermission" and failure.value.what == "not allowed: creating tag category 'k8s-zone'"
    assert "InventoryService.Tagging.CreateCategory (vSphere Tagging > Create vSphere Tag Category) missing on /" in failure.value.observed
    assert "vCenter does not name the privilege" in failure.value.observed and failure.value.observed.endswith(": Unable to authorize user")
    assert "root-level role (profile collection)" in failure.value.fix


def test_a_missing_right_that_vcenter_names(site, tagging):
    tag = tagging.create_tag("az1", tagging.create_category("k8s-zone", "SINGLE", ["ClusterComputeResource"]))
    tagging.name = lambda target: f"/dc-1/host/cluster-1 ({target['type']}:{target['id']})"
    refuse(site, "svc lacks InventoryService.Tagging.ObjectAttachable")
    with pytest.raises(errors.VcenterDenied) as failure:
        tagging.attach(tag, site.clusters[0])
    place = f"/dc-1/host/cluster-1 (ClusterComputeResource:{site.clusters[0]['id']})"
    assert failure.value.where.endswith(f" on {place}") and "does not name" not in failure.value.observed
    told = f"InventoryService.Tagging.ObjectAttachable (vSphere Tagging > Assign or Unassign vSphere Tag on Object) missing on {place}"
    assert told in failure.value.observed and "AttachTag" not in failure.value.observed
    assert "Spectro role (profile collection), and have that role granted on /dc-1/host/cluster-1; " in failure.value.fix


@pytest.mark.parametrize("method, path, action, privileges", [
    ("POST", "/category", None, ["CreateCategory"]), ("PATCH", "/category/x", None, ["EditCategory"]), ("DELETE", "/category/x", None, ["DeleteCategory"]),
    ("POST", "/tag", None, ["CreateTag"]), ("DELETE", "/tag/x", None, ["DeleteTag"]), ("GET", "/tag/x", None, []),
    ("POST", "/tag-association/x", "attach", ["AttachTag", "ObjectAttachable"]),
    ("POST", "/tag-association/x", "detach-tag-from-multiple-objects", ["AttachTag", "ObjectAttachable"]),
    ("POST", "/tag-association", "list-attached-tags-on-objects", []),
])
def test_privileges_that_calls_ask_for(method, path, action, privileges):
    assert list(_tagging.needed(method, path, action)) == [f"InventoryService.Tagging.{name}" for name in privileges]


def test_a_refused_call_about_many_objects(site):
    assert _tagging.about(_tagging.targets_of({"object_ids": site.clusters}), _tagging.called) == (
        f"ClusterComputeResource:{site.clusters[0]['id']} and 2 more", "compute_cluster")
    assert _tagging.about(_tagging.targets_of(None), _tagging.called) == ("/", "root")


def test_a_lost_session_is_renewed(site, tagging):
    control(site, "POST", "/revoke-sessions")
    assert tagging.categories() == []


def test_a_wrong_password(site):
    with pytest.raises(errors.VcenterDenied, match="rejects the user or the password") as failure:
        with Tagging(vcenter_connection({**site.params, "password": "canary"}), Context()):
            pass
    assert "canary" not in str(failure.value)


def test_a_certificate_that_is_not_trusted(site):
    with pytest.raises(errors.VcenterUnreachable, match="certificate SHA-256"):
        with Tagging(vcenter_connection({**site.params, "ca_path": None}), Context()):
            pass


def test_every_session_is_ended(site):
    before = control(site, "GET", "/journal")["items"]
    with Tagging(vcenter_connection(site.params), Context()):
        pass
    added = control(site, "GET", "/journal")["items"][len(before):]
    assert [item["method"] for item in added] == ["POST", "DELETE"]


@pytest.mark.parametrize("data, text", [({"messages": [{"default_message": "a"}]}, "a"), ({"value": {"messages": [{"default_message": "b"}]}}, "b"),
                                        ({"text": "404 page"}, "404 page"), (None, ""), ([], "")])
def test_what_the_server_said(data, text):
    assert _tagging.said(data) == text


def test_a_redirect_is_not_followed(site, monkeypatch):
    with serving(lambda request: reply(200, {"value": "x"})) as other, serving(lambda request: reply(302, Location=other.url)) as first:
        place = vcenter_connection({**site.params, "hostname": "127.0.0.1", "port": int(first.url.rsplit(":", 1)[1])})
        session = Tagging(place, Context())
        session._base = first.url
        with pytest.raises(errors.VcenterFailure):
            session.__enter__()
    assert not other.requests
