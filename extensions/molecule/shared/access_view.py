# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what vCenter itself says of one user, as JSON: its permissions, and its own verdict on privileges of objects.

Arguments: a lab's env file; a user; then PATH=PRIVILEGE,PRIVILEGE… for each object to ask about.
"""
from __future__ import annotations

import json
import shlex
import ssl
import sys
from pathlib import Path

from pyVim.connect import Disconnect, SmartConnect


def fold(principal: str) -> str:
    domain, backslash, user = principal.partition("\\")
    return (f"{user}@{domain}" if backslash else principal).lower()


def main(env_file: str, user: str, *questions: str) -> None:
    env = dict(item.split("=", 1) for item in shlex.split(Path(env_file).read_text(encoding="utf-8")))
    session = SmartConnect(host=env["VMWARE_HOST"], port=int(env["VMWARE_PORT"]), user=env["VMWARE_ADMIN_USER"], pwd=env["VMWARE_ADMIN_PASSWORD"],
                           sslContext=ssl.create_default_context(cafile=env["VMWARE_CA_PATH"]))
    manager, index = session.content.authorizationManager, session.content.searchIndex
    names = {role.roleId: role.name for role in manager.roleList}
    permissions = [{"object": permission.entity.name, "role": names[permission.roleId], "propagate": permission.propagate}
                   for permission in manager.RetrieveAllPermissions() if fold(permission.principal) == fold(user) and not permission.group]
    verdicts = {}
    for path, _sign, privileges in (question.partition("=") for question in questions):
        entity = index.FindByInventoryPath(path.strip("/")) or session.content.rootFolder
        [answer] = manager.HasUserPrivilegeOnEntities([entity], user, privileges.split(","))
        verdicts[path] = {each.privId: each.isGranted for each in answer.privAvailability}
    print(json.dumps({"permissions": permissions, "verdicts": verdicts}, indent=1))
    Disconnect(session)


main(*sys.argv[1:])
