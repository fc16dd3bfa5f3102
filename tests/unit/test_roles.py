# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles say the same in their defaults, their argument specs and the modules that they pass options to."""
from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.palette.vmware.plugins.module_utils._specs import palette_options, vcenter_options

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
CONNECTION = {*palette_options(), *vcenter_options()}
PASSED = [
    ("gateway", "gateway_installer", "gateway_installer", {"state", "installer_name"}),
    ("gateway", "gateway_ip_pool", "ip_pool", {"state", "gateway"}),
    ("gateway", "gateway_dns_mappings", "dns_mapping", {"state", "gateway"}),
    ("ip_pools", "ip_pools_list", "ip_pool", {"gateway"}),
]


def entries(role):
    return yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_argument_specs(role):
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    said = {name: option["default"] for entry in entries(role).values() for name, option in entry["options"].items() if "default" in option}
    assert said and defaults == said


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_has_its_tasks_and_every_option_its_role_s_prefix(role):
    for entry, spec in entries(role).items():
        assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").exists()
        assert [name for name in spec["options"] if not name.startswith(f"{role}_")] == []


def kinds(options):
    """{option: (type, elements, choices, secret, options below)} of an argument spec of a module or of a role."""
    return {name: (option.get("type", "str"), option.get("elements"), option.get("choices"), bool(option.get("no_log")), kinds(option.get("options") or {}))
            for name, option in options.items()}


@pytest.mark.parametrize("role,option,module,own", PASSED)
def test_options_that_are_passed_on_are_the_module_s(role, option, module, own):
    noun = importlib.import_module(f"ansible_collections.palette.vmware.plugins.module_utils._{module}")
    wanted = kinds({name: spec for name, spec in noun.SPEC["argument_spec"].items() if name not in CONNECTION | own})
    assert kinds(entries(role)["main"]["options"][option]["options"]) == wanted


def test_options_of_the_gateway_are_the_module_s():
    noun = importlib.import_module("ansible_collections.palette.vmware.plugins.module_utils._gateway")
    options = entries("gateway")["main"]["options"]
    for name in ("account", "placements"):
        assert kinds(options[f"gateway_{name}"]["options"]) == kinds(noun.SPEC["argument_spec"][name]["options"])


@pytest.mark.parametrize("role,option,module,own", PASSED)
def test_every_option_is_passed_on(role, option, module, own):
    tasks = (ROOT / "roles" / role / "tasks" / "main.yml").read_text(encoding="utf-8")
    variable = {"gateway_dns_mappings": "gateway_dns_mapping", "ip_pools_list": "ip_pools_pool"}.get(option, option)
    passed = entries(role)["main"]["options"][option]["options"]
    assert [name for name in passed if f"{variable}.{name}" not in tasks and name != "name"] == []


@pytest.mark.parametrize("option, module", [("placements", "vcenter_permission"), ("profiles", "vcenter_role"), ("assignment", "vcenter_permission"),
                                            ("replace", "vcenter_permission"), ("exact", "vcenter_role"), ("profiles", "permission_audit")])
def test_options_of_vcenter_access_are_the_modules(option, module):
    noun = importlib.import_module(f"ansible_collections.palette.vmware.plugins.module_utils._{module}")
    assert kinds({option: entries("vcenter_access")["main"]["options"][f"vcenter_access_{option}"]}) == kinds({option: noun.SPEC["argument_spec"][option]})
