# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as a type, and masking by value as the second line of defence. PRIVATE to the collection."""
from __future__ import annotations

import base64
import json
import urllib.parse
from xml.sax.saxutils import escape

MASK = "***"


class Secret:
    """A value that shows itself as *** wherever it is printed; only `reveal` gives it, and only the edge that sends it calls that."""

    __slots__ = ("_value",)

    def __init__(self, value):
        self._value = value

    def reveal(self):
        return self._value

    def __repr__(self):
        return MASK

    __str__ = __repr__

    def __eq__(self, other):
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self):
        return hash((Secret, self._value))

    def __bool__(self):
        return bool(self._value)


def secret(value):
    """str or None -> Secret or None; an empty string is no secret."""
    return Secret(value) if value else None


def forms(value):
    """The ways a secret may appear in output: plain, URL-encoded, JSON-escaped, base64 with and without padding."""
    encoded = base64.b64encode(value.encode("utf-8")).decode("ascii")
    return {value, urllib.parse.quote(value), urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), json.dumps(value)[1:-1],
            escape(value), escape(value, {'"': "&quot;", "'": "&apos;"}), encoded, encoded.rstrip("=")} - {""}


def masker(values):
    """A function that replaces every form of the given secret strings in nested plain data by ***; Secret objects become *** too."""
    needles = sorted({form for value in values if value for form in forms(str(value))}, key=lambda form: (-len(form), form))

    def mask(data):
        if isinstance(data, Secret):
            return MASK
        if isinstance(data, str):
            for needle in needles:
                data = data.replace(needle, MASK)
            return data
        if isinstance(data, dict):
            return {mask(key): mask(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [mask(item) for item in data]
        return data

    return mask
