# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Palette's answers mean: content, refusal, or a reason to ask again. Pure. PRIVATE to the collection."""
from __future__ import annotations

import email.utils
import html
import json
import random
import re
from dataclasses import dataclass

from ._errors import (PaletteBadAnswer, PaletteDenied, PaletteForbidden, PaletteNotFound, PaletteRateLimited, PaletteRefused, PaletteUnreachable, quoted)

RATE_LIMIT_BUDGET = 120.0
RATE_LIMIT_FIX = f"lower forks or set throttle; the client waits {RATE_LIMIT_BUDGET:.0f} s at most"
REFUSAL_FIX = "correct what Palette names, then run it again"
LONGEST_PAUSE = 30.0
SHOWN_START = 120
EXAMINED = 65536
READING_POSTS = ("search", "validate", "authenticate")


@dataclass(frozen=True)
class Call:
    """One API call. scope, host, credential: words for messages; expect: dict, list or bytes; login: part of the authentication itself."""

    method: str
    path: str
    body: object = None
    query: dict = None
    project: str = None
    scope: str = "tenant scope"
    host: str = ""
    credential: str = ""
    expect: type = dict
    login: bool = False

    @property
    def line(self):
        return f"{self.method} {self.path}"

    @property
    def where(self):
        return f"{self.host}, {self.scope}"

    @property
    def repeatable(self):
        """Whether sending it twice does no more than sending it once. Palette has no idempotency key for the other POSTs."""
        return self.method != "POST" or not self.writes

    @property
    def writes(self):
        return self.method != "GET" and not any(part in READING_POSTS for part in self.path.split("/"))


@dataclass(frozen=True)
class Answer:
    """headers: case-insensitive mapping. body: bytes, decompressed."""

    status: int
    headers: object
    body: bytes = b""


@dataclass(frozen=True)
class Lost:
    """No answer came. kind: class of the failure; reached: Palette may have carried the call out; again: it is worth another try."""

    kind: type
    what: str
    observed: str = None
    fix: str = None
    reached: bool = False
    again: bool = True


def in_doubt(outcome):
    """Whether the call may have been carried out although no usable answer came."""
    return outcome.reached if isinstance(outcome, Lost) else outcome.status > 500


def backoff(repeats):
    """Seconds before the next try, 1 to 30, doubling, with jitter."""
    most = min(LONGEST_PAUSE, 2.0 ** (repeats + 1))
    return random.uniform(most / 2, most)


def http_time(text):
    """HTTP date -> aware datetime, or None."""
    try:
        moment = email.utils.parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError):
        return None
    return moment if moment.tzinfo else None


def retry_after(headers, now):
    """Seconds that the Retry-After header asks for (a number, or a date taken relative to the answer's own Date), or None."""
    text = (headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    moment = http_time(text)
    if moment is None:
        return None
    seconds = (moment - (http_time(headers.get("Date")) or now)).total_seconds()
    return seconds if seconds > 0 else None


def pause_before_repeat(call, outcome, repeats, limited, waited, retries, now):
    """Seconds to wait before the call is sent again, or None when it is not.

    repeats: tries already repeated for other reasons than the rate limit; limited, waited: answers 429 so far and seconds spent on them.
    Never after 500: that is how Palette says a business refusal.
    """
    if isinstance(outcome, Answer) and outcome.status == 429:
        left = RATE_LIMIT_BUDGET - waited
        return min(retry_after(outcome.headers, now) or backoff(limited), left) if retries and left > 0 else None
    worth = outcome.again if isinstance(outcome, Lost) else outcome.status > 500
    if not worth or repeats >= retries or (in_doubt(outcome) and not call.repeatable):
        return None
    asked = retry_after(outcome.headers, now) if isinstance(outcome, Answer) else None
    return min(asked, LONGEST_PAUSE) if asked else backoff(repeats)


def error_body(answer):
    """The v1Error in the body ({code: str or int, message, ref, details}), or {} when there is none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and found.get("code") not in (None, "") else {}


def page_title(answer):
    """Title of an HTML page ('' when it has none), or None when the body is no HTML page."""
    start = answer.body[:EXAMINED].decode("utf-8", "replace")
    declared = (answer.headers.get("Content-Type") or "").lower().startswith("text/html")
    if not declared and not re.match(r"\s*(<!doctype html|<html)", start, re.I):
        return None
    title = re.search(r"<title[^>]*>(.*?)</title>", start, re.I | re.S)
    return " ".join(html.unescape(title.group(1)).split()) if title else ""


def bad_answer(call, answer, mask, problem, expected=None):
    """PaletteBadAnswer that shows status, content type and the start of the body; an HTML page is named by its title.

    Of a good status or an authentication, a body that starts like JSON is not shown: it may be data with a secret in it.
    """
    title = page_title(answer)
    kind = answer.headers.get("Content-Type") or "none"
    hidden = call.login or (answer.status < 300 and answer.body.lstrip()[:1] in (b"{", b"[", b'"'))
    start = f"of {len(answer.body)} bytes" if hidden else f"'{quoted(mask(answer.body[:EXAMINED].decode('utf-8', 'replace')))[:SHOWN_START]}'"
    fix = "check that palette_host is the Palette console's address"
    if title is not None:
        problem = f"an HTML page titled '{quoted(mask(title))}' came instead of Palette's answer"
        fix = "a proxy or portal answers instead of Palette: check palette_host and the proxy settings (HTTPS_PROXY, NO_PROXY)"
    return PaletteBadAnswer(mask(f"{call.line}: {problem}"), status=answer.status, where=mask(call.where), expected=expected, fix=fix,
                            observed=f"status {answer.status}, content type {quoted(mask(kind))}, body {start}", retriable=call.method == "GET")


def redirected(call, answer, mask):
    """PaletteBadAnswer for a 3xx; only scheme and host of its target are shown, its query may be a secret."""
    parts = re.match(r"(?:([a-z]+):)?//(?:[^/@]*@)?([^/?#@]+)", answer.headers.get("Location") or "", re.I)
    shown = quoted(mask(f"{parts.group(1) or 'https'}://{parts.group(2)}" if parts else "another path of the same host"))
    return PaletteBadAnswer(mask(f"Palette answered {answer.status} to {shown} for {call.line}; redirects are not followed"), status=answer.status,
                            where=mask(call.where), fix="set palette_host to the final address")


def said(problem, answer, mask):
    """What the server said, masked and cut: 'code: message (details)'."""
    text = mask(f"{problem.get('code', answer.status)}: {problem.get('message') or 'no message'}")
    details = problem.get("details")
    return quoted(text) + (f" ({quoted(json.dumps(mask(details), sort_keys=True))})" if details else "")


def refusal(call, answer, mask, tries):
    """The failure that an answer >= 400 stands for. Business refusals are known by code, not by number (API 1.4)."""
    problem, status = error_body(answer), answer.status
    code, routed = problem.get("code"), isinstance(problem.get("code"), int)
    fields = {"status": status, "api_code": mask(code), "where": mask(call.where), "request_ref": mask(problem.get("ref")) or None,
              "observed": said(problem, answer, mask)}
    line = mask(call.line)
    if status == 401 or code == "UnAuthorizedAccess":
        return PaletteDenied(f"Palette rejected {call.credential} for {line}", fix="give a valid credential for this Palette", **fields)
    if status == 429 or code == "TooManyRequests":
        return PaletteRateLimited(f"Palette limits the rate of calls and did not let {line} through{after(tries)}", fix=RATE_LIMIT_FIX, **fields)
    if status > 500:
        return PaletteUnreachable(f"Palette could not answer {line} (status {status}){doubt(call)}{after(tries)}", changed_something=bool(doubt(call)),
                                  fix="try again later; check the proxy and Palette's own health", **fields)
    if not problem:
        return bad_answer(call, answer, mask, f"status {status} without Palette's error body")
    if status == 403 or code in ("OperationForbidden", "ProjectUidIsNotEmpty"):
        return PaletteForbidden(f"Palette forbids {line} at {mask(call.scope)} to {call.credential}", fix=wider(call, code), **fields)
    if code == "ResourceNotFound" or (status == 404 and not routed):
        return PaletteNotFound(f"Palette knows no such object: {line}", fix="check its name; it may be of another scope, or deleted meanwhile", **fields)
    if routed and status in (404, 405):
        return PaletteBadAnswer(f"{line} is no call of this Palette's API", fix="check palette_host and the version of Palette", **fields)
    return PaletteRefused(f"Palette refused {line}", fix=REFUSAL_FIX, **fields)


def wider(call, code):
    """How to get past a 403."""
    if code == "ProjectUidIsNotEmpty":
        return "this call is tenant scope: leave palette_project out"
    if call.project:
        return "use a key that has this permission in the project, or correct palette_project"
    return "use a tenant admin's API key, or set palette_project when the object belongs to a project"


def doubt(call):
    """What is to be said when the answer to a write was lost; '' for a call that only reads."""
    return "; it may have been carried out" if call.writes else ""


def after(tries):
    return f" ({tries} tries)" if tries > 1 else ""


def lost_failure(call, lost, mask, tries):
    """The failure of a call that got no answer; says so when a write may have been carried out."""
    words = doubt(call) if lost.reached else ""
    return lost.kind(mask(f"{lost.what}: {call.line}{words}{after(tries)}"), where=mask(call.where), observed=lost.observed and quoted(mask(lost.observed)),
                     fix=mask(lost.fix), changed_something=bool(words), retriable=lost.again)


def content(call, outcome, mask, tries=1):
    """The body of a good answer as call.expect ({} or [] when there is none and none is due). Raises PaletteFailure."""
    if isinstance(outcome, Lost):
        raise lost_failure(call, outcome, mask, tries)
    if 300 <= outcome.status < 400:
        raise redirected(call, outcome, mask)
    if not 200 <= outcome.status < 300:
        raise refusal(call, outcome, mask, tries)
    if outcome.status in (202, 204) and not outcome.body.strip() and call.expect is not bytes:
        return call.expect()
    if not outcome.body.strip():
        raise bad_answer(call, outcome, mask, "the body is empty")
    if page_title(outcome) is not None:
        raise bad_answer(call, outcome, mask, "an HTML page")
    return outcome.body if call.expect is bytes else parsed(call, outcome, mask)


def parsed(call, answer, mask):
    """The JSON body, which has to be of the expected type."""
    expected = {dict: "a JSON object", list: "a JSON array"}[call.expect]
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
        problem = "the body is no JSON, or a part of it"
    else:
        problem = f"the body is no {expected[2:]}"
    if not isinstance(found, call.expect):
        raise bad_answer(call, answer, mask, problem, expected)
    return found
