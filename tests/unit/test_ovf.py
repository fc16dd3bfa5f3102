# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OVF descriptor: what it gives, and what it refuses (faults 3.3)."""
from __future__ import annotations

import pytest

import crafted_ova as crafted
from ansible_collections.palette.vmware.plugins.module_utils import _ovf
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused

PROLOGUE = '<?xml version="1.0"?>'
BOMB = PROLOGUE + '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Envelope>&b;</Envelope>'


def test_parse_gives_the_product_its_properties_and_its_disks():
    data = crafted.ovf((("disk-0.vmdk", 4096),), section=' ovf:class="gateway" ovf:instance="1"')
    found = _ovf.parse(data)
    assert found["product"] == {"name": "Gateway Installer", "vendor": "Lab", "version": "1.0", "full_version": ""}
    assert found["networks"] == ["VM Network"]
    assert found["disks"] == [{"id": "vmdisk0", "href": "disk-0.vmdk", "size": 4096, "capacity": 2 ** 30, "populated": None}]
    assert found["hardware"] == {"version": "vmx-13", "cpus": 2, "memory_mib": 4096, "adapters": ["VM Network"]}
    assert [entry["id"] for entry in found["properties"]][:3] == ["gateway.installerName.1", "gateway.consoleEndpoint.1", "gateway.pairingCode.1"]
    assert found["properties"][4] == {"id": "gateway.podCidr.1", "label": "Pod CIDR", "description": "", "type": "string", "qualifiers": "", "default": "",
                                      "user_configurable": True, "password": False, "category": ""}


def test_property_attributes_categories_and_localized_labels():
    properties = ('<Category>Network</Category><Property ovf:key="a" ovf:type="string" ovf:qualifiers="MinLen(3)" ovf:password="true" '
                  'ovf:value="x &amp; &lt;y&gt;&#10;z">'
                  '<Label ovf:msgid="l">Plain</Label><Description ovf:msgid="d"/></Property>'
                  '<Property ovf:key="b" ovf:type="boolean"><Value ovf:value="no" ovf:configuration="c"/><Value ovf:value="yes"/></Property>')
    strings = '<Strings xml:lang="en"><Msg ovf:msgid="d">From the bundle</Msg></Strings>'
    first, second = _ovf.parse(crafted.ovf(properties=properties, extra=strings))["properties"]
    assert first == {"id": "a", "label": "Plain", "description": "From the bundle", "type": "string", "qualifiers": "MinLen(3)", "default": "x & <y>\nz",
                     "user_configurable": False, "password": True, "category": "Network"}
    assert (second["default"], second["type"], second["category"]) == ("yes", "boolean", "Network")


@pytest.mark.parametrize("text, factor", [("byte", 1), ("byte * 2^30", 2 ** 30), ("byte*2^20", 2 ** 20), ("MegaBytes", 2 ** 20), ("bytes * 2 ^ 10", 1024)])
def test_units(text, factor):
    assert _ovf.units(text) == factor


def test_an_empty_disk_needs_no_file():
    text = crafted.ovf().replace(b"</DiskSection>", b'<Disk ovf:diskId="blank" ovf:capacity="5" ovf:capacityAllocationUnits="byte * 2^30"/></DiskSection>')
    assert _ovf.parse(text)["disks"][1] == {"id": "blank", "href": None, "size": None, "capacity": 5 * 2 ** 30, "populated": None}


def nested(levels):
    return (PROLOGUE + "<a>" * levels + "</a>" * levels).encode()


@pytest.mark.parametrize("data, words", [
    pytest.param(BOMB.encode(), "DOCTYPE", id="billion laughs"),
    pytest.param((PROLOGUE + '<!DOCTYPE Envelope SYSTEM "http://127.0.0.1:1/x.dtd"><Envelope/>').encode(), "DOCTYPE", id="external DTD"),
    pytest.param((PROLOGUE + '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><x/>').encode(), "DOCTYPE", id="parameter entity"),
    pytest.param((PROLOGUE + '<x xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></x>').encode(), "XInclude", id="XInclude"),
    pytest.param((PROLOGUE + '<!DOCTYPE x><x/>').encode("utf-16"), "DOCTYPE", id="UTF-16"),
    pytest.param(b"<a>" + b" " * _ovf.SIZE_CAP + b"</a>", "larger than 8 MiB", id="size"),
    pytest.param(nested(10000), "deeper than 100", id="depth"),
    pytest.param(b"<a>" + b"<b/>" * 100_001 + b"</a>", "more than 100000 elements", id="elements"),
    pytest.param(b"<a><b></a>", "not well-formed", id="broken"),
    pytest.param(b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "no OVF 1.x", id="XHTML"),
    pytest.param(crafted.ovf().replace(b"ovf/envelope/1", b"ovf/envelope/2"), "no OVF 1.x", id="OVF 2"),
    pytest.param(crafted.ovf(extra='<VirtualSystemCollection ovf:id="c"/>'), "collection", id="collection"),
    pytest.param(crafted.ovf(extra='<VirtualSystem ovf:id="two"/>'), "must describe one", id="two machines"),
    pytest.param(crafted.ovf(extra='<x:Thing xmlns:x="urn:x"><Info/></x:Thing>'), "requires a section", id="unknown required section"),
    pytest.param(crafted.ovf(version=""), "no hardware version", id="hardware version"),
    pytest.param(crafted.ovf(files=""), "disk has no file", id="disk without file"),
    pytest.param(crafted.ovf().replace(b"</References>", b'<File ovf:id="f9" ovf:href="extra.bin"/></References>'), "no disk and no device uses",
                 id="file without disk"),
    pytest.param(crafted.ovf((("../../secret", 1),)), "outside its archive", id="way up"),
    pytest.param(crafted.ovf((("/etc/passwd", 1),)), "outside its archive", id="absolute"),
    pytest.param(crafted.ovf((("http://169.254.169.254/latest", 1),)), "outside its archive", id="http"),
    pytest.param(crafted.ovf((("file:///etc/passwd", 1),)), "outside its archive", id="file scheme"),
    pytest.param(crafted.ovf((("..\\x", 1),)), "outside its archive", id="backslash"),
    pytest.param(crafted.ovf((("C:x", 1),)), "outside its archive", id="drive"),
    pytest.param(crafted.ovf((("a.vmdk", -5),)), "number that is none", id="negative size"),
    pytest.param(crafted.ovf((("a.vmdk", 1), ("a.vmdk", 1))), "lists a file twice", id="file twice"),
    pytest.param(crafted.ovf(files='<File ovf:id="file0" ovf:href="a" ovf:compression="gzip"/>'), "compressed", id="gzip"),
    pytest.param(crafted.ovf(files='<File ovf:id="file0" ovf:href="a" ovf:chunkSize="9"/>'), "chunks", id="chunks"),
    pytest.param(crafted.ovf(networks=("a", "a")), "listed twice", id="network twice"),
    pytest.param(crafted.ovf().replace(b"<rasd:Connection>VM Network", b"<rasd:Connection>Other"), "not declared", id="unknown network"),
    pytest.param(crafted.ovf().replace(b"ovf:/disk/vmdisk0", b"ovf:/disk/vmdisk7"), "not there", id="device without disk"),
    pytest.param(crafted.ovf(labels=(("a", "A", "string"), ("a", "B", "string"))), "declared twice", id="property twice"),
    pytest.param(crafted.ovf(labels=(("", "A", "string"),)), "has no key", id="property without key"),
])
def test_refused(data, words):
    with pytest.raises(InputRefused) as refusal:
        _ovf.parse(data)
    assert words in str(refusal.value)


def test_an_optional_section_that_is_not_known_is_passed_over():
    assert _ovf.parse(crafted.ovf(extra='<x:Thing xmlns:x="urn:x" ovf:required="false"><Info/></x:Thing>'))["networks"] == ["VM Network"]
