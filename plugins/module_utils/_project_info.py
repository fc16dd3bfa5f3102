# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun project_info: the projects of the tenant. PRIVATE to the collection.

API edge: v1ProjectsMetadata, read without a project (Palette API 1.3); the list is not paginated.
"""
from __future__ import annotations

from ._palette import Palette, connection
from ._specs import spec

PROJECTS = "/v1/dashboard/projects/metadata"
LIBRARIES = ("requests",)
SPEC = spec({"name": {"type": "str"}})


def from_api(item):
    """v1ProjectMetadata -> {name, uid}"""
    metadata = item.get("metadata") or {}
    return {"name": metadata.get("name"), "uid": metadata.get("uid")}


def projects_of(palette, name=None):
    """[{name, uid}] sorted by name; those of exactly that name when one is given (the filter's semantics are not documented)."""
    items = palette.get(PROJECTS, query={"name": name} if name is not None else None).get("items") or []
    found = (project for project in map(from_api, items) if name is None or project["name"] == name)
    return sorted(found, key=lambda project: (project["name"] or "", project["uid"] or ""))


def execute(params, context):
    """{changed, projects, warnings}. Raises PaletteFailure."""
    with Palette(connection(params), context) as palette:
        return {"changed": False, "projects": projects_of(palette, params["name"]), "warnings": context.warnings}
