# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party libraries, imported in one place so that a missing one becomes a clear error. PRIVATE to the collection."""
from __future__ import annotations

import importlib

from ._errors import LibraryMissing

MINIMUM = {"requests": "requests >= 2.31", "pyVmomi": "pyvmomi >= 8.0.3.0.1", "netaddr": "netaddr >= 1.0",
           "dns.resolver": "dnspython >= 2.6"}


def library(name):
    """The module of that name, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def missing(names):
    """Those of the names that cannot be imported."""
    return [name for name in names if library(name) is None]


def require(names):
    """Raises LibraryMissing naming all that are not installed."""
    absent = missing(names)
    if absent:
        wanted = ", ".join(MINIMUM[name] for name in absent)
        raise LibraryMissing(f"this module needs {wanted}", where="the Python interpreter that runs it", fix=f"install: {wanted}")
