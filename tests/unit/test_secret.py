# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import copy
import json
import urllib.parse

import pytest

from ansible_collections.palette.vmware.plugins.module_utils._secret import MASK, Secret, forms, masker, secret

VALUE = "cänary pass\"word/99+&"


def test_a_secret_never_shows_itself():
    one = Secret(VALUE)
    texts = [str(one), repr(one), f"{one}", f"{one!r}", "%s" % one, repr([one]), repr({"a": one}), repr(copy.copy(one))]
    assert all(MASK in text and "nary" not in text for text in texts)
    assert one.reveal() == VALUE and not hasattr(one, "__dict__")
    with pytest.raises(TypeError):
        json.dumps({"a": one})


def test_secrets_compare_by_value_and_only_with_secrets():
    assert Secret("a") == Secret("a") and Secret("a") != Secret("b") and Secret("a") != "a" and len({Secret("a"), Secret("a")}) == 1
    assert secret("") is None and secret(None) is None and secret("a") == Secret("a") and not Secret("")


@pytest.mark.parametrize("form", [
    VALUE, urllib.parse.quote(VALUE), urllib.parse.quote(VALUE, safe=""), urllib.parse.quote_plus(VALUE), json.dumps(VALUE)[1:-1],
    base64.b64encode(VALUE.encode()).decode(), base64.b64encode(VALUE.encode()).decode().rstrip("=")])
def test_every_form_of_a_secret_is_masked(form):
    assert form in forms(VALUE)
    text = f"before {form} and {form}, after"
    shown = masker([VALUE])(text)
    assert form not in shown and shown.startswith("before ***") and shown.endswith(", after")


def test_masking_goes_through_nested_data_and_leaves_the_rest():
    data = {"k canary": ["canary", ("x canary y", 1), {"deep": Secret("other")}], "n": None, "b": True, "i": 7, "f": 1.5}
    assert masker(["canary"])(data) == {"k ***": ["***", ["x *** y", 1], {"deep": "***"}], "n": None, "b": True, "i": 7, "f": 1.5}
    assert data["n"] is None and data["k canary"][0] == "canary"


def test_the_longer_secret_goes_first_and_empty_ones_mask_nothing():
    assert masker(["can", "canary"])("canary can") == "*** ***"
    assert masker(["", None])("text") == "text" and masker([])({"a": "b"}) == {"a": "b"}
    assert masker([1234567])("pin 1234567") == "pin ***"
