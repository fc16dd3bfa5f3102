#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: placement_info
short_description: List what vCenter offers for placements, as Palette sees it
version_added: 0.1.0
description:
  - Lists datacenters with their folders and compute clusters, and each compute cluster's datastores, networks and resource pools.
  - Palette reads them from vCenter with the account of a gateway, or with a cloud account; what that account may not see is not listed.
  - Use it to check the names of a gateway's or a cluster's placements before they are used.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  gateway:
    description:
      - Name of the private cloud gateway through whose own account vCenter is read.
      - Exactly one of O(gateway) and O(cloud_account) is required.
    type: str
  cloud_account:
    description:
      - Name of the vSphere cloud account that vCenter is read with. It is looked up in O(palette_project), where that is set, and then in the tenant.
    type: str
  datacenter:
    description: Name of the only datacenter to list.
    type: str
  compute_cluster:
    description:
      - Name of the only compute cluster to list. Datacenters without it are left out.
      - Palette asks vCenter once for each compute cluster, so this also saves time.
    type: str
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes.reads
  - palette.vmware.attributes.palette_group
seealso:
  - module: palette.vmware.gateway_info
"""

EXAMPLES = r"""
- name: Everything that the gateway can place machines on
  palette.vmware.placement_info:
    gateway: dc1-gw
  register: offered

- name: One compute cluster
  palette.vmware.placement_info:
    gateway: dc1-gw
    datacenter: dc-1
    compute_cluster: cluster-2
  register: offered

- name: Stop where the network is not there
  ansible.builtin.assert:
    that: "'pg-k8s' in offered.datacenters[0].compute_clusters[0].networks"
"""

RETURN = r"""
datacenters:
  description: The datacenters, sorted by name; empty where none has the names that were given.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the datacenter.
      type: str
    folders:
      description: Its folders for virtual machines, sorted.
      type: list
      elements: str
    compute_clusters:
      description: Its compute clusters.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the compute cluster.
          type: str
        datastores:
          description: Names of the datastores that it reaches, sorted.
          type: list
          elements: str
        networks:
          description: Names of the networks and port groups that it reaches, sorted.
          type: list
          elements: str
        resource_pools:
          description: Its resource pools, sorted.
          type: list
          elements: str
  sample:
    - name: dc-1
      folders: [palette, spectro-templates]
      compute_clusters:
        - name: cluster-1
          datastores: [ds-shared-1]
          networks: [VM Network]
          resource_pools: [Resources]
error:
  description: What failed, where, what was seen and expected, how to fix it.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _placement_info
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_placement_info)
