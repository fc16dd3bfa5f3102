# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that several modules share; one doc fragment stands for each. PRIVATE to the collection."""
from __future__ import annotations

from ansible.module_utils.basic import env_fallback

PALETTE_SAAS = "https://api.spectrocloud.com"


def env(*names):
    """Entry of an argument spec: the first set environment variable of these is the value when the option is not given."""
    return {"fallback": (env_fallback, list(names))}


def palette_options():
    """Connection to Palette; doc fragment palette.vmware.palette."""
    return {
        "palette_host": {"type": "str", "default": PALETTE_SAAS, **env("PALETTE_HOST", "SPECTROCLOUD_HOST")},
        "palette_api_key": {"type": "str", "no_log": True, **env("PALETTE_API_KEY", "SPECTROCLOUD_APIKEY")},
        "palette_username": {"type": "str", **env("PALETTE_USERNAME")},
        "palette_password": {"type": "str", "no_log": True, **env("PALETTE_PASSWORD")},
        "palette_org": {"type": "str", **env("PALETTE_ORG")},
        "palette_project": {"type": "str", **env("PALETTE_PROJECT")},
        "palette_ca_path": {"type": "path", **env("PALETTE_CA_PATH")},
        "palette_validate_certs": {"type": "bool", "default": True, **env("PALETTE_VALIDATE_CERTS")},
        "palette_timeout": {"type": "int", "default": 30},
        "palette_retries": {"type": "int", "default": 3},
    }


def vcenter_options():
    """Connection to vCenter; doc fragment palette.vmware.vcenter."""
    return {
        "hostname": {"type": "str", **env("VMWARE_HOST")},
        "port": {"type": "int", "default": 443, **env("VMWARE_PORT")},
        "username": {"type": "str", **env("VMWARE_USER")},
        "password": {"type": "str", "no_log": True, **env("VMWARE_PASSWORD")},
        "ca_path": {"type": "path", **env("VMWARE_CA_PATH")},
        "validate_certs": {"type": "bool", "default": True, **env("VMWARE_VALIDATE_CERTS")},
    }


def wait_options(timeout):
    """Waiting; timeout is the default in seconds. Each module documents its own two options."""
    return {"wait": {"type": "bool", "default": True}, "wait_timeout": {"type": "int", "default": timeout}}


def account_option():
    """The vCenter account that is handed to Palette (not the one that the module itself uses)."""
    return {
        "type": "dict",
        "options": {
            "vcenter_server": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "insecure": {"type": "bool", "default": False},
        },
    }


PLACEMENT_KEYS = ("datacenter", "compute_cluster", "datastore", "network", "resource_pool", "folder")
PLACEMENT_WORDS = {"datacenter": "datacenter", "compute_cluster": "compute cluster", "datastore": "datastore", "network": "network",
                   "resource_pool": "resource pool", "folder": "VM folder", "image_template_folder": "image template folder"}


def placements_option(required=True):
    """Where a gateway's nodes go, for modules that look at these places; doc fragment palette.vmware.placements, or its section `optional`."""
    option = {key: {"type": "str", "required": True} for key in PLACEMENT_KEYS}
    option["image_template_folder"] = {"type": "str", "default": "spectro-templates"}
    return {"type": "list", "elements": "dict", "required": required, "options": option}


def spec(own, palette=True, vcenter=False, check=True, **rules):
    """Keyword arguments of AnsibleModule (and of the action front's validator). rules: required_if, mutually_exclusive …"""
    options = {}
    if palette:
        options.update(palette_options())
    if vcenter:
        options.update(vcenter_options())
    options.update(own)
    return {"argument_spec": options, "supports_check_mode": check, **rules}
