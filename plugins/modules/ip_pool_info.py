#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ip_pool_info
short_description: List the IP pools of a private cloud gateway
version_added: 0.1.0
description:
  - Lists the IP pools of a gateway, what is allotted out of them and how much is left.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  gateway:
    description: Name of the private cloud gateway that the pools belong to.
    type: str
    required: true
  name:
    description: Name of the only pool to list.
    type: str
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes.reads
  - palette.vmware.attributes.palette_group
requirements:
  - netaddr >= 1.0
seealso:
  - module: palette.vmware.ip_pool
"""

EXAMPLES = r"""
- name: All pools of a gateway
  palette.vmware.ip_pool_info:
    gateway: dc1-gw
  register: found

- name: Stop where a pool is too small for a cluster of three and three spare addresses
  palette.vmware.ip_pool_info:
    gateway: dc1-gw
    name: workload
  register: found
  failed_when: found.ip_pools | length != 1 or found.ip_pools[0].available_count < 6
"""

RETURN = r"""
ip_pools:
  description: The pools, sorted by name; empty where none has the name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the pool.
      type: str
    uid:
      description: Unique id of the pool.
      type: str
    start:
      description: First address of the range; null for a subnet pool where Palette gives none.
      type: str
    end:
      description: Last address of the range; null for a subnet pool where Palette gives none.
      type: str
    subnet:
      description: Network in CIDR form; null for a range.
      type: str
    prefix:
      description: Prefix length of the network.
      type: int
    network_gateway:
      description: Address of the network's gateway.
      type: str
    name_servers:
      description: Addresses of the name servers.
      type: list
      elements: str
    search_domains:
      description: Search domains of the name resolution.
      type: list
      elements: str
    restrict_to_single_cluster:
      description: Whether the pool is reserved for the first cluster that uses it.
      type: bool
    in_use:
      description: Whether Palette says that the pool is in use.
      type: bool
    clusters:
      description: Unique ids of the clusters that use it, sorted.
      type: list
      elements: str
    allotted:
      description: Addresses in use, in order.
      type: list
      elements: str
    available:
      description: Addresses that are left, as far as Palette lists them, in order.
      type: list
      elements: str
    size:
      description: How many addresses the range or the subnet spans; null where Palette gives neither.
      type: int
    allotted_count:
      description: How many addresses are in use.
      type: int
    available_count:
      description: How many addresses Palette lists as left.
      type: int
  sample:
    - name: workload
      uid: 6732677ce46389af646d5192
      start: 10.10.8.10
      end: 10.10.8.12
      subnet: null
      prefix: 22
      network_gateway: 10.10.8.1
      name_servers: [10.10.0.2]
      search_domains: [lab.local]
      restrict_to_single_cluster: false
      in_use: true
      clusters: [6732677ce46389af646d5191]
      allotted: [10.10.8.10]
      available: [10.10.8.11, 10.10.8.12]
      size: 3
      allotted_count: 1
      available_count: 2
error:
  description: What failed, where, what was seen and expected, how to fix it.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _ip_pool_info
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_ip_pool_info)
