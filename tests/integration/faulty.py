# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that meet scripted faults, what every failure has to say, and what may be left after one."""
from __future__ import annotations

import importlib.util
import json
import re
import sys
import urllib.request
from pathlib import Path

KEYS = {"code", "what", "where", "observed", "expected", "fix", "retriable", "changed_something", "leftovers", "request_ref"}
UTILS = "ansible_collections.palette.vmware.plugins.module_utils"
SCRIPTED = {"ANSIBLE_CALLBACKS_ENABLED": "record,script",
            "SCRIPT_PRELOAD": f"requests pyVmomi pyVim.connect {UTILS}._gateway {UTILS}._gateway_installer {UTILS}._ip_pool"}
PLACE = {"datacenter": "dc-1", "folder": "palette/gateways", "compute_cluster": "cluster-1", "resource_pool": "palette/gateways", "datastore": "ds-shared-1",
         "network": "pg-k8s"}
POOL = {"gateway": "dc1-gw", "name": "fault-pool", "start": "10.10.8.50", "end": "10.10.8.59", "prefix": 22, "network_gateway": "10.10.8.1"}


def loaded(path):
    """A Python file beside the integration tests, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


servers = loaded(Path(__file__).resolve().parents[1] / "unit" / "servers.py")


def palette(kind, route, **more):
    return {"server": "palette", "kind": kind, "route": route, **more}


def vcenter(kind, method, **more):
    return {"server": "vcenter", "kind": kind, "method": method, **more}


def scripted(site, *faults, first=()):
    """Calls that replace the lab's faults by these and cut its journal. first: calls before that."""
    return [*first, ["DELETE", f"{site.admin}/faults", None], ["POST", f"{site.admin}/faults", list(faults)], ["DELETE", f"{site.admin}/journal", None]]


def step(site, title, module, *faults, first=(), **options):
    """A task that meets these faults alone, and whose failure does not end the play."""
    return {"name": title, f"palette.vmware.{module}": options, "ignore_errors": True, "vars": {"lab_calls": scripted(site, *faults, first=first)}}


def pool(site, title, *faults, **options):
    return step(site, title, "ip_pool", *faults, **{**POOL, "palette_retries": 1, **options})


def control(site, path, body=None):
    """One call to vCenter's own control listener."""
    request = urllib.request.Request(control_url(site, path), None if body is None else json.dumps(body).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.loads(answer.read())


def control_url(site, path):
    return f"http://{json.loads((site.directory / 'site.json').read_text(encoding='utf-8'))['vcenter']['control']}{path}"


def entry(run, title):
    """Everything recorded of the task of that name: result, status, snapshot {state, journal}."""
    [found] = [each for each in run.entries if each["task"] == title and not each["item"]]
    return found


def sent(run, title):
    """What the collection sent during a task (snapshots are needed): journal items without the emulator's own."""
    return [item for item in entry(run, title)["snapshot"]["journal"] if item["agent"] != "palette"]


def lines(items):
    return [f"{item['method']} {re.sub('[0-9a-f]{24}', 'UID', item['path'].partition('?')[0])}" for item in items]


def has_failed(run, title):
    return entry(run, title)["status"] != "ok"


def failure(run, title, code, *words):
    """The `error` of a failed task: of this code, with these words in its message, and with all that every message has to say (faults 3.0)."""
    found = entry(run, title)
    assert found["status"] in ("failed", "ignored"), f"{title}: it is {found['status']}: {found['result']}"
    return judged(found["result"], title, code, *words)


def judged(answer, title, code, *words):
    error, text = answer.get("error"), answer["msg"]
    assert error, f"{title}: {answer}"
    assert set(error) == KEYS and error["code"] == code, f"{title}: {error}"
    assert "\n" not in text and len(text) < 1200, f"{title}: {text}"
    assert error["what"] and error["where"], f"{title}: {error}"
    assert error["fix"] or error["expected"], f"{title}: {error}"
    for part in ("what", "where", "fix"):
        assert (error[part] or "").rstrip(".") in text, f"{title}: {part} is not in: {text}"
    for label, part in (("seen", "observed"), ("expected", "expected")):
        assert error[part] in (None, "") or f"{label}: {error[part]}"[:200].rstrip(".") in text, f"{title}: {part} is not in: {text}"
    assert error["leftovers"] == sorted(error["leftovers"]) and "Traceback" not in text
    for word in words:
        assert word in text, f"{title}: '{word}' is not in: {text}"
    return error


def succeeded(run, title, changed=None):
    found, answer = entry(run, title), entry(run, title)["result"]
    assert found["status"] == "ok", f"{title}: {answer.get('msg')}"
    assert changed is None or answer["changed"] is changed, f"{title}: changed is {answer['changed']}"
    return answer


def sessions(site):
    """{soap, rest}: how many sessions vCenter has open, the emulator's own among them."""
    return site.state(False)["vcenter"]["sessions"]


def secrets_of(site):
    """Every password and API key of the lab."""
    found = [value for name, value in site.env.items() if name.endswith(("_KEY", "_PASSWORD"))]
    assert len(found) >= 5 and all(len(value) >= 8 for value in found)
    return found


def logs_without_secrets(site, *more):
    """Fails for a secret of the lab, or one of `more`, in a log of the lab."""
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in (site.directory / "log").iterdir()}
    assert {"palette.log", "vcenter.log", "supervisor.log"} <= set(texts) and site.admin in texts["supervisor.log"]
    found = [(name, number) for name, text in texts.items() for number, secret in enumerate([*secrets_of(site), *more]) if secret in text]
    assert found == [], "log, number of the secret"
