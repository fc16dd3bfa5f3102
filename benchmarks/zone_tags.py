#!/usr/bin/env python3
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the compute clusters of a site get their zones, as ratios of a loop over objects that runs side by side on the same lab. Measures, never judges.

loop: what the tag modules of community.vmware and vmware.vmware do for each object, written plainly, because they themselves need vAPI's JSON-RPC, which
the lab does not serve: a SOAP and a REST session for each object, the object found by reading names one after the other, category and tag by GETs until
the name fits. It runs in one process, so that what each task of a playbook costs beside (a process, imports) is left out; the ratio flatters the loop.
Requests are those of vCenter's own journal.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import requests
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from ansible_collections.palette.vmware.plugins.module_utils import _zone_tags as noun
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._tls import tls_context

STATES = ("first run", "nothing to do")


def say(text):
    print(text, flush=True)


def regions(count):
    zones = [{"compute_cluster": f"cluster-{number}", "zone": f"az{number}"} for number in range(1, count + 1)]
    return [{"datacenter": "dc-1", "region": "region1", "zones": zones}]


class Lab:
    """A running lab: its environment as vCenter's administrator, and its journal."""

    def __init__(self, running):
        self.env = {**running.env, "VMWARE_USER": running.env["VMWARE_ADMIN_USER"], "VMWARE_PASSWORD": running.env["VMWARE_ADMIN_PASSWORD"]}
        self._control = f"http://{running.site['vcenter']['control']}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method, path):
        with self._opener.open(urllib.request.Request(self._control + path, b"{}" if method == "POST" else None, method=method), timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def timed(self, work):
        """(seconds, requests, writes) of work()."""
        self.ask("DELETE", "/journal")
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        items = self.ask("GET", "/journal")["items"]
        return seconds, len(items), sum(item["write"] for item in items)


class Loop:
    """The peer: one object after the other, each with sessions of its own."""

    def __init__(self, env):
        self.env, self.base = env, f"https://{env['VMWARE_HOST']}:{env['VMWARE_PORT']}/api"
        self.tls = tls_context(env["VMWARE_CA_PATH"], True)
        self.http = None

    def call(self, method, path, body=None):
        answer = self.http.request(method, f"{self.base}/cis/tagging/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def named(self, ids, kind, name):
        """The id of the first that has the name, each read by a call of its own."""
        return next((each for each in ids if self.call("GET", f"{kind}/{each}")["name"] == name), None)

    def session(self, work):
        """work(content) between the logins and logouts of one task."""
        env = self.env
        with requests.Session() as self.http:
            self.http.trust_env, self.http.verify = False, env["VMWARE_CA_PATH"]
            token = self.http.post(f"{self.base}/session", auth=(env["VMWARE_USER"], env["VMWARE_PASSWORD"]), timeout=60).json()
            self.http.headers["vmware-api-session-id"] = token
            soap = SmartConnect(host=env["VMWARE_HOST"], port=int(env["VMWARE_PORT"]), user=env["VMWARE_USER"], pwd=env["VMWARE_PASSWORD"], sslContext=self.tls)
            try:
                work(soap.content)
            finally:
                Disconnect(soap)
                self.http.delete(f"{self.base}/session", timeout=60)

    def category(self, name):
        return self.named(self.call("GET", "category"), "category", name)

    def tag(self, category, name):
        return self.named(self.call("POST", "tag?action=list-tags-for-category", {"category_id": category}), "tag", name)

    def ensure_category(self, name, kind):
        def work(_content):
            if self.category(name) is None:
                self.call("POST", "category", {"name": name, "cardinality": "SINGLE", "associable_types": [kind], "description": ""})
        self.session(work)

    def ensure_tag(self, category, name):
        def work(_content):
            owner = self.category(category)
            if self.tag(owner, name) is None:
                self.call("POST", "tag", {"name": name, "category_id": owner, "description": ""})
        self.session(work)

    def ensure_attached(self, category, name, kind, target):
        def work(content):
            view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
            found = next(each for each in view.view if each.name == target)
            view.DestroyView()
            tag, wanted = self.tag(self.category(category), name), {"object_id": {"type": type(found).__name__.rsplit(".", 1)[-1], "id": found._GetMoId()}}
            if tag not in self.call("POST", "tag-association?action=list-attached-tags", wanted):
                self.call("POST", f"tag-association/{tag}?action=attach", wanted)
        self.session(work)

    def run(self, wanted):
        self.ensure_category("k8s-region", "Datacenter")
        self.ensure_category("k8s-zone", "ClusterComputeResource")
        for entry in wanted:
            self.ensure_tag("k8s-region", entry["region"])
            self.ensure_attached("k8s-region", entry["region"], vim.Datacenter, entry["datacenter"])
            for zone in entry["zones"]:
                self.ensure_tag("k8s-zone", zone["zone"])
                self.ensure_attached("k8s-zone", zone["zone"], vim.ClusterComputeResource, zone["compute_cluster"])


def in_process(lab, wanted):
    defaults = {name: entry.get("default") for name, entry in noun.SPEC["argument_spec"].items()}
    env = lab.env
    noun.execute({**defaults, "hostname": env["VMWARE_HOST"], "port": int(env["VMWARE_PORT"]), "username": env["VMWARE_USER"],
                  "password": env["VMWARE_PASSWORD"], "ca_path": env["VMWARE_CA_PATH"], "state": "present", "regions": wanted}, Context())


def playbook(lab, folder, tasks, execution):
    """ansible-playbook with these tasks, from its start to its end."""
    book = folder / "playbook.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks,
                                 "vars": {"palette_execution": execution, "ansible_python_interpreter": sys.executable}}]), encoding="utf-8")
    argv = [sys.executable, str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(book)]
    ended = subprocess.run(argv, env={**os.environ, **lab.env, "ANSIBLE_HOME": str(folder / "ansible"), "ANSIBLE_LOCALHOST_WARNING": "0"},
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"the playbook failed:\n{ended.stdout}")


def row(label, samples):
    """Prints one line; returns the median of the seconds and the requests."""
    seconds, calls = statistics.median(sample[0] for sample in samples), samples[-1][1]
    spread = f"(min {min(samples)[0]:.3f}, max {max(samples)[0]:.3f}, n={len(samples)})"
    say(f"{label:<56} {seconds:8.3f} s   {calls:6d} requests   {samples[-1][2]:4d} writes   {spread}")
    return seconds, calls


def measure(lab, count, runs, folder):
    wanted = regions(count)
    task = [{"palette.vmware.zone_tags": {"regions": wanted}}]
    ways = (("loop over objects, in this process", 1, lambda: Loop(lab.env).run(wanted)), ("ours, in this process", runs, lambda: in_process(lab, wanted)),
            ("ours, whole ansible-playbook", runs, lambda: playbook(lab, folder, task, "auto")),
            ("ours, whole ansible-playbook, module front", runs, lambda: playbook(lab, folder, task, "module")))
    say(f"{count} compute clusters, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    empty = row("whole ansible-playbook without tasks", [lab.timed(lambda: playbook(lab, folder, [], "auto")) for _run in range(runs)])
    for state in STATES:
        say(f"\n{state}")
        found = {}
        for label, times, work in ways:
            samples = []
            for _run in range(times):
                lab.ask("POST", "/reset")
                if state == STATES[1]:
                    in_process(lab, wanted)
                samples.append(lab.timed(work))
            found[label] = row(label, samples)
        peer = found[ways[0][0]]
        for label, _times, _work in ways[1:]:
            say(f"{'ratio: loop / ' + label:<56} {peer[0] / found[label][0]:8.1f}     {peer[1] / found[label][1]:6.1f} in requests")
        say(f"{'ours, ansible-playbook without its own start':<56} {found[ways[2][0]][0] - empty[0]:8.3f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=int(os.environ.get("LAB_CLUSTERS") or 100))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    from palette_lab import supervisor
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with supervisor.running(folder / "lab", clusters=arguments.clusters, hosts=1, speed=0) as running:
            measure(Lab(running), arguments.clusters, arguments.runs, folder)


if __name__ == "__main__":
    main()
