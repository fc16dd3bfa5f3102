# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""placement_info and project_info: what is asked, in which scope, and what comes out."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _placement_info as placement
from ansible_collections.palette.vmware.plugins.module_utils import _project_info as project
from ansible_collections.palette.vmware.plugins.module_utils._errors import ParentMissing
from ansible_collections.palette.vmware.plugins.module_utils._run import Context

RESOURCES = {"datastores": ["ds-2", "ds-1"], "networks": ["VM Network"], "resourcePools": ["palette", "Resources"]}
SHOWN = {"datastores": ["ds-1", "ds-2"], "networks": ["VM Network"], "resource_pools": ["Resources", "palette"]}


class Server:
    """Answers of Palette API 1.3, 2.1, 2.5 and 4; asked: (path, query, project) of every call."""

    def __init__(self):
        self.asked = []
        self.accounts = {None: [{"metadata": {"name": "dc1-gw", "uid": "a1"}}], "p1": [{"metadata": {"name": "vc-team-a", "uid": "a2"}}]}
        self.project = None

    def __call__(self, settings, _context):
        self.project = settings.project and {"team-a": "p1"}[settings.project]
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        pass

    def scope(self):
        return self.project

    def get(self, path, query=None, project=None):
        self.asked.append((path, query, project))
        if path == "/v1/overlords":
            return {"items": [{"metadata": {"name": "dc1-gw", "uid": "g1"}, "status": {"state": "Running"}}]}
        if path == "/v1/dashboard/projects/metadata":
            return {"items": [{"metadata": {"name": name, "uid": uid}} for name, uid in (("team-a", "p1"), ("Default", "p0"), ("team", "p2"))]}
        if path.endswith("/properties/datacenters"):
            return {"items": [{"datacenter": "dc-2", "computeclusters": ["only"], "folders": None},
                              {"datacenter": "dc-1", "computeclusters": ["cluster-2", "cluster-1"], "folders": ["b", "a"]}]}
        assert path.endswith("/properties/computecluster/resources")
        return {"datacenter": query["datacenter"], "computecluster": {"name": query["computecluster"], **RESOURCES}}

    def pages(self, path, query=None, project=None):
        self.asked.append((path, query, project))
        yield from self.accounts[project]


@pytest.fixture(name="server")
def _server(monkeypatch):
    server = Server()
    monkeypatch.setattr(placement, "Palette", server)
    monkeypatch.setattr(project, "Palette", server)
    return server


def ask(**given):
    options = dict.fromkeys(("gateway", "cloud_account", "datacenter", "compute_cluster", "palette_project"))
    return placement.execute({**options, "palette_api_key": "key", **given}, Context())


def test_everything_that_a_gateway_offers(server):
    found = ask(gateway="dc1-gw")
    assert found == {"changed": False, "warnings": [], "datacenters": [
        {"name": "dc-1", "folders": ["a", "b"], "compute_clusters": [{"name": "cluster-1", **SHOWN}, {"name": "cluster-2", **SHOWN}]},
        {"name": "dc-2", "folders": [], "compute_clusters": [{"name": "only", **SHOWN}]}]}
    assert {scope for _path, _query, scope in server.asked} == {None}
    assert server.asked[1][0] == "/v1/overlords/vsphere/g1/properties/datacenters"


@pytest.mark.parametrize("given, clusters", [
    ({"datacenter": "dc-1"}, {"dc-1": ["cluster-1", "cluster-2"]}),
    ({"compute_cluster": "cluster-2"}, {"dc-1": ["cluster-2"]}),
    ({"datacenter": "dc-2", "compute_cluster": "cluster-2"}, {}),
    ({"datacenter": "DC-1"}, {}),
])
def test_narrowed_down_nothing_else_is_asked(server, given, clusters):
    found = ask(gateway="dc1-gw", **given)["datacenters"]
    assert {item["name"]: [cluster["name"] for cluster in item["compute_clusters"]] for item in found} == clusters
    asked = [query["computecluster"] for path, query, _scope in server.asked if path.endswith("/resources")]
    assert asked == [name for names in clusters.values() for name in names]


def test_through_a_cloud_account_of_the_project(server):
    assert ask(cloud_account="vc-team-a", palette_project="team-a", datacenter="dc-2")["datacenters"]
    reads = [(path, scope) for path, _query, scope in server.asked]
    assert reads == [("/v1/cloudaccounts/vsphere", "p1"), ("/v1/cloudaccounts/vsphere/a2/properties/datacenters", "p1"),
                     ("/v1/cloudaccounts/vsphere/a2/properties/computecluster/resources", "p1")]


def test_a_tenants_account_is_found_from_a_project_and_without_one(server):
    ask(cloud_account="dc1-gw", palette_project="team-a", datacenter="none")
    assert server.asked[-1] == ("/v1/cloudaccounts/vsphere/a1/properties/datacenters", None, None)
    server.asked.clear()
    ask(cloud_account="dc1-gw", datacenter="none")
    assert [path for path, _query, _scope in server.asked] == ["/v1/cloudaccounts/vsphere", "/v1/cloudaccounts/vsphere/a1/properties/datacenters"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("given, where", [({"gateway": "other"}, "option gateway"), ({"cloud_account": "other"}, "option cloud_account")])
def test_who_is_not_there_is_named(given, where):
    with pytest.raises(ParentMissing, match="'other'") as caught:
        ask(**given)
    assert caught.value.where == where and caught.value.fix


def test_projects_are_listed_by_name_and_matched_exactly(server):
    options = {"palette_api_key": "key", "palette_project": None}
    assert project.execute({**options, "name": None}, Context()) == {"changed": False, "warnings": [], "projects": [
        {"name": "Default", "uid": "p0"}, {"name": "team", "uid": "p2"}, {"name": "team-a", "uid": "p1"}]}
    assert project.execute({**options, "name": "team"}, Context())["projects"] == [{"name": "team", "uid": "p2"}]
    assert server.asked[-1] == ("/v1/dashboard/projects/metadata", {"name": "team"}, None)
    assert project.execute({**options, "name": "none"}, Context())["projects"] == []
