# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives and folders: members, digests, and every abuse of faults 3.3. Nothing here talks to a vCenter, nothing is extracted."""
from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tracemalloc

import pytest

import crafted_ova as crafted
from ansible_collections.palette.vmware.plugins.module_utils import _ova
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, TransferFailed
from ansible_collections.palette.vmware.plugins.module_utils._ova_source import location
from ansible_collections.palette.vmware.plugins.module_utils._ova_tar import MEGABYTE, members

OVF = crafted.ovf((("disk-0.vmdk", 4096),))
DISK = crafted.disk(4096)
GOOD = [("installer.ovf", OVF), ("installer.mf", crafted.manifest([("installer.ovf", OVF), ("disk-0.vmdk", DISK)])), ("disk-0.vmdk", DISK)]


def written(tmp_path, data):
    path = tmp_path / "installer.ova"
    path.write_bytes(data)
    return str(path)


def deployed(path, rule="require", checksum=None, change=None):
    """What an import does with an OVA: head, files, verification. Returns {file: sha256} of the bytes that would be sent, and the Package.

    change() is called between the two reads.
    """
    place = location(path)
    head = _ova.read_head(place, rule, _ova.parse_checksum(checksum))
    if change:
        change()
    sent = {}
    with _ova.opened(place, head, rule, _ova.parse_checksum(checksum)) as package:
        for member in package.files():
            digest = hashlib.sha256()
            while block := member.read(MEGABYTE):
                digest.update(block)
            sent[member.name] = digest.hexdigest()
        package.verify()
    return sent, package


def typed(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def header(name, size_field, kind=b"0"):
    """A ustar header whose size field holds these 12 bytes, with a right checksum."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157], block[148:156] = size_field, kind, b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("order", ["ovf mf disks", "ovf disks mf", "disks ovf mf", "mf ovf disks"])
def test_every_order_and_digest_of_a_local_ova(tmp_path, order, algorithm):
    path = written(tmp_path, crafted.ova(70_000, 2, order, algorithm))
    sent, package = deployed(path)
    assert sent == {f"disk-{count}.vmdk": hashlib.sha256(crafted.disk(70_000, count)).hexdigest() for count in (0, 1)}
    assert package.sizes == {"disk-0.vmdk": 70_000, "disk-1.vmdk": 70_000}
    assert package.digests["disk-1.vmdk"][algorithm] == hashlib.new(algorithm, crafted.disk(70_000, 1)).hexdigest()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_dialects_long_names_and_big_sizes(form):
    name = "d/" * 60 + "disk-with-a-rather-long-name.vmdk"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for entry in ("./a.ovf", name):
            info = tarfile.TarInfo(entry)
            info.size = 700
            archive.addfile(info, io.BytesIO(b"x" * 700))
    found = [(member.name, member.size, member.read(9000)) for member in members(Bytes(buffer.getvalue()))]
    assert found == [("a.ovf", 700, b"x" * 700), (name, 700, b"x" * 700)]


@pytest.mark.parametrize("size", [2 ** 33 - 1, 2 ** 33 + 5, 2 ** 40])
def test_sizes_above_what_octal_holds(size):
    info = tarfile.TarInfo("disk.vmdk")
    info.size = size
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert next(members(Bytes(info.tobuf(form), length=None))).size == size


class Bytes:
    """A stream out of memory."""

    skip, shown = None, "memory"

    def __init__(self, data, length=0):
        self._file, self.length, self.position = io.BytesIO(data), len(data) if length == 0 else length, 0

    def read(self, count):
        block = self._file.read(count)
        self.position += len(block)
        return block


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/abs", "..\\x", "C:x", "a/../../b", "a\nb"])
def test_a_member_that_leaves_the_archive(tmp_path, name):
    with pytest.raises(InputRefused, match="leaves the archive"):
        deployed(written(tmp_path, crafted.tar([*GOOD, (name, b"x")])))
    assert sorted(os.listdir(tmp_path)) == ["installer.ova"]


@pytest.mark.parametrize("data, words", [
    pytest.param(b"", "an empty file", id="empty"),
    pytest.param(b"\n<!DOCTYPE html><html><title>Sign in</title>" + b" " * 600, "is the link expired?", id="HTML"),
    pytest.param(b"\x1f\x8b" + b"\0" * 600, "a gzip file", id="gzip"),
    pytest.param(b"PK\x03\x04" + b"\0" * 600, "a zip archive", id="zip"),
    pytest.param(b"\0" * 40000, "no tar archive", id="ISO or zeros"),
    pytest.param(b"KDMV" + b"\0" * 600, "a bare VMDK", id="VMDK"),
    pytest.param(crafted.tar([("disk-0.vmdk", DISK)]), "holds no .ovf", id="no descriptor"),
    pytest.param(crafted.tar([*GOOD, ("other.ovf", OVF)]), "two .ovf", id="two descriptors"),
    pytest.param(crafted.tar([*GOOD, ("disk-0.vmdk", DISK)]), "there twice", id="member twice"),
    pytest.param(crafted.tar([*GOOD, (typed("link", tarfile.SYMTYPE, "/etc/passwd"), b"")]), "no plain file", id="symbolic link"),
    pytest.param(crafted.tar([*GOOD, (typed("link", tarfile.LNKTYPE, "installer.ovf"), b"")]), "no plain file", id="hard link"),
    pytest.param(crafted.tar([*GOOD, (typed("tty", tarfile.CHRTYPE), b"")]), "no plain file", id="device"),
    pytest.param(crafted.tar(GOOD[:2]), "lacks the file 'disk-0.vmdk'", id="no disk"),
    pytest.param(crafted.tar([GOOD[0], GOOD[2]]), "no manifest", id="no manifest"),
    pytest.param(crafted.tar([("x.ovf", crafted.ovf((("disk-0.vmdk", 4095),))), ("disk-0.vmdk", DISK)]), "another size", id="declared size"),
    pytest.param(crafted.tar([(f"f{count}", b"") for count in range(1001)]), "more than 1000 members", id="members"),
    pytest.param(header("x.ovf", b"\x80" + b"\0" * 3 + (2 ** 50).to_bytes(8, "big")), "larger than its archive", id="1 PiB"),
    pytest.param(header("x.ovf", b"9999zzz\0\0\0\0\0"), "no number", id="not octal"),
    pytest.param(header("x.ovf", b"\xff" * 12), "cannot be", id="negative"),
    pytest.param(header("x.ovf", b"00000001000\0", b"S") + bytes(2048), "no plain file", id="GNU sparse"),
])
def test_refused_before_any_import(tmp_path, data, words):
    with pytest.raises(InputRefused) as refusal:
        _ova.read_head(location(written(tmp_path, data)), "require")
    assert words in str(refusal.value)


def test_a_pax_sparse_member_is_refused():
    info = tarfile.TarInfo("disk.vmdk")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    with pytest.raises(InputRefused, match="stored sparse"):
        next(members(Bytes(info.tobuf(tarfile.PAX_FORMAT), length=None)))


@pytest.mark.parametrize("cut", [1, 512, 4096, 10240])
def test_a_cut_archive(tmp_path, cut):
    data = crafted.tar(GOOD, end=False)
    with pytest.raises((InputRefused, TransferFailed)) as failure:
        deployed(written(tmp_path, data[:-cut]))
    assert any(words in str(failure.value) for words in ("cut off", "larger than its archive", "lacks the file", "no .ovf", "tar archive"))


def test_descriptor_and_manifest_caps(tmp_path):
    with pytest.raises(InputRefused, match="larger than 8 MiB"):
        deployed(written(tmp_path, crafted.tar([("x.ovf", b"<a>" + b" " * 9 * MEGABYTE)])))
    with pytest.raises(InputRefused, match="larger than 1 MiB"):
        deployed(written(tmp_path, crafted.tar([GOOD[0], ("x.mf", b"\n" * 2 * MEGABYTE), GOOD[2]])))


def listed(*lines):
    return "\n".join(lines).encode()


OVF_SUM, DISK_SUM = hashlib.sha256(OVF).hexdigest(), hashlib.sha256(DISK).hexdigest()


@pytest.mark.parametrize("text", [
    pytest.param(listed(f"SHA256(installer.ovf)= {OVF_SUM}", f"SHA256(disk-0.vmdk)= {DISK_SUM}"), id="usual"),
    pytest.param(listed(f"  sha256 ( installer.ovf )  =   {OVF_SUM.upper()}  ", "", f"SHA-256(disk-0.vmdk)={DISK_SUM}\r"), id="case and spaces"),
    pytest.param(listed(f"SHA256(installer.ovf)= {OVF_SUM}", f"SHA256(installer.ovf)= {OVF_SUM}", f"SHA256(disk-0.vmdk)= {DISK_SUM}"), id="same twice"),
    pytest.param(listed(f"SHA1(installer.ovf)= {hashlib.sha1(OVF).hexdigest()}", f"SHA512(disk-0.vmdk)= {hashlib.sha512(DISK).hexdigest()}"), id="mixed"),
])
def test_manifests_that_are_right(tmp_path, text):
    sent, _package = deployed(written(tmp_path, crafted.tar([GOOD[0], ("installer.mf", text), GOOD[2]])))
    assert sent == {"disk-0.vmdk": DISK_SUM}


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)], ids=["before", "behind"])
@pytest.mark.parametrize("text, words", [
    pytest.param(listed(f"SHA256(installer.ovf)= {'0' * 64}", f"SHA256(disk-0.vmdk)= {DISK_SUM}"), "SHA256 of installer.ovf", id="wrong descriptor"),
    pytest.param(listed(f"SHA256(installer.ovf)= {OVF_SUM}", f"SHA256(disk-0.vmdk)= {'0' * 64}"), "SHA256 of disk-0.vmdk", id="wrong disk"),
    pytest.param(listed(f"SHA256(installer.ovf)= {OVF_SUM}"), "does not list", id="disk not listed"),
    pytest.param(listed(f"SHA256(disk-0.vmdk)= {DISK_SUM}"), "does not list", id="descriptor not listed"),
    pytest.param(listed(f"SHA256(installer.ovf)= {OVF_SUM}", f"SHA256(disk-0.vmdk)= {DISK_SUM}", f"SHA256(gone.vmdk)= {DISK_SUM}"), "file that is not there",
                 id="absent"),
    pytest.param(listed(f"SHA256(installer.ovf)= {OVF_SUM}", f"SHA256(installer.ovf)= {'1' * 64}"), "twice with different", id="entries differ"),
    pytest.param(listed(f"MD5(installer.ovf)= {'0' * 32}"), "manifest cannot be read", id="MD5"),
    pytest.param(listed(f"SHA256(installer.ovf)= {'0' * 40}"), "manifest cannot be read", id="length"),
    pytest.param(b"\xff\xfe nonsense", "manifest cannot be read", id="nonsense"),
])
def test_manifests_that_are_wrong(tmp_path, text, words, order):
    parts = [GOOD[0], ("installer.mf", text), GOOD[2]]
    with pytest.raises(InputRefused) as refusal:
        deployed(written(tmp_path, crafted.tar([parts[at] for at in order])))
    assert words in str(refusal.value)


def test_manifest_rules(tmp_path):
    bare, wrong = crafted.tar([GOOD[0], GOOD[2]]), crafted.tar([GOOD[0], ("x.mf", listed(f"SHA256(disk-0.vmdk)= {'0' * 64}")), GOOD[2]])
    assert deployed(written(tmp_path, bare), "prefer")[0] == deployed(written(tmp_path, wrong), "ignore")[0] == {"disk-0.vmdk": DISK_SUM}
    assert deployed(written(tmp_path, bare), "require", f"sha256:{hashlib.sha256(bare).hexdigest()}")[0] == {"disk-0.vmdk": DISK_SUM}
    with pytest.raises(InputRefused, match="does not list"):
        deployed(written(tmp_path, wrong), "prefer")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_checksum_of_the_whole_file(tmp_path, algorithm):
    data = crafted.tar(GOOD) + bytes(3000)
    right = hashlib.new(algorithm, data).hexdigest()
    assert deployed(written(tmp_path, data), checksum=f"{algorithm}:{right.upper()}")[0] == {"disk-0.vmdk": DISK_SUM}
    with pytest.raises(InputRefused, match="is not the one of option checksum"):
        deployed(written(tmp_path, data + b"\0"), checksum=f"{algorithm}:{right}")


@pytest.mark.parametrize("value", ["", None])
def test_no_checksum(value):
    assert _ova.parse_checksum(value) is None


@pytest.mark.parametrize("value", ["abc", "md5:" + "0" * 32, "sha256:" + "0" * 63, "sha256:" + "g" * 64, "sha256"])
def test_checksum_that_is_none(value):
    with pytest.raises(InputRefused, match="checksum cannot be read"):
        _ova.parse_checksum(value)


def test_a_descriptor_in_another_encoding(tmp_path):
    text = OVF.decode().replace("Gateway Installer", "Gâteway").replace("UTF-8", "ISO-8859-1").encode("latin-1")
    with pytest.raises(InputRefused, match="not in UTF-8"):
        deployed(written(tmp_path, crafted.tar([("a.ovf", text), *GOOD[1:]])))


def test_a_manifest_that_is_ignored_may_be_nonsense(tmp_path):
    assert deployed(written(tmp_path, crafted.tar([GOOD[0], ("x.mf", b"nonsense"), GOOD[2]])), "ignore")[0] == {"disk-0.vmdk": DISK_SUM}


def test_an_ova_that_changes_between_two_reads(tmp_path):
    path = written(tmp_path, crafted.tar(GOOD))
    with pytest.raises(TransferFailed, match="changed between two reads"):
        deployed(path, change=lambda: written(tmp_path, crafted.tar([("installer.ovf", OVF + b"\n"), *GOOD[1:]])))


def test_a_signature_is_reported(tmp_path):
    head = _ova.read_head(location(written(tmp_path, crafted.tar([*GOOD[:2], ("installer.cert", b"x"), GOOD[2]]))), "require")
    assert head["signed"] is True


def unpacked(tmp_path, files):
    folder = tmp_path / "site" / "installer"
    folder.mkdir(parents=True)
    for name, data in files:
        (folder / name).write_bytes(data)
    return folder


def test_an_unpacked_ovf(tmp_path):
    assert deployed(str(unpacked(tmp_path, GOOD)))[0] == {"disk-0.vmdk": DISK_SUM}


def test_a_folder_has_no_checksum(tmp_path):
    with pytest.raises(InputRefused, match="no checksum of its own"):
        deployed(str(unpacked(tmp_path, GOOD)), checksum="sha256:" + "0" * 64)


@pytest.mark.parametrize("prepare", ["link out", "link loop", "folder"])
def test_a_folder_that_refers_outside(tmp_path, prepare):
    folder, secret = unpacked(tmp_path, GOOD[:2]), tmp_path / "secret"
    secret.write_bytes(DISK)
    if prepare == "folder":
        (folder / "disk-0.vmdk").mkdir()
    else:
        (folder / "disk-0.vmdk").symlink_to(secret if prepare == "link out" else folder / "disk-0.vmdk")
    with pytest.raises(InputRefused) as refusal:
        deployed(str(folder))
    assert any(words in str(refusal.value) for words in ("leaves its folder", "no plain file", "is not there"))


def test_a_folder_with_a_file_one_level_up(tmp_path):
    text = crafted.ovf((("../secret", 4096),))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "secret").write_bytes(DISK)
    with pytest.raises(InputRefused, match="outside its archive"):
        deployed(str(unpacked(tmp_path / "more", [("x.ovf", text)])))


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(InputRefused, match="cannot be opened"):
        deployed(str(tmp_path / "none.ova"))


def test_memory_does_not_grow_with_the_disk(tmp_path):
    peaks = []
    for mebibytes in (8, 200):
        path = str(tmp_path / "big.ova")
        checksum = crafted.big_ova(path, mebibytes)
        tracemalloc.start()
        deployed(path, checksum=f"sha256:{checksum}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 16 * MEGABYTE and peaks[1] < peaks[0] + 2 * MEGABYTE, peaks
