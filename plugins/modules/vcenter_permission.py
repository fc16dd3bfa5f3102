#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vcenter_permission
short_description: Manage the roles of a user or group on objects of vCenter
version_added: 0.1.0
description:
  - Gives one user or group roles on objects of the inventory, or takes listed ones from it. The objects are listed in O(grants), or are those that
    O(placements) name, with the roles that the Palette documentation asks for there.
  - Permissions of other users and groups are never touched, which is proven after each grant by reading them back.
  - In vCenter a user or group has one role on an object, which counts there instead of what it inherits from above. A grant therefore may take rights
    away. This module adds rights and takes none, unless told so by O(replace). Where the present role has all that is wanted, it is left as it is; where
    the wanted role has all that the present one has, the role is changed; where each has something that the other lacks, nothing is done and the message
    says what would be lost.
  - A user's own permission on an object counts instead of those of the user's groups there; groups are not looked into.
  - Permissions of the principal on other objects are reported; they are taken away with O(exact=true) only.
  - Rights are never taken from the account that the module itself works with.
  - The account of the module needs C(Authorization.ModifyPermissions) on the objects, which administrators have.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description: V(present) gives the listed roles. V(absent) takes those listed roles that the principal has; another role on an object stays.
    type: str
    choices: [present, absent]
    default: present
  principal:
    description: The user or group, as C(name@domain) or C(DOMAIN\name), in any case.
    type: str
    required: true
  group:
    description: Whether O(principal) is a group.
    type: bool
    default: false
  grants:
    description: Objects and the role on each. Exactly one of O(grants) and O(placements) is required.
    type: list
    elements: dict
    suboptions:
      object:
        description:
          - Inventory path of the object, such as V(/dc-1/vm/palette), V(/dc-1/host/cluster-1/Resources/palette) or V(/dc-1/datastore/ds-1); V(/) is the root
            folder. A slash in a name is written C(%2f).
          - Exactly one of O(grants[].object) and O(grants[].name) is required.
        type: str
      type:
        description: Type of the object. Required with O(grants[].name).
        type: str
        choices:
          - Folder
          - Datacenter
          - ClusterComputeResource
          - HostSystem
          - ResourcePool
          - Datastore
          - Network
          - DistributedVirtualPortgroup
          - DistributedVirtualSwitch
          - VirtualMachine
      name:
        description: Name of the object, where only one of that type has it.
        type: str
      role:
        description: Name of the role. Those that came with vCenter may be called as its client shows them.
        type: str
        required: true
      propagate:
        description: Whether the role also counts on everything below the object.
        type: bool
        default: true
  roles:
    description:
      - Names of the two roles that O(placements) are granted with; one needs the other.
      - The distributed switch of a port group gets the built-in role ReadOnly without propagation.
    type: dict
    suboptions:
      root:
        description: The root-level role.
        type: str
        required: true
      spectro:
        description: The Spectro role.
        type: str
        required: true
  assignment:
    description:
      - Which of the two roles goes to which objects. V(page) follows the Palette documentation - the root-level role on the root folder and the datacenters,
        the Spectro role on compute clusters, VM folders, datastores and networks.
      - V(vendor_current) follows the table on the vendor's current page, which leaves the VM folder without the rights to make virtual machines.
    type: str
    choices: [page, vendor_current]
    default: page
  replace:
    description: Whether a grant may take away rights that the principal has on an object.
    type: bool
    default: false
  exact:
    description: Whether to take from the principal what it has on objects that are not listed.
    type: bool
    default: false
extends_documentation_fragment:
  - palette.vmware.placements.optional
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.vcenter_group
requirements:
  - pyvmomi >= 8.0.3.0.1
seealso:
  - module: palette.vmware.vcenter_role
  - module: palette.vmware.permission_audit
"""

EXAMPLES = r"""
- name: What the documentation asks for, on the objects of the gateway's placements
  palette.vmware.vcenter_permission:
    username: administrator@vsphere.local
    password: "{{ vcenter_admin_password }}"
    principal: svc-palette@vsphere.local
    placements: "{{ gateway_placements }}"
    roles:
      root: palette-root
      spectro: palette-spectro

- name: Roles on listed objects
  palette.vmware.vcenter_permission:
    principal: LAB\vm-operators
    group: true
    grants:
      - object: /dc-1/vm/palette
        role: palette-spectro
      - type: DistributedVirtualSwitch
        name: vds-1
        role: ReadOnly
        propagate: false

- name: Taken away again
  palette.vmware.vcenter_permission:
    principal: LAB\vm-operators
    group: true
    state: absent
    grants:
      - object: /dc-1/vm/palette
        role: palette-spectro
"""

RETURN = r"""
vcenter_permission:
  description:
    - The principal's own permissions as they are after the run, in check mode as they would be - those on the listed objects, and those on others
      (C(surplus)).
  returned: success
  type: dict
  sample:
    permissions:
      - {object: /dc-1/vm/palette, type: Folder, moid: group-v114, role: palette-spectro, propagate: true}
    surplus: []
plan:
  description: The changes, made or (in check mode) to be made. C(reason) says what a change takes away, if it does.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: vcenter_permission
      name: svc-palette@vsphere.local on /dc-1/vm/palette
      before:
      after: {role: palette-spectro, propagate: true}
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

from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_permission
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_vcenter_permission)
