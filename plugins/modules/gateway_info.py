#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_info
short_description: List the private cloud gateways of a Palette tenant
version_added: 0.1.0
description:
  - Gives state, health and conditions of the gateways, on request their nodes, events and IP pools.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  name:
    description: Name of the one gateway to give, compared exactly. All when not given.
    type: str
  gather:
    description: What to read besides, each at the cost of further calls.
    type: list
    elements: str
    choices: [nodes, events, pools]
    default: []
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes.reads
  - palette.vmware.attributes.palette_group
requirements:
  - netaddr >= 1.0
seealso:
  - module: palette.vmware.gateway
"""

EXAMPLES = r"""
- name: All gateways
  palette.vmware.gateway_info:
  register: known

- name: Those that do not run
  ansible.builtin.debug:
    msg: "{{ known.gateways | rejectattr('state', 'equalto', 'Running') | map(attribute='name') }}"

- name: One, with its node VMs and events
  palette.vmware.gateway_info:
    name: dc1-gw
    gather: [nodes, events]
"""

RETURN = r"""
gateways:
  description: The gateways, sorted by name. Empty when none has the name.
  returned: success
  type: list
  elements: dict
  contains:
    uid: {description: Palette's id of the gateway., type: str, returned: success}
    name: {description: Name., type: str, returned: success}
    labels: {description: Labels (tags)., type: dict, returned: success}
    state: {description: "V(Pending) until it is configured, V(Provisioning), V(Running), V(Deleting).", type: str, returned: success}
    health: {description: "V(Healthy) or V(Unhealthy).", type: str, returned: success}
    ip_address: {description: Address of the installer VM., type: str, returned: success}
    account_uid: {description: Id of its cloud account; null before it has one., type: str, returned: success}
    cluster_uid: {description: Id of the gateway's own cluster; null before it is configured., type: str, returned: success}
    system: {description: Whether it is Palette's own system gateway., type: bool, returned: success}
    update_available: {description: Whether an update of it is offered., type: bool, returned: success}
    conditions:
      description: "Conditions of the gateway's own cluster: V(type), V(status), V(reason), V(message)."
      type: list
      elements: dict
      returned: success
    nodes:
      description: "Node VMs: V(name), V(uid), V(state), V(health), V(address), V(placement)."
      type: list
      elements: dict
      returned: when O(gather) has V(nodes)
    events:
      description: "Events that Palette keeps, newest first: V(at), V(severity), V(reason), V(message)."
      type: list
      elements: dict
      returned: when O(gather) has V(events)
    pools:
      description: Names of its IP pools.
      type: list
      elements: str
      returned: when O(gather) has V(pools)
  sample:
    - uid: 6732677ce46389af646d517a
      name: dc1-gw
      state: Running
      health: Healthy
      conditions: [{type: CloudInfrastructureReady, status: "True", reason: InfrastructureReady, message: ""}]
      nodes: [{name: dc1-gw-cp-0, state: Running, address: 10.10.8.10}]
error:
  description: What failed, where, what was seen and expected, how to fix it.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_info
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_gateway_info)
