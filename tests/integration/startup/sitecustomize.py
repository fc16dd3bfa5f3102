# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For playbooks of the tests: Python compiles what it imports from a zip file in every process anew, and a module is such a file.

The code is kept below the folder in the variable COMPILED, by digest of the source. In tracebacks it has the path of the process that compiled it.
"""
from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
import zipimport
from pathlib import Path

FOLDER = os.environ.get("COMPILED")
compile_source = zipimport._compile_source


def kept(pathname, source):
    """The code object of a source file in an archive."""
    name = hashlib.sha256(b"\0".join((sys.version.encode(), os.path.basename(pathname).encode(), source))).hexdigest()
    place = Path(FOLDER, name)
    with contextlib.suppress(FileNotFoundError):
        return marshal.loads(place.read_bytes())
    code = compile_source(pathname, source)
    unfinished = place.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(marshal.dumps(code))
    unfinished.replace(place)
    return code


if FOLDER:
    zipimport._compile_source = kept
