#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: zone_tags
short_description: Manage the region and zone tags of datacenters and compute clusters
version_added: 0.1.0
description:
  - Kubernetes on vSphere learns fault domains from tags. A datacenter has one tag of category C(k8s-region), a compute cluster one of category C(k8s-zone).
  - Categories have cardinality C(SINGLE), and fit datacenters or compute clusters only. Zones are unique within a region.
  - What cannot be brought to these rules is refused before the first write, with every object that it is about. Tags of other categories, and tags on
    objects that are not listed, are left alone.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description:
      - V(validated) changes nothing and fails for nothing that it finds; see RV(findings). With O(regions), what is there is also compared with these.
      - V(present) creates what is missing and attaches the tags; another value on a listed object is replaced.
      - V(absent) detaches the tags of both categories from the listed objects, whatever their values.
    type: str
    choices: [validated, present, absent]
    default: present
  regions:
    description: The datacenters with their regions and zones. Required unless O(state=validated).
    type: list
    elements: dict
    suboptions:
      datacenter:
        description: Datacenter, by name, or by path when the name is not unique.
        type: str
        required: true
      region:
        description:
          - The region that it is; may be that of several datacenters.
          - A tag has 1 to 63 characters out of letters, digits, C(-), C(_) and C(.), with a letter or a digit at both ends. The same holds for zones.
        type: str
        required: true
      zones:
        description: Compute clusters of the datacenter that have a zone.
        type: list
        elements: dict
        default: []
        suboptions:
          compute_cluster:
            description: Compute cluster, by name, or by path below the datacenter's hosts when the name is not unique.
            type: str
            required: true
          zone:
            description: The zone that it is, unique within the region.
            type: str
            required: true
  datacenters:
    description:
      - Datacenters that O(state=validated) looks at, by name or path; all of them when neither this nor O(regions) is given. Excludes O(regions).
    type: list
    elements: str
  region_category:
    description: Name of the tag category of regions.
    type: str
    default: k8s-region
  zone_category:
    description: Name of the tag category of zones.
    type: str
    default: k8s-zone
  detach_misplaced:
    description:
      - Whether O(state=present) detaches regions that are on something else than a datacenter, and zones that are on something else than a compute cluster,
        in and above the listed datacenters. Such tags are refused otherwise.
    type: bool
    default: false
  purge_unused:
    description:
      - Whether O(state=absent) also deletes the tags that are listed or were detached, where no object has them any more, and a category that is left
        without tags. Nothing is deleted otherwise.
    type: bool
    default: false
extends_documentation_fragment:
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.vcenter_group
requirements:
  - requests >= 2.31
  - pyvmomi >= 8.0.3.0.1
notes:
  - vCenter lets a category's cardinality only become C(MULTIPLE), and its associable types only be added. A category that allows several tags on one object
    is therefore refused; it has to be deleted, or another one named.
  - When another run attaches another value at the same time, one of the two fails with code C(ZONE_CONFLICT) and both values.
"""

EXAMPLES = r"""
- name: The three compute clusters of dc-1 are zones of one region
  palette.vmware.zone_tags:
    regions:
      - datacenter: dc-1
        region: region1
        zones:
          - {compute_cluster: cluster-1, zone: az1}
          - {compute_cluster: cluster-2, zone: az2}
          - {compute_cluster: cluster-3, zone: az3}

- name: See what is wrong in the whole vCenter
  palette.vmware.zone_tags:
    state: validated
  register: tags

- name: Take the tags off again
  palette.vmware.zone_tags:
    state: absent
    regions:
      - datacenter: dc-1
        region: region1
        zones:
          - {compute_cluster: cluster-1, zone: az1}
    purge_unused: true
"""

RETURN = r"""
zone_tags:
  description:
    - The listed datacenters and compute clusters with the tags that they have after the run, in check mode as they would be.
    - A value is null where there is none, or more than one; a path is null where there is no such object.
  returned: success
  type: dict
  sample:
    regions:
      - datacenter: dc-1
        path: /dc-1
        region: region1
        zones:
          - {compute_cluster: cluster-1, path: /dc-1/host/cluster-1, zone: az1}
table:
  description: The compute clusters of the listed datacenters by region and zone, with the labels that Kubernetes gives to a node in them.
  returned: success
  type: list
  elements: dict
  sample:
    - region: region1
      zone: az1
      compute_clusters: [/dc-1/host/cluster-1]
      labels: {topology.kubernetes.io/region: region1, topology.kubernetes.io/zone: az1}
findings:
  description: What is not as it should be, worst first. C(severity) is V(error), V(warning) or V(advice).
  returned: when O(state=validated)
  type: list
  elements: dict
  sample:
    - id: zone_missing
      severity: error
      title: the compute cluster has no zone
      where: /dc-1/host/cluster-2 (ClusterComputeResource:domain-c30)
      object: {path: /dc-1/host/cluster-2, moid: domain-c30, type: ClusterComputeResource}
      observed: no tag of category k8s-zone
      expected: exactly one tag of category k8s-zone
      fix: attach one, or list it in option regions of zone_tags with state present
      section: Zone Tagging
      evidence: vCenter
passed:
  description: What was checked and is as it should be.
  returned: when O(state=validated)
  type: list
  elements: dict
  sample:
    - id: region
      title: the datacenter's region
      where: /dc-1 (Datacenter:datacenter-2)
      object: {path: /dc-1, moid: datacenter-2, type: Datacenter}
      observed: k8s-region region1
      section: Zone Tagging
      evidence: vCenter
      label: {topology.kubernetes.io/region: region1}
ready:
  description: Whether no finding is an error.
  returned: when O(state=validated)
  type: bool
plan:
  description: The changes, made or (in check mode) to be made; one for each category, tag, and tag with its objects.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: attach
      kind: tag_attachment
      name: k8s-zone/az1
      before: {category: k8s-zone, tag: az1, objects: []}
      after: {category: k8s-zone, tag: az1, objects: [/dc-1/host/cluster-1]}
      reason: ""
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

from ansible_collections.palette.vmware.plugins.module_utils import _zone_tags
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_zone_tags)
