# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  hostname:
    description:
      - Host name or address of the vCenter server. Environment variable E(VMWARE_HOST).
    type: str
  port:
    description:
      - Port of the vCenter server. Environment variable E(VMWARE_PORT).
    type: int
    default: 443
  username:
    description:
      - User that the module itself logs in with. Environment variable E(VMWARE_USER).
    type: str
  password:
    description:
      - Password of O(username). Environment variable E(VMWARE_PASSWORD).
    type: str
  ca_path:
    description:
      - File with the CA certificates that vCenter's certificate is verified against, instead of the system's.
        Environment variable E(VMWARE_CA_PATH).
    type: path
  validate_certs:
    description:
      - Whether to verify vCenter's certificate. Environment variable E(VMWARE_VALIDATE_CERTS).
    type: bool
    default: true
"""
