# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading cluster profiles (palette-api 6)."""

from __future__ import annotations

from palette_lab import views
from palette_lab.api.calls import Call, Reply, check_visible, is_visible, ok, route


def dashboard_metadata(call: Call) -> Reply:
    """Every version is an item, published or not; not paginated. In a project also those of the tenant and the system."""
    with call.store.lock:
        seen = [each for each in call.store.profiles.values() if is_visible(call, views.profile_annotations(each), shared=True)]
        return ok({"items": [{"metadata": {"name": each["name"], "uid": each["uid"]}, "spec": {"cloudType": each["cloud_type"], "version": each["version"]}}
                             for each in seen]})


def get_profile(call: Call) -> Reply:
    """One of a project in that project only, the others in any scope."""
    with call.store.lock:
        found = call.store.find("profiles", call.path["uid"])
        check_visible(call, views.profile_annotations(found), call.permission, shared=True)
        return ok(views.profile(call.store, found))


ROUTES = [
    route("GET", "/v1/dashboard/clusterprofiles/metadata", dashboard_metadata, "clusterProfile.list"),
    route("GET", "/v1/clusterprofiles/{uid}", get_profile, "clusterProfile.get"),
]
