# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module's documentation says what its argument spec says, and meta/runtime.yml knows every module."""
from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.palette.vmware.plugins.module_utils import _specs

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.palette.vmware"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
GROUPS = {"palette": _specs.palette_options, "vcenter": _specs.vcenter_options}


def constants(path):
    """The string constants of a file by name, as YAML data."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = {node.targets[0].id: node.value.value for node in body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)}
    return {name: yaml.safe_load(text) for name, text in found.items() if name.isupper() and isinstance(text, str)}


def documentation(module):
    """DOCUMENTATION of a module with its fragments merged: options, attributes."""
    own = constants(ROOT / "plugins" / "modules" / f"{module}.py")["DOCUMENTATION"]
    options, attributes = dict(own.get("options") or {}), {}
    for reference in own.get("extends_documentation_fragment") or []:
        namespace, name, fragment, section = (reference + ".documentation").split(".")[:4]
        assert (namespace, name) == ("palette", "vmware"), reference
        shared = yaml.safe_load(getattr(importlib.import_module(f"{COLLECTION}.plugins.doc_fragments.{fragment}").ModuleDocFragment, section.upper()))
        assert not set(options) & set(shared.get("options") or {}), f"{module} documents options of {reference} itself"
        options.update(shared.get("options") or {})
        attributes.update(shared.get("attributes") or {})
    for key, value in (own.get("attributes") or {}).items():
        attributes[key] = {**attributes.get(key, {}), **value}
    return {**own, "options": options, "attributes": attributes}


def noun(module):
    return importlib.import_module(f"{COLLECTION}.plugins.module_utils._{module}")


def said(option):
    """What documentation states about one option, in the words of an argument spec."""
    found = {key: option[key] for key in ("type", "elements", "choices", "default", "required") if key in option}
    assert not set(option) - {"description", "type", "elements", "choices", "default", "required", "suboptions", "version_added", "aliases"}, option
    return {"type": "str", **{key: value for key, value in found.items() if not (key == "required" and value is False)}}


def meant(option):
    """What an argument spec states about one option."""
    found = {key: option[key] for key in ("type", "elements", "choices", "default", "required") if option.get(key) is not None}
    return {"type": "str", **{key: value for key, value in found.items() if not (key == "required" and value is False)}}


def text(option):
    description = option["description"]
    return " ".join([description] if isinstance(description, str) else description)


def differences(spec, docs, path=""):
    """Sentences, one for each difference; and the number of options compared."""
    found = [f"{path}{name}: only in the argument spec" for name in sorted(set(spec) - set(docs))]
    found += [f"{path}{name}: only in the documentation" for name in sorted(set(docs) - set(spec))]
    count = 0
    for name in sorted(set(spec) & set(docs)):
        count += 1
        if meant(spec[name]) != said(docs[name]):
            found.append(f"{path}{name}: the spec says {meant(spec[name])}, the documentation {said(docs[name])}")
        if not text(docs[name]).endswith((".", ")")):
            found.append(f"{path}{name}: the description is no sentence")
        for variable in spec[name].get("fallback", (None, []))[1]:
            if f"E({variable})" not in text(docs[name]):
                found.append(f"{path}{name}: E({variable}) is not mentioned")
        inner, below = differences(spec[name].get("options") or {}, docs[name].get("suboptions") or {}, f"{path}{name}.")
        found, count = found + inner, count + below
    return found, count


def below(options):
    """The number of suboptions at all depths."""
    return sum(len(option.get("options") or {}) + below(option.get("options") or {}) for option in options.values())


def test_there_are_modules():
    assert len(MODULES) >= 5


@pytest.mark.parametrize("module", MODULES)
def test_documentation_is_the_argument_spec(module):
    found, count = differences(noun(module).SPEC["argument_spec"], documentation(module)["options"])
    assert not found, "\n".join(found)
    assert count == len(documentation(module)["options"]) + below(noun(module).SPEC["argument_spec"])


@pytest.mark.parametrize("change, says", [
    (lambda docs: docs.pop("name"), "name: only in the argument spec"),
    (lambda docs: docs.update(other={"description": "X."}), "other: only in the documentation"),
    (lambda docs: docs["state"].update(default="absent"), "state: the spec says"),
    (lambda docs: docs["name"].pop("required"), "name: the spec says"),
    (lambda docs: docs["name_servers"].update(elements="int"), "name_servers: the spec says"),
    (lambda docs: docs["palette_host"].update(description="Base URL."), "E(SPECTROCLOUD_HOST) is not mentioned"),
])
def test_the_comparison_sees_differences(change, says):
    docs = yaml.safe_load(yaml.safe_dump(documentation("ip_pool")["options"]))
    change(docs)
    found, _count = differences(noun("ip_pool").SPEC["argument_spec"], docs)
    assert any(says in sentence for sentence in found), found


def secret_looking(options, path=""):
    """(path, option) of every option whose name sounds like a secret, at any depth."""
    for name, option in options.items():
        if any(name.endswith(word) for word in ("password", "api_key", "token", "pairing_code", "secret", "private_key", "kubeconfig")):
            yield f"{path}{name}", option
        yield from secret_looking(option.get("options") or {}, f"{path}{name}.")


@pytest.mark.parametrize("module", MODULES)
def test_options_that_sound_like_secrets_are_secret(module):
    found = list(secret_looking(noun(module).SPEC["argument_spec"]))
    assert found
    assert [path for path, option in found if option.get("no_log") is not True and option["type"] == "str" and not option.get("choices")] == []


@pytest.mark.parametrize("module", MODULES)
def test_the_module_runs_its_noun_and_is_complete(module):
    source = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    docs = documentation(module)
    assert docs["module"] == module and f"main(_{module})" in source
    assert callable(noun(module).execute) and isinstance(noun(module).LIBRARIES, tuple)
    assert {"short_description", "version_added", "author"} <= set(docs)
    assert {"check_mode", "diff_mode", "idempotent", "async", "action", "action_group"} <= set(docs["attributes"])
    assert {"DOCUMENTATION", "EXAMPLES", "RETURN"} <= set(constants(ROOT / "plugins" / "modules" / f"{module}.py"))


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_tasks_of_the_module_with_known_options(module):
    tasks = constants(ROOT / "plugins" / "modules" / f"{module}.py")["EXAMPLES"]
    used = [task[f"palette.vmware.{module}"] or {} for task in tasks if f"palette.vmware.{module}" in task]
    assert used
    for options in used:
        assert set(options) <= set(noun(module).SPEC["argument_spec"]), options


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_in_the_groups_whose_options_it_takes(module):
    options = noun(module).SPEC["argument_spec"]
    groups = [group for group, shared in GROUPS.items() if set(shared()) <= set(options)]
    assert groups == [group for group in GROUPS if module in RUNTIME["action_groups"][group]]
    assert documentation(module)["attributes"]["action_group"]["membership"] == [f"palette.vmware.{group}" for group in groups]
    for group in groups:
        for name, option in GROUPS[group]().items():
            assert options[name] == option, f"{name} differs from the group's"


def test_the_runtime_file_names_the_modules_that_there_are():
    assert sorted(RUNTIME["plugin_routing"]["modules"]) == MODULES
    assert sorted({name for members in RUNTIME["action_groups"].values() for name in members}) == MODULES
    for route in RUNTIME["plugin_routing"]["modules"].values():
        assert route == {"action_plugin": "palette.vmware.api"}
    assert set(RUNTIME["action_groups"]) == set(GROUPS)
