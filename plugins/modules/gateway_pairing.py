#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_pairing
short_description: Fetch a pairing code for a gateway installer into a file
version_added: 0.1.0
description:
  - Fetches a pairing code for an installer that is deployed by other means, and writes it to a file that only the user can read. The code is in no result.
  - M(palette.vmware.gateway_installer) fetches the code for an installer of its own; this module is not needed then.
  - Each code is for one installer. A code is fetched only when it is needed, in check mode never.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description: Whether there should be a file with a code.
    type: str
    choices: [present, absent]
    default: present
  gateway:
    description: Name that the gateway is going to have. When a gateway of that name has registered already, no code is fetched.
    type: str
    required: true
  dest:
    description: Absolute path of the file, on the host that runs the module. Its folder must exist. It gets mode 0600 and is replaced in one step.
    type: path
    required: true
  max_age:
    description: Seconds after which a code in the file counts as too old and is replaced. How long codes live is not documented.
    type: int
    default: 86400
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes
  - palette.vmware.attributes.palette_group
seealso:
  - module: palette.vmware.gateway_installer
  - module: palette.vmware.gateway
"""

EXAMPLES = r"""
- name: A code for an installer that is deployed by hand
  palette.vmware.gateway_pairing:
    gateway: dc1-gw
    dest: /run/user/1000/dc1-gw.code
  register: pairing

- name: What to deploy
  ansible.builtin.debug:
    msg: "Deploy {{ pairing.gateway_pairing.ova }} with the code in {{ pairing.gateway_pairing.dest }}"
  when: not pairing.gateway_pairing.registered

- name: The code is used
  palette.vmware.gateway_pairing:
    gateway: dc1-gw
    dest: /run/user/1000/dc1-gw.code
    state: absent
"""

RETURN = r"""
gateway_pairing:
  description:
    - Where the code and the installer are. V(dest) is null when there is no file, V(ova) is null with O(state=absent).
  returned: success
  type: dict
  sample:
    gateway: dc1-gw
    registered: false
    ova: https://software.example.com/installer.ova
    dest: /run/user/1000/dc1-gw.code
plan:
  description: The changes, made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: gateway_pairing
      name: dc1-gw
      before: null
      after: {dest: /run/user/1000/dc1-gw.code, mode: "0600"}
      reason: a new pairing code
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

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_pairing
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_gateway_pairing)
