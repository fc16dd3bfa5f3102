#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: project_info
short_description: List the projects of a Palette tenant
version_added: 0.1.0
description:
  - Lists the projects that the credential may see, with their unique ids.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  name:
    description: Name of the only project to list. Upper and lower case differ.
    type: str
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes.reads
  - palette.vmware.attributes.palette_group
seealso:
  - module: palette.vmware.api
"""

EXAMPLES = r"""
- name: All projects
  palette.vmware.project_info:
  register: found

- name: Stop where a project is missing
  palette.vmware.project_info:
    name: team-a
  register: found
  failed_when: found.projects | length != 1
"""

RETURN = r"""
projects:
  description: The projects, sorted by name; empty where none has the name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the project.
      type: str
    uid:
      description: Unique id of the project.
      type: str
  sample:
    - name: Default
      uid: 6732677ce46389af646d5001
error:
  description: What failed, where, what was seen and expected, how to fix it.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _project_info
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_project_info)
