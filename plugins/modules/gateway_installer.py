#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_installer
short_description: Deploy the installer of a private cloud gateway in vSphere
version_added: 0.1.0
description:
  - Streams the Palette gateway installer OVA from its source into vCenter, sets the installer's properties, and powers the VM on.
    Nothing is stored on the way, and the digests of the manifest and of O(checksum) are verified before the import is completed.
  - Powered on, the VM registers a gateway with Palette within ten minutes; it is powered off when the gateway runs.
  - Only a VM that this module has made is ever changed or removed; it knows them by C(palette.vmware.*) keys in the VM's advanced settings.
  - A VM that is there and equal is left as it is. The pairing code does not count, each is for one installer.
  - A failed or interrupted import is aborted and its VM removed. What a killed run left behind is replaced by the next run.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description:
      - With V(present) the VM exists, is finished, and is powered on unless O(power_on=false). A VM that is off is left so when its gateway
        is beyond V(Pending) in Palette.
      - With V(powered_off) the VM is powered off, hard, if it exists. The installer holds nothing that a clean shutdown would save.
      - With V(absent) the VM is powered off and removed.
    type: str
    choices: [present, powered_off, absent]
    default: present
  name:
    description: Name of the VM.
    type: str
    required: true
  datacenter:
    description: Datacenter, by name, or by path when the name is not unique.
    type: str
    required: true
  folder:
    description: VM folder, by name or by path below the datacenter's VMs. That root by default.
    type: str
  compute_cluster:
    description: Compute cluster, or host that belongs to none. Required when O(state=present).
    type: str
  resource_pool:
    description: Resource pool, by name or by path below the compute cluster's own. That one by default.
    type: str
  datastore:
    description: Datastore of the compute cluster. Required when O(state=present).
    type: str
  network:
    description: Network or distributed port group of the compute cluster, for an OVA with one network. O(state=present) needs it, or O(networks).
    type: str
  networks:
    description: Networks of the OVA and, for each, the network of the compute cluster.
    type: dict
  disk_format:
    description: How the disk is laid out on the datastore. Not changed on a VM that is there.
    type: str
    choices: [thin, thick, eager_zeroed_thick]
    default: thin
  ova:
    description:
      - URL (https or http) of the OVA, path of an C(.ova) file, or path of a folder with an unpacked OVF. The path is one of the machine that runs the module.
      - The installer that Palette hands out by default.
    type: str
  ova_username:
    description: User for the URL in O(ova). It is not sent on when the server redirects to another one.
    type: str
  ova_password:
    description: Password of O(ova_username).
    type: str
  ova_ca_path:
    description:
      - CA certificates that the OVA's server may be verified against, beside the system's. Those of O(palette_ca_path) when Palette names the OVA.
    type: path
  ova_validate_certs:
    description: Whether to verify the certificate of the OVA's server.
    type: bool
    default: true
  host_validate_certs:
    description: Whether the host that takes the upload must prove to be the one that vCenter announced, by its thumbprint, or else by O(ca_path).
    type: bool
    default: true
  checksum:
    description: Digest of the whole C(.ova) file, as V(sha256:...), V(sha512:...) or V(sha1:...). Verified while the file is read.
    type: str
  manifest:
    description:
      - What the OVA's manifest (C(.mf)) is worth. V(require) refuses an OVA without one, unless O(checksum) is given; V(prefer) verifies it when
        it is there; V(ignore) does not look at it.
    type: str
    choices: [require, prefer, ignore]
    default: require
  installer_name:
    description: Name that the gateway is going to have in Palette. O(name) by default.
    type: str
  console_endpoint:
    description:
      - URL of the Palette console, without a trailing slash. The base of O(palette_host) by default, and V(https://console.spectrocloud.com) for the SaaS.
    type: str
  pairing_code:
    description: Pairing code. A new one is fetched from Palette when none is given and a VM is made.
    type: str
  ssh_public_key:
    description: SSH public key that lets the user C(ubuntu) in, for troubleshooting.
    type: str
  pod_cidr:
    description: IP range for pods. It must not overlap with the network of the nodes nor with O(service_cidr).
    type: str
  service_cidr:
    description: IP range for services. It must not overlap with the network of the nodes nor with O(pod_cidr).
    type: str
  node_network:
    description: Network of the nodes, in CIDR form. It is only used to check the two ranges.
    type: str
  proxy:
    description: What is needed behind a proxy. O(proxy.http), O(proxy.https) and O(proxy.no_proxy) are mandatory together.
    type: dict
    suboptions:
      http:
        description: URL of the proxy for HTTP, with credentials where it asks for them.
        type: str
      https:
        description: URL of the proxy for HTTPS, with credentials where it asks for them.
        type: str
      no_proxy:
        description: What is reached directly, separated by commas. vCenter, the local networks, host and domain names.
        type: str
      certificate:
        description:
          - The proxy's certificate, or the root and issuing CA certificates. PEM, or base64 of PEM or DER, padded or not, in one line or several.
        type: str
  property_keys:
    description:
      - Key of the OVF property for an option, where the labels of the OVA are not those of the documentation.
      - The options are V(installer_name), V(console_endpoint), V(pairing_code), V(ssh_public_key), V(pod_cidr), V(service_cidr), V(http_proxy),
        V(https_proxy), V(no_proxy) and V(certificate).
    type: dict
  power_on:
    description: Whether to power the VM on.
    type: bool
    default: true
  redeploy:
    description: Whether a VM with other settings is replaced. It never is while its gateway is beyond V(Pending).
    type: bool
    default: false
  stall_timeout:
    description: Seconds without a single byte after which an upload counts as broken. There is no limit to its whole duration.
    type: int
    default: 120
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.both_groups
notes:
  - Palette is asked only where it has to be; for the OVA, the pairing code, and the gateway's state before a VM is replaced or powered on again.
requirements:
  - pyvmomi >= 8.0.3.0.1
  - netaddr >= 1.0
seealso:
  - module: palette.vmware.gateway
  - module: palette.vmware.gateway_pairing
"""

EXAMPLES = r"""
- name: The installer that Palette hands out
  palette.vmware.gateway_installer:
    name: dc1-gw-installer
    installer_name: dc1-gw
    datacenter: dc-1
    folder: palette/gateways
    compute_cluster: cluster-1
    resource_pool: palette
    datastore: ds-shared-1
    network: pg-k8s
    pod_cidr: 172.16.0.0/16
    service_cidr: 172.20.0.0/16
    node_network: 10.10.8.0/22

- name: A file from a mirror, behind a proxy
  palette.vmware.gateway_installer:
    name: dc1-gw
    datacenter: dc-1
    compute_cluster: cluster-1
    datastore: ds-shared-1
    network: pg-k8s
    ova: https://mirror.example.com/palette/installer.ova
    checksum: "{{ installer_checksum }}"
    proxy:
      http: "{{ vault_proxy }}"
      https: "{{ vault_proxy }}"
      no_proxy: vcenter.example.com,10.10.8.0/22,.example.com
      certificate: "{{ lookup('ansible.builtin.file', 'proxy-ca.pem') }}"

- name: The gateway runs, the installer has done its work
  palette.vmware.gateway_installer:
    name: dc1-gw-installer
    datacenter: dc-1
    state: powered_off
"""

RETURN = r"""
gateway_installer:
  description: The VM as it is after the run, in check mode as it would be; null when it is absent. No secret is in it.
  returned: success
  type: dict
  sample:
    name: dc1-gw-installer
    uid: 5030a1b2-0000-4000-8000-000000000001
    moid: vm-116
    path: /dc-1/vm/palette/gateways/dc1-gw-installer
    power: "on"
    datacenter: dc-1
    folder: palette/gateways
    compute_cluster: cluster-1
    resource_pool: palette
    datastore: ds-shared-1
    networks: [pg-k8s]
    properties: {installer_name: dc1-gw, console_endpoint: "https://console.spectrocloud.com"}
    finished: true
    ip_address: 10.10.11.10
plan:
  description: The changes, made or (in check mode) to be made. Verbs are create, replace, power_on, power_off and delete.
  returned: success
  type: list
  elements: dict
  sample: [{verb: power_off, kind: gateway_installer, name: dc1-gw-installer, before: {power: "on"}, after: {power: "off"}, reason: ""}]
timeline:
  description: The states of the import as they were seen, and how far the upload was, with the seconds since the start.
  returned: always
  type: list
  elements: dict
  sample: [{elapsed: 2.4, status: "upload 37 %, 380 of 1024 MiB, 210.00 MiB/s, 3 s left"}]
error:
  description: What failed, where, what was seen and expected, how to fix it, what was left behind.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_gateway_installer)
