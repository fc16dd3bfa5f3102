# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster profiles of the site file: published or draft, of the tenant or of a project; listed and read as the API shapes them."""

from __future__ import annotations

import pytest

from palette_lab import site
from palette_lab.store import Store

PACKS = [{"name": "ubuntu-vsphere", "layer": "os", "tag": "22.04"}, {"name": "kubernetes", "layer": "k8s", "tag": "1.32.1", "values": "pack: {}\n"}]
PROFILES = [{"name": "vsphere-infra", "version": "1.0.0", "cloud_type": "vsphere", "type": "cluster", "published": True, "packs": PACKS},
            {"name": "next", "version": "2.0.0", "published": False}, {"name": "of-team", "project": "team-a", "cloud_type": "vsphere"},
            {"name": "add-on", "cloud_type": "all", "type": "add-on"}]


@pytest.fixture
def profiled(start, spec):
    """A Palette with PROFILES whose answers are checked against the OpenAPI."""
    running = start(settings={"check_responses": True}, spec=spec)
    running.store.site["palette"]["cluster_profiles"] = PROFILES
    running.store.reset(running.store.site)
    yield running
    assert running.admin.get("/violations").json() == {"items": []}


def listed(client, **headers):
    items = client.get("/v1/dashboard/clusterprofiles/metadata", headers=headers).json()["items"]
    return {each["metadata"]["name"]: each for each in items}


def test_profiles_are_listed_by_scope(profiled):
    team, default = profiled.project_uid("team-a"), profiled.project_uid()
    assert list(listed(profiled.tenant)) == ["gateway-profile", "vsphere-infra", "next", "add-on"]
    assert list(listed(profiled.tenant, ProjectUid=team)) == ["gateway-profile", "vsphere-infra", "next", "of-team", "add-on"]
    assert "of-team" not in listed(profiled.project, ProjectUid=default)
    assert listed(profiled.tenant)["vsphere-infra"]["spec"] == {"cloudType": "vsphere", "version": "1.0.0"}


def test_a_published_profile_and_a_draft_are_told_apart(profiled):
    seen = {name: profiled.tenant.get(f"/v1/clusterprofiles/{each['metadata']['uid']}").json() for name, each in listed(profiled.tenant).items()}
    ready, draft = seen["vsphere-infra"], seen["next"]
    assert ready["status"]["isPublished"] is True and "draft" not in ready["spec"] and ready["metadata"]["annotations"] == {"scope": "tenant"}
    template = ready["spec"]["published"]
    assert (template["type"], template["cloudType"], template["profileVersion"]) == ("cluster", "vsphere", "1.0.0")
    assert [{key: pack[key] for key in given} for pack, given in zip(template["packs"], PACKS, strict=True)] == PACKS
    assert draft["status"]["isPublished"] is False and "published" not in draft["spec"] and draft["spec"]["draft"]["profileVersion"] == "2.0.0"
    assert seen["add-on"]["spec"]["published"]["cloudType"] == "all"


def test_a_projects_profile_is_read_in_that_project_only(profiled):
    team = profiled.project_uid("team-a")
    uid = listed(profiled.tenant, ProjectUid=team)["of-team"]["metadata"]["uid"]
    found = profiled.tenant.get(f"/v1/clusterprofiles/{uid}", headers={"ProjectUid": team})
    assert found.json()["metadata"]["annotations"] == {"scope": "project", "projectUid": team}
    assert profiled.tenant.get(f"/v1/clusterprofiles/{uid}").status_code == 403


@pytest.mark.parametrize("text, published", [
    ("extends: default\n", [True]), ("extends: seeded\n", [True]), ("extends: default\npalette: {cluster_profiles: []}\n", []),
    ("extends: default\npalette: {cluster_profiles: [{name: draft, published: false}]}\n", [False])])
def test_a_site_may_have_one_none_or_a_draft(tmp_path, text, published):
    (tmp_path / "mine.yml").write_text(text)
    runtime = site.compose(site.Settings(site=str(tmp_path / "mine.yml")), dict.fromkeys(("vcenter", "vcenter_control", "palette", "palette_admin", "hosts",
                                                                                        "dns"), 1), {})
    store = Store(runtime)
    assert [each["published"] for each in store.profiles.values() if each["type"] != "system"] == published
