# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which property of an OVF (or of a VM made from it) is which option, and what its value is. Pure. PRIVATE to the collection.

The product's property keys are documented nowhere; its labels are (page: vSphere - Deploy Gateway Installer). So keys are found by label and type.
"""
from __future__ import annotations

import difflib
import hashlib
import json
import re

from ._errors import InputRefused
from ._installer_options import without_password
from ._secret import Secret

LABELS = {
    "installer_name": ("Installer Name", "Palette Gateway Name", "Gateway Name"),
    "console_endpoint": ("Console endpoint", "Palette Console endpoint", "Management Console endpoint"),
    "pairing_code": ("Pairing Code", "PIN"),
    "ssh_public_key": ("SSH Public Key", "SSH Key"),
    "pod_cidr": ("Pod CIDR", "Pod IP range"),
    "service_cidr": ("Service cluster IP range", "Service CIDR", "Service IP range"),
    "http_proxy": ("HTTP PROXY",),
    "https_proxy": ("HTTPS PROXY",),
    "no_proxy": ("NO Proxy",),
    "certificate": ("Certificate", "Proxy Certificate"),
}
NO_TEXT = ("boolean", "real", "int", "uint", "sint")


def plain(label):
    return re.sub(r"[^a-z0-9]", "", label.lower())


def key_map(properties, overrides, wanted):
    """{option: property} for every option that has one. wanted: options that must have one. Raises InputRefused naming what is valid."""
    ids = [entry["id"] for entry in properties]
    found = {}
    for option, key in sorted(overrides.items()):
        if option not in LABELS:
            raise InputRefused(f"no option '{option}' becomes a property", where="option property_keys", expected=", ".join(LABELS))
        if key not in ids:
            near = difflib.get_close_matches(key, ids, 1, 0.4)
            raise InputRefused(f"unknown property '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""), where=f"option property_keys.{option}",
                               expected=", ".join(sorted(ids)), fix="correct the key")
        found[option] = properties[ids.index(key)]
    taken = {entry["id"] for entry in found.values()}
    for option, labels in LABELS.items():
        if option not in found:
            entry = by_label([entry for entry in properties if entry["id"] not in taken], option, labels)
            if entry is not None:
                found[option] = entry
    for option in wanted:
        check_settable(option, found.get(option), properties)
    return found


def by_label(properties, option, labels):
    """The one text property with that label. Raises InputRefused when several have it."""
    texts = [entry for entry in properties if not entry["type"].lower().startswith(NO_TEXT)]
    for label in labels:
        matching = [entry for entry in texts if plain(entry["label"]) == plain(label)]
        if len(matching) > 1:
            raise InputRefused(f"several properties are labelled '{label}'", where=f"option {option}",
                               observed=", ".join(sorted(entry["id"] for entry in matching)),
                               fix=f"name the right one in property_keys.{option}")
        if matching:
            return matching[0]
    return None


def check_settable(option, entry, properties):
    if entry is None:
        shown = ", ".join(sorted(f"{other['id']} ({other['label']})" for other in properties)) or "no property at all"
        raise InputRefused(f"the OVA has no property for option {option}", where="OVF properties", observed=shown,
                           expected=f"one labelled '{LABELS[option][0]}'",
                           fix=f"name it in property_keys.{option}")
    if not entry.get("user_configurable", True):
        raise InputRefused(f"the OVA's property '{entry['id']}' cannot be set by users", where=f"option {option}",
                           fix=f"name another one in property_keys.{option}")


def check_value(option, entry, value):
    """Raises InputRefused when a value breaks MinLen or MaxLen of its property (DSP0243 annex: qualifiers)."""
    for word, wrong in (("MinLen", lambda bound: len(value) < bound), ("MaxLen", lambda bound: len(value) > bound)):
        match = re.search(rf"{word}\(([0-9]+)\)", entry.get("qualifiers", ""))
        if match and wrong(int(match.group(1))):
            raise InputRefused(f"the value of {option} is too {'short' if word == 'MinLen' else 'long'} for property '{entry['id']}'", where=f"option {option}",
                               observed=f"{len(value)} characters", expected=f"{word} {match.group(1)}")


def revealed(value):
    return value.reveal() if isinstance(value, Secret) else value


def assignments(desired, properties):
    """{property id: text} for what the user set; the keys and the values' lengths are checked."""
    keys = key_map(properties, desired["property_keys"], wanted_options(desired))
    values = {option: revealed(value) for option, value in desired["properties"].items()}
    for option, value in values.items():
        check_value(option, keys[option], value)
    return {keys[option]["id"]: value for option, value in values.items()}


def wanted_options(desired):
    return sorted({*desired["properties"], "pairing_code"})


def of_vm(infos):
    """vim.vApp.PropertyInfo list -> the same shape as a descriptor's properties, with `value`."""
    return [{"id": ".".join(part for part in (info.classId, info.id, info.instanceId) if part), "label": info.label or "", "type": info.type or "string",
             "default": info.defaultValue or "", "value": info.value or "", "password": (info.type or "").startswith("password")} for info in infos or []]


def shown(option, value):
    """A property's value for plans and results; None for the pairing code, which stays out."""
    text = revealed(value)
    if option in ("http_proxy", "https_proxy"):
        return without_password(text) if text else ""
    return text


def shown_all(values):
    return {option: shown(option, value) for option, value in sorted(values.items()) if option != "pairing_code" and revealed(value)}


def digest(value, salt):
    return f"{salt}:{hashlib.sha256((salt + value).encode('utf-8')).hexdigest()}"


def digests(values, salt):
    """JSON of salted digests of all values but the pairing code: what a later run compares where vCenter hides a value."""
    return json.dumps({option: digest(revealed(value), salt) for option, value in sorted(values.items()) if option != "pairing_code"}, sort_keys=True)


def differences(desired, properties, kept):
    """{option: (have, want)} as shown to people, of what differs on a VM; the pairing code is left out. kept: {option: salted digest} of the marker.

    A value that is not given counts as the property's default. Values of password type are compared by digest, vCenter may hide them.
    """
    keys, found = key_map(properties, desired["property_keys"], ()), {}
    for option in LABELS:
        entry, given = keys.get(option), desired["properties"].get(option)
        if option == "pairing_code" or entry is None and given is None:
            continue
        if entry is None:
            found[option] = ("", shown(option, given))
            continue
        have, want = entry["value"] or entry["default"], revealed(given) if given is not None else entry["default"]
        if entry["password"] and option in kept:
            same, have = digest(want, kept[option].split(":")[0]) == kept[option], "hidden"
        else:
            same = have == want
        if not same:
            before, after = (shown(option, text) if option not in ("certificate",) else brief(text) for text in (have, want))
            found[option] = (before, after if after != before else f"{after} (other credentials)")
    return found


def brief(text):
    """A long value by its digest."""
    return f"sha256:{hashlib.sha256(text.encode('utf-8')).hexdigest()[:16]}" if text else ""
