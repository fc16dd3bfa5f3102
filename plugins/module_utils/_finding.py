# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: what a check of a site saw, as plain data that reports are made of. PRIVATE to the collection.

error: an installation fails, or is refused, because of it. warning: it may fail, or sources differ. advice: it works, and could be better.
"""
from __future__ import annotations

SEVERITIES = ("error", "warning", "advice")
KEYS = ("id", "severity", "title", "where", "object", "observed", "expected", "fix", "section", "evidence")


def place(path, moid="", kind=""):
    """The object that a finding is about: its inventory path, managed object id and type; the last two are empty where there is no such object."""
    return {"path": path, "moid": moid, "type": kind}


def at(on):
    """'/dc-1/host/cluster-1 (ClusterComputeResource:domain-c8)' of a place, for people."""
    return f"{on['path']} ({on['type']}:{on['moid']})" if on["moid"] else on["path"]


def finding(check, severity, title, where, observed, expected, fix, section, evidence, on=None, **more):
    """Something that is not as it should be.

    check: stable id in snake case. where: an option, or path and id of an object. section: of the documentation page. evidence: who said so (vCenter,
    Palette, options, evaluated, controller only …). on: `place(...)`, or None. more: keys of the check's own.
    """
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity!r}, expected one of {SEVERITIES}")
    return dict(zip(KEYS, (check, severity, title, where, on, str(observed), str(expected), fix, section, evidence)), **more)


def passed(check, title, where, observed, section, evidence, on=None, **more):
    """Something that was checked and is as it should be."""
    return {"id": check, "title": title, "where": where, "object": on, "observed": str(observed), "section": section, "evidence": evidence, **more}


def ordered(findings):
    """Findings by severity, then place, then check."""
    return sorted(findings, key=lambda each: (SEVERITIES.index(each["severity"]), each["where"], each["id"], each["observed"]))


def ready(findings):
    """Whether nothing stands in the way: no finding is an error."""
    return all(each["severity"] != "error" for each in findings)
