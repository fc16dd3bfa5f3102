# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading cluster profiles (palette-api 6)."""

from __future__ import annotations

from palette_lab import views
from palette_lab.api.calls import Call, Reply, ok, route


def dashboard_metadata(call: Call) -> Reply:
    """Every version is an item; not paginated."""
    with call.store.lock:
        return ok({"items": [{"metadata": {"name": each["name"], "uid": each["uid"]}, "spec": {"cloudType": each["cloud_type"], "version": each["version"]}}
                             for each in call.store.profiles.values()]})


def get_profile(call: Call) -> Reply:
    """Works in any scope."""
    with call.store.lock:
        return ok(views.profile(call.store, call.store.find("profiles", call.path["uid"])))


ROUTES = [
    route("GET", "/v1/dashboard/clusterprofiles/metadata", dashboard_metadata, "clusterProfile.list"),
    route("GET", "/v1/clusterprofiles/{uid}", get_profile, "clusterProfile.get"),
]
