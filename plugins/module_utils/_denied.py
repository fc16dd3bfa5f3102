# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A right that vCenter misses, told so that an administrator can give it: UI label, privilege, object, role. Pure. PRIVATE to the collection."""
from __future__ import annotations

import re

from ._errors import VcenterDenied, quoted
from ._privileges import READ_ONLY, ROLE_TITLES, SECTIONS, granted_by, label, rows

PROFILE_ORDER = ("page", "collection", "vendor_current")
REPAIR = "role palette.vmware.vcenter_access does it"
KINDS = {"Datacenter": "datacenter", "ClusterComputeResource": "compute_cluster", "ComputeResource": "compute_cluster", "HostSystem": "host",
         "ResourcePool": "resource_pool", "VirtualApp": "resource_pool", "Datastore": "datastore", "Network": "network", "OpaqueNetwork": "network",
         "DistributedVirtualPortgroup": "network", "DistributedVirtualSwitch": "switch", "VmwareDistributedVirtualSwitch": "switch", "Folder": "folder",
         "VirtualMachine": "virtual_machine"}
PRIVILEGE = re.compile(r"\b[A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)+\b")


def named(privilege):
    """'VApp.Import (vApp > Import)'; the id alone where its label is not known."""
    text = label(privilege)
    return privilege if text == privilege else f"{privilege} ({text})"


def row_for(privilege, kind):
    """The row that asks for a privilege on objects of this kind, else the first one that asks for it at all; None when no profile does."""
    found = [row for profile in PROFILE_ORDER for row in rows([profile]) if row["privilege"] == privilege]
    return next((row for row in found if kind in row["kinds"]), found[0] if found else None)


def belongs(privilege, kind):
    """(role, who asks for it): where a privilege belongs so that it counts on objects of this kind. ('', '') when no profile asks for it."""
    if privilege.startswith("System."):
        return granted_by(kind)[0], ""
    row = row_for(privilege, kind)
    if row is None:
        return "", ""
    role = row["role"] if kind in row["kinds"] else granted_by(kind)[0] or row["role"]
    return role, f"page: {SECTIONS[row['role']]}" if row["profile"] == "page" else f"profile {row['profile']}"


def advice(privileges, kind, place):
    """What to do about privileges that are missing on one object."""
    groups = {}
    for privilege in privileges:
        groups.setdefault(belongs(privilege, kind), []).append(privilege)
    told = []
    for (role, source), names in groups.items():
        ids = ", ".join(names)
        if not role or any(name.startswith("Authorization.") for name in names):
            told.append(f"grant {ids} to the user on {place}")
        elif role == READ_ONLY:
            told.append(f"grant the {ROLE_TITLES[role]} on {place}, without propagation; {REPAIR}")
        elif not source:
            told.append(f"grant the {ROLE_TITLES[role]} on {place}; {REPAIR}")
        else:
            told.append(f"add {ids} to the {ROLE_TITLES[role]} ({source}), and have that role granted on {place}; {REPAIR}")
    return told


def bare(place):
    """The path out of 'path (Type:id) and 3 more', whatever brackets are in names."""
    return re.sub(r" \(\w+:[^ ()]+\)( and \d+ more)?$", "", place)


def denied(what, where, lacking):
    """A VcenterDenied. lacking: [(place for people, kind of object, [privileges])], the places of one fault in the order of vCenter."""
    seen = "; ".join(f"{', '.join(map(named, privileges)) or 'a privilege'} missing on {place or 'an object that vCenter does not name'}"
                     for place, _kind, privileges in lacking)
    fixes = [text for place, kind, privileges in lacking for text in advice(privileges, kind, bare(place) or "the object")]
    named_places = list(dict.fromkeys(place for place, _kind, _privileges in lacking if place))
    where = "" if any(place.startswith(f"{where} (") for place in named_places) else where
    places = " and ".join(place for place in named_places if place not in where)
    return VcenterDenied(f"not allowed: {what.removesuffix(' failed')}", fault="NoPermission", where=" on ".join(part for part in (where, places) if part),
                         observed=f"NoPermission: {seen}",
                         fix="; ".join(dict.fromkeys(fixes)) or "grant the user what the operation needs; palette.vmware.permission_audit names it")


def privileges_in(texts):
    """Privileges of the profiles, and of tagging, that a server's words name; in their order."""
    found = dict.fromkeys(word for text in texts for word in PRIVILEGE.findall(text))
    return [word for word in found if label(word) != word or word.startswith("InventoryService.")]


def denied_by_rest(what, where, messages, documented, target):
    """A refusal of the REST API. Servers need not say why (vAPI, Unauthorized), so what the call's documentation asks for is told then.

    messages: [{default_message, args}]. documented: privileges. target: (place for people, kind), or ('', '').
    """
    texts = [str(text) for message in messages for text in (message.get("default_message") or "", *(message.get("args") or []))]
    said = privileges_in(texts)
    failure = denied(what, where, [(target[0], target[1], said or list(documented))] if said or documented else [])
    words = quoted(next((text for text in texts if text), ""))
    doubt = "" if said else "; vCenter does not name the privilege, these are the documented ones" if documented else ""
    failure.observed = f"HTTP 403 {failure.observed if said or documented else 'NoPermission'}{doubt}" + (f": {words}" if words else "")
    return failure
