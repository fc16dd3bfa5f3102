# SPDX-License-Identifier: GPL-3.0-or-later
"""What Palette asks vCenter for on behalf of a handler. Never called with the store's lock held."""

from __future__ import annotations

from typing import Any

from palette_lab import errors
from palette_lab.api.calls import Call


def checked(call: Call, account: dict) -> dict:
    """The cloud account {vcenter_server, username, password, insecure} of a v1VsphereCloudAccount, after a login with it.
    Raises ApiError InvalidRequest for a server with a scheme, CloudAccountValidationFailed when vCenter refuses.
    """
    shape = account_of(account)
    _ask(call, "check_account", shape)
    return shape


def account_of(account: dict | None) -> dict:
    """Raises ApiError InvalidRequest when a part is missing or the server is not a bare host (palette-api 2.2)."""
    account = account or {}
    for name in ("vcenterServer", "username", "password"):
        if not account.get(name):
            raise errors.refused("InvalidRequest", f"account.{name} must not be empty")
    if "://" in account["vcenterServer"] or "/" in account["vcenterServer"]:
        raise errors.refused("InvalidRequest", f"account.vcenterServer is '{account['vcenterServer']}': give the host name or address without scheme and path")
    return {"vcenter_server": account["vcenterServer"], "username": account["username"], "password": account["password"],
            "insecure": bool(account.get("insecure"))}


def datacenters(call: Call, account: dict) -> dict:
    """v1VsphereDatacenters."""
    return {"items": _ask(call, "datacenters", account)}


def compute_cluster(call: Call, account: dict) -> dict:
    """v1VsphereComputeClusterResources of the two required query parameters."""
    for name in ("datacenter", "computecluster"):
        if not call.query.get(name):
            raise errors.RouterError(422, 602, f"{name} in query is required")
    return _ask(call, "compute_cluster_resources", account, call.query["datacenter"], call.query["computecluster"])


def _ask(call: Call, function: str, *arguments: Any) -> Any:
    if call.lab.vsphere is None:
        raise errors.refused("CloudAccountValidationFailed", "this Palette runs without its engine and cannot reach a vCenter")
    try:
        return getattr(call.lab.vsphere, function)(*arguments)
    except call.lab.refused as error:
        code = getattr(error, "code", "") or "CloudAccountValidationFailed"
        if code == "ResourceNotFound":
            raise errors.ApiError(404, code, str(error)) from None
        raise errors.refused("CloudAccountValidationFailed", getattr(error, "message", "") or str(error)) from None
