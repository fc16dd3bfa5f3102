# SPDX-License-Identifier: GPL-3.0-or-later
"""A Palette and vCenter site on loopback; see lab/README.md."""
