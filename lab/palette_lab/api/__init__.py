# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of the Palette API, one file per group; each has ROUTES, a list of starlette routes."""
