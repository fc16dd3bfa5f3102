# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between the engine and vCenter. No text holds a password."""

from __future__ import annotations


class EngineError(Exception):
    """`reason` is the Failed… word of a condition or event, `message` says what, where, and what was expected."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class AccountRefused(EngineError):
    """A cloud account that cannot be used, or a lookup with it that found nothing; `code` is the API's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("FailedCloudAccountValidation", message)
        self.code = code


class NotFoundInVcenter(EngineError):
    """A placement names something that vCenter does not have (or does not show to the account)."""


class VcenterFault(EngineError):
    """vCenter refused or failed a call."""


class SessionLost(VcenterFault):
    """NotAuthenticated: the session is gone; a new login may help."""


class AddressesExhausted(EngineError):
    """An IP pool or a DHCP range has not enough free addresses."""
