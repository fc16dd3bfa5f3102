# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret option's value leaves a run by any channel (faults.md 3.9), through both fronts: real secrets that work, and canaries that are refused."""
from __future__ import annotations

import base64
import importlib
import json
import os
import subprocess
import sys
import urllib.parse
import xml.sax.saxutils
from pathlib import Path

import matrix
import pytest
from palette_lab import wait
from palette_lab.site import palette_user

COLLECTION = "ansible_collections.palette.vmware.plugins.module_utils"
SPECIAL = "/+%\"<&'x"
PLACE = {"datacenter": "dc-1", "folder": "palette/gateways", "compute_cluster": "cluster-1", "resource_pool": "palette/gateways", "datastore": "ds-shared-1",
         "network": "pg-k8s"}
ACCOUNT = {"vcenter_server": "{{ vcenter }}", "username": "svc-palette@vsphere.local", "insecure": True}
NAMES = {"palette_username": "admin@lab.local", "username": "svc-palette@vsphere.local", "ova_username": "reader", "proxy": "user"}
DEFAULTS = {"group/palette.vmware.palette": {"palette_api_key": "{{ real.key }}", "palette_retries": 0},
            "group/palette.vmware.vcenter": {"password": "{{ real.vcenter }}"}}
CONTROL = "C0ntr0l-that-is-shown"


def secret_options(options, path=""):
    """Paths of the options with no_log, at any depth."""
    for name, option in options.items():
        if option.get("no_log"):
            yield f"{path}{name}"
        yield from secret_options(option.get("options") or {}, f"{path}{name}.")


def all_secret_options():
    """{(module, path)}"""
    return {(module, path) for module in matrix.modules()
            for path in secret_options(importlib.import_module(f"{COLLECTION}._{module}").SPEC["argument_spec"])}


def given_options(options, path=""):
    for name, value in options.items():
        yield f"{path}{name}"
        yield from given_options(value, f"{path}{name}.") if isinstance(value, dict) else ()


def canary(name):
    """A template that gives the canary of that name, and makes the name known to `secrets`."""
    return f"{{{{ canaries['{name}'] }}}}"


def canaries(names):
    """{name: value}; the proxy's is a URL with a password in it."""
    found = {name: f"C4n4ry-{number:02d}{SPECIAL}" for number, name in enumerate(sorted(names))}
    return {**found, "proxy": f"http://user:{urllib.parse.quote('C4n4ry-pr0xy' + SPECIAL, safe='')}@proxy.lab.local:3128"}


def minimal(module):
    """Valid options of a module; mostly those of its first case in the matrix."""
    if module == "gateway":
        return {"name": "dc1-gw", "state": "registered"}
    return next(case for case in matrix.cases().values() if case["module"] == module)["steps"][0]["options"]


def task(title, module, /, **options):
    return {"name": title, f"palette.vmware.{module}": options, "diff": True, "ignore_errors": True, "register": "shown"}


def refused_credentials(module):
    """Tasks of one module whose connection secrets are wrong."""
    options = minimal(module)
    own = {path for name, path in all_secret_options() if name == module}
    found = []
    if "palette_api_key" in own:
        found = [task(f"{module}: refused key", module, **{**options, "palette_api_key": canary("palette_api_key")}),
                 task(f"{module}: both", module, **{**options, "palette_username": "admin@lab.local", "palette_password": canary("palette_password"),
                                                     "palette_api_key": canary("palette_api_key")}),
                 task(f"{module}: refused password", module, **{**options, "palette_username": "admin@lab.local",
                                                                 "palette_password": canary("palette_password"), "palette_api_key": "{{ omit }}"})]
    if "password" in own:
        found.append(task(f"{module}: refused at vCenter", module, **{**options, "password": canary("password")}))
    return found


def installer(**options):
    return {"name": "secret-installer", "installer_name": "secret-gw", **PLACE, "ova_ca_path": "{{ ca }}", "power_on": False, "ova": "{{ ova }}",
            "pairing_code": canary("pairing_code"), "ova_username": "reader", "ova_password": canary("ova_password"),
            "proxy": {"http": canary("proxy"), "https": canary("proxy"), "no_proxy": "127.0.0.1,.lab.local"}, **options}


def own_secrets():
    """Tasks with the secrets that belong to single modules: foreseen, done, changed, refused."""
    body = {"metadata": {"name": "x"}, "account": {"password": canary("body.password")}, "token": canary("body.token"),
            "items": [{"apiKey": canary("body.apiKey")}]}
    wrong = {**ACCOUNT, "password": canary("account.password")}
    return [
        {**task("installer: foreseen", "gateway_installer", **installer()), "check_mode": True},
        task("installer: made", "gateway_installer", **installer()),
        task("installer: unknown property", "gateway_installer", **installer(name="other", property_keys={"pairing_code": "nosuch"})),
        task("installer: other settings", "gateway_installer", **installer(pod_cidr="172.31.0.0/16")),
        {**task("account: foreseen", "gateway", name="dc1-gw", state="registered", account=wrong, update_password="always"), "check_mode": True},
        task("account: refused", "gateway", name="dc1-gw", state="registered", account=wrong, update_password="always"),
        task("account: taken", "gateway", name="dc1-gw", state="registered", account={**ACCOUNT, "password": "{{ real.vcenter }}"}, update_password="always"),
        task("account: wrong type", "gateway", name="dc1-gw", state="registered", account={**wrong, "insecure": canary("account.password")}),
        {**task("api: foreseen", "api", path="/v1/overlords/nosuch", method="PUT", body=body, query={"pairingCode": canary("query")}), "check_mode": True},
        task("api: refused", "api", path="/v1/overlords/nosuch/metadata", method="PUT", body=body, query={"pairingCode": canary("query")}),
        task("api: no call", "api", path="/v1/nosuch", method="POST", body=body),
        task("api: by password", "api", path="/v1/users/info", palette_api_key="{{ omit }}", palette_username="admin@lab.local",
             palette_password="{{ real.palette }}"),
        task("site: through a proxy", "site_check", **{**minimal("site_check"), "installer": {"proxy": {
            "http": canary("proxy"), "https": canary("proxy"), "no_proxy": "127.0.0.1,.lab.local"}}}),
        task("pairing", "gateway_pairing", gateway="fresh-gw", dest="{{ scratch }}/code"),
        task("api: pairing", "api", path="/v1/overlords/pairing/code", query={"cloudType": "vsphere"}),
    ]


def tasks():
    """Everything, each followed by a look at its registered result; the control shows that the search finds what is there."""
    found = [each for module in matrix.modules() for each in refused_credentials(module)] + own_secrets()
    shown = {"name": "show", "ansible.builtin.debug": {"var": "shown"}}
    return [{"name": "control", "ansible.builtin.debug": {"msg": CONTROL}}, *[each for one in found for each in (one, shown)]]


def variables(lab):
    site = json.loads((lab.directory / "site.json").read_text(encoding="utf-8"))
    used = ("palette_api_key", "palette_password", "password", "pairing_code", "ova_password", "account.password", "body.password", "body.token", "body.apiKey",
            "query")
    real = {"key": lab.env["PALETTE_API_KEY"], "vcenter": lab.env["VMWARE_PASSWORD"], "palette": palette_user(site, "tenant_admin")["password"]}
    return {"canaries": canaries(used), "real": real, "ca": lab.env["PALETTE_CA_PATH"], "ova": lab.env["LAB_OVA"],
            "vcenter": f"{lab.env['VMWARE_HOST']}:{lab.env['VMWARE_PORT']}", **dict.fromkeys(("found", "place"), {})}


def forms(value):
    """The value as it may appear: plain, URL, JSON, XML, Python, base64 with and without padding, also as part of user:password."""
    texts = {value, urllib.parse.quote(value), urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1],
             json.dumps(json.dumps(value)[1:-1])[1:-1], xml.sax.saxutils.escape(value), xml.sax.saxutils.quoteattr(value)[1:-1]}
    for text in (value, *(f"{user}:{value}" for user in NAMES.values())):
        encoded = base64.b64encode(text.encode()).decode()
        texts |= {encoded, encoded.rstrip("=")}
    return {text.encode() for text in texts}


def needles(values):
    """{form: name of the secret}; the first and last eight characters of canaries count too (their middle is common to all)."""
    found = {form: name for name, value in values.items() for form in forms(value)}
    found.update({form: "a canary" for form in (b"C4n4ry-", b"4n4ry-", base64.b64encode(b"C4n4ry-0")[:9])})
    return found


def hits(content, wanted):
    return sorted({f"{name}: …{content[max(0, place - 60):place + 20]!r}" for form, name in wanted.items() if (place := content.find(form)) >= 0})


def outputs(folder, inputs):
    """{file below the folder: content}, without what the test itself put there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
            and path.relative_to(folder).parts[0] not in inputs}


def check(found, wanted, control):
    """No secret in any of the texts; `control` names those in which the shown text must be."""
    assert {name for name in found if name in control} == set(control), f"missing: {set(control) - set(found)}"
    for name in control:
        assert CONTROL.encode() in found[name], f"{name} does not show what was printed"
    leaks = [f"{name}: {hit}" for name, content in found.items() for hit in hits(content, wanted)]
    assert not leaks, "\n".join(leaks)
    return len(found)


def secrets_of(given):
    return {**given["canaries"], **{f"real {name}": value for name, value in given["real"].items()}}


def test_every_secret_option_has_a_task():
    tried = {(module, path) for each in tasks() for key, options in each.items() if key.startswith("palette.vmware.")
             for module in [key.rpartition(".")[2]] for path in given_options(options)}
    assert {module for module, _path in all_secret_options()} == set(matrix.modules())
    assert all_secret_options() - tried == set()


@pytest.mark.parametrize("execution", ["auto", "module"])
def test_no_secret_leaves_a_playbook(lab, starting, execution):
    given = variables(lab)
    env = {name: None for name in ("PALETTE_API_KEY", "PALETTE_PROJECT_API_KEY", "PALETTE_VIEWER_API_KEY", "VMWARE_PASSWORD", "VMWARE_ADMIN_PASSWORD")}
    playing = starting(lab, tasks(), options=["-vvvvv", "--diff"], execution=execution, extra=given, env={**env, "ANSIBLE_LOG_PATH": "ansible.log"},
                       play={"module_defaults": DEFAULTS})
    wanted = needles(secrets_of(given))
    seen = wait.until(lambda: command_lines(playing.folder, wanted) or playing.process.poll() is not None, 400, step=0.02)
    assert seen is True, f"on a command line: {seen}"
    run = playing.wait()
    assert run.status == 0, run.stdout[-3000:]
    judge(run, execution)
    code = (run.folder / "code").read_text(encoding="utf-8").strip()
    found = outputs(run.folder, inputs=("extra.json", "playbook.yml", "inventory.yml", "code"))
    found["journal"] = json.dumps(lab.journal()).encode()
    found["state"] = json.dumps(lab.state(canonical=False)).encode()
    assert check(found, {**wanted, code.encode(): "fetched pairing code"}, control=("stdout", "ansible.log", "record")) >= 5
    left = {name for name in found if name.startswith(("remote_tmp", "tmp"))}
    assert not left, f"temporary files stay behind: {left}"


def judge(run, execution):
    """The tasks did what they are there for; else the search proves nothing."""
    status = {entry["task"]: entry["status"] for entry in run.entries if entry["task"] not in ("show", "control")}
    failed = {name for name, value in status.items() if value == "ignored"}
    for name, expected in refusals():
        assert code_of(run.result(name)) == expected, f"{name}: {run.result(name)}"
    assert {"gateway_installer: refused at vCenter", "account: refused", "api: refused", "installer: unknown property"} <= failed
    for name in ("installer: foreseen", "installer: made", "account: foreseen", "account: taken", "api: foreseen", "pairing"):
        assert status[name] == "ok" and run.result(name)["changed"], f"{name}: {run.result(name).get('msg')}"
    assert run.result("api: by password")["api"]["json"]["userUid"]
    assert ("AnsiballZ_" in run.stdout) is (execution == "module")


USES_VCENTER = ("gateway_installer", "permission_audit", "site_check", "vcenter_folder", "vcenter_permission", "vcenter_role", "zone_tags")


def refusals():
    """(task, code) of every task whose credentials are refused; gateway and ip_pool only know vCenter's, and do not use them."""
    for module in matrix.modules():
        own = {path for name, path in all_secret_options() if name == module}
        if "palette_api_key" in own:
            yield from ((f"{module}: refused key", "PALETTE_DENIED"), (f"{module}: both", "INPUT_REFUSED"), (f"{module}: refused password", "PALETTE_DENIED"))
        if module in USES_VCENTER:
            yield f"{module}: refused at vCenter", "VCENTER_DENIED"


def code_of(result):
    """The code of a failure, or of the one that a check of a site reports instead of failing."""
    if "error" in result:
        return result["error"]["code"]
    return next((each["code"] for each in result["findings"] if each.get("code")), None)


def command_lines(folder, wanted):
    """Secrets on the command lines of the playbook's processes; [] when none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"RECORD_TO={folder}/record".encode() in (entry / "environ").read_bytes():
                found += hits((entry / "cmdline").read_bytes(), wanted)
        except OSError:
            continue
    return found


BY_KEY = ("plugins/module_utils/_api.py", "    return Secret(data) if inside and", "    return data if inside and")
BY_VALUE = ("plugins/module_utils/_secret.py", "            for needle in needles:\n", "            for needle in ():\n")
BROKEN = [("neither", [], False), ("by key", [BY_KEY], False), ("by value", [BY_VALUE], False), ("both", [BY_KEY, BY_VALUE], True)]


@pytest.mark.parametrize("patches, leaks", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_each_line_of_defence_holds_alone_and_the_search_finds_a_leak(lab, play, tmp_path, patches, leaks):
    given = variables(lab)
    some = [each for each in tasks() if each["name"] in ("control", "api: foreseen")]
    run = play(lab, [each if each["name"] == "control" else {**each, "check_mode": True} for each in some], diff=True, verbosity=1, extra=given,
               env=matrix.collection(tmp_path, "copy", patches))
    assert run.result("api: foreseen")["changed"]
    found = outputs(run.folder, inputs=("extra.json", "playbook.yml", "inventory.yml"))
    if leaks:
        with pytest.raises(AssertionError, match="body.password"):
            check(found, needles(secrets_of(given)), control=("stdout",))
    else:
        check(found, needles(secrets_of(given)), control=("stdout",))


RUNNER = """
import json, sys
import ansible_runner
done = ansible_runner.run(**json.loads(sys.stdin.read()))
sys.exit(0 if done.status == "successful" else 1)
"""


def test_no_secret_is_in_a_runners_artifacts(lab, tmp_path):
    """The way of AWX: job events and their stdout."""
    given = variables(lab)
    playbook = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks(), "module_defaults": DEFAULTS}]
    for name, content in (("project/playbook.yml", playbook), ("env/extravars", {**given, "scratch": str(tmp_path)}),
                          ("inventory/hosts.yml", {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}})):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    shown = {name: lab.env[name] for name in ("PALETTE_HOST", "PALETTE_CA_PATH", "VMWARE_HOST", "VMWARE_PORT", "VMWARE_USER", "VMWARE_CA_PATH")}
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path / "env"), "ANSIBLE_HOME": str(tmp_path / "env" / "home")}
    options = {"private_data_dir": str(tmp_path), "playbook": "playbook.yml", "quiet": True, "verbosity": 3, "cmdline": "--diff", "envvars": shown}
    done = subprocess.run([sys.executable, "-c", RUNNER], input=json.dumps(options), text=True, env=env, capture_output=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = outputs(tmp_path / "artifacts", inputs=())
    events = [name for name in found if "/job_events/" in name]
    assert len(events) > len(tasks())
    [text] = [name for name in found if name.endswith("/stdout")]
    check(found, needles(secrets_of(given)), control=(text,))
