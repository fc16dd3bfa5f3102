# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tar archive read as a stream, for archives that nobody vouches for: nothing is extracted, nothing is guessed. PRIVATE to the collection.

Source: POSIX.1-2001 pax interchange format, GNU base-256 sizes and long names.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

from ._errors import InputRefused, TransferFailed, quoted

BLOCK = 512
MEGABYTE = 1024 * 1024
MEMBER_CAP = 1000
EXTENSION_CAP = 64 * 1024
REGULAR, FOLDER, LONG_NAME, PAX, PAX_GLOBAL = (b"0", b"\0", b"7"), b"5", b"L", b"x", b"g"
BEGINNINGS = ((b"\x1f\x8b", "a gzip file"), (b"PK\x03\x04", "a zip archive"), (b"<?xml", "an XML file"), (b"BZh", "a bzip2 file"),
              (b"\xfd7zXZ", "an xz file"), (b"KDMV", "a bare VMDK disk"))


@dataclass
class Member:
    """A file in an archive. read(n) -> up to n bytes of it, b'' at its end. Valid until the next member is asked for."""

    name: str
    size: int
    read: object


def refused(what, stream, **rest):
    return InputRefused(what, where=f"OVA {stream.shown}", **rest)


def safe_name(name, stream):
    """The member's plain name; a name that leaves the archive is refused (faults A01)."""
    plain = name[2:] if name.startswith("./") else name
    if not plain or plain.startswith("/") or "\\" in plain or re.match(r"[A-Za-z]:",
                                                                       plain) or ".." in plain.split("/") or any(not c.isprintable() for c in plain):
        raise refused(f"OVA member '{quoted(name)}' leaves the archive", stream, expected="plain file names")
    return plain


def exactly(stream, count):
    """count bytes, or fewer at the end of the stream."""
    parts, missing = [], count
    while missing:
        block = stream.read(missing)
        if not block:
            break
        parts.append(block)
        missing -= len(block)
    return b"".join(parts)


def number(field, stream):
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    else:
        digits = field.strip(b" \0")
        if not re.fullmatch(rb"[0-7]*", digits):
            raise refused("OVA header holds a size that is no number", stream, observed=digits.decode("latin-1"))
        value = int(digits or b"0", 8)
    if value >= 2 ** 63:
        raise refused("OVA header holds a size that cannot be", stream, observed=str(value))
    return value


def no_archive(block, stream):
    """InputRefused saying what the first bytes look like instead (faults A13)."""
    start = block.lstrip()[:200].lower()
    if not block:
        looks = "an empty file"
    elif start.startswith((b"<!doctype html", b"<html")):
        looks = "an HTML page - is the link expired?"
    else:
        looks = next((name for mark, name in BEGINNINGS if block.startswith(mark)), "no tar archive")
    return refused("this is no OVA", stream, observed=looks, expected="a tar archive whose first member is an .ovf", fix="check what the OVA location gives")


def header(block, stream, first):
    """(name, type, size) of a header block."""
    checksum = sum(block[:148]) + 8 * 32 + sum(block[156:])
    stated = block[148:156].strip(b" \0")
    if len(block) < BLOCK or not re.fullmatch(rb"[0-7]+", stated) or int(stated, 8) != checksum:
        if first:
            raise no_archive(block, stream)
        raise TransferFailed("the OVA is damaged or cut off", where=f"OVA {stream.shown}", observed=f"no tar header at byte {stream.position - len(block)}")
    name = block[:100].split(b"\0")[0]
    if block[257:262] == b"ustar" and block[262:263] == b"\0":
        prefix = block[345:500].split(b"\0")[0]
        name = prefix + b"/" + name if prefix else name
    return name.decode("utf-8", "replace"), block[156:157], number(block[124:136], stream)


def pax_records(data, stream):
    """{key: value} of an extended header."""
    records = {}
    while data:
        match = re.match(rb"([0-9]{1,6}) ([^=]+)=", data)
        length = int(match.group(1)) if match else 0
        if not match or not match.end() <= length <= len(data):
            raise refused("OVA holds a damaged extended header", stream)
        records[match.group(2).decode("utf-8", "replace")] = data[match.end():length - 1].decode("utf-8", "replace")
        data = data[length:]
    if any(key.startswith("GNU.sparse") for key in records):
        raise refused("OVA member is stored sparse, which is not supported", stream)
    if not re.fullmatch(r"[0-9]{1,18}", records.get("size", "0")):
        raise refused("OVA header holds a size that is no number", stream, observed=records["size"])
    return records


def pass_over(stream, count):
    if count and stream.skip:
        stream.skip(count)
        return
    while count:
        block = stream.read(min(count, MEGABYTE))
        if not block:
            break
        count -= len(block)


def limited(stream, size, name):
    """read function of a member; raises TransferFailed when the archive ends inside it. Its attribute `left` is what is still to be read."""
    def read(count):
        block = stream.read(min(count, read.left)) if read.left else b""
        if read.left and count and not block:
            raise TransferFailed("the OVA is cut off", where=f"OVA {stream.shown}", observed=f"{size - read.left} bytes of {name}", expected=f"{size} bytes")
        read.left -= len(block)
        return block
    read.left = size
    return read


def members(stream):
    """Iterator of Member over regular files. Raises InputRefused for what no OVA holds, TransferFailed for a damaged or cut archive."""
    count, extra, seen, first = 0, {}, set(), True
    while True:
        block = exactly(stream, BLOCK)
        if not first and (not block or block == bytes(BLOCK)):
            return
        name, kind, size = header(block, stream, first)
        first, count = False, count + 1
        if count > MEMBER_CAP:
            raise refused(f"OVA has more than {MEMBER_CAP} members", stream)
        size = int(extra.get("size", size)) if kind not in (PAX, PAX_GLOBAL, LONG_NAME) else size
        if stream.length is not None and size > stream.length - stream.position:
            raise refused(f"OVA member '{quoted(extra.get('path', name))}' is larger than its archive", stream, observed=f"{size} bytes declared",
                          expected=f"at most {max(0, stream.length - stream.position)} bytes")
        if kind in (PAX, PAX_GLOBAL, LONG_NAME):
            extra.update(extension(stream, kind, size))
            continue
        name, extra = extra.get("path", name), {}
        if kind == FOLDER:
            continue
        if kind not in REGULAR:
            raise refused(f"OVA member '{quoted(name)}' is no plain file", stream, observed=f"tar type {quoted(kind.decode('latin-1'))}")
        name = safe_name(name, stream)
        if name in seen:
            raise refused(f"OVA member '{name}' is there twice", stream)
        seen.add(name)
        read = limited(stream, size, name)
        yield Member(name, size, read)
        pass_over(stream, read.left + -size % BLOCK)


def extension(stream, kind, size):
    """What an extended header says about the member behind it: {path, size}."""
    if size > EXTENSION_CAP:
        raise refused("OVA holds an extended header that is too large", stream, observed=f"{size} bytes", expected=f"at most {EXTENSION_CAP}")
    data = exactly(stream, size)
    pass_over(stream, -size % BLOCK)
    if kind == LONG_NAME:
        return {"path": data.rstrip(b"\0").decode("utf-8", "replace")}
    records = pax_records(data, stream)
    return {} if kind == PAX_GLOBAL else {key: records[key] for key in ("path", "size") if key in records}
