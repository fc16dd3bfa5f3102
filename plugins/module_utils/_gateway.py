# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun gateway: from a registered installer to a running private cloud gateway, and away again. PRIVATE to the collection.

Registration is the installer's work and no Change: `apply` and `settle` wait for it, so that a plan is the same before and after it.
"""
from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass, replace

from . import _gateway_config as config
from . import _gateway_status as status
from . import _placement_check as places
from ._change import Change, Unresolved, update
from ._errors import InputRefused, PaletteRefused, ParentMissing, PlanRefused
from ._gateway_object import GATEWAYS, PENDING, PROVISIONING, RUNNING, SYSTEM_GATEWAY, from_api, gateways
from ._ip_pool_object import pools_of
from ._palette import Palette, connection
from ._run import Noun, run
from ._specs import account_option, spec
from ._until import until

KIND = "gateway"
ACCOUNT = "cloud_account"
ACCOUNTS = "/v1/cloudaccounts/vsphere"
DELETING = "Deleting"
INTERVAL = 3.0
SPARE_ADDRESSES = 2
GIVE_ACCOUNT = "set account: vcenter_server, username, password"
LIBRARIES = ("requests", "netaddr")
PLACEMENT = {key: {"type": "str", "required": True} for key in ("datacenter", "compute_cluster", "datastore", "network", "resource_pool", "folder")}
PLACEMENT["image_template_folder"] = {"type": "str", "default": config.TEMPLATE_FOLDER}
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "registered", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "size": {"type": "int"},
    "account": account_option(),
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "on_create", "no_log": False},
    "share_with_projects": {"type": "bool", "default": True},
    "placements": {"type": "list", "elements": "dict", "options": PLACEMENT},
    "ip_allocation": {"type": "str", "choices": ["static", "dhcp"]},
    "ip_pool": {"type": "str"},
    "ddns_search_domain": {"type": "str"},
    "ssh_keys": {"type": "list", "elements": "str", "no_log": False},
    "ntp_servers": {"type": "list", "elements": "str"},
    "labels": {"type": "dict"},
    "wait": {"type": "str", "choices": ["none", "registered", "running"], "default": "running"},
    "registration_timeout": {"type": "int", "default": 600},
    "wait_timeout": {"type": "int", "default": 1800},
}, vcenter=True, required_if=[("ip_allocation", "static", ("ip_pool",)), ("ip_allocation", "dhcp", ("ddns_search_domain",))],
    required_together=[("placements", "ip_allocation")])


@dataclass(frozen=True)
class Site:
    """What observe and apply talk to: the client, and the module's options, of which only a failure's description uses those of vCenter."""

    palette: Palette
    params: dict


def from_params(params):
    """{state, name, wait, registration_timeout, wait_timeout, configuration: only fields that were set} and account, labels where given."""
    name = params["name"]
    if not name or name != name.strip():
        raise InputRefused("the gateway's name is empty or has white space around it", where="option name", observed=f"'{name}'", fix="correct the name")
    for key in ("registration_timeout", "wait_timeout"):
        if params[key] < 0:
            raise InputRefused("a time to wait is negative", where=f"option {key}", observed=params[key], expected="seconds, 0 or more",
                               fix="correct the number")
    desired = {key: params[key] for key in ("state", "name", "wait", "registration_timeout", "wait_timeout")}
    desired["configuration"] = config.from_params(params) if params["state"] == "present" else {}
    if params["state"] != "absent":
        desired.update(account=config.account_from_params(params), new_password=params["update_password"] == "always",
                       share_with_projects=params["share_with_projects"], labels=wanted_labels(params["labels"]))
    return desired


def wanted_labels(labels):
    """{str: str} or None when not given. Raises InputRefused for a value that is neither text nor a whole number."""
    for key, value in (labels or {}).items():
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise InputRefused("a label's value is no text", where=f"option labels.{key}", observed=repr(value), fix="put it in quotes")
    return None if labels is None else {str(key): str(value) for key, value in labels.items()}


@contextlib.contextmanager
def connect(params, context):
    with Palette(connection(params), context) as palette:
        yield Site(palette, params)


def observe(site, desired, context):
    """{named: gateways of that name that are not being deleted, deleting: those that are, present: names of all, gateway: the one or None, …}

    account: {vcenter_server, username, insecure} or None; configuration: as _gateway_config.from_api, or None before there is one; ip_pool: the pool
    that is wanted, Unresolved, or None where none is; pools; for state absent also nodes and users (tenant clusters).
    """
    everything = gateways(site.palette)
    same = [each for each in everything if each["name"] == desired["name"]]
    named = [each for each in same if each["state"] != DELETING]
    observed = {"named": named, "deleting": [each for each in same if each["state"] == DELETING], "present": [each["name"] for each in everything],
                "gateway": named[0] if len(named) == 1 else None, "account": None, "configuration": None, "ip_pool": None, "pools": [], "own": None,
                "nodes": [], "users": [], "offered": None}
    gateway = observed["gateway"]
    if desired["state"] == "absent":
        observe_leaving(site.palette, desired, observed, context)
    elif gateway:
        observe_standing(site.palette, observed)
        observe_offered(site.palette, desired, observed, context)
        if observed["configuration"] is None and gateway["state"] == PROVISIONING and desired["state"] == "present":
            context.warn(f"the configuration of gateway '{desired['name']}' cannot be read yet and was not compared")
    if desired["configuration"].get("ip_pool"):
        pool = next((each for each in observed["pools"] if each["name"] == desired["configuration"]["ip_pool"]), None)
        observed["ip_pool"] = pool or Unresolved("ip_pool", desired["configuration"]["ip_pool"])
        if gateway is None:
            context.warn(f"gateway '{desired['name']}' has not registered; its IP pool can be made once it has (state registered)")
    return observed


def observe_standing(palette, observed):
    """Account, pools, own cluster and configuration of the one gateway."""
    gateway = observed["gateway"]
    if gateway["account_uid"]:
        observed["account"] = config.account_from_api(palette.get(f"{ACCOUNTS}/{gateway['account_uid']}"))
    observed["pools"] = pools_of(palette, gateway["uid"])
    observed["own"] = status.cluster(palette, gateway)
    if observed["own"] and observed["own"]["state"] not in status.ENDING:
        item = status.cloud_config(palette, observed["own"])
        if item:
            observed["configuration"] = config.from_api(item, {pool["uid"]: pool["name"] for pool in observed["pools"]})


def observe_offered(palette, desired, observed, context):
    """What the gateway's account sees at the wanted placements, when the gateway is about to be configured."""
    gateway, placements = observed["gateway"], desired["configuration"].get("placements")
    if placements and desired["state"] == "present" and observed["account"] and observed["configuration"] is None and gateway["state"] == PENDING:
        observed["offered"] = places.offered(palette, f"{GATEWAYS}/vsphere/{gateway['uid']}/properties", placements)
        for text in places.doubtful(placements, observed["offered"]):
            context.warn(text)


def observe_leaving(palette, desired, observed, context):
    """Node VMs that stay behind, and tenant clusters that forbid the deletion."""
    gateway = observed["gateway"] or next(iter(observed["deleting"]), None)
    if gateway:
        observed["own"] = status.cluster(palette, gateway)
        observed["nodes"] = status.nodes(palette, observed["own"])
    if observed["gateway"]:
        observe_standing(palette, observed)
        observed["users"] = status.users(palette, gateway, observed["own"], observed["pools"])
    elif not gateway and not observed["named"]:
        near = difflib.get_close_matches(desired["name"], observed["present"], 3, 0.7)
        if near:
            context.warn(f"there is no gateway '{desired['name']}'; Palette has {', '.join(near)}")


def plan(desired, observed):
    """Account, configuration and labels, in this order; or the deletion. The system gateway is never touched (the page: Creating a VMware Cloud Gateway)."""
    name, gateway = desired["name"], observed["gateway"]
    refuse_namesakes(name, observed["named"])
    changes = plan_absent(observed) if desired["state"] == "absent" else [
        *account_changes(desired, observed), *configuration_changes(desired, observed), *label_changes(desired, observed)]
    if changes and (name == SYSTEM_GATEWAY or (gateway and gateway["system"])):
        raise PlanRefused(f"gateway '{name}' is Palette's own system gateway, which this module never changes", where=f"gateway {name}",
                          observed=", ".join(f"{change.verb} {change.kind}" for change in changes), expected="no change", fix="name another gateway")
    return changes


def refuse_namesakes(name, named):
    if len(named) > 1:
        raise PlanRefused(f"{len(named)} gateways are registered as '{name}'", where=f"gateway {name}",
                          observed=", ".join(f"{each['uid']} ({each['state']})" for each in named), expected="one of that name",
                          fix="rename or delete the one that is not meant in Palette, and power its installer off")


def plan_absent(observed):
    """Deletion, refused while tenant clusters are there (the page: Deleting a VMware Cloud Gateway)."""
    gateway = observed["gateway"]
    if gateway is None:
        return []
    if observed["users"]:
        users = observed["users"]
        shown = ", ".join(users[:20]) + (f" and {len(users) - 20} more" if len(users) > 20 else "")
        raise PlanRefused(f"gateway '{gateway['name']}' has tenant clusters and cannot be deleted", where=f"gateway {gateway['name']} ({gateway['uid']})",
                          observed=shown, expected="no tenant cluster", fix="delete these clusters first, or move them to another gateway")
    before = {key: value for key, value in (observed["configuration"] or {}).items() if value not in (None, [])}
    return [Change("delete", KIND, gateway["name"], {**before, "labels": gateway["labels"]}, None, "its node VMs stay in vCenter")]


def account_changes(desired, observed):
    """The vCenter account that Palette keeps for the gateway. Its password cannot be read, so it is sent anew only when asked for, or with another change."""
    wanted, have, gateway = desired["account"], observed["account"], observed["gateway"]
    if wanted is None:
        if desired["state"] == "present" and gateway and have is None and desired["configuration"]:
            raise PlanRefused(f"gateway '{gateway['name']}' has no account for vCenter", where="option account", fix=GIVE_ACCOUNT)
        return []
    readable = {key: wanted[key] for key in config.ACCOUNT}
    if have is None:
        after = {**readable, "password": "set (hidden)", "share_with_projects": desired["share_with_projects"]}
        return [Change("create", ACCOUNT, desired["name"], None, after)]
    if not desired["new_password"]:
        return update(ACCOUNT, desired["name"], have, readable)
    return update(ACCOUNT, desired["name"], {**have, "password": "unknown (hidden)"}, {**readable, "password": "changed (hidden)"})


def configuration_changes(desired, observed):
    """One Change that starts the provisioning, or none; another configuration than the one there is refused."""
    wanted, have, gateway = desired["configuration"], observed["configuration"], observed["gateway"]
    if desired["state"] == "registered" or (have is None and gateway and not_to_compare(gateway, wanted)):
        return []
    if have is None or (gateway["state"] == PENDING and config.differing(wanted, have)):
        full = config.complete(wanted)
        refuse_incomplete(desired, gateway)
        refuse_small_pool(full, observed["ip_pool"])
        if observed["offered"]:
            places.refuse_unknown(full["placements"], observed["offered"])
        return [Change("configure", KIND, desired["name"], None, full, "starts the provisioning of the gateway's nodes")]
    fields = config.differing(wanted, have)
    if fields:
        refuse_other_configuration(gateway, have, wanted, fields)
    return []


def not_to_compare(gateway, wanted):
    """A gateway whose configuration cannot be read, although it has one: nothing is asked of it, or it is just being made."""
    return gateway["state"] == PROVISIONING or (gateway["state"] != PENDING and not wanted)


def refuse_incomplete(desired, gateway):
    missing = [key for key in ("placements", "ip_allocation") if not desired["configuration"].get(key)]
    if missing:
        raise PlanRefused(f"gateway '{desired['name']}' is not configured and the task does not say how", where=f"options {', '.join(missing)}",
                          observed=f"state {gateway['state']}" if gateway else "not registered yet", expected="placements with ip_allocation",
                          fix="set them, or use state registered")
    if gateway and gateway["state"] != PENDING:
        raise PlanRefused(f"gateway '{gateway['name']}' cannot be configured now", where=f"gateway {gateway['name']} ({gateway['uid']})",
                          observed=f"state {gateway['state']}, no configuration that can be read", expected=f"state {PENDING}",
                          fix="look at the gateway in Palette; a reset there makes it configurable again")


def refuse_small_pool(full, pool):
    """A gateway takes one address per node, one for its endpoint and one spare (the page: IP requirements). Palette lists at most a part of a big pool."""
    need = full["size"] + SPARE_ADDRESSES
    if isinstance(pool, dict) and len(pool["available"]) < need:
        raise PlanRefused(f"IP pool '{pool['name']}' is too small for a gateway of size {full['size']}", where=f"IP pool {pool['name']} ({pool['uid']})",
                          observed=f"{len(pool['available'])} free addresses", expected=f"{need}: one for each node, the control plane's endpoint, one spare",
                          fix="enlarge the pool, or use another")


def refuse_other_configuration(gateway, have, wanted, fields):
    """Raises PlanRefused with the difference and the way on."""
    name, where = gateway["name"], f"gateway {gateway['name']} ({gateway['uid']})"
    if fields == ["size"]:
        if wanted["size"] < have["size"]:
            raise PlanRefused(f"gateway '{name}' cannot be made smaller: three nodes never become one", where=where, observed=f"size {have['size']}",
                              expected=f"size {wanted['size']}", fix="set size to 3, or install another gateway of size 1")
        raise PlanRefused(f"gateway '{name}' has one node and resizing is not part of this version", where=where, observed=f"size {have['size']}",
                          expected=f"size {wanted['size']}", fix="set size to 1, or resize it in Palette")
    ways = {True: "set the options back, or delete the gateway (state absent) and install it again",
            False: "set the options back, or reset the gateway in Palette (state reset comes with a later version), which makes it Pending, and run this again"}
    raise PlanRefused(f"gateway '{name}' is {gateway['state']} with another configuration, which cannot be changed in place", where=where,
                      observed=config.shown(have, fields), expected=config.shown(wanted, fields), fix=ways[gateway["state"] == RUNNING])


def label_changes(desired, observed):
    if desired["labels"] is None:
        return []
    have = observed["gateway"]["labels"] if observed["gateway"] else {}
    return update(KIND, desired["name"], {"labels": have}, {"labels": desired["labels"]})


def registered(site, desired, observed, context):
    """The one gateway of that name, waited for. Raises DeadlinePassed with what was seen, PlanRefused when there are several."""
    if observed["gateway"]:
        return observed["gateway"]
    timeout = 0 if desired["wait"] == "none" else desired["registration_timeout"]

    def look():
        everything = gateways(site.palette)
        found = [each for each in everything if each["name"] == desired["name"] and each["state"] != DELETING]
        return found, [f"{each['name']} ({each['state']})" for each in everything]

    def describe(seen):
        found = seen[0]
        return f"registered, {found[0]['state']}, installer {found[0]['ip_address'] or 'without address'}" if found else "waiting for the installer to register"

    def missing(seen, waited):
        host = site.palette.connection.host
        fields = status.unregistered(desired["name"], host, status.installer_seen(site.params, context, desired["name"]), seen[1])
        return {**fields, "what": f"{fields['what']} within {waited:.0f} s"}

    found, _names = until(look, lambda seen: bool(seen[0]), context, timeout, INTERVAL, describe, missing)
    refuse_namesakes(desired["name"], found)
    return found[0]


def apply(site, desired, observed, change, context):
    if change.verb == "delete":
        site.palette.delete(f"{GATEWAYS}/{observed['gateway']['uid']}")
        return
    gateway = registered(site, desired, observed, context)
    if change.kind == ACCOUNT:
        store_account(site.palette, desired, gateway)
    elif change.verb == "configure":
        configure(site.palette, desired, gateway, change, context)
    else:
        store_labels(site.palette, gateway, change.after["labels"])


def read(palette, uid):
    """The gateway as it is now."""
    return from_api(palette.get(f"{GATEWAYS}/{uid}"))


def store_account(palette, desired, gateway):
    """Validates the account through the gateway, then stores it; nothing is stored when vCenter refuses it."""
    path, account = f"{GATEWAYS}/vsphere/{gateway['uid']}/account", desired["account"]
    body = {"account": config.account_to_api(account)}
    try:
        palette.post(f"{path}/validate", body)
    except PaletteRefused as refusal:
        refusal.where = f"option account: user {account['username']} at {account['vcenter_server']}, validated by gateway {gateway['name']}"
        refusal.fix = "correct vcenter_server, username or password; set insecure when vCenter's certificate is not one that Palette knows"
        raise
    body["shareWithProjects"] = desired["share_with_projects"]
    if read(palette, gateway["uid"])["account_uid"]:
        palette.put(path, body)
    else:
        palette.create(path, {"name": gateway["name"], **body}, lambda: read(palette, gateway["uid"])["account_uid"])


def configure(palette, desired, gateway, change, context):
    """Resolves the pool and the gateway's own profile, and starts the provisioning."""
    gateway, pool_uid = read(palette, gateway["uid"]), None
    if not gateway["account_uid"]:
        raise ParentMissing(f"gateway '{gateway['name']}' has no account for vCenter", where="option account", fix=GIVE_ACCOUNT)
    if change.after["ip_pool"]:
        pool = next((each for each in pools_of(palette, gateway["uid"]) if each["name"] == change.after["ip_pool"]), None)
        if pool is None:
            raise ParentMissing(f"gateway '{gateway['name']}' has no IP pool '{change.after['ip_pool']}'", where="option ip_pool",
                                fix="make the pool first (ip_pool)")
        refuse_small_pool(change.after, pool)
        pool_uid = pool["uid"]
    profile = palette.get(f"{GATEWAYS}/vsphere/{gateway['uid']}/clusterprofile")
    body = config.to_api(change.after, pool_uid, (profile.get("metadata") or {}).get("uid"))
    palette.create(f"{GATEWAYS}/vsphere/{gateway['uid']}/cloudconfig", body, lambda: read(palette, gateway["uid"])["cluster_uid"])
    context.progress(f"configuration of gateway {desired['name']} sent, size {change.after['size']}")


def store_labels(palette, gateway, labels):
    """PUT replaces name, labels and annotations together."""
    metadata = palette.get(f"{GATEWAYS}/{gateway['uid']}").get("metadata") or {}
    kept = {"name": metadata.get("name"), "annotations": metadata.get("annotations") or {}}
    palette.put(f"{GATEWAYS}/{gateway['uid']}/metadata", {"metadata": {**kept, "labels": labels}})


def settle(site, desired, observed, context):
    """Waits for what the state and `wait` ask for; on a run without changes too."""
    if desired["state"] == "absent":
        if desired["wait"] != "none":
            wait_gone(site, desired, observed["deleting"] + observed["named"], context)
        return
    gateway = registered(site, desired, observed, context)
    if desired["state"] == "present" and desired["wait"] == "running":
        wait_running(site, desired, gateway, context)


def wait_running(site, desired, gateway, context):
    palette = site.palette

    def look():
        now = read(palette, gateway["uid"])
        return now, status.cluster(palette, now), status.recent_events(palette, now)

    def deadline(seen, waited):
        now, own, _events = seen
        pool = next((each for each in pools_of(palette, now["uid"]) if each["name"] == desired["configuration"].get("ip_pool")), None)
        return {"what": f"gateway '{now['name']}' is not {RUNNING} after {waited:.0f} s", "where": f"gateway {now['name']} ({now['uid']})",
                "observed": status.progress(*seen), "expected": f"state {RUNNING}",
                "fix": f"run the task again, it goes on waiting, nothing was undone; {status.obstacles(own, status.all_events(palette, now), pool)}"}

    until(look, lambda seen: seen[0]["state"] == RUNNING, context, desired["wait_timeout"], INTERVAL, lambda seen: status.progress(*seen), deadline)


def wait_gone(site, desired, leaving, context):
    uids = {each["uid"] for each in leaving}

    def look():
        return [each for each in gateways(site.palette) if each["uid"] in uids]

    def deadline(seen, waited):
        return {"what": f"gateway '{desired['name']}' is still there after {waited:.0f} s", "where": f"gateway {desired['name']} ({', '.join(sorted(uids))})",
                "observed": ", ".join(f"state {each['state']}" for each in seen), "fix": "run the task again, it goes on waiting"}

    until(look, lambda seen: not seen, context, desired["wait_timeout"], INTERVAL,
          lambda seen: f"{seen[0]['state']}" if seen else "gone", deadline)


def present(observed):
    """The gateway with its account and configuration (null before there is one), or None."""
    gateway = observed["gateway"]
    if gateway is None:
        return None
    return {**gateway, "account": observed["account"], **(observed["configuration"] or dict.fromkeys(config.DECIDED))}


def predict(desired, observed, changes):
    """The gateway as it will be; what the server assigns is left as it is."""
    have = present(observed)
    for change in changes:
        if change.verb == "delete":
            return None
        have = have or {"name": desired["name"], "account": None}
        if change.kind == ACCOUNT:
            have["account"] = {**(have["account"] or {}), **{key: change.after[key] for key in config.ACCOUNT if key in change.after}}
        else:
            have = {**have, **change.after}
    return have


def leftovers(observed, params, context):
    """Node VMs of a deleted gateway, which Palette leaves in vCenter (the page: Deleting a VMware Cloud Gateway, last step): [{name, moid, address}].

    moid: where a connection to vCenter is given and just one VM there has the name, else None.
    """
    if not observed["nodes"]:
        return []
    machines = status.machines_in_vcenter(params, context, ["name"])
    moids = {}
    for reference, row in ({} if isinstance(machines, str) else machines).items():
        moids.setdefault(row.get("name"), []).append(reference._GetMoId())
    return [{"name": node["name"], "moid": moids[node["name"]][0] if len(moids.get(node["name"], [])) == 1 else None, "address": node["address"]}
            for node in observed["nodes"]]


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, settle, predict)


def execute(params, context):
    """The result of the run; for state absent with `leftovers`, out of what was seen before the deletion."""
    first = []

    def remembered(site, desired, inner):
        observed = observe(site, desired, inner)
        first.append(observed)
        return observed

    result = run(replace(NOUN, observe=remembered), params, context)
    if params["state"] == "absent":
        result["leftovers"] = leftovers(first[0], params, context)
    return result
