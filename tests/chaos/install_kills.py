# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kill point of the installation, with and without an orphaned worker. Resumable: what has passed is kept in tests/output and not run again.

Usage: install_kills.py [--first N] [--most N]; prints a line for each point and the counts at the end.
"""
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from journey import client_calls, comparable, killed_and_run_again, played  # noqa: E402
from palette_lab.supervisor import running  # noqa: E402

KEPT = ROOT / "tests" / "output" / "install-kills.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--most", type=int, default=10 ** 6)
    options = parser.parse_args()
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    passed = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else []
    failed = tried = 0
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), speed=600, ova_mib=8) as lab:
        code, output, _changed = played(lab, "install")
        if code:
            sys.exit(output)
        clean, calls = comparable(lab), client_calls(lab)
        for point in range(options.first, len(calls)):
            for orphan in (True, False):
                name = f"{point} {calls[point - 1]['method']} {calls[point - 1]['path'].split('?')[0]} {'orphan' if orphan else 'dead'}"
                if [point, orphan] in passed or tried >= options.most:
                    continue
                tried += 1
                code, output, state = killed_and_run_again(lab, point, orphan)
                good = code == 0 and state == clean
                failed += not good
                print(f"{'ok    ' if good else 'FAILED'} {name}", flush=True)
                if not good:
                    print(output if code else "the state differs from that of a run without a kill", flush=True)
                else:
                    passed.append([point, orphan])
                    KEPT.write_text(json.dumps(passed), encoding="utf-8")
    print(f"{2 * (len(calls) - 1)} kill points in all, {len(passed)} passed by now\n{tried - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
