# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OVA or an unpacked OVF, read once from front to back, with its digests taken on the way. PRIVATE to the collection."""
from __future__ import annotations

import hashlib
import os
import queue
import re
import stat
import threading
from contextlib import contextmanager

from . import _ovf
from ._errors import InputRefused, TransferFailed, quoted
from ._ova_source import FileStream, UrlStream
from ._ova_tar import MEGABYTE, Member, exactly, members

ALGORITHMS = ("sha1", "sha256", "sha512")
MANIFEST_CAP = MEGABYTE
HASH_QUEUE = 4
MANIFEST_LINE = re.compile(r"\s*(SHA-?[0-9]+)\s*\(\s*(.+?)\s*\)\s*=\s*([0-9A-Fa-f]+)\s*", re.ASCII | re.IGNORECASE)


def parse_manifest(data, where="manifest"):
    """bytes of an .mf file -> {file name: {algorithm: lower-case digest}}. Raises InputRefused for lines it cannot read and for entries that differ."""
    found = {}
    for count, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        match = MANIFEST_LINE.fullmatch(line)
        algorithm = match.group(1).lower().replace("-", "") if match else ""
        if algorithm not in ALGORITHMS or len(match.group(3)) != 2 * hashlib.new(algorithm).digest_size:
            raise InputRefused("the manifest cannot be read", where=f"{where} line {count}", observed=line,
                               expected="SHA256(file)= digest; SHA1, SHA256 or SHA512")
        entry, digest = found.setdefault(match.group(2), {}), match.group(3).lower()
        if entry.setdefault(algorithm, digest) != digest:
            raise InputRefused(f"the manifest lists '{quoted(match.group(2))}' twice with different digests", where=f"{where} line {count}")
    return found


def parse_checksum(value):
    """'sha256:…' -> (algorithm, digest) or None. Pure; raises InputRefused."""
    if not value:
        return None
    algorithm, _colon, digest = value.strip().lower().partition(":")
    algorithm = algorithm.replace("-", "")
    if algorithm not in ALGORITHMS or not re.fullmatch(r"[0-9a-f]+", digest) or len(digest) != 2 * hashlib.new(algorithm).digest_size:
        raise InputRefused("the checksum cannot be read", where="option checksum", observed=value, expected="sha256: and 64 hexadecimal digits")
    return algorithm, digest


@contextmanager
def hashing():
    """Gives feed(hashes, block), which returns at once; a thread of its own updates the hashes (hashlib lets other threads run meanwhile).

    At most four blocks wait. The hashes are complete when the `with` block is left, or after feed.flush().
    """
    pending = queue.Queue(HASH_QUEUE)

    def work():
        while True:
            item = pending.get()
            if item is not None:
                for digest in item[0]:
                    digest.update(item[1])
            pending.task_done()
            if item is None:
                return

    def feed(hashes, block):
        if hashes and block:
            pending.put((hashes, block))

    worker = threading.Thread(target=work, name="ova-digests", daemon=True)
    worker.start()
    feed.flush = pending.join
    try:
        yield feed
    finally:
        pending.put(None)
        worker.join()


class Tapped:
    """A stream whose every byte also goes to `tap`; it is read on, never skipped."""

    skip = None

    def __init__(self, stream, tap):
        self._stream, self._tap = stream, tap
        self.length, self.shown = stream.length, stream.shown

    @property
    def position(self):
        return self._stream.position

    def read(self, count):
        block = self._stream.read(count)
        self._tap(block)
        return block


def kind_of(name):
    return os.path.splitext(name)[1].lower()


def small(member, cap, what):
    """The whole content of a small member."""
    if member.size > cap:
        raise InputRefused(f"the {what} is larger than {cap // MEGABYTE} MiB", where=f"OVA member {member.name}", observed=f"{member.size} bytes")
    return exactly(member, member.size)


def folder_members(path):
    """The descriptor, then the manifest, then every file that the descriptor names, of an unpacked OVF. All must lie inside the folder."""
    root = os.path.realpath(path)
    names = sorted(os.listdir(root))
    descriptors = [name for name in names if kind_of(name) == ".ovf"]
    if len(descriptors) != 1:
        raise InputRefused("the folder must hold one OVF descriptor", where=f"folder {path}", observed=", ".join(descriptors) or "none",
                           expected="one .ovf file")
    with inside(root, descriptors[0]) as member:
        yield member
    stem = os.path.splitext(descriptors[0])[0]
    for name in (name for name in (f"{stem}.mf", f"{stem}.cert") if name in names):
        with inside(root, name) as member:
            yield member
    with inside(root, descriptors[0]) as member:
        hrefs = [entry["href"] for entry in _ovf.parse(small(member, _ovf.SIZE_CAP, "OVF descriptor"))["files"]]
    for href in hrefs:
        with inside(root, href) as member:
            yield member


@contextmanager
def inside(root, href):
    """Member for a plain file below root, links resolved (faults A02)."""
    real = os.path.realpath(os.path.join(root, href))
    if os.path.commonpath([root, real]) != root or real == root:
        raise InputRefused(f"OVF file '{quoted(href)}' leaves its folder", where=f"folder {root}", observed=real, expected=f"a file below {root}")
    try:
        regular = stat.S_ISREG(os.stat(real).st_mode)
    except OSError as error:
        raise InputRefused(f"OVF file '{quoted(href)}' is not there", where=f"folder {root}", observed=error.strerror) from error
    if not regular:
        raise InputRefused(f"OVF file '{quoted(href)}' is no plain file", where=f"folder {root}")
    stream = FileStream(real)
    try:
        yield Member(href, stream.length, stream.read)
    finally:
        stream.close()


@contextmanager
def source(place):
    """(stream or None, function that gives a members iterator out of a tap) of a location. Raises InputRefused when a local path is not there."""
    if place.is_url:
        stream = UrlStream(place)
    elif os.path.isdir(place.path):
        yield None, lambda _tap: folder_members(place.path)
        return
    else:
        try:
            stream = FileStream(place.path)
        except OSError as error:
            raise InputRefused("the OVA cannot be opened", where="option ova", observed=f"{place.path}: {error.strerror}", fix="correct the path") from error
    try:
        yield stream, lambda tap: members(Tapped(stream, tap) if tap else stream)
    finally:
        stream.close()


def read_head(place, rule, checksum=None):
    """What can be known of an OVA before its disks are read: {descriptor, text, digest, manifest, signed, shown}.

    text: the OVF as str; digest: its SHA-256; manifest: None when it has not come by yet. rule: require | prefer | ignore. A local OVA is judged whole
    (names, sizes, what is missing), one behind a URL up to its second member. Raises InputRefused, TransferFailed.
    """
    with source(place) as (stream, iterate):
        found = {"manifest": None, "signed": False, "shown": place.shown, "sizes": {}}
        for count, member in enumerate(iterate(None)):
            if kind_of(member.name) == ".ovf":
                take_descriptor(found, member)
            elif kind_of(member.name) == ".mf":
                found["manifest"] = None if rule == "ignore" else parse_manifest(small(member, MANIFEST_CAP, "manifest"), f"manifest {member.name}")
            elif kind_of(member.name) == ".cert":
                found["signed"] = True
            elif place.is_url:
                if "descriptor" not in found:
                    raise InputRefused("OVA does not begin with its descriptor", where=f"OVA {place.shown}", observed=member.name,
                                       expected="an .ovf file as first member",
                                       fix="download it and give the local file")
                break
            found["sizes"][member.name] = member.size
            if place.is_url and count >= 2:
                break
    if "descriptor" not in found:
        raise InputRefused("OVA holds no .ovf descriptor", where=f"OVA {place.shown}", observed=", ".join(sorted(found["sizes"])[:10]))
    judge_head(found, rule, checksum, complete=not place.is_url)
    return found


def take_descriptor(found, member):
    if "descriptor" in found:
        raise InputRefused("OVA holds two .ovf descriptors", where=f"OVA {found['shown']}", observed=f"{found['ovf']}, {member.name}")
    data = small(member, _ovf.SIZE_CAP, "OVF descriptor")
    descriptor = _ovf.parse(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputRefused("OVF descriptor is not in UTF-8", where=f"OVA member {member.name}", observed=f"byte {error.start}", expected="UTF-8") from error
    found.update(descriptor=descriptor, ovf=member.name, text=text, digest=hashlib.sha256(data).hexdigest(),
                 digests={name: hashlib.new(name, data).hexdigest() for name in ALGORITHMS})


def judge_head(found, rule, checksum, complete):
    """Raises InputRefused for what the head alone shows to be wrong: sizes, missing files, manifest."""
    where, sizes = f"OVA {found['shown']}", found["sizes"]
    for entry in found["descriptor"]["files"]:
        size = sizes.get(entry["href"])
        if complete and size is None:
            raise InputRefused(f"OVA lacks the file '{entry['href']}'", where=where, observed=", ".join(sorted(sizes)), fix="get the OVA again")
        if size is not None and entry["size"] not in (None, size):
            raise InputRefused(f"OVA file '{entry['href']}' has another size than its descriptor says", where=where, observed=f"{size} bytes",
                               expected=f"{entry['size']} bytes", fix="get the OVA again")
    if rule == "ignore":
        return
    if found["manifest"] is None:
        if complete and rule == "require" and not checksum:
            raise no_manifest(where)
        return
    compare(found["ovf"], found["manifest"], found["digests"], where)
    unlisted = sorted(entry["href"] for entry in found["descriptor"]["files"] if entry["href"] not in found["manifest"])
    if unlisted:
        raise InputRefused("the manifest does not list every file", where=where, observed=f"not listed: {', '.join(unlisted)}",
                           fix="pass checksum and manifest: ignore")
    absent = sorted(set(found["manifest"]) - set(sizes))
    if complete and absent:
        raise InputRefused("the manifest lists a file that is not there", where=where, observed=", ".join(absent))


def no_manifest(where):
    return InputRefused("OVA has no manifest (.mf), so nothing proves that it is whole", where=where, fix="pass checksum: sha256:…, or manifest: ignore")


def compare(name, manifest, digests, where):
    """Raises InputRefused when a digest differs from the manifest's, or when the manifest does not list the file."""
    if name not in manifest:
        raise InputRefused(f"the manifest does not list '{name}'", where=where, observed=", ".join(sorted(manifest)))
    for algorithm, expected in sorted(manifest[name].items()):
        if digests[algorithm] != expected:
            raise InputRefused(f"{algorithm.upper()} of {name} is not what the manifest says", where=where, observed=digests[algorithm], expected=expected,
                               fix="get the OVA again; it is damaged or was changed")


class Package:
    """One pass over an OVA. files(): Members to send, in archive order, hashed while they are read; verify(): raises unless all of it was right."""

    def __init__(self, head, rule, checksum, stream, iterate, feed):
        self.head, self._rule, self._checksum, self._stream, self._feed = head, rule, checksum, stream, feed
        self._whole = hashlib.new(checksum[0]) if checksum else None
        self._members = iterate((lambda block: feed([self._whole], block)) if checksum else None)
        self._manifest, self._digests = head["manifest"], {}
        self.digests, self.sizes = {}, {}

    def cancel(self):
        """Breaks a read that another thread waits in."""
        if self._stream is not None:
            self._stream.cancel()

    def _wanted(self, name):
        if self._rule == "ignore":
            return ()
        return tuple((self._manifest or {}).get(name, ())) if self._manifest is not None else ALGORITHMS

    def files(self):
        """Iterator of Member. Raises InputRefused when the OVA is not the one whose head was read, or a size differs."""
        sizes = {entry["href"]: entry["size"] for entry in self.head["descriptor"]["files"]}
        for member in self._members:
            if member.name == self.head["ovf"]:
                if hashlib.sha256(small(member, _ovf.SIZE_CAP, "OVF descriptor")).hexdigest() != self.head["digest"]:
                    raise TransferFailed("the OVA changed between two reads", where=f"OVA {self.head['shown']}", fix="run again when its source is stable",
                                         retriable=False)
            elif kind_of(member.name) == ".mf" and self._rule != "ignore":
                self._manifest = parse_manifest(small(member, MANIFEST_CAP, "manifest"), f"manifest {member.name}")
            elif member.name in sizes:
                if sizes[member.name] not in (None, member.size):
                    raise InputRefused(f"OVA file '{member.name}' has another size than its descriptor says", where=f"OVA {self.head['shown']}",
                                       observed=f"{member.size} bytes", expected=f"{sizes[member.name]} bytes")
                self.sizes[member.name] = member.size
                yield Member(member.name, member.size, self._hashed(member))

    def _hashed(self, member):
        hashes = {name: hashlib.new(name) for name in self._wanted(member.name)}
        self._digests[member.name] = hashes
        feeding = list(hashes.values())

        def read(count):
            block = member.read(count)
            self._feed(feeding, block)
            return block
        return read

    def verify(self):
        """Raises InputRefused unless every file came and every digest is right; fills `digests` ({file: {algorithm: digest}}).

        `sizes` has each file's bytes by then.
        """
        where = f"OVA {self.head['shown']}"
        while self._whole is not None and (rest := self._stream.read(MEGABYTE)):
            self._feed([self._whole], rest)
        self._feed.flush()
        self.digests = {name: {key: value.hexdigest() for key, value in hashes.items()} for name, hashes in self._digests.items()}
        missing = sorted(entry["href"] for entry in self.head["descriptor"]["files"] if entry["href"] not in self.digests)
        if missing:
            raise InputRefused(f"OVA lacks the file '{missing[0]}'", where=where, observed=f"missing: {', '.join(missing)}", fix="get the OVA again")
        if self._whole is not None and self._whole.hexdigest() != self._checksum[1]:
            raise InputRefused(f"{self._checksum[0].upper()} of the OVA is not the one of option checksum", where=where, observed=self._whole.hexdigest(),
                               expected=self._checksum[1], fix="get the OVA again, or correct the checksum")
        if self._rule == "ignore":
            return
        if self._manifest is None:
            if self._rule == "require" and not self._checksum:
                raise no_manifest(where)
            return
        compare(self.head["ovf"], self._manifest, self.head["digests"], where)
        for name, digests in sorted(self.digests.items()):
            compare(name, self._manifest, digests, where)
        absent = sorted(set(self._manifest) - set(self.digests) - {self.head["ovf"]})
        if absent:
            raise InputRefused("the manifest lists a file that is not there", where=where, observed=", ".join(absent))


@contextmanager
def opened(place, head, rule, checksum=None):
    """Package over a location whose head was read before. checksum: what parse_checksum gives. Raises as read_head does."""
    if checksum and not place.is_url and os.path.isdir(place.path):
        raise InputRefused("an unpacked OVF has no checksum of its own", where="option checksum", fix="leave it out; the manifest is verified")
    with hashing() as feed, source(place) as (stream, iterate):
        yield Package(head, rule, checksum, stream, iterate, feed)
