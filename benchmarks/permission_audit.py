#!/usr/bin/env python3
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the audit of a whole inventory takes after login, and its memory, as ratios of what ran side by side on the same lab. Measures, never judges.

batches: pyvmomi's HasUserPrivilegeOnEntities for all objects and all privileges, in batches, each answer made into an object. loop: one object a call, as
tasks of community.vmware do it (FetchUserPrivilegeOnEntities, then the roles); measured on a sample, and extrapolated to all objects by its mean.
Every run is a process of its own. Memory: peak resident set size, over an interpreter that does nothing.

Uses the lab of the environment (VMWARE_HOST, VMWARE_ADMIN_USER …), or starts one of --clusters × --hosts with --vms virtual machines.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1024 * 1024
PLACEMENT = {"datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds-shared-1", "network": "pg-k8s", "resource_pool": "palette/gateways",
             "folder": "palette/gateways", "image_template_folder": "spectro-templates"}
PROFILES = ["page", "collection"]
BATCH, SAMPLE = 250, 200


def say(text):
    print(text, flush=True)


def options(**given):
    """Parameters of permission_audit: an administrator's session that audits the service account."""
    env = os.environ
    return {"hostname": env["VMWARE_HOST"], "port": int(env["VMWARE_PORT"]), "username": env["VMWARE_ADMIN_USER"], "password": env["VMWARE_ADMIN_PASSWORD"],
            "ca_path": env["VMWARE_CA_PATH"], "validate_certs": True, "principal": env["VMWARE_USER"], "placements": [PLACEMENT], "profiles": PROFILES,
            "scope": "all", "confirm": True, **given}


def audit(session, context, **given):
    """Our audit of everything. Returns {objects, answers}."""
    from ansible_collections.palette.vmware.plugins.module_utils import _permission_audit
    counts = _permission_audit.audited(session, options(**given), context)["permission_audit"]["counts"]
    return {"objects": counts["objects"], "answers": counts["granted"] + counts["missing"]}


def everything(session):
    """(objects, privileges): what a peer has to ask about."""
    from ansible_collections.palette.vmware.plugins.module_utils._privileges import rows
    from ansible_collections.palette.vmware.plugins.module_utils._touched import touched
    objects, _problems = touched(session, [PLACEMENT], "all")
    return [thing["ref"] for thing in objects], sorted({row["privilege"] for row in rows(PROFILES)})


def batches(session, _context):
    """Every answer of vCenter's own check, as objects of pyvmomi. Listing the objects is not counted."""
    refs, privileges = everything(session)
    began, count, manager = time.perf_counter(), 0, session.content.authorizationManager
    for start in range(0, len(refs), BATCH):
        for row in manager.HasUserPrivilegeOnEntities(refs[start:start + BATCH], os.environ["VMWARE_USER"], privileges):
            count += sum(1 for each in row.privAvailability if each.privId and each.isGranted is not None)
    return {"objects": len(refs), "answers": count, "seconds": time.perf_counter() - began}


def loop(session, _context):
    """One call for each object of a sample; the mean times the number of objects. Listing the objects is not counted."""
    refs, _privileges = everything(session)
    chosen, manager = random.Random(1).sample(refs, min(SAMPLE, len(refs))), session.content.authorizationManager
    began, count = time.perf_counter(), 0
    for ref in chosen:
        count += sum(len(row.privileges) for row in manager.FetchUserPrivilegeOnEntities([ref], os.environ["VMWARE_USER"]))
    each = (time.perf_counter() - began) / len(chosen)
    return {"objects": len(refs), "answers": count, "seconds": each * len(refs)}


def child(mode):
    """One run in this process; prints what it measured as JSON."""
    seen = {"seconds": 0.0, "objects": 0, "answers": 0}
    if mode != "nothing":
        from ansible_collections.palette.vmware.plugins.module_utils._run import Context
        from ansible_collections.palette.vmware.plugins.module_utils._vsphere import Vsphere, vcenter_connection
        work = {"audit": audit, "unconfirmed": lambda session, context: audit(session, context, confirm=False), "batches": batches, "loop": loop}[mode]
        context = Context()
        with Vsphere(vcenter_connection(options()), context) as session:
            began, busy = time.perf_counter(), time.process_time()
            seen.update(work(session, context))
            seen["seconds"] = seen["seconds"] or time.perf_counter() - began
            seen["cpu"] = time.process_time() - busy
    print(json.dumps({**seen, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def run(env, mode):
    found = subprocess.run([sys.executable, __file__, "--child", mode], env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return json.loads(found.stdout)


def measure(env, runs):
    """Every mode in turn, so that all see the same machine; medians, then ratios."""
    modes = ("nothing", "audit", "unconfirmed", "batches", "loop")
    results = {mode: [] for mode in modes}
    for _run in range(runs):
        for mode in modes:
            results[mode].append(run(env, mode))
    first, bare = results["audit"][0], min(each["rss"] for each in results["nothing"])
    say(f"\n{first['objects']} objects, {first['answers']} verdicts, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    middle = {}
    for mode, label in (("audit", "our audit of all objects, confirmed by vCenter"), ("unconfirmed", "our audit, evaluated only"),
                        ("batches", f"pyvmomi in batches of {BATCH}, every answer"), ("loop", f"one object a call, from {SAMPLE} objects extrapolated")):
        seconds = [each["seconds"] for each in results[mode]]
        middle[mode] = statistics.median(seconds)
        more = max(each["rss"] for each in results[mode]) - bare
        say(f"{label:<58} {middle[mode]:8.2f} s after login   (min {min(seconds):.2f}, max {max(seconds):.2f}, n={runs})   "
            f"client CPU {statistics.median(each['cpu'] for each in results[mode]):5.2f} s   +{more / MIB:5.1f} MiB")
    say(f"{'ratio: our audit / pyvmomi in batches':<58} {middle['audit'] / middle['batches']:8.3f}")
    say(f"{'ratio: our audit / one object a call':<58} {middle['audit'] / middle['loop']:8.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--vms", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    if "VMWARE_ADMIN_USER" in os.environ:
        measure({}, arguments.runs)
        return
    from palette_lab import supervisor
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        with supervisor.running(Path(scratch) / "lab", clusters=arguments.clusters, hosts=arguments.hosts, vms=arguments.vms, speed=0) as lab:
            say(f"the lab was ready after {time.monotonic() - began:.0f} s")
            measure(dict(lab.env), arguments.runs)


if __name__ == "__main__":
    main()
