# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change: one thing a run is going to do, as plain data. PRIVATE to the collection."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Change:
    """verb: create, update, delete, or a noun's own verb (power_on, reset …). kind, name: of the object. before, after: only fields that the run
    decides, no secret, nothing that a server assigns; None where the object is absent. reason: why, for the reader."""

    verb: str
    kind: str
    name: str
    before: dict = field(default=None)
    after: dict = field(default=None)
    reason: str = ""

    def as_dict(self):
        return asdict(self)


@dataclass(frozen=True)
class Unresolved:
    """An object that another one hangs on and that does not exist (yet). Check mode reports it, a real run refuses (see `_run.run`)."""

    kind: str
    name: str


def update(kind, name, have, want, verb="update", reason=""):
    """[Change] with just the fields of `want` that differ from `have`; [] when none does. Fields absent from `want` are left alone."""
    fields = sorted(key for key, value in want.items() if have.get(key) != value)
    if not fields:
        return []
    return [Change(verb, kind, name, {key: have.get(key) for key in fields}, {key: want[key] for key in fields}, reason)]


def diff(changes):
    """Ansible's `diff` value: one before/after pair for each change."""
    return [
        {"before_header": f"{change.kind} {change.name}", "after_header": f"{change.kind} {change.name} ({change.verb})",
         "before": change.before or {}, "after": change.after or {}}
        for change in changes
    ]
