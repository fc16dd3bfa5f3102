# SPDX-License-Identifier: GPL-3.0-or-later
"""vSphere cloud accounts: reads, and the check of credentials (palette-api 4). Writes beyond the gateway's own account are a later step."""

from __future__ import annotations

from palette_lab import lists, views
from palette_lab.api import vcenter
from palette_lab.api.calls import Call, Reply, check_visible, is_visible, no_content, ok, route


def visible_accounts(call: Call) -> list[dict]:
    """The lock is held."""
    return [each for each in call.store.accounts.values() if is_visible(call, each["annotations"], each["shared"])]


def list_accounts(call: Call) -> Reply:
    with call.store.lock:
        items = [views.account(each) for each in visible_accounts(call)]
    return ok(lists.paginate(lists.select(items, call.query), call.query))


def get_account(call: Call) -> Reply:
    with call.store.lock:
        return ok(views.account(find_account(call)))


def find_account(call: Call) -> dict:
    record = call.store.find("accounts", call.path["uid"])
    check_visible(call, record["annotations"], call.permission, record["shared"])
    return record


def summary(call: Call) -> Reply:
    with call.store.lock:
        items = [{"kind": "vsphere", "metadata": views.metadata(each), "specSummary": {"accountId": each["username"]}, "status": {"state": each["state"]}}
                 for each in visible_accounts(call)]
    return ok(lists.paginate(lists.select(items, call.query), call.query))


def dashboard_metadata(call: Call) -> Reply:
    """Not paginated; ?environment= other than vsphere has nothing."""
    with call.store.lock:
        items = [{"kind": "vsphere", "metadata": views.metadata(each)} for each in visible_accounts(call)]
    return ok({"items": items if call.query.get("environment") in (None, "", "vsphere") else []})


def validate(call: Call) -> Reply:
    """The bare account, no gateway between."""
    vcenter.checked(call, call.body)
    return no_content()


def account_record(call: Call) -> dict:
    with call.store.lock:
        return dict(find_account(call))


def list_datacenters(call: Call) -> Reply:
    return ok(vcenter.datacenters(call, account_record(call)))


def list_resources(call: Call) -> Reply:
    return ok(vcenter.compute_cluster(call, account_record(call)))


ROUTES = [
    route("GET", "/v1/cloudaccounts/vsphere", list_accounts, "cloudaccount.list"),
    route("GET", "/v1/cloudaccounts/vsphere/{uid}", get_account, "cloudaccount.get"),
    route("GET", "/v1/cloudaccounts/summary", summary, "cloudaccount.list"),
    route("GET", "/v1/dashboard/cloudaccounts/metadata", dashboard_metadata, "cloudaccount.list"),
    route("POST", "/v1/clouds/vsphere/account/validate", validate, "cloudaccount.create", write=False),
    route("GET", "/v1/cloudaccounts/vsphere/{uid}/properties/datacenters", list_datacenters, "cloudaccount.get"),
    route("GET", "/v1/cloudaccounts/vsphere/{uid}/properties/computecluster/resources", list_resources, "cloudaccount.get"),
]
