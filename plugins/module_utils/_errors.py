# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception tree. Everything below the run shell raises; the run shell turns it into a result. PRIVATE to the collection."""
from __future__ import annotations

QUOTE_LIMIT = 300


def one_line(text):
    """Text with control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def quoted(text):
    """Server text made safe for one line of output: control characters escaped, at most 300 characters."""
    line = one_line(text)
    return line if len(line) <= QUOTE_LIMIT else line[: QUOTE_LIMIT - 1] + "…"


class Failure(Exception):
    """A run that cannot go on, said so that the reader can act on it.

    what: what failed. where: option path or object (with its id). observed, expected: what was seen and what should have been.
    fix: what to do. leftovers: list of str, objects that stay behind. changed_something: a write was made before this.
    retriable: the same call may succeed later. request_ref: the server's own reference of the request.
    """

    code = "FAILED"
    retriable = False

    def __init__(self, what, where="", observed=None, expected=None, fix=None, leftovers=(), changed_something=False,
                 request_ref=None, code=None, retriable=None):
        super().__init__(what)
        self.what = what
        self.where = where
        self.observed = observed
        self.expected = expected
        self.fix = fix
        self.leftovers = sorted(leftovers)
        self.changed_something = changed_something
        self.request_ref = request_ref
        self.code = code or type(self).code
        self.retriable = type(self).retriable if retriable is None else retriable

    def __str__(self):
        return self.sentence()

    def sentence(self):
        """One line: what failed - where - seen vs expected - how to fix - what was left behind."""
        seen = [f"{label} {quoted(value)}" for label, value in (("seen:", self.observed), ("expected:", self.expected)) if value not in (None, "")]
        parts = [self.what, self.where, ", ".join(seen), self.fix]
        if self.leftovers:
            parts.append("left behind: " + ", ".join(self.leftovers))
        elif self.changed_something:
            parts.append("changes made before this stay")
        return " - ".join(one_line(part).rstrip(".") for part in parts if part)

    def as_dict(self):
        """The `error` value of a failed result; keys are part of the interface."""
        keys = ("code", "what", "where", "observed", "expected", "fix", "retriable", "changed_something", "leftovers", "request_ref")
        return {key: getattr(self, key) for key in keys}


class InputRefused(Failure):
    """An option's value cannot be right, whatever the servers say."""

    code = "INPUT_REFUSED"


class PlanRefused(Failure):
    """What is wanted cannot be reached from what exists."""

    code = "PLAN_REFUSED"


class ParentMissing(Failure):
    """An object that this one hangs on does not exist."""

    code = "PARENT_MISSING"


class NotOurs(Failure):
    """An object of that name exists and nothing proves that this collection made it."""

    code = "NOT_OURS"


class Busy(Failure):
    """Another run is at work on the object."""

    code = "BUSY"
    retriable = True


class DeadlinePassed(Failure):
    """The wanted state was not reached in the time allowed. Nothing is undone."""

    code = "DEADLINE_PASSED"
    retriable = True


class Stopped(Failure):
    """The run was told to stop (signal, or its playbook is gone)."""

    code = "STOPPED"
    retriable = True


class LibraryMissing(Failure):
    """A Python library that the module needs is not there."""

    code = "LIBRARY_MISSING"


class PaletteFailure(Failure):
    """Palette's API answered with an error, or with something that is no answer.

    status: HTTP status or None when no answer came. api_code: `code` of the v1Error body, unchanged.
    """

    code = "PALETTE_FAILED"

    def __init__(self, what, status=None, api_code=None, **rest):
        super().__init__(what, **rest)
        self.status = status
        self.api_code = api_code


class PaletteUnreachable(PaletteFailure):
    code = "PALETTE_UNREACHABLE"
    retriable = True


class PaletteDenied(PaletteFailure):
    code = "PALETTE_DENIED"


class PaletteForbidden(PaletteFailure):
    code = "PALETTE_FORBIDDEN"


class PaletteNotFound(PaletteFailure):
    code = "PALETTE_NOT_FOUND"


class PaletteRateLimited(PaletteFailure):
    code = "PALETTE_RATE_LIMITED"
    retriable = True


class PaletteBadAnswer(PaletteFailure):
    code = "PALETTE_BAD_ANSWER"


class PaletteRefused(PaletteFailure):
    """A business refusal: decided by code and message, never by the HTTP number."""

    code = "PALETTE_REFUSED"


class VcenterFailure(Failure):
    """vCenter refused a call or answered with a fault. fault: the fault's class name."""

    code = "VCENTER_FAILED"

    def __init__(self, what, fault=None, **rest):
        super().__init__(what, **rest)
        self.fault = fault


class VcenterUnreachable(VcenterFailure):
    code = "VCENTER_UNREACHABLE"
    retriable = True


class VcenterDenied(VcenterFailure):
    code = "VCENTER_DENIED"


class TransferFailed(VcenterFailure):
    """An OVA could not be read or sent."""

    code = "TRANSFER_FAILED"
    retriable = True
