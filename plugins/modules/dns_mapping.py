#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: dns_mapping
short_description: Manage the DNS mapping of a network with DHCP
version_added: 0.1.0
description:
  - Tells Palette which search domain the nodes in a network get their names in. Clusters whose nodes get addresses by DHCP need dynamic DNS.
  - There is one mapping for a gateway, datacenter and network; these three cannot change, the domain can.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description: Whether the mapping should exist.
    type: str
    choices: [present, absent]
    default: present
  gateway:
    description: Name of the private cloud gateway.
    type: str
    required: true
  datacenter:
    description: Name of the datacenter.
    type: str
    required: true
  network:
    description: Name of the network or port group.
    type: str
    required: true
  dns_name:
    description: The domain, two labels or more. Required when O(state=present).
    type: str
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes
  - palette.vmware.attributes.palette_group
requirements:
  - netaddr >= 1.0
seealso:
  - module: palette.vmware.gateway
"""

EXAMPLES = r"""
- name: Nodes in pg-k8s are named in k8s.lab.local
  palette.vmware.dns_mapping:
    gateway: dc1-gw
    datacenter: dc-1
    network: pg-k8s
    dns_name: k8s.lab.local

- name: No longer needed
  palette.vmware.dns_mapping:
    gateway: dc1-gw
    datacenter: dc-1
    network: pg-k8s
    state: absent
"""

RETURN = r"""
dns_mapping:
  description: The mapping as it is after the run, in check mode as it would be; null when it is absent.
  returned: success
  type: dict
  sample:
    uid: 6732677ce46389af646d5230
    gateway: dc1-gw
    gateway_uid: 6732677ce46389af646d517a
    datacenter: dc-1
    network: pg-k8s
    dns_name: k8s.lab.local
plan:
  description: The changes, made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  sample: [{verb: create, kind: dns_mapping, name: dc-1/pg-k8s, before: null, after: {dns_name: k8s.lab.local}, reason: ""}]
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

from ansible_collections.palette.vmware.plugins.module_utils import _dns_mapping
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_dns_mapping)
