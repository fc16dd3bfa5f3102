#!/usr/bin/env python3
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast an installer gets into vCenter, as ratios of what ran side by side on the same lab. Measures, never judges.

raw: a POST of the same disk to the same kind of upload URL, 1 MiB blocks, nothing verified. peer: community.vmware.vmware_deploy_ovf from a local file,
where that collection is installed. Memory: proportional set size (PSS) and resident set size (RSS) of the whole process tree, over a playbook without tasks.

Uses the lab of the environment (VMWARE_HOST …, LAB_OVA), or starts one for each size of --gib.
"""
from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer as noun
from ansible_collections.palette.vmware.plugins.module_utils import _installer_import as hands
from ansible_collections.palette.vmware.plugins.module_utils import _lease, _lease_upload, _ova
from ansible_collections.palette.vmware.plugins.module_utils._run import Context

MIB = 1024 * 1024
PLACE = {"datacenter": "dc-1", "folder": "palette/gateways", "compute_cluster": "cluster-1", "resource_pool": "palette/gateways", "datastore": "ds-shared-1",
         "network": "pg-k8s"}


def say(text):
    print(text, flush=True)


def options(env, **given):
    """Parameters of gateway_installer for this process."""
    defaults = {name: entry.get("default") for name, entry in noun.SPEC["argument_spec"].items()}
    return {**defaults, "hostname": env["VMWARE_HOST"], "port": int(env["VMWARE_PORT"]), "username": env["VMWARE_USER"], "password": env["VMWARE_PASSWORD"],
            "ca_path": env["VMWARE_CA_PATH"], "palette_host": env["PALETTE_HOST"], "palette_api_key": env["PALETTE_API_KEY"],
            "palette_ca_path": env["PALETTE_CA_PATH"], "ova_ca_path": env["PALETTE_CA_PATH"], "name": "bench", "pairing_code": "of-nobody",
            "power_on": False, **PLACE, **given}


def download(env, path, drop=False):
    """The lab's OVA into a file, or nowhere; returns its bytes, or the seconds that it took."""
    began = time.monotonic()
    context = ssl.create_default_context(cafile=env["PALETTE_CA_PATH"])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(env["LAB_OVA"], timeout=60) as answer, open(path, "wb") as file:
        while block := answer.read(MIB):
            if not drop:
                file.write(block)
    return time.monotonic() - began if drop else path.stat().st_size


class Plain:
    """A package whose files are sent as they are: the raw POST."""

    def __init__(self, package):
        self._package, self.head = package, package.head
        self.files, self.cancel = package.files, package.cancel

    def verify(self):
        """Nothing is verified."""


def one_upload(env, path, verified):
    """Seconds of the upload alone. verified: our way with manifest; else the raw POST."""
    seconds = []
    params = options(env, ova=str(path), manifest="require" if verified else "ignore")
    context, real = Context(), _lease_upload.upload

    def timed(package, *rest):
        began = time.monotonic()
        if verified:
            real(package, *rest)
        else:
            raw(package, *rest)
        seconds.append(time.monotonic() - began)

    _lease.upload, kept = timed, _lease.check_stored
    if not verified:
        _lease.check_stored = lambda *_words: None
    try:
        noun.execute(params, context)
    finally:
        _lease.upload, _lease.check_stored = real, kept
        noun.execute({**params, "state": "absent"}, Context())
    return seconds[0]


def raw(package, targets, transfer, _context, settings):
    """POST of each file in 1 MiB blocks over the same kind of connection; no hash, no watch, no progress."""
    for member in package.files():
        url, thumbprint, _create = targets[member.name]
        parts = _lease_upload.address_of(url, settings["vcenter_host"])
        link = _lease_upload.connect(parts, thumbprint, settings["ca_path"], settings["validate"], transfer)
        link.putrequest("POST", f"{parts.path}?{parts.query}".rstrip("?"))
        link.putheader("Content-Length", str(member.size))
        link.endheaders()
        while block := member.read(MIB):
            link.sock.sendall(block)
        if link.getresponse().status not in (200, 201):
            raise SystemExit("the raw POST was refused")
        link.close()


def memory(pid):
    """(PSS, RSS) in bytes of a process and all its descendants."""
    parents, totals = {}, [0, 0]
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, IndexError):
            parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    tree, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in tree} - tree
        tree, grown = tree | more, bool(more)
    for member in tree:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text(encoding="utf-8").splitlines():
                for at, name in enumerate(("Pss:", "Rss:")):
                    if line.startswith(name):
                        totals[at] += int(line.split()[1]) * 1024
    return totals


def playbook(env, folder, tasks, execution="auto", watch=False):
    """(seconds, peak PSS, peak RSS) of ansible-playbook with these tasks; sampling memory costs time, so it is a run of its own."""
    book = folder / "playbook.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks,
                                 "vars": {"palette_execution": execution, "ansible_python_interpreter": sys.executable}}]), encoding="utf-8")
    argv = [sys.executable, str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(book)]
    began, peaks, over = time.monotonic(), [0, 0], threading.Event()
    process = subprocess.Popen(argv, env={**os.environ, **env, "ANSIBLE_HOME": str(folder / "ansible"), "ANSIBLE_LOCALHOST_WARNING": "0"},
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def sample():
        while not over.wait(0.1):
            peaks[:] = [max(pair) for pair in zip(peaks, memory(process.pid))]

    sampler = threading.Thread(target=sample, daemon=True)
    if watch:
        sampler.start()
    output = process.communicate()[0]
    seconds = time.monotonic() - began
    over.set()
    if watch:
        sampler.join()
    if process.returncode:
        raise SystemExit(f"the playbook failed:\n{output}")
    return seconds, *peaks


def peer_task(env, path):
    return {"community.vmware.vmware_deploy_ovf": {
        "hostname": env["VMWARE_HOST"], "port": int(env["VMWARE_PORT"]), "username": env["VMWARE_USER"], "password": "{{ lookup('env', 'VMWARE_PASSWORD') }}",
        "validate_certs": False, "name": "bench", "datacenter": PLACE["datacenter"], "cluster": PLACE["compute_cluster"], "datastore": PLACE["datastore"],
        "networks": {"VM Network": PLACE["network"]}, "folder": f"/{PLACE['datacenter']}/vm/{PLACE['folder']}", "ovf": str(path), "power_on": False}}


def remove_peers_vm(env):
    """The peer's VM carries no mark of ours, so the module would leave it alone."""
    with noun.connect(options(env), Context()) as site:
        places = noun.resolve(site.vsphere, {key: PLACE[key] for key in ("datacenter", "folder")})
        vm = hands.child(site.vsphere, places["folder"], "bench", hands.vim.VirtualMachine)
        if vm is not None:
            hands.remove(site.vsphere, vm, Context())


def medians(label, samples, gib):
    middle = statistics.median(samples)
    say(f"{label:<58} {middle:8.2f} s   {middle / gib:6.2f} s/GiB   (min {min(samples):.2f}, max {max(samples):.2f}, n={len(samples)})")
    return middle


def measure(env, runs, folder):
    path = folder / "bench.ova"
    gib = download(env, path) / 2 ** 30
    _ova.read_head(noun.location(str(path)), "require")
    say(f"\nOVA of {gib:.2f} GiB, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    pairs = [(one_upload(env, path, False), one_upload(env, path, True)) for _run in range(runs)]
    plain = medians("raw POST of the disk", [pair[0] for pair in pairs], gib)
    ours = medians("our upload from a file, manifest verified", [pair[1] for pair in pairs], gib)
    alone = medians("download from https alone", [download(env, folder / "again.ova", True) for _run in range(runs)], gib)
    remote = medians("our upload from https, manifest verified", [one_upload(env, env["LAB_OVA"], True) for _run in range(runs)], gib)
    say(f"{'ratio: our upload from a file / raw POST':<58} {ours / plain:8.2f}")
    say(f"{'ratio: our upload from https / download alone + raw POST':<58} {remote / (alone + plain):8.2f}")
    empty = playbook(env, folder, [], watch=True)
    asked = (*PLACE, "name", "pairing_code", "power_on", "ova_ca_path")
    shown = {key: value for key, value in options(env).items() if key in asked}
    gone = {"palette.vmware.gateway_installer": {"name": "bench", "datacenter": PLACE["datacenter"], "state": "absent"}}
    whole = {}
    for label, given, execution in (("file", str(path), "auto"), ("https", env["LAB_OVA"], "auto"), ("file, module front", str(path), "module")):
        results = []
        for _run in range(runs):
            results.append(playbook(env, folder, [{"palette.vmware.gateway_installer": {**shown, "ova": given}}], execution))
            playbook(env, folder, [gone])
        _seconds, pss, rss = playbook(env, folder, [{"palette.vmware.gateway_installer": {**shown, "ova": given}}], execution, watch=True)
        playbook(env, folder, [gone])
        whole[label] = medians(f"whole ansible-playbook, ours, {label}", [seconds for seconds, _pss, _rss in results], gib)
        say(f"{'  peak memory over an empty playbook':<58} PSS {(pss - empty[1]) / MIB:6.1f} MiB   RSS {(rss - empty[2]) / MIB:6.1f} MiB")
    if importlib.util.find_spec("ansible_collections.community") is None or importlib.util.find_spec("ansible_collections.community.vmware") is None:
        say("community.vmware: not installed, not measured (pip install ansible)")
        return
    peer = []
    for _run in range(runs):
        peer.append(playbook(env, folder, [peer_task(env, path)])[0])
        remove_peers_vm(env)
    theirs = medians("whole ansible-playbook, community.vmware, file, unverified", peer, gib)
    say(f"{'ratio: our whole run from a file / community.vmware':<58} {whole['file'] / theirs:8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, nargs="+", default=[1.0], help="sizes of the OVA when a lab is started for it (default 1; issue 3 names 1 and 4)")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if "LAB_OVA" in os.environ:
            measure(dict(os.environ), arguments.runs, Path(scratch))
            return
        from palette_lab import supervisor
        for gib in arguments.gib:
            folder = Path(scratch) / f"{gib}"
            folder.mkdir()
            with supervisor.running(folder / "lab", ova_mib=int(gib * 1024), speed=0) as lab:
                measure(dict(lab.env), arguments.runs, folder)


if __name__ == "__main__":
    main()
