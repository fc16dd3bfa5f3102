# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OVF descriptor (DMTF DSP0243, envelope 1.x) read from bytes that nobody vouches for. Pure. PRIVATE to the collection."""
from __future__ import annotations

import re
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat

from ._errors import InputRefused, quoted

OVF = "http://schemas.dmtf.org/ovf/envelope/1"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
VSSD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
XINCLUDE = "http://www.w3.org/2001/XInclude"
SIZE_CAP = 8 * 1024 * 1024
DEPTH_CAP = 100
ELEMENT_CAP = 100_000
PROCESSOR, MEMORY, NETWORK_ADAPTER, DISK = "3", "4", "10", "17"
ENVELOPE_CHILDREN = {"References", "DiskSection", "NetworkSection", "DeploymentOptionSection", "VirtualSystem", "Strings"}
SYSTEM_CHILDREN = {"Info", "Name", "AnnotationSection", "ProductSection", "VirtualHardwareSection", "OperatingSystemSection", "EulaSection",
                   "InstallSection", "ResourceAllocationSection", "StartupSection"}
POWERS = {"byte": 1, "kilobyte": 2 ** 10, "kilobytes": 2 ** 10, "kb": 2 ** 10, "megabyte": 2 ** 20, "megabytes": 2 ** 20, "mb": 2 ** 20,
          "gigabyte": 2 ** 30, "gigabytes": 2 ** 30, "gb": 2 ** 30}


def refused(what, where="OVF descriptor", **rest):
    return InputRefused(what, where=where, **{"fix": "get the OVA again from Palette, or from its maker", **rest})


def tree(data):
    """The root element of an XML document. A DOCTYPE, an entity, more than 8 MiB, 100 levels or 100,000 elements are refused; nothing is fetched."""
    if len(data) > SIZE_CAP:
        raise refused(f"OVF descriptor is larger than {SIZE_CAP // 2 ** 20} MiB", observed=f"{len(data)} bytes", expected=f"at most {SIZE_CAP} bytes")
    builder, parser, open_elements, seen = TreeBuilder(), expat.ParserCreate(namespace_separator=" "), [], [0]

    def forbidden(*_declaration):
        raise refused("OVF contains a DOCTYPE - refused", expected="an XML document without document type and entities")

    def start(name, attributes):
        seen[0] += 1
        open_elements.append(name)
        if len(open_elements) > DEPTH_CAP:
            raise refused(f"OVF descriptor is nested deeper than {DEPTH_CAP} levels")
        if seen[0] > ELEMENT_CAP:
            raise refused(f"OVF descriptor has more than {ELEMENT_CAP} elements")
        if name.startswith(XINCLUDE + " "):
            raise refused("OVF contains an XInclude - refused")
        builder.start(name, attributes)

    def end(name):
        open_elements.pop()
        builder.end(name)

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = forbidden
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise refused("OVF descriptor is not well-formed XML", where=f"OVF descriptor line {error.lineno} column {error.offset}",
                      observed=expat.ErrorString(error.code)) from None
    return builder.close()


def tag(name, namespace=OVF):
    return f"{namespace} {name}"


def attribute(element, name, default=None):
    return element.get(tag(name), element.get(name, default))


def text(element, name, namespace=OVF):
    child = next((child for child in element if child.tag == tag(name, namespace)), None)
    return (child.text or "").strip() if child is not None else ""


def children(element, name):
    return [child for child in element if child.tag == tag(name)]


def number(value, where):
    """A whole number that is not negative; None for None."""
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", value.strip()):
        raise refused("OVF descriptor holds a number that is none", where=where, observed=value, expected="a whole number, not negative")
    return int(value)


def units(expression):
    """Factor of an allocation unit such as `byte * 2^20` or `MegaBytes` (DSP0004 programmatic units)."""
    words = expression.strip().lower()
    if words in POWERS:
        return POWERS[words]
    match = re.fullmatch(r"(byte|bytes)\s*(?:\*\s*2\s*\^\s*([0-9]{1,2}))?", words)
    if not match:
        raise refused("OVF descriptor uses a unit that is not known", observed=expression, expected="byte * 2^n")
    return 2 ** int(match.group(2) or 0)


def parse(data):
    """bytes -> {name, product, properties, networks, files, disks, hardware}. Raises InputRefused with the element at fault.

    properties: [{id, label, description, category, type, qualifiers, default, user_configurable, password}]; id is `class.key.instance`, as vCenter's
    property mapping names it. networks: [name]. files: [{id, href, size}]. disks: [{id, href, size, capacity, populated}], sizes in bytes, href None
    for an empty disk. hardware: {version, cpus, memory_mib, adapters: [network name]}.
    """
    root = tree(data)
    if root.tag != tag("Envelope"):
        raise refused("this is no OVF 1.x descriptor", observed=root.tag.replace(" ", "#"), expected=f"{OVF}#Envelope")
    known_sections(root, ENVELOPE_CHILDREN, "Envelope", plural="VirtualSystemCollection")
    systems = children(root, "VirtualSystem")
    if len(systems) != 1:
        raise refused("OVF descriptor must describe one virtual machine", where="Envelope/VirtualSystem", observed=f"{len(systems)}", expected="1")
    known_sections(systems[0], SYSTEM_CHILDREN, "Envelope/VirtualSystem")
    files, networks = file_references(root), network_names(root)
    disks = disk_entries(root, files)
    hardware, used = virtual_hardware(systems[0], networks, {disk["id"] for disk in disks}, {entry["id"] for entry in files})
    idle = sorted(entry["href"] for entry in files if entry["href"] not in {disk["href"] for disk in disks} and entry["id"] not in used)
    if idle:
        raise refused("OVF descriptor lists a file that no disk and no device uses", where="Envelope/References/File", observed=", ".join(idle))
    return {"name": text(systems[0], "Name") or attribute(systems[0], "id", ""), "product": product(systems[0]), "files": files, "disks": disks,
            "properties": properties(systems[0], messages(root)), "networks": networks, "hardware": hardware}


def known_sections(element, known, path, plural=None):
    """A section that we do not know and that is required (the default, DSP0243 section 9) is refused, no guess."""
    for child in element:
        namespace, _separator, name = child.tag.rpartition(" ")
        if namespace == OVF and name in known:
            continue
        if namespace == OVF and name == plural:
            raise refused("OVF descriptor holds a collection of virtual machines", where=f"{path}/{name}", expected="one VirtualSystem")
        if attribute(child, "required", "true").lower() not in ("false", "0"):
            raise refused("OVF descriptor requires a section that is not understood", where=f"{path}/{name}", observed=quoted(name))


def safe_href(href):
    """A file name below the descriptor, or InputRefused: no scheme, no absolute path, no way up (faults A01-A03)."""
    parts = href.split("/")
    drive = re.match(r"[A-Za-z]:", href)
    if not href or drive or "://" in href or href.startswith(("/", "file:")) or "\\" in href or ".." in parts or any(not c.isprintable() for c in href):
        raise refused("OVF refers to a file outside its archive", where="Envelope/References/File", observed=href, expected="a plain file name")
    return href[2:] if href.startswith("./") else href


def file_references(root):
    entries, seen = [], set()
    for section in children(root, "References"):
        for entry in children(section, "File"):
            key, href = attribute(entry, "id", ""), safe_href(attribute(entry, "href", ""))
            if key in seen or href in {other["href"] for other in entries}:
                raise refused("OVF descriptor lists a file twice", where="Envelope/References/File", observed=href)
            if attribute(entry, "compression", "identity") not in ("", "identity") or attribute(entry, "chunkSize"):
                raise refused("OVF file is compressed or cut into chunks, which is not supported", where=f"Envelope/References/File {href}")
            seen.add(key)
            entries.append({"id": key, "href": href, "size": number(attribute(entry, "size"), f"size of {href}")})
    return entries


def disk_entries(root, files):
    by_id, disks = {entry["id"]: entry for entry in files}, []
    for section in children(root, "DiskSection"):
        for entry in children(section, "Disk"):
            key, reference = attribute(entry, "diskId", ""), attribute(entry, "fileRef")
            where = f"Envelope/DiskSection/Disk {key}"
            if reference and reference not in by_id:
                raise refused("OVF disk has no file", where=where, observed=f"fileRef {reference}", expected="a File in References")
            backing = by_id.get(reference, {})
            factor = units(attribute(entry, "capacityAllocationUnits", "byte"))
            disks.append({"id": key, "href": backing.get("href"), "size": backing.get("size"),
                          "capacity": (number(attribute(entry, "capacity"), where) or 0) * factor,
                          "populated": number(attribute(entry, "populatedSize"), where)})
    return disks


def network_names(root):
    names = [attribute(entry, "name", "") for section in children(root, "NetworkSection") for entry in children(section, "Network")]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        raise refused("OVF network is listed twice or has no name", where="Envelope/NetworkSection", observed=", ".join(twice))
    return names


def virtual_hardware(system, networks, disk_ids, file_ids):
    """({version, cpus, memory_mib, adapters}, file ids that devices use)."""
    sections = children(system, "VirtualHardwareSection")
    if not sections:
        raise refused("OVF descriptor has no virtual hardware", where="Envelope/VirtualSystem/VirtualHardwareSection")
    section, used = sections[0], set()
    version = next((text(item, "VirtualSystemType", VSSD) for item in children(section, "System")), "")
    if not version:
        raise refused("OVF descriptor has no hardware version", where="VirtualHardwareSection/System/VirtualSystemType", expected="vmx-NN")
    hardware = {"version": version, "cpus": 0, "memory_mib": 0, "adapters": []}
    for item in children(section, "Item"):
        kind, quantity, where = text(item, "ResourceType", RASD), text(item, "VirtualQuantity", RASD) or None, "VirtualHardwareSection/Item"
        if kind == PROCESSOR:
            hardware["cpus"] += number(quantity, where) or 0
        elif kind == MEMORY:
            hardware["memory_mib"] += (number(quantity, where) or 0) * units(text(item, "AllocationUnits", RASD) or "byte * 2^20") // 2 ** 20
        elif kind == NETWORK_ADAPTER and text(item, "Connection", RASD):
            network = text(item, "Connection", RASD)
            if network not in networks:
                raise refused("OVF adapter is on a network that is not declared", where=where, observed=network, expected=", ".join(networks))
            hardware["adapters"].append(network)
        match = re.fullmatch(r"(?:ovf:)?/(disk|file)/(.+)", text(item, "HostResource", RASD))
        if match and match.group(2) not in {"disk": disk_ids, "file": file_ids}[match.group(1)]:
            raise refused("OVF device refers to something that is not there", where=where, observed=match.group(0))
        if match and match.group(1) == "file":
            used.add(match.group(2))
    return hardware, used


def messages(root):
    """{msgid: text} of the first language (DSP0243 section 10)."""
    found = {}
    for strings in children(root, "Strings"):
        for message in children(strings, "Msg"):
            found.setdefault(attribute(message, "msgid", ""), (message.text or "").strip())
    return found


def wording(element, name, localized):
    """Text of a localizable child."""
    child = next(iter(children(element, name)), None)
    return "" if child is None else ((child.text or "").strip() or localized.get(attribute(child, "msgid", ""), ""))


def product(system):
    section = next(iter(children(system, "ProductSection")), None)
    names = {"name": "Product", "vendor": "Vendor", "version": "Version", "full_version": "FullVersion"}
    return {key: text(section, name) if section is not None else "" for key, name in names.items()}


def properties(system, localized):
    found = []
    for section in children(system, "ProductSection"):
        category = ""
        for child in section:
            if child.tag == tag("Category"):
                category = (child.text or "").strip() or localized.get(attribute(child, "msgid", ""), "")
            elif child.tag == tag("Property"):
                found.append({**one_property(child, section, localized), "category": category})
    ids = [entry["id"] for entry in found]
    twice = sorted({key for key in ids if ids.count(key) > 1})
    if twice:
        raise refused("OVF property is declared twice", where="ProductSection/Property", observed=", ".join(twice))
    return found


def one_property(element, section, localized):
    key = attribute(element, "key", "")
    if not key:
        raise refused("OVF property has no key", where="ProductSection/Property")
    value = next((attribute(child, "value", "") for child in children(element, "Value") if not attribute(child, "configuration")), None)
    parts = (attribute(section, "class", ""), key, attribute(section, "instance", ""))
    return {"id": ".".join(part for part in parts if part), "label": wording(element, "Label", localized),
            "description": wording(element, "Description", localized), "type": attribute(element, "type", "string"),
            "qualifiers": attribute(element, "qualifiers", ""), "default": attribute(element, "value", value or ""),
            "user_configurable": attribute(element, "userConfigurable", "false").lower() in ("true", "1"),
            "password": attribute(element, "password", "false").lower() in ("true", "1")}
