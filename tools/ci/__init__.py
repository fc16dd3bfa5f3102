# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of `make test`. Each stage is a function (Site) -> Outcome."""
