#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on the lab: starts it if none runs, runs the chain of playbooks that exist by now, and shows what there is then."""
from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHAIN = ("preflight", "install", "ip_pools", "clusters")
RECAP = re.compile(r"changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


def lab_env() -> dict[str, str]:
    """Starts the lab where none runs, and reads .lab/env."""
    subprocess.run([sys.executable, "-m", "palette_lab", "up"], cwd=ROOT, check=True)
    return dict(item.split("=", 1) for item in shlex.split((ROOT / ".lab" / "env").read_text(encoding="utf-8")))


def read(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def play(name: str) -> int:
    """Runs one playbook with its output shown as it comes; returns the number of changed tasks. Exits where it failed."""
    print(f"\n=== playbooks/{name}.yml", flush=True)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), f"playbooks/{name}.yml", "-i", ".lab/inventory"]
    changed = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            found = RECAP.search(line)
            changed += int(found.group(1)) if found else 0
    if process.returncode:
        sys.exit(f"playbooks/{name}.yml ended with {process.returncode}")
    return changed


def table(title: str, head: tuple[str, ...], rows: list[tuple]) -> None:
    widths = [max(len(str(row[n])) for row in [head, *rows]) for n in range(len(head))]
    print(f"\n{title}")
    for row in [head, *rows]:
        print("  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def show_reports() -> None:
    """What the preflight found of each site, and the regions and zones that it saw."""
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / ".lab" / "reports").glob("preflight-*.json"))]
    kinds = ("error", "warning", "advice", "passed", "not_checked")
    table("Preflight", ("site", "verdict", *(kind.replace("_", " ") for kind in kinds)),
          [(report["site"], report["verdict"], *(report["totals"][kind] for kind in kinds)) for report in reports])
    table("Regions and zones", ("region", "zone", "compute clusters"),
          [(row["region"], row["zone"], ", ".join(row["paths"])) for report in reports for row in report["zones"]])


def show(state: dict) -> None:
    """What Palette and vCenter hold, seen from the lab's side."""
    palette = state["palette"]
    clusters = {cluster["uid"]: cluster for cluster in palette["clusters"]}
    configs = {config["uid"]: config for config in palette["cloudconfigs"]}
    machines = [vm for datacenter in state["vcenter"]["datacenters"] for vm in datacenter["vms"] if not vm["template"]]
    gateways = []
    for gateway in palette["overlords"]:
        cluster = clusters.get(gateway["cluster_uid"], {})
        nodes = (configs.get(cluster.get("config_uid")) or {}).get("machines", {})
        gateways.append((gateway["name"], gateway["state"], len(nodes), cluster.get("endpoint", ""), cluster.get("health", "")))
    table("Gateways in Palette", ("name", "state", "nodes", "control plane", "health"), gateways)
    table("IP pools in Palette", ("name", "range", "gateway", "in use"),
          [(pool["name"], pool["pool"].get("subnet") or f"{pool['pool']['start']}-{pool['pool']['end']}", pool["pool"]["gateway"],
            ", ".join(sorted(pool["allotted"]))) for pool in palette["pools"]])
    table("Virtual machines in vCenter", ("name", "power", "address", "compute cluster", "folder"),
          [(vm["name"], vm["power"], vm["guest"].get("ip") or "", vm["compute_cluster"], vm["folder"]) for vm in machines])


def main() -> None:
    started = time.monotonic()
    admin = lab_env()["LAB_ADMIN"]
    before = len(read(f"{admin}/journal")["items"])
    changed = sum(play(name) for name in CHAIN if (ROOT / "playbooks" / f"{name}.yml").exists())
    written = sum(item["write"] and item["agent"] != "palette" for item in read(f"{admin}/journal")["items"][before:])
    show_reports()
    show(read(f"{admin}/state"))
    print(f"\n{changed} tasks changed something, {written} writes reached the two servers, {time.monotonic() - started:.0f} s."
          f"\nThe lab runs on: .lab/env, .lab/inventory; the preflight's reports are in .lab/reports; `make lab-down` ends it.")


if __name__ == "__main__":
    main()
