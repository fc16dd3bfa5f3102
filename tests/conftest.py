# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of every test of the collection."""
from __future__ import annotations

import json
import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def clone():
    """The root of the clone, a pathlib.Path."""
    return pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def openapi():
    """The official OpenAPI document (Swagger 2.0, a dict), which is data that is not committed: LAB_OPENAPI names the file."""
    path = os.environ.get("LAB_OPENAPI")
    if not path:
        pytest.skip("LAB_OPENAPI names no OpenAPI file")
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
