#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: site_check
short_description: Check the prerequisites of a gateway in vSphere, Palette and the network
version_added: 0.1.0
description:
  - Looks at everything that the installation of a private cloud gateway needs, and reports all that is wrong at once; it changes nothing.
  - In vCenter; versions, hosts, NTP and clocks, the places of the gateway and their shared storage and networks, room for the nodes.
    In the options; addresses, ranges, proxy settings, endpoints. In Palette; pools and cluster profiles. In the network; names, and port 443.
  - The module does not fail because of what it finds. A server that cannot be asked, or a fact that may not be read, is a finding as well.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  gateway:
    description:
      - Name of the gateway that is planned. Where it runs already, its nodes are not counted a second time.
    type: str
  size:
    description: Number of nodes that the gateway is going to have, 1 or 3.
    type: int
    default: 1
  ip_allocation:
    description: Where the nodes have their addresses from.
    type: str
    choices: [static, dhcp]
    default: static
  ip_pool:
    description: The IP pool of the gateway, with the options of M(palette.vmware.ip_pool). It is checked when O(ip_allocation=static).
    type: dict
    suboptions:
      name:
        description: Name of the pool.
        type: str
        required: true
      start:
        description: First address of the range.
        type: str
      end:
        description: Last address of the range.
        type: str
      subnet:
        description: Network in CIDR form, instead of a range.
        type: str
      prefix:
        description: Prefix length of the network.
        type: str
      network_gateway:
        description: Address of the network's gateway.
        type: str
      name_servers:
        description: Addresses of the nodes' name servers.
        type: list
        elements: str
      search_domains:
        description: Domains in which the nodes look for names.
        type: list
        elements: str
      restrict_to_single_cluster:
        description: Whether the pool is for the first cluster that uses it only.
        type: bool
  ddns_search_domain:
    description: Domain of dynamic DNS, with O(ip_allocation=dhcp).
    type: str
  ntp_servers:
    description: Time servers of the gateway's nodes, names or addresses.
    type: list
    elements: str
    default: []
  installer:
    description: Those of the options of M(palette.vmware.gateway_installer) that can be checked before it runs.
    type: dict
    default: {}
    suboptions:
      datacenter:
        description: Datacenter of the installer. That of the first placement by default, as with the other places.
        type: str
      compute_cluster:
        description: Compute cluster of the installer.
        type: str
      resource_pool:
        description: Resource pool of the installer.
        type: str
      datastore:
        description: Datastore of the installer.
        type: str
      network:
        description: Network of the installer.
        type: str
      folder:
        description: VM folder of the installer.
        type: str
      console_endpoint:
        description: URL of the Palette console, without a trailing slash. The default is that of M(palette.vmware.gateway_installer).
        type: str
      pod_cidr:
        description: IP range for pods.
        type: str
      service_cidr:
        description: IP range for services.
        type: str
      node_network:
        description: Network of the nodes, in CIDR form. That of the pool's gateway by default.
        type: str
      proxy:
        description: What is needed behind a proxy.
        type: dict
        suboptions:
          http:
            description: URL of the proxy for HTTP, with credentials where it asks for them.
            type: str
          https:
            description: URL of the proxy for HTTPS, with credentials where it asks for them.
            type: str
          no_proxy:
            description: What is reached directly, separated by commas.
            type: str
          certificate:
            description: The proxy's certificate, or its CA certificates.
            type: str
  ova_gib:
    description: Space in GiB that the installer takes on its datastore.
    type: int
    default: 60
  clusters_planned:
    description:
      - Whether clusters are going to be deployed; a cluster profile for vSphere must be published then. It is looked for in O(palette_project), where
        that is set, else in the tenant.
    type: bool
    default: false
  reach:
    description:
      - Whether names are resolved and connections are tried. The machine that runs the module tries them, and what it reaches says nothing
        certain about the nodes' network; such a result is labelled V(controller only).
    type: bool
    default: true
  name_servers:
    description:
      - Name servers that are asked, as an address or C(address:port). Those of O(ip_pool) by default, and where there are none, the resolver of
        the machine that runs the module.
    type: list
    elements: str
    default: []
  host_port:
    description: Port of the ESXi hosts that the installer is uploaded to.
    type: int
    default: 443
  connect_timeout:
    description: Seconds that one question to a name server, and one connection, may take.
    type: int
    default: 5
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.vcenter
  - palette.vmware.placements
  - palette.vmware.attributes.reads
  - palette.vmware.attributes.both_groups
notes:
  - Name servers are asked with the Python library dnspython. Without it the resolver of the machine that runs the module is used, which is a finding.
requirements:
  - pyvmomi >= 8.0.3.0.1
  - netaddr >= 1.0
  - dnspython >= 2.6
seealso:
  - module: palette.vmware.gateway
  - module: palette.vmware.gateway_installer
  - module: palette.vmware.permission_audit
  - module: palette.vmware.vcenter_folder
  - module: palette.vmware.zone_tags
"""

EXAMPLES = r"""
- name: Look at the site before anything is installed
  palette.vmware.site_check:
    gateway: dc1-gw
    size: 3
    placements:
      - {datacenter: dc-1, compute_cluster: cluster-1, datastore: ds-shared-1, network: pg-k8s, resource_pool: palette, folder: palette/gateways}
      - {datacenter: dc-1, compute_cluster: cluster-2, datastore: ds-shared-1, network: pg-k8s, resource_pool: palette, folder: palette/gateways}
      - {datacenter: dc-1, compute_cluster: cluster-3, datastore: ds-shared-1, network: pg-k8s, resource_pool: palette, folder: palette/gateways}
    ip_pool:
      name: dc1-gw-pool
      start: 10.10.8.10
      end: 10.10.8.19
      prefix: 22
      network_gateway: 10.10.8.1
      name_servers: [10.10.0.2]
    ntp_servers: [ntp.example.com]
    installer:
      pod_cidr: 192.168.0.0/16
      service_cidr: 172.20.0.0/16
      proxy:
        http: "{{ vault_proxy }}"
        https: "{{ vault_proxy }}"
        no_proxy: vcenter.example.com,10.10.8.0/22,192.168.0.0/16,172.20.0.0/16,.example.com
    clusters_planned: true
  register: site

- name: Stop where an installation would fail
  ansible.builtin.assert:
    that: site.ready
    fail_msg: "{{ site.findings | selectattr('severity', 'equalto', 'error') | map(attribute='title') | join('; ') }}"

- name: Only what vCenter and Palette say, from a machine outside the site
  palette.vmware.site_check:
    placements:
      - {datacenter: dc-1, compute_cluster: cluster-1, datastore: ds-shared-1, network: pg-k8s, resource_pool: Resources, folder: palette}
    ip_allocation: dhcp
    ddns_search_domain: k8s.example.com
    reach: false
  register: site
"""

RETURN = r"""
site_check:
  description: The site in a few figures.
  returned: success
  type: dict
  contains:
    vcenter:
      description: The vCenter that was asked.
      type: str
    version:
      description: Its version; null when it could not be asked.
      type: str
    build:
      description: Its build.
      type: str
    hosts:
      description: Number of ESXi hosts in the compute clusters of the placements.
      type: int
    compute_clusters:
      description: Number of these compute clusters.
      type: int
    counts:
      description: How many findings there are of each severity, and how many checks passed.
      type: dict
    capacity:
      description: What is planned, and what the compute clusters and datastores have; empty when vCenter could not be asked.
      type: dict
  sample:
    vcenter: vcenter.example.com
    version: 8.0.3
    build: "24022515"
    hosts: 9
    compute_clusters: 3
    counts: {error: 1, warning: 0, advice: 2, passed: 96}
    capacity:
      planned: {nodes: 3, cpus: 6, memory_gib: 12, disk_gib: 70, ova_gib: 60}
      compute_clusters: [{path: /dc-1/host/cluster-1, nodes: 1, memory_mib: 747110, memory_used_mib: 39321, cpu_mhz: 237120, hosts: 3}]
      datastores: [{path: /dc-1/datastore/ds-shared-1, free_gib: 4096.0, planned_gib: 130.0}]
findings:
  description: What is not as it should be, the worst first. A check that could not be made has an id that ends in C(_not_checked).
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Name of the check.
      type: str
    severity:
      description: V(error) when an installation fails because of it, V(warning) when it may, V(advice) when it could be better.
      type: str
    title:
      description: What it is, in a few words.
      type: str
    where:
      description: The option, or the object with its inventory path and id.
      type: str
    object:
      description: The object as C(path), C(moid) and C(type); null where it is about no object of vCenter.
      type: dict
    observed:
      description: What was seen.
      type: str
    expected:
      description: What should have been seen.
      type: str
    fix:
      description: What to do.
      type: str
    section:
      description: Section of Palette's documentation page that asks for it.
      type: str
    code:
      description: Code of the failure, where a server did not answer or refused the login.
      type: str
    evidence:
      description: Who said so. V(vCenter), V(Palette), V(options), V(controller only) or V(not checked).
      type: str
  sample:
    - id: ntp_configured
      severity: error
      title: the host has no NTP server
      where: /dc-1/host/cluster-1/cluster-1-esx-2 (HostSystem:host-24)
      object: {path: /dc-1/host/cluster-1/cluster-1-esx-2, moid: host-24, type: HostSystem}
      observed: none
      expected: one or more
      fix: "configure NTP: host, Configure, System, Time Configuration"
      section: Prerequisites
      evidence: vCenter
passed:
  description: What was checked and is as it should be, with the same keys but for severity, expected and fix.
  returned: success
  type: list
  elements: dict
ready:
  description: Whether no finding is an error.
  returned: success
  type: bool
error:
  description: What failed, where, what was seen and expected, how to fix it.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _site_check
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_site_check)
