# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, networks and ranges out of option values, by netaddr; nothing here enumerates addresses. PRIVATE to the collection."""
from __future__ import annotations

import re

from ._errors import InputRefused
from ._libraries import library

netaddr = library("netaddr")


def address(text, where):
    """netaddr.IPAddress of a fully written address. Raises InputRefused (octal, short or masked notations, host names)."""
    try:
        return netaddr.IPAddress(str(text), flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError) as error:
        raise InputRefused("not an IP address", where=where, observed=text, expected="one address, all parts written in decimal, such as 10.10.8.10",
                           fix="correct the value") from error


def network(text, where):
    """netaddr.IPNetwork of a CIDR without host bits. Raises InputRefused with the corrected value where there is one."""
    base, slash, length = str(text).partition("/")
    version = address(base, where).version
    if not slash or not re.fullmatch("[0-9]{1,3}", length) or int(length) > (32 if version == 4 else 128):
        raise InputRefused("not a network in CIDR form", where=where, observed=text, expected="ADDRESS/PREFIX such as 10.10.8.0/24",
                           fix="write the prefix length behind a slash, not a mask")
    found = netaddr.IPNetwork(f"{base}/{int(length)}")
    if found.ip != found.network:
        raise InputRefused("the network has host bits set", where=where, observed=text, expected=str(found.cidr), fix=f"write {found.cidr}")
    return found


def network_of(host, length):
    """The network of that prefix length that an address lies in."""
    return netaddr.IPNetwork(f"{host}/{length}").cidr


def prefix_length(value, version, where):
    """int prefix of a network that hosts can live in (1..30 for IPv4, 1..126 for IPv6). Raises InputRefused; a mask is refused with its prefix."""
    text, widest = str(value), 30 if version == 4 else 126
    if "." in text:
        mask = address(text, where)
        known = mask.is_netmask()
        raise InputRefused("the prefix is written as a mask", where=where, observed=value, expected="a prefix length",
                           fix=f"write {mask.netmask_bits()}" if known else "write the number of leading one bits")
    bare = text.strip().lstrip("/")
    if bare != text and re.fullmatch("[0-9]{1,3}", bare):
        raise InputRefused("the prefix is written with a slash or a space", where=where, observed=f"'{value}'", expected="a prefix length", fix=f"write {bare}")
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= widest:
        raise InputRefused("no usable prefix length", where=where, observed=value, expected=f"a number from 1 to {widest}, so that the network has room for "
                           "hosts beside its gateway", fix="correct the value")
    return int(text)


def span(start, end, where):
    """netaddr.IPRange from start to end. Raises InputRefused when the families differ or the range is reversed (with the corrected order)."""
    if start.version != end.version:
        raise InputRefused("start and end are of different address families", where=where, observed=f"{start} and {end}", fix="use one family")
    if end < start:
        raise InputRefused("the range is reversed", where=where, observed=f"{start} to {end}", expected=f"{end} to {start}", fix="swap start and end")
    return netaddr.IPRange(start, end)


def overlap(one, other):
    """The addresses that two ranges or networks share, as 'first-last', or '' when they share none."""
    if one.version != other.version:
        return ""
    first, last = max(one.first, other.first), min(one.last, other.last)
    return f"{netaddr.IPAddress(first, one.version)}-{netaddr.IPAddress(last, one.version)}" if first <= last else ""
