# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and grants of site files; the service account with the page's roles alone, and with what our own steps need beyond."""

from __future__ import annotations

import pytest
import requests
from pyVmomi import vim
from test_site import composed

from engine_lab import find
from palette_lab import access, site, supervisor
from palette_lab.engine import session

ACCOUNT = "svc-palette@vsphere.local"


def granted(made, role):
    return [each["object"] for each in made["vcenter"]["permissions"] if each["role"] == role and each["principal"] == ACCOUNT]


def test_roles_are_the_pages_tables_and_the_extras():
    rows = {name: set(role["privileges"]) for made in (composed(),) for role in made["vcenter"]["roles"] for name in [role["name"]]}
    page = {name: set(role["privileges"]) for made in (composed(site="page_roles"),) for role in made["vcenter"]["roles"] for name in [role["name"]]}
    assert (len(page["palette-root"]), len(page["palette-spectro"])) == (8, 97)
    assert rows["palette-root"] - page["palette-root"] == {f"InventoryService.Tagging.{each}" for each in ("AttachTag", "CreateCategory", "ObjectAttachable")}
    assert rows["palette-spectro"] - page["palette-spectro"] == {"InventoryService.Tagging.ObjectAttachable", "VApp.Import"}


@pytest.mark.parametrize("name", ["default", "page_roles", "seeded"])
def test_grants_follow_the_inventory(name):
    made = composed(site=name, clusters="5")
    assert granted(made, "palette-root") == ["/", "/dc-1"] and granted(made, "ReadOnly") == ["/dc-1/network/vds-1"]
    assert granted(made, "palette-spectro") == [
        *(f"/dc-1/host/cluster-{number}" for number in range(1, 6)), "/dc-1/vm/palette", "/dc-1/vm/spectro-templates", "/dc-1/datastore/ds-shared-1",
        "/dc-1/datastore/ds-local-1", "/dc-1/network/VM Network", "/dc-1/network/pg-k8s"]
    assert {each["role"]: each["propagate"] for each in made["vcenter"]["permissions"]} == {"palette-root": False, "palette-spectro": True, "ReadOnly": False}
    assert "grants" not in made["vcenter"]


def test_every_datacenter_gets_its_grants():
    centers = [{"name": name, "folders": ["palette"] if name == "a" else [], "compute_clusters": [{"name": "c", "hosts": [{"name": "h"}]}],
                "networks": ["n"], "datastores": [{"name": "d"}]} for name in "ab"]
    seen = {place: list(access.paths(place, centers)) for place in ("datacenters", "hosts", "networks", "datastores", "folder:palette")}
    assert seen == {"datacenters": ["/a", "/b"], "hosts": ["/a/host/c/h", "/b/host/c/h"], "networks": ["/a/network/n", "/b/network/n"],
                    "datastores": ["/a/datastore/d", "/b/datastore/d"], "folder:palette": ["/a/vm/palette"]}


@pytest.mark.parametrize("words, text", [
    ("no place; expected root", "vcenter: {grants: [{principal: a, role: ReadOnly, places: [moon]}]}"),
    ("names the rows 'none'; there are ['page_root', 'page_spectro']", "vcenter: {roles: [{name: r, rows: [none]}]}")])
def test_what_cannot_be_written_out_is_named(tmp_path, words, text):
    (tmp_path / "mine.yml").write_text(f"extends: default\n{text}\n")
    with pytest.raises(site.SiteError) as seen:
        composed(site=str(tmp_path / "mine.yml"))
    assert words in str(seen.value)


class Account:
    """The service account in vCenter: what our steps do with it."""

    def __init__(self, lab):
        self.env = lab.env
        address = f"{lab.env['VMWARE_HOST']}:{lab.env['VMWARE_PORT']}"
        self.content = session.log_in({"vcenter_server": address, "username": lab.env["VMWARE_USER"], "password": lab.env["VMWARE_PASSWORD"],
                                       "insecure": True}).RetrieveContent()
        self.base = f"https://{address}/api"

    def import_refusal(self):
        """Privilege and object of the refusal of an import into the folder palette, None when it is not refused."""
        cluster, folder = find(self.content, vim.ClusterComputeResource, "cluster-1"), find(self.content, vim.Folder, "palette")
        spec = vim.vm.ConfigSpec(name="imported", files=vim.vm.FileInfo(vmPathName="[ds-shared-1]"), guestId="ubuntu64Guest", numCPUs=1, memoryMB=512)
        try:
            cluster.resourcePool.ImportVApp(vim.vm.VmImportSpec(configSpec=spec), folder, None).HttpNfcLeaseAbort(None)
        except vim.fault.NoPermission as fault:
            return fault.privilegeId, fault.object._moId == cluster.resourcePool._moId, sorted(each.entity._moId for each in fault.missingPrivileges)
        return None

    def tags(self):
        """(what is done, status, message) of each step of tagging the datacenter and a compute cluster."""
        with requests.Session() as web:
            web.trust_env, web.verify = False, self.env["VMWARE_CA_PATH"]
            web.headers["vmware-api-session-id"] = web.post(f"{self.base}/session", auth=(self.env["VMWARE_USER"], self.env["VMWARE_PASSWORD"])).json()
            made = web.post(f"{self.base}/cis/tagging/category", json={"name": "k8s-zone", "description": "", "cardinality": "SINGLE", "associable_types": []})
            yield "category", made
            if not made.ok:
                return
            tag = web.post(f"{self.base}/cis/tagging/tag", json={"name": "zone-1", "description": "", "category_id": made.json()})
            yield "tag", tag
            for kind, name in ((vim.Datacenter, "dc-1"), (vim.ClusterComputeResource, "cluster-1")):
                on = find(self.content, kind, name)
                yield name, web.post(f"{self.base}/cis/tagging/tag-association/{tag.json()}?action=attach",
                                     json={"object_id": {"type": type(on)._wsdlName, "id": on._moId}})


def test_the_account_of_the_default_site_imports_and_tags(tmp_path):
    with supervisor.running(tmp_path / "lab", site="default", speed=0, ova_mib=1) as lab:
        account = Account(lab)
        assert account.import_refusal() is None
        assert [(what, answer.status_code) for what, answer in account.tags()] == [("category", 201), ("tag", 201), ("dc-1", 204), ("cluster-1", 204)]


def test_with_the_pages_roles_alone_import_and_categories_are_refused(tmp_path):
    with supervisor.running(tmp_path / "lab", site="page_roles", speed=0, ova_mib=1) as lab:
        account = Account(lab)
        privilege, on_the_pool, missing = account.import_refusal()
        assert privilege == "VApp.Import" and on_the_pool and len(missing) == 2
        (what, answer), = account.tags()
        assert (what, answer.status_code, answer.json()["error_type"]) == ("category", 403, "UNAUTHORIZED")
        assert "InventoryService.Tagging.CreateCategory on Folder:group-d1" in answer.json()["messages"][0]["default_message"]
