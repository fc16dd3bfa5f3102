# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that lacks a right, on a vCenter that refuses: the message names label, privilege, object and role; nothing is left behind; granted, it goes on.

REFUSED is every privilege that a step of our own modules needs on vCenter. That it is all of them is proven by an account that holds just these.
"""
from __future__ import annotations

import json

import pytest
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator
from ansible_collections.palette.vmware.plugins.module_utils import _authorization as authorization
from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer, _vcenter_folder, _vcenter_permission, _vcenter_role, _zone_tags
from ansible_collections.palette.vmware.plugins.module_utils._denied import named
from ansible_collections.palette.vmware.plugins.module_utils._privileges import ROLE_TITLES, roles
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, outcome
from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, vcenter_connection
from conftest import lab_at
from journey import comparable, played

INSTALLER = {"name": "inst", "installer_name": "inst-gw", "pairing_code": "of-nobody", "datacenter": "dc-1", "folder": "palette/gateways",
             "compute_cluster": "cluster-1", "resource_pool": "palette/gateways", "datastore": "ds-shared-1", "network": "pg-k8s"}
FOLDER, VM = "/dc-1/vm/palette/gateways (Folder:", "/dc-1/vm/palette/gateways/inst (VirtualMachine:"
POOL = "/dc-1/host/cluster-1/Resources/palette/gateways (ResourcePool:"
TAGS = "InventoryService.Tagging."
STEPS = ("folder", "import", "power_off", "delete", "tag", "retag", "untag")
REFUSED = [
    ("spectro", "Folder.Create", "folder", "/dc-1/vm/palette (Folder:"),
    ("spectro", "VApp.Import", "import", POOL),
    ("spectro", "Datastore.AllocateSpace", "import", "/dc-1/datastore/ds-shared-1 (Datastore:"),
    ("spectro", "Network.Assign", "import", "/dc-1/network/pg-k8s (DistributedVirtualPortgroup:"),
    ("spectro", "VirtualMachine.Config.AddNewDisk", "import", FOLDER),
    ("spectro", "VirtualMachine.Config.AdvancedConfig", "import", FOLDER),
    ("spectro", "VirtualMachine.Config.AdvancedConfig", "power_off", VM),
    ("spectro", "VirtualMachine.Interact.PowerOn", "import", VM),
    ("spectro", "VirtualMachine.Interact.PowerOff", "power_off", VM),
    ("spectro", "VirtualMachine.Inventory.Delete", "delete", VM),
    ("root", f"{TAGS}CreateCategory", "tag", "/"),
    ("root", f"{TAGS}CreateTag", "tag", "/"),
    ("root", f"{TAGS}AttachTag", "tag", "/"),
    ("root", f"{TAGS}AttachTag", "untag", "/"),
    ("root", f"{TAGS}ObjectAttachable", "tag", "/dc-1 (Datacenter:"),
    ("spectro", f"{TAGS}ObjectAttachable", "tag", "/dc-1/host/cluster-1 (ClusterComputeResource:"),
    ("spectro", f"{TAGS}ObjectAttachable", "retag", "/dc-1/host/cluster-1 (ClusterComputeResource:"),
]
HELD = {part: roles(["page", "collection"])[part] for part in ("root", "spectro")}


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("refusals"), site="default", ova_mib=4) as site:
        yield site


@pytest.fixture(name="lab")
def _lab(site):
    site.reset()
    yield site


def connection(lab, user=""):
    return {"hostname": lab.env["VMWARE_HOST"], "port": int(lab.env["VMWARE_PORT"]), "username": lab.env[f"VMWARE_{user}USER"],
            "password": lab.env[f"VMWARE_{user}PASSWORD"], "ca_path": lab.env["VMWARE_CA_PATH"]}


def run(lab, noun, user="", **options):
    """outcome of a noun, run in this process as the service account."""
    spec = {key: value for key, value in noun.SPEC.items() if key != "supports_check_mode"}
    validated = ModuleArgumentSpecValidator(**spec).validate({**connection(lab, user), **options})
    assert not validated.error_messages, validated.error_messages
    return outcome(noun.execute, validated.validated_parameters, Context())


def step(lab, name):
    env = lab.env
    palette = {"palette_host": env["PALETTE_HOST"], "palette_api_key": env["PALETTE_API_KEY"], "palette_ca_path": env["PALETTE_CA_PATH"]}
    zone = {"regions": [{"datacenter": "dc-1", "region": "region1", "zones": [{"compute_cluster": "cluster-1", "zone": "az2" if name == "retag" else "az1"}]}]}
    done = {
        "folder": lambda: run(lab, _vcenter_folder, datacenter="dc-1", folder="palette/made"),
        "import": lambda: run(lab, _gateway_installer, ova=env["LAB_OVA"], ova_ca_path=env["PALETTE_CA_PATH"], **palette, **INSTALLER),
        "power_off": lambda: run(lab, _gateway_installer, state="powered_off", name="inst", datacenter="dc-1"),
        "delete": lambda: run(lab, _gateway_installer, state="absent", name="inst", datacenter="dc-1"),
        "tag": lambda: run(lab, _zone_tags, **zone), "retag": lambda: run(lab, _zone_tags, **zone),
        "untag": lambda: run(lab, _zone_tags, state="absent", **zone),
    }
    return done[name]()


BEFORE = {"power_off": ["import"], "delete": ["import", "power_off"], "retag": ["tag"], "untag": ["tag"]}


def hold(lab, part, privileges):
    """Makes the privileges those of the service account's role."""
    with Vsphere(vcenter_connection({**connection(lab, "ADMIN_"), "validate_certs": True}), Context()) as vsphere:
        authorization.update_role(vsphere, authorization.find_role(authorization.read_roles(vsphere)[0], f"palette-{part}"), privileges)


def machines(lab):
    return [vm["name"] for datacenter in lab.state()["vcenter"]["datacenters"] for vm in datacenter["vms"]]


@pytest.mark.parametrize("part, privilege, name, place", REFUSED, ids=[f"{part}-{privilege}-{name}" for part, privilege, name, _place in REFUSED])
def test_a_right_that_is_missing(lab, part, privilege, name, place, record_property):
    for earlier in BEFORE.get(name, []):
        assert not step(lab, earlier).get("failed")
    before = machines(lab)
    hold(lab, part, [each for each in HELD[part] if each != privilege])
    answer = step(lab, name)
    assert answer.get("failed"), "vCenter did not refuse it"
    error = answer["error"]
    assert error["code"] == "VCENTER_DENIED", answer["msg"]
    assert f"{named(privilege)} missing on {place}" in error["observed"] + " ", error
    assert named(privilege) != privilege and place.split(" (")[0] in error["fix"] and ROLE_TITLES[part] in error["fix"]
    assert "palette.vmware.vcenter_access" in error["fix"]
    if error["changed_something"]:
        assert "changes made before this stay" in answer["msg"]
    else:
        assert machines(lab) == before and error["leftovers"] == []
    hold(lab, part, HELD[part])
    again = step(lab, name)
    assert not again.get("failed") and again["changed"], again
    record_property("refusals", {"privileges refused and decoded": 1})


def test_these_are_all(lab):
    """An account that holds these privileges and no other comes through every step."""
    for part in HELD:
        hold(lab, part, sorted({privilege for other, privilege, _name, _place in REFUSED if other == part}))
    for name in STEPS:
        answer = step(lab, name)
        assert not answer.get("failed") and answer["changed"], (name, answer.get("msg"))


def test_an_account_that_may_not_grant(lab):
    """The service account cannot help itself: it is told that an administrator can."""
    answer = run(lab, _vcenter_role, name="mine", privileges=["VApp.Import"])
    assert answer["error"]["code"] == "VCENTER_DENIED" and "Authorization.ModifyRoles missing on / (Folder:" in answer["error"]["observed"], answer
    assert answer["error"]["fix"] == "run it as an administrator; the account needs Authorization.ModifyRoles on /"
    answer = run(lab, _vcenter_permission, principal=lab.env["VMWARE_USER"], grants=[{"object": "/dc-1/vm/palette", "role": "NoCryptoAdmin"}])
    assert answer.get("failed"), answer
    assert "Authorization.ModifyPermissions missing on /dc-1/vm/palette (Folder:" in answer["error"]["observed"], answer
    assert answer["error"]["fix"].startswith("run it as an administrator; the account needs Authorization.ModifyPermissions on /dc-1/vm/palette")


@pytest.fixture(scope="module", name="page_site")
def _page_site(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("page"), site="page_roles", ova_mib=4) as site:
        yield site


def test_the_page_s_roles_alone_and_then_what_is_missing(page_site):
    """The installation stops where the page's roles do not suffice, leaves nothing, and goes through when an administrator has granted the rest."""
    before = comparable(page_site)
    code, output, changed = played(page_site, "install")
    assert (code, changed) == (2, 0), output
    assert f"VApp.Import (vApp > Import) missing on {POOL}" in output and "add VApp.Import to the Spectro role (profile collection)" in output
    assert comparable(page_site) == before
    admin = {"vcenter_admin_username": page_site.env["VMWARE_ADMIN_USER"], "vcenter_admin_password": page_site.env["VMWARE_ADMIN_PASSWORD"]}
    code, output, changed = played(page_site, "vcenter_access", "-e", json.dumps(admin))
    assert code == 0 and changed >= 1, output
    code, output, changed = played(page_site, "install")
    assert code == 0 and changed > 0, output
    assert played(page_site, "vcenter_access", "-e", json.dumps(admin))[::2] == (0, 0)
