# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun placement_info: what vCenter offers for placements, as Palette sees it. PRIVATE to the collection.

API edge: v1VsphereDatacenters and v1VsphereComputeClusterResources, through a gateway's own account or through a cloud account (Palette API 2.5).
Both give plain names, no managed object ids.
"""
from __future__ import annotations

from ._change import Unresolved
from ._errors import ParentMissing
from ._gateway_object import GATEWAYS, find_gateway
from ._palette import Palette, connection
from ._specs import spec

ACCOUNTS = "/v1/cloudaccounts/vsphere"
LIBRARIES = ("requests",)
SPEC = spec({
    "gateway": {"type": "str"},
    "cloud_account": {"type": "str"},
    "datacenter": {"type": "str"},
    "compute_cluster": {"type": "str"},
}, mutually_exclusive=[("gateway", "cloud_account")], required_one_of=[("gateway", "cloud_account")])


def names(values):
    return sorted(values or [])


def datacenter_from_api(item):
    """v1VsphereDatacenter -> {name, folders, compute_clusters (names)}"""
    return {"name": item.get("datacenter"), "folders": names(item.get("folders")), "compute_clusters": names(item.get("computeclusters"))}


def resources_from_api(item):
    """v1VsphereComputeClusterResources -> {name, datastores, networks, resource_pools}"""
    found = item.get("computecluster") or {}
    return {"name": found.get("name"), "datastores": names(found.get("datastores")), "networks": names(found.get("networks")),
            "resource_pools": names(found.get("resourcePools"))}


def properties_of(palette, params):
    """(base path of the properties, uid of the project to read them in or None). Raises ParentMissing."""
    if params["gateway"] is not None:
        gateway = find_gateway(palette, params["gateway"])
        if isinstance(gateway, Unresolved):
            raise ParentMissing(f"there is no gateway '{gateway.name}' to look through", where="option gateway",
                                fix="correct the name; palette.vmware.gateway_info lists the gateways")
        return f"{GATEWAYS}/vsphere/{gateway['uid']}/properties", None
    for project in dict.fromkeys((palette.scope(), None)):
        for item in palette.pages(ACCOUNTS, project=project):
            metadata = item.get("metadata") or {}
            if metadata.get("name") == params["cloud_account"]:
                return f"{ACCOUNTS}/{metadata['uid']}/properties", project
    raise ParentMissing(f"there is no vSphere cloud account '{params['cloud_account']}' to look through", where="option cloud_account",
                        fix="correct the name, or set palette_project when it belongs to a project")


def chosen(datacenters, params):
    """The datacenters and compute clusters that the options leave: names are compared exactly."""
    for item in datacenters:
        if params["datacenter"] in (None, item["name"]):
            clusters = [name for name in item["compute_clusters"] if params["compute_cluster"] in (None, name)]
            if clusters or params["compute_cluster"] is None:
                yield {**item, "compute_clusters": clusters}


def execute(params, context):
    """{changed, datacenters, warnings}. Raises ParentMissing, PaletteFailure."""
    with Palette(connection(params), context) as palette:
        base, project = properties_of(palette, params)

        def resources(datacenter, name):
            query = {"datacenter": datacenter, "computecluster": name}
            return resources_from_api(palette.get(f"{base}/computecluster/resources", query=query, project=project))

        items = palette.get(f"{base}/datacenters", project=project).get("items") or []
        datacenters = sorted(map(datacenter_from_api, items), key=lambda item: item["name"] or "")
        found = [{**item, "compute_clusters": [resources(item["name"], name) for name in item["compute_clusters"]]} for item in chosen(datacenters, params)]
        return {"changed": False, "datacenters": found, "warnings": context.warnings}
