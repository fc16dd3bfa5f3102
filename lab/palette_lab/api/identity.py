# SPDX-License-Identifier: GPL-3.0-or-later
"""Login, tokens, users and projects (palette-api 1.2, 1.3)."""

from __future__ import annotations

from palette_lab import auth, errors, lists
from palette_lab.api.calls import Call, Reply, created, metadata_name, ok, project_names, route


def authenticate(call: Call) -> Reply:
    """POST /v1/auth/authenticate → v1UserToken."""
    body = call.body or {}
    with call.store.lock:
        user = auth.login(call.store.users, call.store.site["palette"]["organization"], body.get("emailId", ""), body.get("password", ""), body.get("org", ""))
        return ok({"Authorization": call.lab.sessions.issue(user, call.store.now()), "isMfa": False})


def refresh(call: Call) -> Reply:
    """GET /v1/auth/refresh/{token}: a new token of the same session for one that is not expired."""
    with call.store.lock:
        claims = call.lab.sessions.read(call.path["token"], call.store.now())
        user = next(each for each in call.store.users if each["uid"] == claims["sub"])
        return ok({"Authorization": call.lab.sessions.issue(user, call.store.now(), claims["sid"]), "isMfa": False})


def who_am_i(call: Call) -> Reply:
    return ok({"orgName": call.store.site["palette"]["organization"], "tenantUid": call.store.tenant_uid, "userUid": call.principal["uid"]})


def list_users(call: Call) -> Reply:
    with call.store.lock:
        items = [{"metadata": {"name": user["email"], "uid": user["uid"]},
                  "spec": {"emailId": user["email"], "firstName": "", "lastName": "", "roles": [user["role"]]}, "status": {"isActive": True}}
                 for user in call.store.users]
    return ok(lists.paginate(lists.select(items, call.query), call.query))


def projects_metadata(call: Call) -> Reply:
    """Not paginated; a project administrator sees the own projects."""
    with call.store.lock:
        names = set(project_names(call))
        wanted = call.query.get("name")
        items = [{"metadata": {"name": each["name"], "uid": each["uid"]}} for each in call.store.projects.values()
                 if each["name"] in names and wanted in (None, "", each["name"])]
    return ok({"items": items})


def create_project(call: Call) -> Reply:
    name = metadata_name(call.body)
    if not name:
        raise errors.refused("InvalidRequest", "metadata.name of a project must not be empty")
    with call.store.lock:
        if call.store.where("projects", name=name):
            raise errors.refused("ResourceAlreadyExists", f"Project with name '{name}' already exists")
        return created(call.store.add("projects", name=name)["uid"])


def get_project(call: Call) -> Reply:
    with call.store.lock:
        project = call.store.find("projects", call.path["uid"])
        if project["name"] not in project_names(call):
            raise errors.forbidden(call.permission)
        return ok({"metadata": {"name": project["name"], "uid": project["uid"]}, "spec": {"users": [], "teams": []}, "status": {"isDisabled": False}})


ROUTES = [
    route("POST", "/v1/auth/authenticate", authenticate, "auth.login", "open", write=False),
    route("GET", "/v1/auth/refresh/{token}", refresh, "auth.refresh", "open"),
    route("GET", "/v1/users/info", who_am_i, "user.get", "self"),
    route("GET", "/v1/users", list_users, "user.list", "tenant"),
    route("GET", "/v1/dashboard/projects/metadata", projects_metadata, "project.list", "self"),
    route("POST", "/v1/projects", create_project, "project.create", "tenant"),
    route("GET", "/v1/projects/{uid}", get_project, "project.get", "self"),
]
