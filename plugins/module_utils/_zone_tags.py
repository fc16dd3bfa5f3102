# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun zone_tags: regions on datacenters and zones on compute clusters, by vCenter's tags. PRIVATE to the collection.

A tag category has cardinality SINGLE and fits one type of object. What cannot be brought to the rules is refused before the first write.
"""
from __future__ import annotations

import contextlib

from ._finding import ready
from ._run import Noun, run
from ._specs import spec
from ._tagging import Tagging
from ._vsphere import Vsphere, vcenter_connection
from ._zone_findings import judge, refuse_what_remains
from ._zone_options import from_params
from ._zone_site import Site, apply, observe
from ._zone_state import applied, changes_to_absent, changes_to_present, view

KIND = "zone_tags"
LIBRARIES = ("pyVmomi", "pyVim.connect", "requests")
ZONE = {"compute_cluster": {"type": "str", "required": True}, "zone": {"type": "str", "required": True}}
REGION = {"datacenter": {"type": "str", "required": True}, "region": {"type": "str", "required": True},
          "zones": {"type": "list", "elements": "dict", "default": [], "options": ZONE}}
SPEC = spec({
    "state": {"type": "str", "choices": ["validated", "present", "absent"], "default": "present"},
    "regions": {"type": "list", "elements": "dict", "options": REGION},
    "datacenters": {"type": "list", "elements": "str"},
    "region_category": {"type": "str", "default": "k8s-region"},
    "zone_category": {"type": "str", "default": "k8s-zone"},
    "detach_misplaced": {"type": "bool", "default": False},
    "purge_unused": {"type": "bool", "default": False},
}, palette=False, vcenter=True)


@contextlib.contextmanager
def connect(params, context):
    connection = vcenter_connection(params)
    with Vsphere(connection, context) as vsphere, Tagging(connection, context, vsphere.named) as tagging:
        yield Site(vsphere, tagging)


def plan(desired, observed):
    """The changes. Raises PlanRefused for what would still be wrong after them (faults W08)."""
    if desired["state"] == "absent":
        return changes_to_absent(desired, observed)
    changes = changes_to_present(desired, observed)
    refuse_what_remains(desired, applied(desired, observed, changes))
    return changes


def predict(desired, observed, changes):
    return view(applied(desired, observed, changes))


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, view, predict=predict)


def validate(params, context):
    """What is there and what is wrong with it; changes nothing, and findings are no failure."""
    desired = from_params(params)
    with connect(params, context) as site:
        state = observe(site, desired, context)
    findings, good = judge(desired, state)
    return {"changed": False, "plan": [], "diff": [], KIND: view(state), "findings": findings, "passed": good, "ready": ready(findings),
            "timeline": context.timeline, "warnings": context.warnings}


def execute(params, context):
    """As every state-changing module's, with `table` beside `zone_tags`; with findings, passed and ready when validated."""
    answer = validate(params, context) if params["state"] == "validated" else run(NOUN, params, context)
    return {**answer, "table": answer[KIND].pop("table")}
