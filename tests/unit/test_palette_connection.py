# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused
from ansible_collections.palette.vmware.plugins.module_utils._palette import SAAS, Palette, connection
from ansible_collections.palette.vmware.plugins.module_utils._run import Context


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("PALETTE_API_KEY", "SPECTROCLOUD_APIKEY"):
        monkeypatch.delenv(name, raising=False)


def refused(**params):
    with pytest.raises(InputRefused) as caught:
        connection({"palette_api_key": "canary-key", **params})
    assert "canary" not in str(caught.value) and "canary" not in repr(caught.value.as_dict())
    return caught.value


def test_defaults():
    made = connection({"palette_api_key": "k"})
    assert (made.host, made.validate_certs, made.timeout, made.retries, made.project) == (SAAS, True, 30, 3, None)
    assert made.api_key.reveal() == "k" and "'k'" not in repr(made)


def test_every_option_arrives():
    made = connection({"palette_host": "palette.example.com", "palette_username": "u", "palette_password": "canary", "palette_org": "o",
                       "palette_project": "p", "palette_ca_path": "/ca", "palette_validate_certs": False, "palette_timeout": 7, "palette_retries": 0})
    assert (made.username, made.org, made.project, made.ca_path, made.validate_certs, made.timeout, made.retries) == ("u", "o", "p", "/ca", False, 7, 0)
    assert made.password.reveal() == "canary" and "canary" not in repr(made)


@pytest.mark.parametrize("text, host", [
    ("palette.example.com", "https://palette.example.com"),
    ("palette.example.com:8443", "https://palette.example.com:8443"),
    ("HTTPS://Palette.example.com/", "https://palette.example.com"), ("http://127.0.0.1:80", "http://127.0.0.1:80"),
    ("http://localhost:1", "http://localhost:1"),
    ("http://[::1]:1/", "http://[::1]:1"), ("https://[fd00::1]", "https://[fd00::1]")])
def test_base_urls(text, host):
    assert connection({"palette_host": text, "palette_api_key": "k"}).host == host


@pytest.mark.parametrize("text", [
    "https://user:canary@palette.example.com", "user@palette.example.com", "https://palette.example.com/v1", "https://palette.example.com?x=canary",
    "https://palette.example.com/#canary", "palette.example.com?", "ftp://palette.example.com", "https://", "https://palette example.com", "https://[bad",
    "https://palette.example.com:port", "https://palette.exämple.com", "https://" + "a" * 70 + ".com", "palette.example.com\n", "http://palette.example.com"])
def test_base_urls_that_are_refused(text):
    failure = refused(palette_host=text)
    assert failure.where == "option palette_host" and failure.fix


def test_plain_http_to_another_machine_is_a_decision():
    assert "palette_validate_certs" in refused(palette_host="http://10.0.0.1").fix
    assert connection({"palette_host": "http://10.0.0.1", "palette_api_key": "k", "palette_validate_certs": False}).host == "http://10.0.0.1"


@pytest.mark.parametrize("params, words", [
    ({"palette_api_key": None}, "no complete credential"), ({"palette_api_key": ""}, "no complete credential"),
    ({"palette_api_key": None, "palette_username": "u"}, "no complete credential"),
    ({"palette_api_key": None, "palette_password": "canary"}, "no complete credential"), ({"palette_username": "u", "palette_password": "canary"}, "both"),
    ({"palette_username": "u"}, "both"), ({"palette_api_key": "canary\n"}, "header"), ({"palette_api_key": "canary ké"}, "header")])
def test_exactly_one_credential_that_can_be_sent(params, words):
    assert words in refused(**params).what


def test_the_variable_that_a_refused_key_came_from_is_named(monkeypatch):
    monkeypatch.setenv("PALETTE_API_KEY", "canary-key")
    assert "environment variable PALETTE_API_KEY" in refused(palette_username="u", palette_password="canary").where


@pytest.mark.parametrize("option, value", [("palette_timeout", 0), ("palette_timeout", -1), ("palette_retries", -1)])
def test_numbers_that_make_no_sense(option, value):
    assert refused(**{option: value}).where == f"option {option}"


def test_nothing_is_sent_or_resolved_before_the_first_call():
    with Palette(connection({"palette_host": "palette.invalid", "palette_api_key": "k"}), Context()) as palette:
        assert palette.retried == 0
