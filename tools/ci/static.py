# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that read: linters, type checks, ansible-test sanity, and what the built artifact holds."""
from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import tarfile

from .common import ALONE, ROOT, Outcome, built, check, galaxy, note, problem, tool, unpacked

TOP_LEVEL = {"CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "awx", "changelogs", "docs",
             "extensions", "meta", "playbooks", "plugins", "requirements.txt", "roles"}
NEVER = re.compile(r"(^|/)(lab|tests|benchmarks|tools|molecule|__pycache__|\.venv|\.lab|\.git)(/|$)|\.(pyc|ova|key|pem)$")
LIMIT_BYTES = 20 * 1024 * 1024
SANITY_TESTS_AT_LEAST = 20
GET_PIP = """\
import os
import subprocess
import sys

env = {key: value for key, value in os.environ.items() if key != "GET_PIP"}
options = [word for word in sys.argv[1:] if word.startswith("--") and word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], env=env, stdout=subprocess.DEVNULL)
subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "-U", *options, "pip==@"], env=env)
"""


def lint(site):
    above, tree = unpacked(site, "lint")
    for name in ("extensions", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, dirs_exist_ok=True)
    shutil.copy(ROOT / ".yamllint", tree)
    env = {**site.env, "ANSIBLE_COLLECTIONS_PATH": str(above)}
    outcome = check(site, "ansible-lint", [tool("ansible-lint"), "-c", ROOT / ".ansible-lint", "--project-dir", tree, "--nocolor"], 600, tree, env)
    outcome += check(site, "antsibull-changelog", [tool("antsibull-changelog"), "lint"])
    outcome += check(site, "antsibull-docs", [tool("antsibull-docs"), "lint-collection-docs", "--plugin-docs", tree], 300, tree, env)
    return outcome + types(site) + go_style(site)


def types(site):
    """mypy on the collection's shared code and on the lab."""
    env = {**site.env, "MYPYPATH": f"{ROOT / '.venv' / 'collections'}:{ROOT / 'lab'}"}
    packages = {"mypy-collection": (ROOT / "plugins" / "module_utils", "ansible_collections.palette.vmware.plugins.module_utils"),
                "mypy-lab": (ROOT / "lab" / "palette_lab", "palette_lab")}
    outcome = Outcome()
    for name, (folder, package) in packages.items():
        if not folder.is_dir():
            outcome += note(f"{name}: no {folder.relative_to(ROOT)}")
            continue
        outcome += check(site, name, [tool("mypy"), "--config-file", ROOT / "mypy.ini", "-p", package], 300, ROOT, env)
    return outcome


def go_style(site):
    folder = ROOT / "lab" / "vcenter"
    if not any(folder.glob("*.go")):
        return note("gofmt, go vet: no Go file in lab/vcenter")
    unformatted = check(site, "gofmt", ["gofmt", "-l", "."], 60, folder, refuse=lambda text: text.strip() and "files that gofmt would change are listed")
    return unformatted + check(site, "go-vet", ["go", "vet", "./..."], 900, folder)


def pip_of_ansible_test():
    """The pip version that this core's ansible-test puts into its environments; it looks for an installer of that version in its cache."""
    import ansible_test

    source = pathlib.Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
    return re.search(r"\bpip='([\d.]+)'", source.read_text(encoding="utf-8")).group(1)


@contextlib.contextmanager
def ansible_test_home():
    """A home folder for ansible-test below the cache folder, so that the user's own ~/.ansible stays untouched; one run at a time uses it.

    Its ansible-test cache gets an installer of pip that works from the package index alone, because ansible-test's own comes from a
    download host. ansible-test passes no PIP_* variable on, so the user's pip configuration is linked.
    """
    user = pathlib.Path.home()
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or user / ".cache") / "palette-vmware" / "home"
    installers = home / ".ansible" / "test" / "cache"
    installers.mkdir(parents=True, exist_ok=True)
    version = pip_of_ansible_test()
    (installers / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP.replace("@", version), encoding="utf-8")
    for name in (".config/pip", ".pip", ".cache/pip"):
        link = home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if (user / name).is_dir() and not link.exists():
            link.symlink_to(user / name)
    with open(home / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield home


def sanity(site):
    """ansible-test sanity, every test, on the artifact: it has no tests folder, so there is no ignore file either."""
    _above, tree = unpacked(site, "sanity")

    def too_few(text):
        ran = len(set(re.findall(r"Running sanity test [\"']([\w-]+)", text)))
        return ran < SANITY_TESTS_AT_LEAST and f"only {ran} sanity tests ran"

    with ansible_test_home() as home:
        env = {**site.env, "HOME": str(home)}
        return check(site, "ansible-test-sanity", [tool("ansible-test"), "sanity", "--local", "--color", "no"], 1500, tree, env, too_few)


def listed(tar):
    with tarfile.open(tar) as archive:
        return [member.name for member in archive.getmembers()]


def contents(tar):
    """Sentences about what the artifact must hold or must not."""
    names = listed(tar)
    top = {name.split("/")[0] for name in names}
    if strange := sorted(top - TOP_LEVEL):
        yield f"unexpected at the top of the artifact: {', '.join(strange)} (build_ignore in galaxy.yml, or TOP_LEVEL here)"
    if missing := sorted({"LICENSE", "README.md", "meta", "plugins", "requirements.txt"} - top):
        yield f"not in the artifact: {', '.join(missing)}"
    if wrong := [name for name in names if NEVER.search(name)]:
        yield f"must not be in the artifact: {', '.join(wrong[:5])}"
    if not any(name.startswith("plugins/modules/") and name.endswith(".py") for name in names):
        yield "the artifact has no module"
    if tar.stat().st_size > LIMIT_BYTES:
        yield f"the artifact has {tar.stat().st_size} bytes, Galaxy takes {LIMIT_BYTES}"


def artifact(site):
    tar, _above = built(site.work)
    print(f"  {tar.name}: {tar.stat().st_size // 1024} KiB, {len(listed(tar))} entries", flush=True)
    outcome = Outcome(problems=tuple(f"artifact: {text}" for text in contents(tar)))

    def complaints(text):
        found = [line for line in text.splitlines() if re.match(r"(ERROR|WARNING|CRITICAL)\b", line)]
        return f"{len(found)} complaints, the first: {found[0]}" if found else None if "completed successfully" in text else "it did not complete"

    config = site.work / "galaxy-importer.cfg"
    config.write_text("[galaxy-importer]\ncheck_required_tags = True\nrun_ansible_test = False\n"
                      f"tmp_root_dir = {site.work}\nansible_local_tmp = {site.work}/importer\n", encoding="utf-8")
    env = {**site.env, "GALAXY_IMPORTER_CONFIG": str(config)}
    return outcome + check(site, "galaxy-importer", [tool("python"), "-m", "galaxy_importer.main", tar], 600, site.work, env, complaints)


def roles_without_scenario(roles, scenarios):
    return sorted(role for role in roles if not (scenarios / role / "molecule.yml").is_file())


def molecule(site):
    """Every role's scenario, against the installed artifact with nothing but meta, plugins, roles and playbooks in it.

    Scenarios find the clone (for the lab) in PALETTE_VMWARE_CLONE.
    """
    folder, scenarios = ROOT / "roles", ROOT / "extensions" / "molecule"
    roles = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    print(f"  {len(roles)} roles", flush=True)
    if not roles:
        return note("molecule: 0 roles")
    outcome = Outcome(problems=tuple(f"molecule: role {role} has no scenario extensions/molecule/{role}" for role in roles_without_scenario(roles, scenarios)))
    above, _tree = unpacked(site, "installed", only=ALONE)
    project = site.work / "molecule-project"
    project.mkdir()
    if not scenarios.is_dir():
        return outcome
    shutil.copytree(scenarios, project / "extensions" / "molecule")
    env = {**site.env, "ANSIBLE_COLLECTIONS_PATH": str(above), "MOLECULE_GLOB": "extensions/molecule/**/molecule.yml", "PALETTE_VMWARE_CLONE": str(ROOT)}
    where = galaxy("list", "palette.vmware", "--format", "json", env=env)
    if str(above) not in where:
        return outcome + problem(f"molecule: palette.vmware does not come from the installed artifact but from {where}")
    count = len(list(project.glob("extensions/molecule/**/molecule.yml")))

    def not_all(text):
        return f"Molecule executed {count} scenario" not in text and f"not all of the {count} scenarios ran"

    base = [word for path in sorted(project.glob("extensions/molecule/config.yml")) for word in ("--base-config", path)]
    return outcome + check(site, "molecule", [tool("molecule"), *base, "test", "--all"], 1200, project, env, not_all)
