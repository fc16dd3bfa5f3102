# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of the site check say: a verdict is a finding or a passed entry of `_finding`. Pure. PRIVATE to the collection."""
from __future__ import annotations

import re
from dataclasses import dataclass

from . import _finding

PREREQUISITES, GATEWAY, ADDRESSES = "Prerequisites", "Creating a VMware Cloud Gateway", "IP Address Management"
VCENTER, PALETTE, OPTIONS, CONTROLLER, UNSEEN = "vCenter", "Palette", "options", "controller only", "not checked"


@dataclass(frozen=True)
class Check:
    """One thing that is checked. id: stable, in snake case. good, bad: what is said when it holds and when it does not. section: of the page.

    Every method takes the place that it is about, or the words for it.
    """

    id: str
    good: str
    bad: str
    section: str = PREREQUISITES

    def passed(self, where, observed, evidence=VCENTER, **more):
        where, on = self._where(where)
        return _finding.passed(self.id, self.good, where, observed, self.section, evidence, on=on, **more)

    def found(self, severity, where, observed, expected, fix, evidence=VCENTER, title=None, **more):
        where, on = self._where(where)
        return _finding.finding(self.id, severity, title or self.bad, where, observed, expected, fix, self.section, evidence, on=on, **more)

    def error(self, *said, **more):
        return self.found("error", *said, **more)

    def warning(self, *said, **more):
        return self.found("warning", *said, **more)

    def advice(self, *said, **more):
        return self.found("advice", *said, **more)

    def unseen(self, where, why, fix, **more):
        """A warning `<id>_not_checked`: this could not be looked at, which is neither good nor bad."""
        where, on = self._where(where)
        return _finding.finding(f"{self.id}_not_checked", "warning", f"not checked: {self.good}", where, why, "to be able to look", fix, self.section,
                                UNSEEN, on=on, **more)

    def refused(self, failure, inside="", severity="error", evidence=OPTIONS):
        """An option's value that a module of the installation would refuse, in that module's own words. inside: the option that has it here."""
        where = re.sub("(?<=option |ptions )|(?<=, )", inside, failure.where) if inside else failure.where
        return _finding.finding(self.id, severity, failure.what, where, failure.observed or "", failure.expected or "a value that is accepted",
                                failure.fix or "", self.section, evidence)

    @staticmethod
    def _where(where):
        return (_finding.at(where), where) if isinstance(where, dict) else (where, None)


def split(verdicts):
    """([finding] in order, [passed] in order of their places)"""
    verdicts = list(verdicts)
    good = [each for each in verdicts if "severity" not in each]
    return _finding.ordered(each for each in verdicts if "severity" in each), sorted(good, key=lambda each: (each["where"], each["id"], each["observed"]))
