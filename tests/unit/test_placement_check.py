# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places that do not exist are refused before a gateway is configured; what the API leaves open is only doubted."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils._errors import PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._placement_check import doubtful, offered, refuse_unknown

PLACE = {"datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds-1", "network": "pg-k8s", "resource_pool": "palette/gateways", "folder": "palette",
         "image_template_folder": "spectro-templates"}


class Answers:
    """get() of a Palette with one datacenter of two compute clusters; asked: what was asked for."""

    def __init__(self):
        self.asked = []

    def get(self, path, query=None):
        self.asked.append((path, query))
        if path.endswith("/datacenters"):
            return {"items": [{"datacenter": "dc-1", "computeclusters": ["cluster-1", "cluster-2"], "folders": ["palette", "spectro-templates"]}]}
        return {"computecluster": {"name": query["computecluster"], "datastores": ["ds-1"], "networks": ["pg-k8s"], "resourcePools": ["Resources", "palette/gateways"]}}


def seen(*placements):
    return offered(Answers(), "/v1/p", placements)


def test_only_what_the_placements_name_is_asked_for_and_each_once():
    palette = Answers()
    offered(palette, "/v1/p", [PLACE, {**PLACE, "datastore": "ds-2"}])
    assert palette.asked == [("/v1/p/datacenters", None), ("/v1/p/computecluster/resources", {"datacenter": "dc-1", "computecluster": "cluster-1"})]


def test_what_exists_is_accepted():
    assert refuse_unknown([PLACE], seen(PLACE)) is None
    assert list(doubtful([PLACE], seen(PLACE))) == []


@pytest.mark.parametrize("key", ["datacenter", "compute_cluster", "datastore", "network"])
def test_what_does_not_exist_is_refused_by_its_option(key):
    places = [PLACE, {**PLACE, key: "typo"}]
    with pytest.raises(PlanRefused, match="'typo'") as caught:
        refuse_unknown(places, seen(*places))
    assert caught.value.where == f"option placements[1].{key}" and PLACE[key] in caught.value.expected


@pytest.mark.parametrize("key,given,doubts", [("folder", "typo", 1), ("resource_pool", "typo", 1), ("folder", "vm/palette", 0), ("resource_pool", "gateways", 0)])
def test_folders_and_pools_are_names_or_paths(key, given, doubts):
    place = {**PLACE, key: given}
    assert len(list(doubtful([place], seen(place)))) == doubts
    assert refuse_unknown([place], seen(place)) is None
