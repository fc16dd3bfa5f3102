# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and groups by their names in vCenter: user@domain and DOMAIN\\user, in any case, are one. PRIVATE to the collection."""
from __future__ import annotations


def parts(text):
    r"""(name, domain), both folded; a name without a domain has domain ''. 'svc@Corp.local' and 'CORP.LOCAL\svc' give the same."""
    domain, backslash, name = text.strip().partition("\\")
    if not backslash:
        name, _at, domain = text.strip().rpartition("@") if "@" in text else (text.strip(), "", "")
    return name.casefold(), domain.casefold()


def same(one, other):
    """Whether two names mean the same user or group. A domain's short name is not known to be its long one."""
    return parts(one) == parts(other)


def spoken(text):
    r"""A name as the AuthorizationManager takes it: DOMAIN\name (vSphere API, Permission.principal); a name without a domain stays as it is."""
    if "\\" in text or "@" not in text:
        return text.strip()
    name, _at, domain = text.strip().rpartition("@")
    return f"{domain}\\{name}"
