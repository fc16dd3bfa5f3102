#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: api
short_description: Make one call of the Palette API
version_added: 0.1.0
description:
  - Makes any call of Palette's REST API v1 through the collection's own client, with its authentication, retries and errors.
  - It is the way out for what no module of this collection covers. Where there is a module, prefer it.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  method:
    description:
      - HTTP method. V(GET), and V(POST) to a path that ends in C(/search), only read; any other call counts as a change.
      - The V(GET) of C(/v1/overlords/pairing/code) draws a new pairing code each time, so it counts as a change too.
    type: str
    choices: [GET, POST, PUT, PATCH, DELETE]
    default: GET
  path:
    description: Path of the call. Starts with C(/v1/) and has no query string.
    type: str
    required: true
  body:
    description: What is sent, as the API documents it. Not for V(GET).
    type: dict
  query:
    description: Query parameters.
    type: dict
  scope:
    description: Whether the call is made for the whole tenant or in O(palette_project).
    type: str
    choices: [tenant, project]
    default: tenant
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.attributes
  - palette.vmware.attributes.palette_group
attributes:
  check_mode:
    support: full
    details: A call that counts as a change is not sent. What it would answer cannot be known.
  diff_mode:
    support: partial
    details: The diff of a change shows what is sent; what was there before is not known.
  idempotent:
    support: none
    details: Every call that counts as a change reports C(changed) each time, because its effect cannot be known.
notes:
  - What lies under keys that name a secret (password, token, API key, kubeconfig, pairing code …) is replaced by C(***) in the result.
  - Only calls that answer JSON, or nothing, can be made; downloads of files fail.
  - A lost answer to a V(POST) is not repeated, because it may have been carried out.
"""

EXAMPLES = r"""
- name: Who am I
  palette.vmware.api:
    path: /v1/users/info
  register: me

- name: The clusters of a project
  palette.vmware.api:
    method: POST
    path: /v1/dashboard/spectroclusters/search
    body:
      filter: {}
    scope: project
    palette_project: team-a
  register: clusters

- name: Label a gateway
  palette.vmware.api:
    method: PUT
    path: /v1/overlords/{{ gateway.uid }}/metadata
    body:
      metadata:
        name: "{{ gateway.name }}"
        labels:
          site: dc-1
"""

RETURN = r"""
api:
  description: The call and its answer.
  returned: success
  type: dict
  contains:
    method:
      description: HTTP method.
      type: str
    path:
      description: Path of the call.
      type: str
    sent:
      description: Whether the call was made; false for a change in check mode.
      type: bool
    json:
      description: What Palette answered, secrets masked; empty where it answers nothing, null where nothing was sent.
      type: dict
  sample:
    method: GET
    path: /v1/users/info
    sent: true
    json:
      orgName: lab
      tenantUid: 667c37669fb1d224ffd0bd1d
      userUid: 6732677ce46389af646d5002
plan:
  description: The call, if it counts as a change; made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  sample: [{verb: put, kind: api, name: /v1/overlords/6732677ce46389af646d517a/metadata, before: null, after: {metadata: {}}, reason: ""}]
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

from ansible_collections.palette.vmware.plugins.module_utils import _api
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_api)
