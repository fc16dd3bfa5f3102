# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module front: AnsibleModule around a noun's execute. Works everywhere, shows no live progress. PRIVATE to the collection."""
from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ._libraries import require
from ._lifeline import PLAYBOOK_VARIABLE, stop_on_signals, watch_playbook
from ._run import Context, outcome
from ._until import Stop


def guarded(noun):
    """noun.execute behind the check that its libraries are there."""
    def execute(params, context):
        require(noun.LIBRARIES)
        return noun.execute(params, context)
    return execute


def main(noun):
    """Runs a noun's module. Taken from the noun: SPEC (AnsibleModule's arguments), LIBRARIES (names), execute(params, context) -> result, and, where it
    has one, secrets(params) -> [str], what is secret inside options that are not secret as a whole."""
    module = AnsibleModule(**noun.SPEC)
    module.no_log_values.update(noun.secrets(module.params) if hasattr(noun, "secrets") else ())
    stop = Stop()
    stop_on_signals(stop)
    watch_playbook(stop, PLAYBOOK_VARIABLE)
    context = Context(check=module.check_mode, stop=stop)
    answer = outcome(guarded(noun), module.params, context, module.no_log_values)
    for warning in answer.pop("warnings", []):
        module.warn(warning)
    if answer.get("failed"):
        module.fail_json(**answer)
    module.exit_json(**answer)
