#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vcenter_folder
short_description: Have a VM folder in vCenter
version_added: 0.1.0
description:
  - Makes the folder for virtual machines that a gateway's nodes or the node images go into, and the folders that lead to it.
  - A folder that is there is left as it is. The module never removes or moves one.
  - The account of the module needs C(Folder.Create) on the folder above.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  datacenter:
    description: Datacenter, by name, or by path when the name is not unique.
    type: str
    required: true
  folder:
    description:
      - Path of the folder below the datacenter's virtual machines, its parts separated by slashes.
      - A name alone stands for the folder of that name anywhere below the datacenter, as in a placement; where there is none, it is made at the top.
    type: str
    required: true
extends_documentation_fragment:
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.vcenter_group
requirements:
  - pyvmomi >= 8.0.3.0.1
seealso:
  - module: palette.vmware.site_check
"""

EXAMPLES = r"""
- name: A folder for the nodes
  palette.vmware.vcenter_folder:
    datacenter: dc-1
    folder: palette/gateways

- name: A folder for the node images
  palette.vmware.vcenter_folder:
    datacenter: dc-1
    folder: spectro-templates
"""

RETURN = r"""
vcenter_folder:
  description: The folder as it is after the run, in check mode as it would be; path and moid are null then when it is to be made.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the folder.
      type: str
    folder:
      description: Its path below the datacenter's virtual machines.
      type: str
    path:
      description: Its path in the inventory.
      type: str
    moid:
      description: Its managed object id.
      type: str
  sample: {name: gateways, folder: palette/gateways, path: /dc-1/vm/palette/gateways, moid: group-v31}
plan:
  description: The folders that were made or (in check mode) are to be made, from the top.
  returned: success
  type: list
  elements: dict
  sample:
    - {verb: create, kind: vcenter_folder, name: palette, before: null, after: {datacenter: dc-1, folder: palette}, reason: ""}
timeline:
  description: Always empty, nothing is waited for.
  returned: always
  type: list
  elements: dict
error:
  description: What failed, where, what was seen and expected, how to fix it.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_folder
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_vcenter_folder)
