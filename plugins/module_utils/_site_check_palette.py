# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the site check reads of Palette, as plain data. PRIVATE to the collection.

API edge: v1OverlordsVsphere pools, GET /v1/dashboard/clusterprofiles/metadata (not paginated), GET /v1/clusterprofiles/{uid} (status.isPublished).
"""
from __future__ import annotations

from ._errors import Failure
from ._gateway_object import SYSTEM_GATEWAY, gateways
from ._ip_pool_object import pools_of
from ._palette import Palette, connection, segment

MOST_PROFILES = 50


def read_palette(params, context):
    """{problem: Failure or None, gateway: the one that is planned or None, pools: [{gateway, …pool}], profiles: [{name, version, published}] or None,
    profile_problem: Failure or None, scope: words}"""
    facts = {"problem": None, "gateway": None, "pools": [], "profiles": None, "profile_problem": None, "scope": "tenant scope"}
    try:
        with Palette(connection(params), context) as palette:
            everything = [each for each in gateways(palette) if each["name"] != SYSTEM_GATEWAY]
            facts["gateway"] = next((each for each in everything if each["name"] == params["gateway"]), None)
            facts["pools"] = [{**pool, "gateway": each["name"]} for each in everything for pool in pools_of(palette, each["uid"])]
            if params["clusters_planned"]:
                read_profiles(palette, facts)
    except Failure as failure:
        facts["problem"] = failure
    return facts


def read_profiles(palette, facts):
    """Profiles for vSphere, up to the first that is published; one that cannot be read leaves the rest of the facts alone."""
    try:
        project = palette.scope()
        facts["scope"] = palette.scope_words(project)
        items = palette.get("/v1/dashboard/clusterprofiles/metadata", project=project).get("items") or []
        found = []
        for item in [each for each in items if (each.get("spec") or {}).get("cloudType") == "vsphere"][:MOST_PROFILES]:
            profile = profile_of(palette.get(f"/v1/clusterprofiles/{segment(item['metadata']['uid'])}", project=project))
            found += [profile] if profile["type"] in ("cluster", "infra") else []
            if found and found[-1]["published"]:
                break
        facts["profiles"] = found
    except Failure as failure:
        facts["profile_problem"] = failure


def profile_of(item):
    """v1ClusterProfile -> {name, version, type, published}"""
    spec, metadata = item.get("spec") or {}, item.get("metadata") or {}
    template = spec.get("published") or spec.get("draft") or {}
    return {"name": metadata.get("name"), "version": spec.get("version"), "type": template.get("type"),
            "published": bool((item.get("status") or {}).get("isPublished"))}
