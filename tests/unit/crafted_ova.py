# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OVAs made to order for tests: good ones, and every abuse of faults 3.3."""
from __future__ import annotations

import hashlib
import io
import os
import tarfile

LABELS = (("installerName", "Installer Name", "string"), ("consoleEndpoint", "Console endpoint", "string"), ("pairingCode", "Pairing Code", "string"),
          ("sshKey", "SSH Public Key", "string"), ("podCidr", "Pod CIDR", "string"), ("serviceCidr", "Service cluster IP range", "string"),
          ("httpProxy", "HTTP PROXY", "string"), ("httpsProxy", "HTTPS PROXY", "string"), ("noProxy", "NO Proxy", "string"),
          ("certificate", "Certificate", "string"))

TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:vmw="http://www.vmware.com/schema/ovf"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
 xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
 <References>{files}</References>
 <DiskSection><Info>Disks</Info>{disks}</DiskSection>
 <NetworkSection><Info>Networks</Info>{networks}</NetworkSection>
 {extra}
 <VirtualSystem ovf:id="installer"><Info>A VM</Info><Name>installer</Name>
  <OperatingSystemSection ovf:id="94" vmw:osType="ubuntu64Guest"><Info>OS</Info></OperatingSystemSection>
  <VirtualHardwareSection ovf:transport="com.vmware.guestInfo"><Info>Hardware</Info>
   <System><vssd:ElementName>x</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>{version}</System>
   <Item><rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits><rasd:ElementName>2 CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID>
    <rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
   <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID>
    <rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>4096</rasd:VirtualQuantity></Item>
   <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
    <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
   {devices}
  </VirtualHardwareSection>
  <ProductSection{section}><Info>Product</Info><Product>Gateway Installer</Product><Vendor>Lab</Vendor><Version>1.0</Version>
   {properties}
  </ProductSection>
 </VirtualSystem>
</Envelope>
"""


def file_entry(name, size, key):
    return f'<File ovf:href="{name}" ovf:id="{key}"' + (f' ovf:size="{size}"' if size is not None else "") + "/>"


def property_entry(key, label, kind, extra=""):
    return f'<Property ovf:key="{key}" ovf:type="{kind}" ovf:userConfigurable="true" ovf:value=""{extra}><Label>{label}</Label></Property>'


def ovf(disks=(("disk-0.vmdk", 1024),), networks=("VM Network",), labels=LABELS, section="", extra="",
        version="<vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>",
        files=None, properties=None, devices=""):
    """bytes of a descriptor; disks: (file name, declared size)."""
    entries = "".join(file_entry(name, size, f"file{count}") for count, (name, size) in enumerate(disks))
    drives = "".join(f'<Disk ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="vmdisk{count}" ovf:fileRef="file{count}" '
                     f'ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>' for count in range(len(disks)))
    items = "".join(f"<Item><rasd:AddressOnParent>{count}</rasd:AddressOnParent><rasd:ElementName>disk{count}</rasd:ElementName>"
                    f"<rasd:HostResource>ovf:/disk/vmdisk{count}</rasd:HostResource><rasd:InstanceID>{10 + count}</rasd:InstanceID><rasd:Parent>3</rasd:Parent>"
                    "<rasd:ResourceType>17</rasd:ResourceType></Item>" for count in range(len(disks)))
    items += "".join(f"<Item><rasd:AddressOnParent>{7 + count}</rasd:AddressOnParent><rasd:Connection>{name}</rasd:Connection>"
                     f"<rasd:ElementName>nic{count}</rasd:ElementName><rasd:InstanceID>{30 + count}</rasd:InstanceID>"
                     f"<rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>"
                     for count, name in enumerate(networks))
    shown = "".join(property_entry(*entry) for entry in labels) if properties is None else properties
    return TEMPLATE.format(files=entries if files is None else files, disks=drives, networks="".join(f'<Network ovf:name="{name}"/>' for name in networks),
                           extra=extra,
                           version=version, devices=items + devices, section=section, properties=shown).encode("utf-8")


def manifest(files, algorithm="sha256", form="{algorithm}({name})= {digest}\n"):
    return "".join(form.format(algorithm=algorithm.upper(), name=name, digest=hashlib.new(algorithm, data).hexdigest()) for name, data in files).encode()


def tar(members, end=True):
    """bytes of a ustar archive out of (name, data) pairs or ready tarfile.TarInfo objects."""
    buffer = io.BytesIO()
    archive = tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT)
    for name, data in members:
        info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
        info.size = len(data) if info.isreg() else 0
        archive.addfile(info, io.BytesIO(data))
    if end:
        archive.close()
    return buffer.getvalue()


def disk(size, seed=1):
    """Incompressible bytes that begin as a sparse VMDK does."""
    block = hashlib.sha512(str(seed).encode()).digest() * 16
    return (b"KDMV" + block * (size // len(block) + 1))[:size]


def ova(size=4096, disks=1, order="ovf mf disks", algorithm="sha256", **descriptor):
    """bytes of a whole, right OVA."""
    drives = [(f"disk-{count}.vmdk", disk(size, count)) for count in range(disks)]
    text = ovf(tuple((name, len(data)) for name, data in drives), **descriptor)
    listed = manifest([("installer.ovf", text)] + drives, algorithm)
    parts = {"ovf": [("installer.ovf", text)], "mf": [("installer.mf", listed)], "disks": drives}
    return tar([member for word in order.split() for member in parts[word]])


def big_ova(path, mebibytes, rest=None):
    """Writes an OVA of that size block by block and gives its SHA-256; its memory use does not grow."""
    block, count = os.urandom(1024 * 1024), mebibytes
    digest = hashlib.sha256()
    for _number in range(count):
        digest.update(block)
    text = ovf((("disk-0.vmdk", count * len(block)),), **(rest or {}))
    listed = manifest([("installer.ovf", text)]) + f"SHA256(disk-0.vmdk)= {digest.hexdigest()}\n".encode()
    whole = hashlib.sha256()
    with open(path, "wb") as file:
        def put(data):
            whole.update(data)
            file.write(data)
        put(tar([("installer.ovf", text), ("installer.mf", listed)], end=False))
        info = tarfile.TarInfo("disk-0.vmdk")
        info.size = count * len(block)
        put(info.tobuf(tarfile.GNU_FORMAT))
        for _number in range(count):
            put(block)
        put(bytes(10240))
    return whole.hexdigest()
