# SPDX-License-Identifier: GPL-3.0-or-later
"""The OVF descriptor of the installer: its properties by the page's labels, in two variants that differ in keys, class and category."""

from __future__ import annotations

from typing import Mapping, NamedTuple
from xml.sax.saxutils import quoteattr

INSTALLER_NAME, CONSOLE_ENDPOINT, PAIRING_CODE = "Installer Name", "Console endpoint", "Pairing Code"
SSH_KEY, POD_CIDR, SERVICE_RANGE = "SSH Public Key", "Pod CIDR", "Service cluster IP range"
HTTP_PROXY, HTTPS_PROXY, NO_PROXY, CERTIFICATE = "HTTP PROXY", "HTTPS PROXY", "NO Proxy", "Certificate"
DEFAULTS = {CONSOLE_ENDPOINT: "https://console.spectrocloud.com", POD_CIDR: "192.168.0.0/16", SERVICE_RANGE: "10.96.0.0/12"}
DESCRIPTIONS = {
    INSTALLER_NAME: "Name that identifies the gateway instance", CONSOLE_ENDPOINT: "URL of the Palette management platform portal",
    PAIRING_CODE: "PIN shown in the portal's dialogue", SSH_KEY: "Enables SSH access to the machine as user ubuntu",
    POD_CIDR: "IP range exclusive to pods", SERVICE_RANGE: "IP range exclusive to the service clusters", HTTP_PROXY: "Endpoint of the HTTP proxy",
    HTTPS_PROXY: "Endpoint of the HTTPS proxy", NO_PROXY: "What is not reached through the proxy, separated by commas",
    CERTIFICATE: "The proxy's certificate, or its root and issuing CA certificates, in base64",
}


class Variant(NamedTuple):
    """An OVF product section: class, instance, category, property key by label, and the labels of password-typed properties."""

    property_class: str
    instance: str
    category: str
    keys: Mapping[str, str]
    passwords: frozenset


VARIANTS = {
    "a": Variant("palette.installer", "", "Palette Gateway Installer", {
        INSTALLER_NAME: "name", CONSOLE_ENDPOINT: "endpoint", PAIRING_CODE: "pairing_code", SSH_KEY: "ssh_key", POD_CIDR: "pod_cidr",
        SERVICE_RANGE: "service_range", HTTP_PROXY: "http_proxy", HTTPS_PROXY: "https_proxy", NO_PROXY: "no_proxy", CERTIFICATE: "certificate"},
        frozenset()),
    "b": Variant("gateway", "1", "Private Cloud Gateway", {
        INSTALLER_NAME: "installerName", CONSOLE_ENDPOINT: "consoleEndpoint", PAIRING_CODE: "pin", SSH_KEY: "sshPublicKey", POD_CIDR: "podCidr",
        SERVICE_RANGE: "serviceClusterIpRange", HTTP_PROXY: "httpProxy", HTTPS_PROXY: "httpsProxy", NO_PROXY: "noProxy", CERTIFICATE: "proxyCert"},
        frozenset({PAIRING_CODE})),
}


def full_key(variant: Variant, label: str) -> str:
    """class.key.instance, as vCenter's wizards and PropertyMapping call a property."""
    return ".".join(part for part in (variant.property_class, variant.keys[label], variant.instance) if part)


def by_label(properties: Mapping[str, str]) -> dict[str, str]:
    """Property values by the page's labels, whichever variant the keys belong to; labels without a property are absent."""
    found: dict[str, str] = {}
    for variant in VARIANTS.values():
        for label, key in variant.keys.items():
            for spelling in (full_key(variant, label), f"{variant.property_class}.{key}", key):
                if spelling in properties:
                    found[label] = properties[spelling]
                    break
    return found


def _property(variant: Variant, label: str) -> str:
    default = f" ovf:value={quoteattr(DEFAULTS[label])}" if label in DEFAULTS else ""
    password = ' ovf:password="true"' if label in variant.passwords else ""
    return (f'      <Property ovf:key={quoteattr(variant.keys[label])} ovf:type="string" ovf:userConfigurable="true"{password}{default}>\n'
            f"        <Label>{label}</Label>\n        <Description>{DESCRIPTIONS[label]}</Description>\n      </Property>\n")


def descriptor(variant: Variant, disk_name: str, disk_bytes: int, capacity_gib: int, populated_bytes: int) -> bytes:
    """The OVF envelope: one machine of 2 CPUs and 4 GiB (the page's minimum for one node), one disk, one network called VM Network."""
    properties = "".join(_property(variant, label) for label in variant.keys)
    instance = f" ovf:instance={quoteattr(variant.instance)}" if variant.instance else ""
    return ENVELOPE.format(disk=quoteattr(disk_name), size=disk_bytes, capacity=capacity_gib, populated=populated_bytes, properties=properties,
                           klass=quoteattr(variant.property_class), instance=instance, category=variant.category).encode()


ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:id="file1" ovf:href={disk} ovf:size="{size}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte * 2^30" ovf:populatedSize="{populated}"
        ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>The networks of the machine</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the installer</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="palette-installer">
    <Info>The installer of a Palette private cloud gateway</Info>
    <Name>palette-installer</Name>
    <OperatingSystemSection ovf:id="94" vmw:osType="ubuntu64Guest">
      <Info>The guest operating system</Info>
      <Description>Ubuntu Linux (64-bit)</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection ovf:transport="com.vmware.guestInfo">
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>palette-installer</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of virtual CPUs</rasd:Description>
        <rasd:ElementName>2 virtual CPUs</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>2</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory size</rasd:Description>
        <rasd:ElementName>4096 MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>4096</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI controller</rasd:Description>
        <rasd:ElementName>SCSI controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:Description>Network adapter on VM Network</rasd:Description>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
    </VirtualHardwareSection>
    <ProductSection ovf:class={klass}{instance}>
      <Info>What the installer needs to know</Info>
      <Product>Palette Private Cloud Gateway Installer</Product>
      <Vendor>Spectro Cloud</Vendor>
      <Version>4.8.10</Version>
      <Category>{category}</Category>
{properties}    </ProductSection>
  </VirtualSystem>
</Envelope>
"""
