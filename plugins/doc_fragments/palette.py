# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  palette_host:
    description:
      - Base URL of the Palette management platform, any for a self-hosted one. Without a scheme, C(https) is taken.
      - Environment variables E(PALETTE_HOST), E(SPECTROCLOUD_HOST).
    type: str
    default: https://api.spectrocloud.com
  palette_api_key:
    description:
      - API key. Gateways, IP pools and DNS mappings need that of a tenant administrator.
      - Either this or O(palette_username) with O(palette_password).
      - Environment variables E(PALETTE_API_KEY), E(SPECTROCLOUD_APIKEY).
    type: str
  palette_username:
    description:
      - E-mail address to log in with instead of an API key. Environment variable E(PALETTE_USERNAME).
    type: str
  palette_password:
    description:
      - Password of O(palette_username). Environment variable E(PALETTE_PASSWORD).
    type: str
  palette_org:
    description:
      - Organization of O(palette_username), where it belongs to several. Environment variable E(PALETTE_ORG).
    type: str
  palette_project:
    description:
      - Name of the project that project-scoped objects belong to; tenant-scoped objects ignore it. Environment variable E(PALETTE_PROJECT).
    type: str
  palette_ca_path:
    description:
      - File with the CA certificates that Palette's certificate is verified against, instead of the system's.
        Environment variable E(PALETTE_CA_PATH).
    type: path
  palette_validate_certs:
    description:
      - Whether to verify Palette's certificate. Environment variable E(PALETTE_VALIDATE_CERTS).
    type: bool
    default: true
  palette_timeout:
    description:
      - Seconds that one request may take to connect, and to answer.
    type: int
    default: 30
  palette_retries:
    description:
      - How often a request is repeated that is safe to repeat (rate limit, server errors above 500, lost connections).
    type: int
    default: 3
requirements:
  - requests >= 2.31
"""
