# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what vCenter itself says of its virtual machines, as JSON: name → power, address, folder, template. Reads VMWARE_* of a lab's env file."""
from __future__ import annotations

import json
import shlex
import ssl
import sys
from pathlib import Path

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim


def main(env_file: str) -> None:
    env = dict(item.split("=", 1) for item in shlex.split(Path(env_file).read_text(encoding="utf-8")))
    session = SmartConnect(host=env["VMWARE_HOST"], port=int(env["VMWARE_PORT"]), user=env["VMWARE_ADMIN_USER"], pwd=env["VMWARE_ADMIN_PASSWORD"],
                           sslContext=ssl.create_default_context(cafile=env["VMWARE_CA_PATH"]))
    view = session.content.viewManager.CreateContainerView(session.content.rootFolder, [vim.VirtualMachine], True)
    print(json.dumps({vm.name: {"power": vm.runtime.powerState, "address": vm.guest.ipAddress if vm.guest else None, "folder": vm.parent.name,
                                "template": vm.config.template} for vm in view.view}, indent=1))
    Disconnect(session)


main(sys.argv[1])
