#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vcenter_role
short_description: Manage a role of vCenter, by privileges or by what Palette needs
version_added: 0.1.0
description:
  - Creates a role, adds what it lacks, or deletes it. The privileges are listed, or come from profiles, which are the lists of what Palette and this
    collection need, as data.
  - A privilege that the role has beyond what is wanted is reported; it is removed with O(exact=true) only.
  - Roles that came with vCenter are never changed or deleted. A role that a permission uses is not deleted; the message names the permissions.
  - Privileges that begin with C(System.) are in every role and are not compared.
  - The account of the module needs C(Authorization.ModifyRoles), which administrators have.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description: Whether the role should exist.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the role.
    type: str
    required: true
  privileges:
    description:
      - Privileges by their IDs, such as V(VirtualMachine.Config.AddNewDisk); beside those of O(profiles), where both are given.
      - One that this vCenter does not know is refused, and the nearest that it knows are named.
    type: list
    elements: str
    default: []
  profiles:
    description:
      - Whose needs the role fulfils; several are united, because a principal has one role on an object.
      - V(page) is the tables of the Palette documentation, V(vendor_current) the vendor's current list, V(collection) what the steps of this
        collection need beyond (the import of the installer, tag categories, tags on datacenters and compute clusters).
      - A privilege that this vCenter does not know is left out, and a warning names it.
    type: list
    elements: str
    choices: [page, vendor_current, collection]
    default: []
  part:
    description: Which role of the profiles it is, the root-level role or the Spectro role. Required with O(profiles).
    type: str
    choices: [root, spectro]
  exact:
    description: Whether to remove privileges that are not wanted.
    type: bool
    default: false
extends_documentation_fragment:
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.vcenter_group
requirements:
  - pyvmomi >= 8.0.3.0.1
seealso:
  - module: palette.vmware.vcenter_permission
  - module: palette.vmware.permission_audit
"""

EXAMPLES = r"""
- name: The root-level role of the documentation, with what the collection's own steps need
  palette.vmware.vcenter_role:
    username: administrator@vsphere.local
    password: "{{ vcenter_admin_password }}"
    name: palette-root
    profiles: [page, collection]
    part: root

- name: The Spectro role, and nothing else in it
  palette.vmware.vcenter_role:
    name: palette-spectro
    profiles: [page, collection]
    part: spectro
    exact: true

- name: A role of listed privileges
  palette.vmware.vcenter_role:
    name: tagger
    privileges:
      - InventoryService.Tagging.AttachTag
      - InventoryService.Tagging.ObjectAttachable

- name: No longer needed
  palette.vmware.vcenter_role:
    name: tagger
    state: absent
"""

RETURN = r"""
vcenter_role:
  description:
    - The role as it is after the run, in check mode as it would be; null when it is absent.
    - C(surplus) is what it has beyond what is wanted, C(not_applicable) what the profiles ask for and this vCenter does not know.
  returned: success
  type: dict
  sample:
    name: tagger
    id: 1004
    privileges: [InventoryService.Tagging.AttachTag, InventoryService.Tagging.DeleteTag, InventoryService.Tagging.ObjectAttachable]
    surplus: [InventoryService.Tagging.DeleteTag]
    not_applicable: []
plan:
  description: The changes, made or (in check mode) to be made. C(before) and C(after) hold all privileges, C(reason) what is added and removed.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: update
      kind: vcenter_role
      name: tagger
      before: {privileges: [InventoryService.Tagging.AttachTag]}
      after: {privileges: [InventoryService.Tagging.AttachTag, InventoryService.Tagging.ObjectAttachable]}
      reason: adds InventoryService.Tagging.ObjectAttachable
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

from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_role
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_vcenter_role)
