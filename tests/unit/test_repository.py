# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository keeps its own rules. Every rule is a function from text to offences, and is shown text that breaks it."""
from __future__ import annotations

import ast
import pathlib
import re
import subprocess

import pytest
import yaml

from ansible_collections.palette.vmware.plugins.module_utils._libraries import MINIMUM

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES = 350, 60
BLOCKS = ("DOCUMENTATION", "EXAMPLES", "RETURN")
HEADER = ("# Copyright: (c) 2026, palette.vmware contributors",
          "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
          "# SPDX-License-Identifier: GPL-3.0-or-later")
LOCAL = re.compile(r"(?<![\w.-])(/root/|/work/|/tmp/team|/opt/wheels|/home/[a-z]+/)"
                   r"|\b(pypi\.org|pythonhosted\.org|proxy\.golang\.org|sum\.golang\.org|deb\.debian\.org|registry\.npmjs\.org)\b")
TEXT = {".cfg", ".css", ".go", ".html", ".ini", ".j2", ".js", ".json", ".md", ".mod", ".py", ".rst", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}


def python_files(*folders):
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert files, f"no Python file below {folders}"
    return files


def shared_files():
    """Files that are in the commit or would be: tracked, or new and not ignored."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def imports(source):
    """Names of the modules that the source imports, relative ones left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def foreign(source, package):
    return [name for name in imports(source) if name.split(".")[0] == package]


def documentation_lines(tree):
    """Line numbers of docstrings and of the documentation blocks of a module."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            yield from range(first.lineno, first.end_lineno + 1)
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") in BLOCKS for target in node.targets):
            yield from range(node.lineno, node.end_lineno + 1)


def code_lines(source):
    """How many lines hold code: neither blank, nor comment, nor documentation."""
    skipped = set(documentation_lines(ast.parse(source)))
    return sum(1 for number, line in enumerate(source.splitlines(), 1) if number not in skipped and line.strip() and not line.strip().startswith("#"))


def long_functions(source, limit=FUNCTION_LINES):
    return [(node.name, node.end_lineno - node.lineno + 1) for node in ast.walk(ast.parse(source))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno + 1 > limit]


def local_names(text):
    """What is true on one machine only, or names where packages come from."""
    return [match.group(0) for match in LOCAL.finditer(text)]


def make_targets(makefile):
    heads = re.findall(r"^([a-z][a-z -]*):(?!=)", makefile, re.M)
    stages = re.search(r"^STAGES := (.*)$", makefile, re.M).group(1).split()
    return {word for head in heads for word in head.split()} | {f"test-{stage}" for stage in stages}


def make_commands(text):
    """Targets of `make X` in code: a code span or a line of a code block (indented or fenced, with or without a prompt)."""
    return set(re.findall(r"(?:`|^[ \t]*(?:\$ )?)make ([a-z][a-z-]*)", text, re.M))


def block(source, name):
    """The YAML text of DOCUMENTATION, EXAMPLES or RETURN; None when there is none."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == name for target in node.targets):
            return ast.literal_eval(node.value)
    return None


def module_faults(source):
    """Sentences about what a module's documentation lacks."""
    for name in BLOCKS:
        if not yaml.safe_load(block(source, name) or ""):
            yield f"no {name}"
    documentation = yaml.safe_load(block(source, "DOCUMENTATION") or "") or {}
    fragments = documentation.get("extends_documentation_fragment") or []
    attributes = documentation.get("attributes") or {}
    if "attributes" not in documentation and not any("attributes" in fragment for fragment in fragments):
        yield "no attributes"
    if not any("attributes" in fragment for fragment in fragments) and "check_mode" not in attributes:
        yield "attributes say nothing about check_mode"


def header_faults(source):
    if not source.strip():
        return []
    lines = [line for line in source.splitlines() if not line.startswith("#!")]
    wrong = [wanted for wanted, seen in zip(HEADER, [*lines, "", "", ""]) if wanted != seen]
    return wrong + ([] if "from __future__ import annotations" in lines else ["from __future__ import annotations"])


def relative(path):
    return str(path.relative_to(ROOT))


def test_lab_and_collection_share_no_code():
    lab = {relative(path): foreign(path.read_text(encoding="utf-8"), "ansible_collections") for path in python_files("lab")}
    collection = {relative(path): foreign(path.read_text(encoding="utf-8"), "palette_lab") for path in python_files("plugins")}
    assert {path: names for path, names in {**lab, **collection}.items() if names} == {}


def test_a_foreign_import_is_seen():
    assert foreign("def f():\n    from palette_lab.clock import now\n    import palette_lab", "palette_lab") == ["palette_lab.clock", "palette_lab"]
    assert foreign("from . import palette_lab\nimport palette", "palette_lab") == []


def test_no_file_names_a_machine_or_a_registry():
    files = [path for path in shared_files() if path.suffix in TEXT and path != pathlib.Path(__file__).resolve()]
    assert len(files) > 20
    found = {relative(path): local_names(path.read_text(encoding="utf-8", errors="replace")) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_local_name_is_seen():
    assert local_names("see /root/x and https://pypi.org/simple") == ["/root/", "pypi.org"]
    assert local_names("~/.cache and https://example.org/work/item and api.example.com/home/") == []


def test_make_commands_of_the_documentation_exist():
    pages = [path for path in shared_files() if path.suffix == ".md"]
    assert ROOT / "README.md" in pages
    known = make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))
    unknown = {relative(page): make_commands(page.read_text(encoding="utf-8")) - known for page in pages}
    assert {page: names for page, names in unknown.items() if names} == {}


def test_make_commands_are_found():
    assert make_commands("Run `make demo`, then\n\n    make lab-down\n    $ make nothing\nThese make sense.") == {"demo", "lab-down", "nothing"}
    assert {"demo", "test", "test-unit", "ee"} <= make_targets((ROOT / "Makefile").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", python_files("plugins", "lab", "tools"), ids=relative)
def test_files_and_functions_are_short(path):
    source = path.read_text(encoding="utf-8")
    assert code_lines(source) <= FILE_LINES
    assert long_functions(source) == []


def test_length_is_measured():
    assert code_lines('"""Two\nlines."""\n# comment\n\nx = 1\nRETURN = """\na: b\n"""\n') == 1
    assert long_functions("def f():\n    a = 1\n    return a\n", limit=2) == [("f", 3)]


@pytest.mark.parametrize("path", python_files("plugins", "tests"), ids=relative)
def test_collection_python_has_its_header(path):
    assert header_faults(path.read_text(encoding="utf-8")) == []


def test_a_missing_header_is_seen():
    assert header_faults("import os\n") == [*HEADER, "from __future__ import annotations"]


def test_requirements_are_what_the_messages_ask_for():
    wanted = {text.replace(" ", "") for text in MINIMUM.values()}
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert {line for line in lines if line} == wanted


def test_sanity_ignores_nothing():
    entries = {relative(path): [line for line in path.read_text(encoding="utf-8").splitlines() if line.split("#")[0].strip()]
               for path in (ROOT / "tests" / "sanity").glob("ignore-*.txt")}
    assert {path: lines for path, lines in entries.items() if lines} == {}


@pytest.mark.parametrize("path", python_files("plugins/modules"), ids=relative)
def test_modules_are_documented(path):
    assert list(module_faults(path.read_text(encoding="utf-8"))) == []


def test_missing_documentation_is_seen():
    bare = 'DOCUMENTATION = """\nmodule: x\nattributes:\n  diff_mode: {support: none}\n"""\n'
    assert list(module_faults(bare)) == ["no EXAMPLES", "no RETURN", "attributes say nothing about check_mode"]
    assert "no attributes" in list(module_faults("x = 1\n"))
