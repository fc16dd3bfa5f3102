# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks return on made-up sites: one with much to do, one that is ready, one with hostile names."""
from __future__ import annotations

from ansible_collections.palette.vmware.plugins.module_utils._finding import finding, ordered, passed, place, ready

PRE, TAGS, ACCOUNT, SPECTRO = "Prerequisites", "Zone Tagging", "VMware Cloud Account Permissions", "Privileges Under the Spectro Role"
PRIVILEGES = [("Datastore.AllocateSpace", "Datastore > Allocate space"), ("Datastore.FileManagement", "Datastore > Low level file operations"),
              ("Network.Assign", "Network > Assign network"), ("Resource.AssignVMToPool", "Resource > Assign virtual machine to resource pool"),
              ("VirtualMachine.Config.AddExistingDisk", "Virtual machine > Change Configuration > Add existing disk"),
              ("VirtualMachine.Config.AddNewDisk", "Virtual machine > Change Configuration > Add new disk"),
              ("VirtualMachine.Inventory.CreateFromExisting", "Virtual machine > Edit Inventory > Create from existing"),
              ("VirtualMachine.Provisioning.DeployTemplate", "Virtual machine > Provisioning > Deploy template"),
              ("VirtualMachine.Interact.PowerOn", "Virtual machine > Interaction > Power on"), ("VApp.Import", "vApp > Import")]


def host(cluster, number):
    return place(f"/dc-1/host/cluster-{cluster}/cluster-{cluster}-esx-{number}", f"host-{cluster}{number:02d}", "HostSystem")


def at(on):
    return f"{on['path']} ({on['type']}:{on['moid']})"


def missing(on, privilege, label, profile="page", severity="error"):
    demanded = [{"profile": profile, "role": "spectro", "step": "zone_tags creates the categories" if profile == "collection" else "", "note": ""}]
    return finding("privilege_missing", severity, f"{label} is missing", at(on), "not granted, role Palette of LAB\\svc-palette on /dc-1 (propagated)",
                   f"{label} ({privilege})",
                   f"add {label} ({privilege}) to the Spectro role, and grant that role to LAB\\svc-palette on /dc-1 with propagation",
                   SPECTRO, "evaluated, confirmed by vCenter", on, path=on["path"], moid=on["moid"], type=on["type"], label=label, privilege=privilege,
                   kind="host", required_by=demanded, count=1)


def result(findings, good, **more):
    return {"changed": False, "findings": ordered(findings), "passed": good, "ready": ready(findings), **more}


def seen(region, *zones):
    """The table that zone_tags returns of compute clusters with these zones."""
    rows = [{"region": region, "zone": zone, "compute_clusters": [f"/dc-1/host/cluster-{number}"], "labels": {"topology.kubernetes.io/region": region}}
            for number, zone in enumerate(zones, 1)]
    for row in rows:
        row["labels"].update({"topology.kubernetes.io/zone": row["zone"]} if row["zone"] else {})
    return rows


def audited():
    """What permission_audit says of the objects, those with the same verdict together."""
    some = [privilege for privilege, _label in PRIVILEGES]
    via = [{"object": "/dc-1", "principal": "LAB\\svc-palette", "role": "Palette", "propagate": True}]
    common = {"kind": "host", "role": "spectro", "method": "evaluated, confirmed by vCenter", "via": via}
    return {"principal": "LAB\\svc-palette", "groups": ["LAB\\operators"], "profiles": ["page", "collection"], "method": "evaluated, confirmed by vCenter",
            "verdicts": [
        {**common, "granted": some, "missing": [], "surplus": [], "not_applicable": ["Vsan.Cluster.ShallowRekey"],
         "objects": [host(2, each) for each in (1, 10, 2)]},
        {**common, "granted": [], "missing": some, "surplus": ["Global.Licenses"], "not_applicable": [], "objects": [host(1, 1), host(1, 2), host(1, 3)]}]}


def troubled():
    """A site with many findings."""
    dark = [host(1, number) for number in (2, 9, 10)]
    store, late = place("/dc-1/datastore/ds-shared-1", "datastore-21", "Datastore"), host(2, 1)
    site = [finding("host_ntp", "error", "NTP is not configured", at(each), "no NTP server", "one or more NTP servers, and the service running",
                    "Host > Configure > System > Time Configuration: add the site's NTP server, start the service with the host", PRE, "vCenter", each)
            for each in dark]
    site += [finding("host_skew", "warning", "The clock differs from vCenter's", at(late), "312 s behind", "less than 10 s",
                     "Let the host reach its NTP server", PRE, "vCenter", late),
             finding("host_state", "warning", "The host is in maintenance mode", at(late), "maintenance mode", "connected, no maintenance",
                     "Take it out of maintenance, or expect one host less", PRE, "vCenter", late),
             finding("datastore_shared", "error", "The datastore is not on every host of the cluster", at(store),
                     "mounted by 8 of 10 hosts; not by cluster-1-esx-9, cluster-1-esx-10", "mounted by every host of cluster-1",
                     "Mount it on those hosts, or choose a shared datastore", PRE, "vCenter", store),
             finding("dns_console", "error", "The name of the Palette endpoint is not resolved", "option preflight_name_servers",
                     "10.10.0.2: NXDOMAIN for api.spectrocloud.com", "an address", "Let the name server resolve public names, or give one that does", PRE,
                     "controller only"),
             finding("gateway_size", "advice", "The gateway has one node", "option gateway_size", "1", "3 for production", "Set gateway_size: 3", PRE,
                     "options")]
    audit = [missing(on, *row) for on in (host(1, 1), host(1, 2), host(1, 3), store) for row in PRIVILEGES]
    audit += [missing(place("/", "group-d1", "Folder"), "InventoryService.Tagging.CreateCategory", "vSphere Tagging > Create vSphere Tag Category",
                      "collection", "warning")]
    zone = place("/dc-1/host/cluster-3", "domain-c31", "ClusterComputeResource")
    zones = [finding("zone_missing", "error", "The compute cluster has no zone", at(zone), "no tag of category k8s-zone", "exactly one",
                     "Attach tag az3, or run role zone_tags", TAGS, "vCenter", zone)]
    good = [passed("vcenter_version", "vCenter is vSphere 6.7 Update 3 or later", "VMware vCenter Server", "8.0.3 build 24022515", PRE, "vCenter")]
    good += [passed("host_https", "Port 443 answers", at(host(3, number)), "open", PRE, "controller only", host(3, number)) for number in (1, 2, 10)]
    granted = [passed("granted", "All privileges are granted", at(each), "97 of 97", SPECTRO, "evaluated, confirmed by vCenter", each)
               for each in (host(2, number) for number in range(1, 9))]
    tagged = [passed("zone", "Zone", "/dc-1/host/cluster-1 (ClusterComputeResource:domain-c11)", "az1", TAGS, "vCenter")]
    return {"site_check": result(site, good, site_check={"version": "8.0.3", "build": "24022515", "hosts": 12}),
            "permission_audit": result(audit, granted, permission_audit=audited()),
            "zone_tags": result(zones, tagged, table=seen("region1", "az1", None))}


def prepared():
    """A site that is ready, with one piece of advice."""
    found = troubled()
    made = {check: {**got, **result([each for each in got["findings"] if each["severity"] == "advice"], got["passed"])} for check, got in found.items()}
    made["permission_audit"]["permission_audit"] = {**audited(), "verdicts": audited()["verdicts"][:1]}
    return {**made, "zone_tags": {**made["zone_tags"], "table": seen("region1", "az1", "az2", "az3")}}


HOSTILE = "/dc-1/host/<script>alert(\"x\")</script>&amp;'|`*_[a](b)\x1b[31m\u202e {{ 7 * 6 }} {% raw %}"


def hostile():
    """Every text of every finding is hostile."""
    on = place(HOSTILE, HOSTILE, HOSTILE)
    bad = [finding(HOSTILE, severity, *[HOSTILE] * 7, where) for severity in ("error", "warning", "advice") for where in (on, None)]
    bad.append(missing(on, HOSTILE, HOSTILE, HOSTILE))
    good = [passed(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, on)]
    failed = {"msg": HOSTILE, "error": {"code": HOSTILE, "what": HOSTILE, "where": HOSTILE, "observed": HOSTILE, "expected": HOSTILE, "fix": HOSTILE}}
    return {"site_check": result(bad, good), "permission_audit": failed, "zone_tags": result([], good, table=seen(HOSTILE, HOSTILE))}
