# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = """
name: record
type: aggregate
short_description: Writes every task's result as a line of JSON
description:
  - For the tests of this collection. The file is named by the environment variable E(RECORD_TO).
  - With E(SNAPSHOT_OF), the URL of a lab's admin listener, each line also holds what both servers were after the task, as soon as nothing was under way.
    The next task starts after that.
requirements:
  - enabled in configuration
"""

import http.client
import json
import os
import time

from ansible.plugins.callback import CallbackBase

PATIENCE = 60.0


def snapshot(url):
    """{state: text, journal: items} of a lab that has settled, or {busy: what is under way} when it does not settle."""
    connection = http.client.HTTPConnection(url.rpartition("/")[2], timeout=30)

    def read(path):
        connection.request("GET", path)
        return connection.getresponse().read().decode("utf-8")
    end = time.monotonic() + PATIENCE
    while not (seen := json.loads(read("/settled")))["settled"]:
        if time.monotonic() > end:
            return {"busy": seen}
        time.sleep(0.02)
    return {"state": read("/state?canonical=1"), "journal": json.loads(read("/journal"))["items"]}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, **line):
        if os.environ.get("SNAPSHOT_OF") and not line["item"]:
            line["snapshot"] = snapshot(os.environ["SNAPSHOT_OF"])
        with open(os.environ["RECORD_TO"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def _ended(self, status, result, item=False):
        self._write(task=result.task.get_name(), host=result.host.get_name(), status=status, item=item, result=result.result)

    def v2_playbook_on_play_start(self, play):
        self._write(task="", host="", status="start", item=False, result={})

    def v2_runner_on_ok(self, result):
        self._ended("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._ended("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result):
        self._ended("skipped", result)

    def v2_runner_on_unreachable(self, result):
        self._ended("unreachable", result)

    def v2_runner_item_on_ok(self, result):
        self._ended("ok", result, item=True)

    def v2_runner_item_on_failed(self, result):
        self._ended("failed", result, item=True)
