# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, networks, prefixes and ranges out of option values: what is taken, and what the refusal says."""
from __future__ import annotations

import time

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _address
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused


def refused(call, *args):
    with pytest.raises(InputRefused) as caught:
        call(*args)
    assert caught.value.where == args[-1]
    return caught.value


@pytest.mark.parametrize("text, shown", [("10.10.8.10", "10.10.8.10"), ("2001:DB8:0::1", "2001:db8::1")])
def test_address_is_given_in_its_usual_form(text, shown):
    assert str(_address.address(text, "option start")) == shown


@pytest.mark.parametrize("text", ["", " ", "10.0.0.1 ", "010.0.0.1", "10.1", "0x0a000001", "167772161", "10.0.0.256", "10.0.0.1/24", "gw.lab.local",
                                  "fe80::1%eth0", "2001:db8:::1", "\u0661\u0660.0.0.1", "10.0.0.1\n"])
def test_what_is_no_full_address_is_refused(text):
    assert "not an IP address" in refused(_address.address, text, "option start").sentence()


@pytest.mark.parametrize("text, size", [("10.0.0.0/24", 256), ("0.0.0.0/0", 2 ** 32), ("2001:db8::/64", 2 ** 64), ("10.0.0.4/32", 1)])
def test_network(text, size):
    assert _address.network(text, "option subnet").size == size


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/255.255.255.0", "10.0/16",
                                  "2001:db8::/129", "10.0.0.0/\u0662"])
def test_what_is_no_network_is_refused(text):
    refused(_address.network, text, "option subnet")


@pytest.mark.parametrize("text, corrected", [("10.0.0.5/24", "10.0.0.0/24"), ("2001:db8::5/64", "2001:db8::/64")])
def test_host_bits_are_refused_with_the_corrected_network(text, corrected):
    failure = refused(_address.network, text, "option subnet")
    assert failure.expected == corrected and corrected in failure.fix


@pytest.mark.parametrize("value, version, length", [("1", 4, 1), (22, 4, 22), ("30", 4, 30), ("64", 6, 64), ("126", 6, 126)])
def test_prefix_length(value, version, length):
    assert _address.prefix_length(value, version, "option prefix") == length


@pytest.mark.parametrize("value, version", [("0", 4), ("31", 4), ("32", 4), ("33", 4), ("-1", 4), ("", 4), ("24x", 4),
                                            ("\u0662\u0662", 4), ("2_2", 4), ("0", 6), ("127", 6)])
def test_prefix_without_room_for_hosts_is_refused(value, version):
    failure = refused(_address.prefix_length, value, version, "option prefix")
    assert failure.expected.startswith(f"a number from 1 to {30 if version == 4 else 126}")


@pytest.mark.parametrize("value, corrected", [("/24", "24"), ("24 ", "24"), (" /24", "24"), ("255.255.252.0", "22")])
def test_other_ways_to_write_a_prefix_are_refused_with_the_right_one(value, corrected):
    assert refused(_address.prefix_length, value, 4, "option prefix").fix == f"write {corrected}"


def test_a_mask_with_holes_is_refused_without_a_guess():
    assert "leading one bits" in refused(_address.prefix_length, "255.0.255.0", 4, "option prefix").fix


def test_span():
    def one(text):
        return _address.address(text, "")
    assert _address.span(one("10.0.0.1"), one("10.0.0.1"), "options start, end").size == 1
    assert _address.span(one("10.0.0.250"), one("10.0.1.5"), "options start, end").size == 12
    reversed_range = refused(_address.span, one("10.0.0.9"), one("10.0.0.1"), "options start, end")
    assert reversed_range.expected == "10.0.0.1 to 10.0.0.9"
    assert "families" in refused(_address.span, one("10.0.0.9"), one("2001:db8::1"), "options start, end").what


@pytest.mark.parametrize("one, other, shared", [
    ("10.0.0.0/24", "10.0.0.0/24", "10.0.0.0-10.0.0.255"),
    ("10.0.0.0/24", "10.0.0.128/25", "10.0.0.128-10.0.0.255"),
    ("10.0.0.128/25", "10.0.0.0/24", "10.0.0.128-10.0.0.255"),
    ("10.0.0.0/25", "10.0.0.128/25", ""),
    ("10.0.0.0/24", "10.9.0.0/24", ""),
    ("10.0.0.0/8", "::/0", ""),
    ("2001:db8::/64", "2001:db8::/32", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff"),
])
def test_overlap(one, other, shared):
    assert _address.overlap(_address.network(one, ""), _address.network(other, "")) == shared


def test_huge_blocks_cost_nothing():
    """faults.md V13: no enumeration."""
    started = time.monotonic()
    for text in ("10.0.0.0/8", "2001:db8::/32"):
        block = _address.network(text, "")
        assert _address.overlap(block, _address.network_of(block[5], 24 if block.version == 4 else 64))
    assert _address.span(_address.address("10.0.0.0", ""), _address.address("10.255.255.255", ""), "").size == 2 ** 24
    assert time.monotonic() - started < 1
