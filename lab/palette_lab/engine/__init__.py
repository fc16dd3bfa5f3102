# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of Palette that takes time: installers that register, gateways that are provisioned, resized, reset and deleted."""

from palette_lab.engine.runner import start

__all__ = ["start"]
