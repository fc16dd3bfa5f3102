# SPDX-License-Identifier: GPL-3.0-or-later
"""The installer OVA: readable by tarfile, its manifest true, its disk a real streamOptimized VMDK, every range equal to the slice."""

from __future__ import annotations

import hashlib
import re
import struct
import tarfile
import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from palette_lab import ova, ova_descriptor

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ova._open.cache_clear()


def members(path):
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


@pytest.mark.parametrize("variant", ["a", "b"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_manifest_matches_every_member(tmp_path, variant, algorithm):
    found = members(ova.write_ova(tmp_path / "x.ova", mib=1, variant=variant, algorithm=algorithm))
    kinds = [name.rsplit(".", 1)[1] for name in found]
    assert kinds == ["ovf", "mf", "vmdk"]
    manifest = next(content for name, content in found.items() if name.endswith(".mf")).decode()
    lines = re.findall(r"^(\w+)\((.+)\)= ([0-9a-f]+)$", manifest, re.M)
    assert [line[0] for line in lines] == [algorithm.upper()] * 2
    assert {name: digest for _, name, digest in lines} == {
        name: hashlib.new(algorithm, content).hexdigest() for name, content in found.items() if not name.endswith(".mf")}


def test_ranges_equal_slices_of_the_whole():
    image = ova.open_ova("palette-installer.ova", mib=35)
    whole = b"".join(image.iterate(0, image.size))
    assert len(whole) == image.size <= 35 * ova.MIB
    assert image.size > 34 * ova.MIB
    table = whole.index(struct.pack("<QII", 4, 0, ova.GT_MARKER))
    for start, end in [(0, 1), (0, 700), (5000, 9000), (table - 3, table + 5000), (table + 2560, table + 70000), (image.size - 3000, image.size),
                       (image.size - 1, image.size), (17, 17), (1_000_003, 3_000_001), (100, image.size)]:
        assert b"".join(image.iterate(start, end)) == whole[start:end], (start, end)


def test_same_seed_same_bytes_other_seed_other_bytes():
    first, again, other = (ova.open_ova("palette-installer.ova", mib=1, seed=seed) for seed in (1, 1, 2))
    assert first.etag == again.etag != other.etag
    assert first.size == other.size
    assert b"".join(first.iterate(0, first.size)) != b"".join(other.iterate(0, other.size))


def test_disk_digest_is_kept_and_used(tmp_path):
    before = ova.open_ova("palette-installer.ova", mib=1)
    kept = list((tmp_path / "cache" / "palette-vmware").glob("ova-*.json"))
    assert len(kept) == 1
    ova._open.cache_clear()
    assert ova.open_ova("palette-installer.ova", mib=1).etag == before.etag


def read_vmdk(content: bytes) -> bytes:
    """The allocated part of a streamOptimized disk, found through footer, grain directory and grain tables."""
    footer = content[-1024:-512]
    magic, version, flags, capacity, grain_size, _, _, per_table, _, directory_at, overhead = struct.unpack("<4sIIQQQQIQQQ", footer[:72])
    assert (magic, version, flags, grain_size, per_table) == (b"KDMV", 3, 0x30001, 128, 512)
    assert content[:4] == b"KDMV" and content[-512:] == bytes(512)
    assert struct.unpack("<Q", content[56:64])[0] == 0xFFFFFFFFFFFFFFFF
    tables = struct.unpack(f"<{capacity // (grain_size * per_table)}I", content[directory_at * 512:][:capacity // (grain_size * per_table) * 4])
    disk = []
    for number, table in enumerate(entry for entry in tables if entry):
        for within, grain in enumerate(struct.unpack("<512I", content[table * 512:table * 512 + 2048])):
            if grain:
                place, length = struct.unpack("<QI", content[grain * 512:grain * 512 + 12])
                assert place == (number * 512 + within) * 128
                plain = zlib.decompress(content[grain * 512 + 12:grain * 512 + 12 + length])
                assert len(plain) == 65536
                disk.append(plain)
    assert overhead == 128
    return b"".join(disk)


def test_disk_is_a_stream_optimized_vmdk_of_incompressible_grains(tmp_path):
    found = members(ova.write_ova(tmp_path / "x.ova", mib=34))
    disk = read_vmdk(next(content for name, content in found.items() if name.endswith(".vmdk")))
    assert len(disk) == ova.grains_that_fit(34) * 65536 > 32 * ova.MIB
    assert len({disk[at:at + 65536] for at in range(0, len(disk), 65536)}) == len(disk) // 65536
    assert len(zlib.compress(disk[:ova.MIB], 1)) > ova.MIB * 0.99


def test_variants_have_the_pages_labels_and_different_keys(tmp_path):
    seen = {}
    for variant in "ab":
        found = members(ova.write_ova(tmp_path / "x.ova", mib=1, variant=variant))
        envelope = ElementTree.fromstring(next(content for name, content in found.items() if name.endswith(".ovf")))
        product = envelope.find(f"{OVF}VirtualSystem/{OVF}ProductSection")
        properties = product.findall(f"{OVF}Property")
        assert {each.get(f"{OVF}type") for each in properties} == {"string"}
        labels = [each.findtext(f"{OVF}Label") for each in properties]
        assert labels == ["Installer Name", "Console endpoint", "Pairing Code", "SSH Public Key", "Pod CIDR", "Service cluster IP range", "HTTP PROXY",
                          "HTTPS PROXY", "NO Proxy", "Certificate"]
        assert [each.get(f"{OVF}name") for each in envelope.findall(f"{OVF}NetworkSection/{OVF}Network")] == ["VM Network"]
        file = envelope.find(f"{OVF}References/{OVF}File")
        assert int(file.get(f"{OVF}size")) == len(found[file.get(f"{OVF}href")])
        secret = [each.findtext(f"{OVF}Label") for each in properties if each.get(f"{OVF}password") == "true"]
        seen[variant] = (product.get(f"{OVF}class"), product.findtext(f"{OVF}Category"), {each.get(f"{OVF}key") for each in properties}, secret)
    assert seen["a"][0] != seen["b"][0] and seen["a"][1] != seen["b"][1] and not seen["a"][2] & seen["b"][2]
    assert (seen["a"][3], seen["b"][3]) == ([], ["Pairing Code"])


def test_labels_are_found_whatever_the_spelling_of_the_key():
    for variant in ova_descriptor.VARIANTS.values():
        assert ova_descriptor.by_label({ova_descriptor.full_key(variant, "Pairing Code"): "x"}) == {"Pairing Code": "x"}
        assert ova_descriptor.by_label({variant.keys["Pairing Code"]: "y", "other": "z"}) == {"Pairing Code": "y"}


def test_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        ova.open_ova("other.ova")


def test_headers_of_disks_above_the_ustar_limit_still_hold_the_size():
    size = 9 * 1024 ** 3
    assert tarfile.TarInfo.frombuf(ova._tar_header("disk1.vmdk", size), "utf-8", "strict").size == size
