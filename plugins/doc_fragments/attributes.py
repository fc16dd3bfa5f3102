# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Attributes that hold for every module of the collection; READS for those that only read."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changes that a real run would make, without making any.
    support: full
  diff_mode:
    description: Returns what has changed or would change, field by field.
    support: full
  idempotent:
    description: When run twice in a row with the same options, the second run makes no change.
    support: full
  async:
    description: Supports being used with the C(async) keyword; there is no live progress then.
    support: full
  action:
    description: Has an action plugin of the same name, which runs the module on the controller with live progress where it can.
    support: full
"""

    READS = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode); it only reads.
    support: full
  diff_mode:
    description: There is nothing to compare; it only reads.
    support: none
  idempotent:
    description: It only reads.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
  action:
    description: Has an action plugin of the same name, which runs the module on the controller where it can.
    support: full
"""

    PALETTE_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/palette.vmware.palette) in C(module_defaults) to set the connection to Palette once.
    support: full
    membership:
      - palette.vmware.palette
"""

    VCENTER_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/palette.vmware.vcenter) in C(module_defaults) to set the connection to vCenter once.
    support: full
    membership:
      - palette.vmware.vcenter
"""

    BOTH_GROUPS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/palette.vmware.palette) and C(group/palette.vmware.vcenter) in C(module_defaults) to set the connections once.
    support: full
    membership:
      - palette.vmware.palette
      - palette.vmware.vcenter
"""
