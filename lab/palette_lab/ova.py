# SPDX-License-Identifier: GPL-3.0-or-later
"""The installer OVA as a generated stream: any size, any range of it, without a copy on disk.

The one disk is a streamOptimized VMDK (VMware Virtual Disk Format 5.0) whose grains are zlib streams of stored blocks, so that every grain has
the same length, does not compress any further, and can be made alone from its number.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from palette_lab.build import cache_directory
from palette_lab.ova_descriptor import VARIANTS, descriptor

SECTOR = 512
GRAIN = 64 * 1024
GRAIN_SECTORS = 129
GRAINS_PER_TABLE = 512
TABLE_SECTORS = 4
OVERHEAD_SECTORS = 128
CHUNK = (GRAINS_PER_TABLE * GRAIN_SECTORS + 1 + TABLE_SECTORS) * SECTOR
CAPACITY_GIB = 60
BATCH = 16
MIB = 1024 * 1024
NAMES = {f"palette-installer{suffix}.ova": variant for variant, suffix in (("a", ""), ("b", "-b"))}
GT_MARKER, GD_MARKER, FOOTER_MARKER = 1, 2, 3
AT_END = 0xFFFFFFFFFFFFFFFF


def location(site: dict) -> str:
    """The URL that GET /v1/overlords/vsphere/ova hands out."""
    return f"https://{site['palette']['listen']}/lab-ova/palette-installer.ova"


class Ova(NamedTuple):
    """Size in bytes, a strong ETag with its quotes, and iterate(start, end): the bytes [start, end) in pieces of about a MiB."""

    size: int
    etag: str
    iterate: Callable[[int, int], Iterator[bytes]]


def open_ova(name: str, mib: int = 64, seed: int = 1, algorithm: str = "sha256") -> Ova:
    """The OVA of that file name; of `mib` MiB or a little less. Raises KeyError for a name other than those in NAMES."""
    return _open(NAMES[name], mib, seed, algorithm)


def write_ova(path: Path | str, mib: int = 64, variant: str = "a", seed: int = 1, algorithm: str = "sha256") -> Path:
    """Write the OVA of that variant, with a manifest of sha1, sha256 or sha512, to a file."""
    ova = _open(variant, mib, seed, algorithm)
    with open(path, "wb") as file:
        for piece in ova.iterate(0, ova.size):
            file.write(piece)
    return Path(path)


@functools.lru_cache(maxsize=16)
def _open(variant: str, mib: int, seed: int, algorithm: str) -> Ova:
    name = next(each for each, which in NAMES.items() if which == variant)[:-len(".ova")]
    disk = Disk(grains_that_fit(mib), hashlib.sha256(f"palette-lab/{seed}/{variant}".encode()).digest())
    text = descriptor(VARIANTS[variant], f"{name}-disk1.vmdk", disk.size, CAPACITY_GIB, disk.grains * GRAIN)
    digest = _disk_digest(disk, algorithm)
    label = algorithm.upper()
    manifest = (f"{label}({name}.ovf)= {hashlib.new(algorithm, text).hexdigest()}\n{label}({name}-disk1.vmdk)= {digest}\n").encode()
    head = _member(f"{name}.ovf", text) + _member(f"{name}.mf", manifest) + _tar_header(f"{name}-disk1.vmdk", disk.size)
    tail = bytes(2 * SECTOR)
    size = len(head) + disk.size + len(tail)

    def iterate(start: int, end: int) -> Iterator[bytes]:
        if start < len(head):
            yield head[start:end]
        begin, stop = max(0, start - len(head)), min(disk.size, end - len(head))
        if begin < stop:
            yield from disk.read(begin, stop)
        if end > len(head) + disk.size:
            after = len(head) + disk.size
            yield tail[max(0, start - after):end - after]

    return Ova(size, f'"{hashlib.sha256(head).hexdigest()[:32]}"', iterate)


def grains_that_fit(mib: int) -> int:
    """As many grains as an OVA of `mib` MiB has room for, at least one; 128 KiB are kept for everything else."""
    return max(1, int((mib * MIB - 128 * 1024) * GRAINS_PER_TABLE // CHUNK))


class Disk:
    """A streamOptimized VMDK of `grains` allocated grains, whose content is the AES-CTR key stream of `key`."""

    def __init__(self, grains: int, key: bytes) -> None:
        if grains * GRAIN > CAPACITY_GIB * 1024 * MIB:
            raise ValueError(f"{grains} grains of 64 KiB do not fit into a disk of {CAPACITY_GIB} GiB")
        self.grains = grains
        self._key = key
        self._tables = -(-grains // GRAINS_PER_TABLE)
        last = grains - (self._tables - 1) * GRAINS_PER_TABLE
        self._tail_at = OVERHEAD_SECTORS * SECTOR + (self._tables - 1) * CHUNK + (last * GRAIN_SECTORS + 1 + TABLE_SECTORS) * SECTOR
        self._tail = self._make_tail()
        self.size = self._tail_at + len(self._tail)

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes [start, end) of the VMDK."""
        for offset, length, make in self._units(start):
            if offset >= end:
                return
            if offset + length > start:
                piece = make()
                yield piece[max(0, start - offset):end - offset]

    def _units(self, start: int) -> Iterator[tuple[int, int, Callable[[], bytes]]]:
        offset = OVERHEAD_SECTORS * SECTOR
        if start < offset:
            yield 0, offset, self._make_head
        first = max(0, (start - offset) // CHUNK)
        for table in range(first, self._tables):
            base = offset + table * CHUNK
            count = min(GRAINS_PER_TABLE, self.grains - table * GRAINS_PER_TABLE)
            for grain in range(0, count, BATCH):
                some = min(BATCH, count - grain)
                yield (base + grain * GRAIN_SECTORS * SECTOR, some * GRAIN_SECTORS * SECTOR,
                       functools.partial(self._make_grains, table * GRAINS_PER_TABLE + grain, some))
            yield base + count * GRAIN_SECTORS * SECTOR, (1 + TABLE_SECTORS) * SECTOR, functools.partial(self._make_table, table, count)
        yield self._tail_at, len(self._tail), lambda: self._tail

    def _make_grains(self, first: int, count: int) -> bytes:
        counter = (first * GRAIN // 16).to_bytes(16, "big")
        plain = Cipher(algorithms.AES(self._key), modes.CTR(counter)).encryptor().update(bytes(count * GRAIN))
        pieces: list[bytes] = []
        for number in range(count):
            content = plain[number * GRAIN:(number + 1) * GRAIN]
            stored = b"".join((b"\x78\x01\x00\xff\xff\x00\x00", content[:65535], b"\x01\x01\x00\xfe\xff", content[65535:],
                               zlib.adler32(content).to_bytes(4, "big")))
            marker = struct.pack("<QI", (first + number) * GRAIN // SECTOR, len(stored))
            pieces += (marker, stored, bytes(GRAIN_SECTORS * SECTOR - len(marker) - len(stored)))
        return b"".join(pieces)

    def _grain_sector(self, grain: int) -> int:
        table, within = divmod(grain, GRAINS_PER_TABLE)
        return OVERHEAD_SECTORS + table * CHUNK // SECTOR + within * GRAIN_SECTORS

    def _make_table(self, table: int, count: int) -> bytes:
        entries = [self._grain_sector(table * GRAINS_PER_TABLE + within) for within in range(count)]
        return _marker(TABLE_SECTORS, GT_MARKER) + struct.pack(f"<{GRAINS_PER_TABLE}I", *entries, *[0] * (GRAINS_PER_TABLE - count))

    def _make_head(self) -> bytes:
        text = (f'# Disk DescriptorFile\nversion=1\nCID={zlib.crc32(self._key):08x}\nparentCID=ffffffff\ncreateType="streamOptimized"\n\n'
                f'RW {CAPACITY_GIB * 1024 * MIB // SECTOR} SPARSE "disk1.vmdk"\n\nddb.adapterType = "lsilogic"\nddb.virtualHWVersion = "13"\n').encode()
        return (_sparse_header(AT_END) + text.ljust(20 * SECTOR, b"\0")).ljust(OVERHEAD_SECTORS * SECTOR, b"\0")

    def _make_tail(self) -> bytes:
        tables = CAPACITY_GIB * 1024 * MIB // (GRAINS_PER_TABLE * GRAIN)
        entries = []
        for table in range(self._tables):
            count = min(GRAINS_PER_TABLE, self.grains - table * GRAINS_PER_TABLE)
            entries.append(self._grain_sector(table * GRAINS_PER_TABLE) + count * GRAIN_SECTORS + 1)
        directory = struct.pack(f"<{tables}I", *entries, *[0] * (tables - self._tables))
        directory += bytes(-len(directory) % SECTOR)
        at = self._tail_at // SECTOR + 1
        return (_marker(len(directory) // SECTOR, GD_MARKER) + directory + _marker(1, FOOTER_MARKER) + _sparse_header(at) + bytes(SECTOR))


def _sparse_header(directory_at: int) -> bytes:
    flags = 1 | 1 << 16 | 1 << 17
    return struct.pack("<4sIIQQQQIQQQ?4sH433x", b"KDMV", 3, flags, CAPACITY_GIB * 1024 * MIB // SECTOR, GRAIN // SECTOR, 1, 20, GRAINS_PER_TABLE, 0,
                       directory_at, OVERHEAD_SECTORS, False, b"\n \r\n", 1)


def _marker(sectors: int, kind: int) -> bytes:
    return struct.pack("<QII496x", sectors, 0, kind)


def _tar_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uname, info.gname = size, 0o644, "palette", "palette"
    return info.tobuf(tarfile.USTAR_FORMAT if size < 8 * 1024 ** 3 else tarfile.GNU_FORMAT)


def _member(name: str, content: bytes) -> bytes:
    return _tar_header(name, len(content)) + content + bytes(-len(content) % SECTOR)


def _disk_digest(disk: Disk, algorithm: str) -> str:
    """Computed once for these sources, key and size, and kept in the cache directory."""
    identity = hashlib.sha256(Path(__file__).read_bytes() + disk._key + f"/{disk.grains}/{algorithm}".encode()).hexdigest()
    path = cache_directory() / f"ova-{identity[:32]}.json"
    if path.exists():
        return json.loads(path.read_text())["digest"]
    digest = hashlib.new(algorithm)
    for piece in disk.read(0, disk.size):
        digest.update(piece)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps({"digest": digest.hexdigest()}))
    os.replace(partial, path)
    return digest.hexdigest()
