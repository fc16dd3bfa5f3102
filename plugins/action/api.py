# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action front of every module (meta/runtime.yml maps them here): runs a noun in the controller's worker, with live progress.

Where the task runs elsewhere, or with become, async or environment, or where a library is missing, it runs the module front instead.
"""
from __future__ import annotations

import importlib
import os
import re
import signal

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, one_line
from ansible_collections.palette.vmware.plugins.module_utils._libraries import missing
from ansible_collections.palette.vmware.plugins.module_utils._lifeline import PLAYBOOK_VARIABLE, identity, stop_on_signals, watch
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, outcome
from ansible_collections.palette.vmware.plugins.module_utils._secret import masker
from ansible_collections.palette.vmware.plugins.module_utils._until import Stop

MODULE_UTILS = "ansible_collections.palette.vmware.plugins.module_utils"
MODES = ("auto", "module")
SAID = set()
NAMES = tuple(re.compile(pattern) for pattern in (
    r"^(?:argument|Elements value for option|value of) '([^']+)'", r"^value of (\S+) must be",
    r"^missing parameter\(s\) required by '[^']+': (.+?)(?: found in |$)",
    r"^(?:missing required arguments|parameters are mutually exclusive|parameters are required together|one of the following is required): (.+?)"
    r"(?: found in |$)",
    r" in the sub parameter field '([^']+)' must be a ", r" of the following are missing: (.+?)(?: found in |$)"))
INSIDE = re.compile(r" found in '?([^'.]+?)(?:'\.|'? is of type|$)")


def where_of(message, unknown):
    """'option account.insecure': the options that a message of ansible-core's validator names; unknown: those that the module does not have."""
    names = sorted(unknown) or next((re.split(r", |\|", found.group(1)) for found in (pattern.search(message) for pattern in NAMES) if found), [])
    inside = INSIDE.search(message) if not unknown else None
    outer = inside.group(1).replace(" -> ", ".") + "." if inside else ""
    shown = ", ".join(f"{outer}{name}" for name in names)
    return f"option{'s' if len(names) > 1 else ''} {shown}" if shown else "the task's options"


def no_dictionary(spec, args):
    """The first option that should be a dictionary and is a number, or ''. ansible-core's validator breaks on it, where the option has options inside."""
    return next((name for name, entry in sorted(spec.items()) if entry.get("type") == "dict" and isinstance(args.get(name), (int, float))), "")


def refused(name, text, where, secrets):
    """The result for arguments that the specification refuses: msg is word for word the module front's."""
    def refuse(_params, _context):
        raise InputRefused(text, where=where, fix=f"correct it; ansible-doc {name} shows every option")
    return {**outcome(refuse, {}, Context(), secrets), "msg": one_line(masker(secrets)(text))}


def refusal(name, validated, secrets):
    """The result for what ansible-core's validator refuses."""
    text, unknown = validated.errors.msg, ()
    if isinstance(validated.errors[0], UnsupportedError):
        text, unknown = f"Unsupported parameters for ({name}) module: {text}", {
            ".".join(map(str, path)) if isinstance(path, tuple) else str(path) for path in validated.unsupported_parameters}
    return refused(name, text, where_of(text, unknown), secrets)


class ActionModule(ActionBase):
    """Variables: palette_execution (auto, the default, or module) chooses the front; palette_foreseeing: true keeps back the warnings of a task that
    is in check mode only to have its refusals early."""

    _requires_connection = False
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        variables = task_vars or {}
        noun = importlib.import_module(f"{MODULE_UTILS}._{self._task.action.rpartition('.')[2]}")
        obstacle = self.obstacle(noun, variables)
        answer = self.in_worker(noun, variables) if obstacle is None else self.elsewhere(noun, variables, obstacle)
        if self._task.check_mode and boolean(self._templar.template(variables.get("palette_foreseeing", False))):
            answer.pop("warnings", None)
        return answer

    def elsewhere(self, noun, variables, obstacle):
        if obstacle and "wait" in noun.SPEC["argument_spec"]:
            self.say_once(f"{variables.get('inventory_hostname', 'localhost')}: {self._task.get_name()}: no live progress ({obstacle})")
        return self.in_module(variables)

    def say_once(self, line):
        """Shows the line once for this task and host, whatever the number of loop items and retries (they share a worker)."""
        if not self._task.no_log and (self._task._uuid, line) not in SAID:
            SAID.add((self._task._uuid, line))
            Display().display(line)

    def obstacle(self, noun, variables):
        """None when the worker can do it; else why not, empty when the user chose the module front."""
        mode = self._templar.template(variables.get("palette_execution", "auto"))
        if mode not in MODES:
            raise AnsibleActionFail(f"variable palette_execution is '{mode}', expected one of: {', '.join(MODES)}")
        if mode == "module":
            return ""
        absent = missing(noun.LIBRARIES)
        reasons = (
            (self._connection.transport != "local", "the task runs on another host"),
            (self._connection.become is not None, "become"),
            (bool(self._task.async_val), "async"),
            (any(self._task.environment or []), "environment"),
            (bool(absent), f"the controller's Python lacks {', '.join(absent)}"),
        )
        return next((reason for holds, reason in reasons if holds), None)

    def in_worker(self, noun, variables):
        """Runs the noun here. What an action plugin returns or raises is not masked by core: it is masked here."""
        spec = {key: value for key, value in noun.SPEC.items() if key != "supports_check_mode"}
        number = no_dictionary(spec["argument_spec"], self._task.args)
        if number:
            return refused(self._task.action, f"value of '{number}' must be of type dict", f"option {number}", ())
        validated = ModuleArgumentSpecValidator(**spec).validate(self._task.args)
        secrets = set(validated._no_log_values)
        if validated.error_messages:
            return refusal(self._task.action, validated, secrets)
        if hasattr(noun, "secrets"):
            secrets.update(noun.secrets(validated.validated_parameters))
        stop = Stop()
        previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        stop_on_signals(stop)
        ended = watch(stop, identity(os.getppid()))
        context = Context(check=self._task.check_mode, emit=self.display_line(variables, stop), stop=stop)
        try:
            return outcome(noun.execute, validated.validated_parameters, context, secrets)
        finally:
            if not stop.is_set():
                ended.set()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def display_line(self, variables, stop):
        """Progress lines reach the console at once, and a runner as `verbose` job events of this task. After an order to stop nobody may be left to
        read them, and the pipe to the playbook could block."""
        host = variables.get("inventory_hostname", "localhost")

        def emit(line):
            if not self._task.no_log and not stop.is_set():
                Display().display(f"{host}: {line}")
        return emit

    def in_module(self, variables):
        """Runs the module front, which is told which process the playbook is; a job that is meant to outlive it (async, poll 0) is not."""
        if not self._task.async_val or self._task.poll:
            self._task.environment = [*(self._task.environment or []), {PLAYBOOK_VARIABLE: identity(os.getppid())}]
        return self._execute_module(task_vars=variables, wrap_async=bool(self._task.async_val))
