#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: permission_audit
short_description: Compare a user's privileges in vCenter with what Palette and this collection need
version_added: 0.1.0
description:
  - Works out what a user may do on every object that a run touches, and compares it with the privileges that are needed there, each by its label in the vSphere
    Client and its id. It changes nothing and does not fail because of what it finds.
  - Objects are the root folder, datacenters, compute clusters and their hosts, datastores, networks, the distributed switch of a port group, resource pools, VM
    folders, the image template folder, and the virtual machines and templates that a run will make in these folders.
  - Roles, permissions and the inventory are read in a few calls and evaluated by vSphere's documented rules, which tells why a privilege is there or
    not. vCenter is then asked for its own verdict on all objects but virtual machines. Where the two differ, vCenter's counts, and the difference is a
    finding; then vCenter is asked about virtual machines, too, and about the folders of those to be made.
  - Where permissions cannot be read, vCenter alone is asked. It then cannot be said whether a permission propagates.
  - Privileges that this vCenter does not know are not applicable, and not missing.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  principal:
    description:
      - The user to audit, as C(user@domain) or C(DOMAIN\user). The default is the user of the session itself.
    type: str
  profiles:
    description:
      - Lists of privileges to compare with.
      - V(page) is the documentation's two tables, V(vendor_current) is the vendor's current list of the same, V(collection) is what this collection's own steps
        need beyond them.
    type: list
    elements: str
    choices: [page, vendor_current, collection]
    default: [page, collection]
  scope:
    description:
      - V(placements) looks at what a run touches at O(placements), which are required then.
      - V(all) looks at the whole inventory, virtual machines and templates included. O(placements) then only tell which folder is the image template folder,
        and where virtual machines will be made.
    type: str
    choices: [placements, all]
    default: placements
  confirm:
    description: Whether vCenter is asked for its own verdict too.
    type: bool
    default: true
extends_documentation_fragment:
  - palette.vmware.placements.optional
  - palette.vmware.vcenter
  - palette.vmware.attributes.reads
  - palette.vmware.attributes.vcenter_group
notes:
  - Privileges that take effect at the vCenter root only are asked for there only. Where the page grants a privilege on objects on which, by VMware's
    documentation, it has no effect, its absence is a warning and not an error.
  - Global permissions are not in vCenter's SOAP API. Where they decide, the evaluation and vCenter differ, and vCenter's word counts.
seealso:
  - module: palette.vmware.vcenter_role
  - module: palette.vmware.vcenter_permission
"""

EXAMPLES = r"""
- name: What the session's own user lacks where the gateway will be
  palette.vmware.permission_audit:
    placements:
      - datacenter: dc-1
        compute_cluster: cluster-1
        datastore: ds-shared-1
        network: pg-k8s
        resource_pool: palette/gateways
        folder: palette/gateways
  register: audit

- name: Show each missing privilege with its fix
  ansible.builtin.debug:
    msg: "{{ audit.findings | map(attribute='where') | zip(audit.findings | map(attribute='fix')) }}"

- name: Another user on the whole inventory, by an administrator's session
  palette.vmware.permission_audit:
    principal: svc-palette@vsphere.local
    scope: all
    profiles: [page]
"""

RETURN = r"""
permission_audit:
  description:
    - What was compared. RV(permission_audit.verdicts) has one entry for all objects of a kind with the same verdict.
  returned: success
  type: dict
  contains:
    principal:
      description: The user.
      type: str
      returned: success
      sample: VSPHERE.LOCAL\svc-palette
    groups:
      description: Groups with permissions that the user is in, nested ones too.
      type: list
      elements: str
      returned: success
      sample: [VSPHERE.LOCAL\palette-operators]
    profiles:
      description: The lists that were compared with.
      type: list
      elements: str
      returned: success
      sample: [page, collection]
    scope:
      description: What was looked at.
      type: str
      returned: success
      sample: placements
    method:
      description: Who spoke. V(evaluated, confirmed by vCenter), V(evaluated), or V(vCenter's own check).
      type: str
      returned: success
      sample: evaluated, confirmed by vCenter
    administrator:
      description: Whether the user holds every privilege on every object.
      type: bool
      returned: success
      sample: false
    counts:
      description: Numbers of objects, of privileges granted, missing and surplus, of objects that vCenter confirmed, of disagreements.
      type: dict
      returned: success
      sample: {objects: 12, to_be_made: 2, granted: 141, missing: 6, surplus: 0, not_applicable: 0, confirmed_objects: 12, disagreements: 0}
    verdicts:
      description: For each kind of object and verdict, what is granted, missing, held beyond what the profiles ask for, and unknown to this vCenter.
      type: list
      elements: dict
      returned: success
      contains:
        kind:
          description: Kind of the objects.
          type: str
          returned: success
          sample: folder
        role:
          description: Role that the page gives them. V(root), V(spectro) or V(read_only).
          type: str
          returned: success
          sample: spectro
        granted:
          description: Ids of needed privileges that are held.
          type: list
          elements: str
          returned: success
          sample: [Folder.Create]
        missing:
          description: Ids of needed privileges that are not held.
          type: list
          elements: str
          returned: success
          sample: [VApp.Import]
        surplus:
          description: Ids of privileges that are held and that no profile asks for.
          type: list
          elements: str
          returned: success
          sample: []
        not_applicable:
          description: Ids of needed privileges that this vCenter does not know.
          type: list
          elements: str
          returned: success
          sample: []
        via:
          description: The permissions that decide.
          type: list
          elements: dict
          returned: success
          sample: [{object: /dc-1/vm/palette, principal: VSPHERE.LOCAL\svc-palette, role: spectro, propagate: true}]
        method:
          description: Who spoke on these objects.
          type: str
          returned: success
          sample: evaluated, confirmed by vCenter
        objects:
          description: The objects. What is yet to be made has no moid.
          type: list
          elements: dict
          returned: success
          sample: [{path: /dc-1/vm/palette/gateways, moid: group-v12, type: Folder}]
findings:
  description:
    - What is not as it should be, by severity and place. One entry for each missing privilege and object; virtual machines and templates are reported on the
      folder that they are in.
  returned: success
  type: list
  elements: dict
  sample:
    - id: privilege_missing
      severity: error
      title: vApp > Import is missing
      where: /dc-1/vm/palette/gateways (Folder:group-v12)
      object: {path: /dc-1/vm/palette/gateways, moid: group-v12, type: Folder}
      observed: not granted, role spectro of VSPHERE.LOCAL\svc-palette on /dc-1/vm/palette (propagated)
      expected: vApp > Import (VApp.Import)
      fix: add vApp > Import (VApp.Import) to the Spectro role, and grant that role to VSPHERE.LOCAL\svc-palette on /dc-1/vm/palette/gateways with propagation
      section: Creating a VMware Cloud Gateway
      evidence: evaluated, confirmed by vCenter
      path: /dc-1/vm/palette/gateways
      moid: group-v12
      type: Folder
      label: vApp > Import
      privilege: VApp.Import
      kind: folder
      required_by: [{profile: collection, role: spectro, step: gateway_installer imports the installer's OVA, note: ""}]
      count: 1
passed:
  description: What is as it should be, one entry for each place.
  returned: success
  type: list
  elements: dict
  sample:
    - id: privileges_granted
      title: 8 privileges on a datastore
      where: /dc-1/datastore/ds-shared-1 (Datastore:datastore-22)
      object: {path: /dc-1/datastore/ds-shared-1, moid: datastore-22, type: Datastore}
      observed: all granted
      section: VMware Cloud Account Permissions
      evidence: evaluated, confirmed by vCenter
      kind: datastore
ready:
  description: Whether no finding is an error.
  returned: success
  type: bool
  sample: false
error:
  description: What failed, where, what was seen and expected, how to fix it, what was left behind.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _permission_audit
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_permission_audit)
