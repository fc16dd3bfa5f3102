#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ip_pool
short_description: Manage an IP pool of a private cloud gateway
version_added: 0.1.0
description:
  - Defines a block of static addresses that the nodes of clusters take theirs from.
  - A pool belongs to one gateway; clusters that are deployed through the gateway choose from its pools.
  - Addresses that are in use are never dropped. A change or a deletion that would do so is refused and names them.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description: Whether the pool should exist.
    type: str
    choices: [present, absent]
    default: present
  gateway:
    description: Name of the private cloud gateway that the pool belongs to.
    type: str
    required: true
  name:
    description: Name of the pool. It identifies the pool among those of the gateway.
    type: str
    required: true
  start:
    description: First address of the range. Needs O(end); excludes O(subnet).
    type: str
  end:
    description: Last address of the range.
    type: str
  subnet:
    description: Network in CIDR form that the addresses come from, instead of a range.
    type: str
  prefix:
    description: Prefix length of the network. Required with a range; that of O(subnet) by default.
    type: str
  network_gateway:
    description: Address of the network's gateway. Required when O(state=present).
    type: str
  name_servers:
    description: Addresses of the name servers. Left as they are when not given.
    type: list
    elements: str
  search_domains:
    description: Search domains of the name resolution. Left as they are when not given.
    type: list
    elements: str
  restrict_to_single_cluster:
    description:
      - Whether the pool is reserved for the first cluster that uses it. Left as it is when not given; Palette shares a new pool among clusters.
    type: bool
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.both_groups
notes:
  - The options of the connection to vCenter are accepted so that group defaults fit; this module does not use them yet.
requirements:
  - netaddr >= 1.0
"""

EXAMPLES = r"""
- name: A range that all clusters may use
  palette.vmware.ip_pool:
    gateway: dc1-gw
    name: workload
    start: 10.10.8.10
    end: 10.10.8.60
    prefix: 22
    network_gateway: 10.10.8.1
    name_servers: [10.10.0.2]
    search_domains: [lab.local]

- name: A subnet, reserved for the first cluster that takes it
  palette.vmware.ip_pool:
    gateway: dc1-gw
    name: team-a
    subnet: 10.10.12.0/24
    network_gateway: 10.10.12.1
    restrict_to_single_cluster: true

- name: No longer needed
  palette.vmware.ip_pool:
    gateway: dc1-gw
    name: team-a
    state: absent
"""

RETURN = r"""
ip_pool:
  description: The pool as it is after the run, in check mode as it would be; null when it is absent.
  returned: success
  type: dict
  sample:
    name: workload
    uid: 6732677ce46389af646d5192
    start: 10.10.8.10
    end: 10.10.8.60
    prefix: 22
    network_gateway: 10.10.8.1
    allotted: [10.10.8.10]
plan:
  description: The changes, made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  sample: [{verb: create, kind: ip_pool, name: workload, before: null, after: {start: 10.10.8.10}, reason: ""}]
timeline:
  description: What was seen while waiting; empty for this module.
  returned: always
  type: list
  elements: dict
error:
  description: What failed, where, what was seen and expected, how to fix it, what was left behind.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _ip_pool
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_ip_pool)
