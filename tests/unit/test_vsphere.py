# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vSphere session and the inventory by names, on the lab's vCenter."""
from __future__ import annotations

import json
import urllib.request
from types import SimpleNamespace

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _errors as errors
from ansible_collections.palette.vmware.plugins.module_utils import _inventory, _vsphere
from ansible_collections.palette.vmware.plugins.module_utils._change import Unresolved
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, translated, vcenter_connection, vim, vmodl

supervisor = pytest.importorskip("palette_lab.supervisor")

PLACE = {"datacenter": "dc-1", "folder": "palette/gateways", "compute_cluster": "cluster-1", "resource_pool": "palette/gateways", "datastore": "ds-shared-1",
         "networks": {"VM Network": "pg-k8s"}}


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory):
    with supervisor.running(tmp_path_factory.mktemp("lab"), speed=0) as lab:
        yield SimpleNamespace(env=lab.env, control=f"http://{lab.site['vcenter']['control']}")


@pytest.fixture(name="params")
def _params(site):
    yield {"hostname": site.env["VMWARE_HOST"], "port": int(site.env["VMWARE_PORT"]), "username": site.env["VMWARE_ADMIN_USER"],
           "password": site.env["VMWARE_ADMIN_PASSWORD"],
           "ca_path": site.env["VMWARE_CA_PATH"], "validate_certs": True}
    control(site, "DELETE", "/faults")


@pytest.fixture(name="vsphere")
def _vsphere_session(params):
    with Vsphere(vcenter_connection(params), Context()) as vsphere:
        yield vsphere


def control(site, method, path, body=None):
    request = urllib.request.Request(site.control + path, None if body is None else json.dumps(body).encode(), method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def journal(site, method):
    return [item for item in control(site, "GET", "/journal")["items"] if item["method"] == method and item["agent"] != "palette-lab"]


@pytest.mark.parametrize("host", ["vc.lab.local", "10.0.0.1", "fd00::1", "VC"])
def test_addresses_of_vcenter(host):
    assert vcenter_connection({"hostname": host, "port": 443, "username": "u", "password": "p", "ca_path": None, "validate_certs": True}).hostname == host


@pytest.mark.parametrize("host, right", [("https://vc.lab.local", "vc.lab.local"), ("vc.lab.local/sdk", "vc.lab.local"),
                                         ("https://vc.lab.local:8443/sdk", "vc.lab.local"), ("vc:443", "vc")])
def test_addresses_that_are_more_than_a_name(host, right):
    with pytest.raises(errors.InputRefused, match=f"write {right} and"):
        vcenter_connection({"hostname": host, "port": 443, "username": "u", "password": "p", "ca_path": None, "validate_certs": True})


@pytest.mark.parametrize("host", ["vc..lab.local", "x" * 64])
def test_addresses_that_are_no_name(host):
    with pytest.raises(errors.InputRefused, match="no host name - option hostname"):
        vcenter_connection({"hostname": host, "port": 443, "username": "u", "password": "p", "ca_path": None, "validate_certs": True})


@pytest.mark.parametrize("option", ["hostname", "username", "password"])
def test_what_is_not_set_is_named(params, option):
    with pytest.raises(errors.InputRefused, match=f"option {option}"):
        vcenter_connection({**params, option: None})


def test_a_wrong_password_is_tried_once(site, params):
    before = len(journal(site, "Login"))
    with pytest.raises(errors.VcenterDenied, match="rejects the user or the password") as failure:
        with Vsphere(vcenter_connection({**params, "password": "wrong-canary"}), Context()):
            pass
    assert len(journal(site,
                       "Login")) == before + 1 and "canary" not in str(failure.value) and "canary" not in repr(vcenter_connection({**params,
                                                                                                                                   "password": "wrong-canary"}))


def test_no_login_is_sent_to_a_server_that_proves_nothing(site, params, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", params["ca_path"])
    before = len(journal(site, "Login"))
    with pytest.raises(errors.VcenterUnreachable, match="certificate SHA-256 [0-9A-F:]{95}"):
        with Vsphere(vcenter_connection({**params, "ca_path": None}), Context()):
            pass
    assert len(journal(site, "Login")) == before


def test_logout_always(site, params):
    for failing in (False, True):
        before = len(journal(site, "Logout"))
        try:
            with Vsphere(vcenter_connection(params), Context()):
                if failing:
                    raise errors.Busy("x")
        except errors.Busy:
            pass
        assert len(journal(site, "Logout")) == before + 1


def test_paths_and_names(vsphere):
    refs = _inventory.resolve(vsphere, PLACE)
    assert not [key for key, ref in refs.items() if isinstance(ref, Unresolved)]
    assert vsphere.path(refs["folder"]) == "/dc-1/vm/palette/gateways"
    assert vsphere.path(refs["resource_pool"]) == "/dc-1/host/cluster-1/Resources/palette/gateways"
    assert vsphere.read([refs["compute_cluster"], refs["datastore"]], ("name",)) == {refs["compute_cluster"]: {"name": "cluster-1"},
                                                                                     refs["datastore"]: {"name": "ds-shared-1"}}


@pytest.mark.parametrize("key, text, path", [
    ("folder", "gateways", "/dc-1/vm/palette/gateways"), ("folder", "/palette/gateways/", "/dc-1/vm/palette/gateways"), ("folder", None, "/dc-1/vm"),
    ("resource_pool", None, "/dc-1/host/cluster-1/Resources"), ("resource_pool", "Resources", "/dc-1/host/cluster-1/Resources"),
    ("resource_pool", "palette", "/dc-1/host/cluster-1/Resources/palette"),
])
def test_ways_to_name_a_place(vsphere, key, text, path):
    assert vsphere.path(_inventory.resolve(vsphere, {**PLACE, key: text})[key]) == path


@pytest.mark.parametrize("key, text",
                         [("datacenter", "dc-2"), ("folder", "palette/none"), ("folder", "gateway*"), ("folder", "Palette"), ("compute_cluster", "cluster-9"),
                                       ("resource_pool", "gateways/palette"), ("datastore", "ds-none"), ("datastore", "")])
def test_what_does_not_exist_is_unresolved(vsphere, key, text):
    found = _inventory.resolve(vsphere, {**PLACE, key: text or "x"})[key]
    assert found == Unresolved(key, text or "x")


def test_a_network_that_is_not_the_clusters(vsphere):
    assert _inventory.resolve(vsphere, {**PLACE, "networks": {"a": "nope"}})["networks"] == {"a": Unresolved("network", "nope")}


@pytest.mark.parametrize("text, wanted", [(None, "Resources"), ("palette", "palette")])
def test_a_compute_cluster_that_shows_no_pool_leaves_it_unresolved(vsphere, monkeypatch, text, wanted):
    whole = vsphere.get
    monkeypatch.setattr(vsphere, "get", lambda ref, paths: {key: value for key, value in whole(ref, paths).items() if key != "resourcePool"})
    assert _inventory.resolve(vsphere, {**PLACE, "resource_pool": text})["resource_pool"] == Unresolved("resource_pool", wanted)


def test_a_slash_in_a_name(vsphere):
    refs = _inventory.resolve(vsphere, PLACE)
    made = vsphere.call(lambda: refs["folder"].CreateFolder("a/b"), "making a folder")
    try:
        assert _inventory.resolve(vsphere, {**PLACE, "folder": "palette/gateways/a%2Fb"})["folder"] == made
        assert isinstance(_inventory.resolve(vsphere, {**PLACE, "folder": "palette/gateways/a/b"})["folder"], Unresolved)
    finally:
        vsphere.wait_task(vsphere.call(made.Destroy_Task, "removing a folder"), Context(), 30, "removal")


def test_a_name_that_means_several(vsphere):
    parents = [_inventory.resolve(vsphere, {**PLACE, "folder": name})["folder"] for name in ("palette", "workloads")]
    made = [vsphere.call(lambda folder=folder: folder.CreateFolder("twin"), "making a folder") for folder in parents]
    try:
        with pytest.raises(errors.InputRefused, match="palette/twin, workloads/twin"):
            _inventory.resolve(vsphere, {**PLACE, "folder": "twin"})
        assert _inventory.resolve(vsphere, {**PLACE, "folder": "workloads/twin"})["folder"] == made[1]
    finally:
        for folder in made:
            vsphere.wait_task(vsphere.call(folder.Destroy_Task, "removing a folder"), Context(), 30, "removal")


@pytest.mark.parametrize("text, parts", [("a/b%2fc/%25", ["a", "b/c", "%"]), ("/a//b/", ["a", "b"]), ("%5C", ["\\"]), ("a%41", ["a%41"])])
def test_split_path(text, parts):
    assert _inventory.split_path(text) == parts


def test_reads_come_in_pages(vsphere, monkeypatch):
    monkeypatch.setattr(_vsphere, "PAGE", 2)
    hosts = vsphere.below(vsphere.content.rootFolder, vim.HostSystem, ("name",))
    assert len(hosts) == 9 and {row["name"] for row in hosts.values()} == {f"cluster-{cluster}-esx-{host}" for cluster in (1, 2, 3) for host in (1, 2, 3)}


def test_an_object_that_is_gone_is_empty(vsphere):
    assert vsphere.get(vim.VirtualMachine("vm-none", vsphere.stub), ("name",)) == {}


def test_a_lost_session_is_renewed_once_in_a_call(site, vsphere):
    before = len(journal(site, "Login"))
    control(site, "POST", "/revoke-sessions")
    assert vsphere.get(vsphere.content.rootFolder, ("name",)) == {"name": "Datacenters"}
    assert len(journal(site, "Login")) == before + 1


def test_a_session_that_is_lost_twice(site, vsphere):
    control(site, "POST", "/faults", [{"method": "CreateFolder", "kind": "fault", "fault": "NotAuthenticated", "count": 2}])
    with pytest.raises(errors.VcenterFailure, match="session was lost twice.*while: making a folder") as failure:
        vsphere.call(lambda: vsphere.content.rootFolder.CreateFolder("x"), "making a folder")
    assert failure.value.retriable and failure.value.fault == "NotAuthenticated"
    assert failure.value.where == f"vCenter {vsphere.connection.hostname} port {vsphere.connection.port}" and failure.value.fix


def test_a_login_that_is_not_answered(site, params):
    control(site, "POST", "/faults", [{"method": "Login", "kind": "drop-before"}])
    with pytest.raises(errors.VcenterUnreachable, match=f"the login - vCenter {params['hostname']} port {params['port']} - seen: .+ - see whether"):
        with Vsphere(vcenter_connection(params), Context()):
            pass


def test_a_wait_goes_on_over_a_lost_session(site, vsphere):
    refs = _inventory.resolve(vsphere, PLACE)
    made = vsphere.call(lambda: refs["folder"].CreateFolder("short-lived"), "making a folder")
    control(site, "POST", "/hang", {"method": "Destroy_Task", "object": "short-lived"})
    task, said = vsphere.call(made.Destroy_Task, "removing a folder"), []

    def emit(line):
        said.append(line)
        if len(said) == 1:
            control(site, "POST", "/revoke-sessions")
            control(site, "POST", "/release")
    vsphere.wait_task(task, Context(emit=emit), 30, "removal")
    assert "running" in said[0] and "success" in said[-1]
    assert len(journal(site, "Destroy_Task")) >= 1


def test_a_task_that_does_not_end(site, vsphere):
    refs = _inventory.resolve(vsphere, PLACE)
    made = vsphere.call(lambda: refs["folder"].CreateFolder("stays"), "making a folder")
    control(site, "POST", "/hang", {"method": "Destroy_Task", "object": "stays"})
    task = vsphere.call(made.Destroy_Task, "removing a folder")
    with pytest.raises(errors.DeadlinePassed, match=r"removal is not done after 1 s - here - seen: task task-\S+: removal: running"):
        vsphere.wait_task(task, Context(), 1, "removal", "here")
    control(site, "POST", "/release")


def test_a_task_that_vcenter_forgot(vsphere):
    with pytest.raises(errors.VcenterFailure, match="no longer knows task task-none, its state is unknown - vCenter .+ - run it again"):
        vsphere.wait_task(vim.Task("task-none", vsphere.stub), Context(), 5, "removal")


@pytest.mark.parametrize("kind", ["drop-before", "drop-after-commit"])
def test_a_read_is_tried_again_and_a_write_is_not(site, vsphere, kind):
    control(site, "POST", "/faults", [{"method": "RetrievePropertiesEx", "kind": kind}, {"method": "CreateFolder", "kind": kind}])
    assert vsphere.get(vsphere.content.rootFolder, ("name",)) == {"name": "Datacenters"}
    before = len(journal(site, "CreateFolder"))
    with pytest.raises(errors.VcenterUnreachable, match="broke the connection: making a folder"):
        vsphere.call(lambda: vsphere.content.rootFolder.CreateFolder(f"lost-{kind}"), "making a folder")
    assert len(journal(site, "CreateFolder")) == before + 1


def test_missing_privilege_names_privilege_and_object():
    folder = vim.Folder("group-v1")
    failure = translated(vim.fault.NoPermission(object=folder, privilegeId="VApp.Import"), "starting the import", "import of x")
    assert isinstance(failure, errors.VcenterDenied) and failure.fault == "NoPermission"
    assert str(failure) == ("not allowed: starting the import - import of x on Folder:group-v1 - seen: NoPermission: VApp.Import (vApp > Import) missing on "
                            "Folder:group-v1 - "
                            "add VApp.Import to the Spectro role (profile collection), and have that role granted on Folder:group-v1; "
                            "role palette.vmware.vcenter_access does it")


def test_a_refusal_names_the_object_by_its_path(vsphere):
    refs = _inventory.resolve(vsphere, PLACE)

    def refuse():
        raise vim.fault.NoPermission(object=refs["folder"], privilegeId="VApp.Import")
    with pytest.raises(errors.VcenterDenied) as failure:
        vsphere.call(refuse, "starting the import", _vsphere.label(refs["folder"]))
    place = f"/dc-1/vm/palette/gateways ({_vsphere.label(refs['folder'])})"
    assert failure.value.where == place and f"missing on {place}" in failure.value.observed
    assert "granted on /dc-1/vm/palette/gateways; role" in failure.value.fix


def test_a_refusal_of_which_the_path_cannot_be_read_is_told_with_the_id(site, vsphere):
    folder = _inventory.resolve(vsphere, PLACE)["folder"]

    def refuse():
        raise vim.fault.NoPermission(object=folder, privilegeId="VApp.Import")
    control(site, "POST", "/faults", [{"method": "RetrievePropertiesEx", "kind": "fault", "fault": "NoPermission"}])
    with pytest.raises(errors.VcenterDenied, match=f"VApp.Import .vApp > Import. missing on {_vsphere.label(folder)} - ") as failure:
        vsphere.call(refuse, "starting the import")
    assert failure.value.fault == "NoPermission"
    assert vsphere.shown(folder).startswith("/dc-1/"), "the fault was for one call, and was used"


def test_several_missing_privileges_on_several_objects(vsphere):
    refs = _inventory.resolve(vsphere, PLACE)
    root = vsphere.content.rootFolder
    entries = [vim.fault.NoPermission.EntityPrivileges(entity=refs["folder"], privilegeIds=["VApp.Import", "VirtualMachine.Inventory.Create"]),
               vim.fault.NoPermission.EntityPrivileges(entity=root, privilegeIds=["InventoryService.Tagging.CreateCategory"])]
    failure = vsphere.failure(vim.fault.NoPermission(object=refs["folder"], privilegeId="VApp.Import", missingPrivileges=entries), "it failed")
    assert failure.observed.count("VApp.Import") == 1
    assert "VirtualMachine.Inventory.Create (Virtual machine > Edit Inventory > Create new) missing on /dc-1/vm/palette/gateways" in failure.observed
    assert "add InventoryService.Tagging.CreateCategory to the root-level role (profile collection), and have that role granted on /; role" in failure.fix


def test_objects_of_the_rest_api_are_named_by_their_paths(vsphere):
    cluster = _inventory.resolve(vsphere, PLACE)["compute_cluster"]
    moid = cluster._GetMoId()
    assert vsphere.named({"type": "ClusterComputeResource", "id": moid}) == f"/dc-1/host/cluster-1 (ClusterComputeResource:{moid})"
    assert vsphere.named({"type": "ClusterComputeResource", "id": "domain-c999"}) == "ClusterComputeResource:domain-c999"
    assert vsphere.named({"type": "com.vmware.content.Library", "id": "x"}) == "com.vmware.content.Library:x"


def test_paths_of_many_objects_in_one_call(site, vsphere):
    refs = _inventory.resolve(vsphere, PLACE)
    wanted = [refs["folder"], refs["datastore"], vsphere.content.rootFolder]
    before = len(journal(site, "RetrievePropertiesEx"))
    found = vsphere.ancestry(wanted)
    assert len(journal(site, "RetrievePropertiesEx")) == before + 1
    assert [_vsphere.path_of(found[ref], vsphere.content.rootFolder) for ref in wanted] == ["/dc-1/vm/palette/gateways", "/dc-1/datastore/ds-shared-1", "/"]


@pytest.fixture(name="seen_from_below")
def _seen_from_below(site, params, vsphere):
    """(session of the service account, a folder that it sees because it has a permission on a folder inside, and may not read)"""
    user, manager = site.env["VMWARE_USER"], vsphere.content.authorizationManager
    folder, inside = (_inventory.resolve(vsphere, {**PLACE, "folder": path})["folder"] for path in ("palette", "palette/gateways"))
    manager.SetEntityPermissions(inside, [vim.AuthorizationManager.Permission(principal=user, group=False, roleId=-2, propagate=True)])
    manager.RemoveEntityPermission(folder, user, False)
    with Vsphere(vcenter_connection({**params, "username": user, "password": site.env["VMWARE_PASSWORD"]}), Context()) as account:
        yield account, vim.Folder(folder._GetMoId(), account.stub)
    control(site, "POST", "/reset")


def test_what_may_not_be_read_is_a_failure_unless_the_caller_does_not_mind(seen_from_below):
    account, folder = seen_from_below
    with pytest.raises(errors.VcenterDenied, match="System.Read"):
        account.read([folder], ("name", "overallStatus"))
    assert account.read([folder], ("name", "overallStatus"), strict=False) == {folder: {"name": "palette"}}


def test_a_path_goes_as_far_as_the_user_may_look(vsphere, monkeypatch):
    """vCenter answers with a refused property where a user sees an object and may not read its name."""
    folder = _inventory.resolve(vsphere, PLACE)["folder"]
    whole, hidden = vsphere._retrieve, vsphere.ancestry([folder])[folder][1][0]

    def veiled(specs, losses=None):
        for item in (found := whole(specs, losses)):
            if item.obj == hidden:
                refused = vim.fault.NoPermission(object=hidden, privilegeId="System.View")
                item.propSet, item.missingSet = [], [vmodl.query.PropertyCollector.MissingProperty(path="name", fault=refused)]
        return found
    monkeypatch.setattr(vsphere, "_retrieve", veiled)
    assert [ref for ref, _name in vsphere.ancestry([folder])[folder]] == [folder, hidden]
    assert vsphere.shown(folder) == _vsphere.label(folder)


@pytest.mark.parametrize("fault, words, retriable", [
    (vim.fault.DuplicateName(name="x", object=vim.Folder("group-v1"), msg="anything"), "DuplicateName: name x - choose another name", False),
    (vim.fault.FileAlreadyExists(file="[ds] x"), "FileAlreadyExists: file [ds] x", False),
    (vim.fault.TaskInProgress(msg="line\nbreak"), r"TaskInProgress: line\nbreak", True),
    (vim.fault.InvalidState(), "seen: InvalidState", False),
])
def test_faults_are_told_by_class(fault, words, retriable):
    failure = translated(fault, "it failed")
    assert words in str(failure) and failure.retriable is retriable and "\n" not in str(failure)
    assert failure.where == "vCenter" and failure.fix
