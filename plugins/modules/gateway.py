#!/usr/bin/python
# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway
short_description: Bring a private cloud gateway from registration to running, or delete it
version_added: 0.1.0
description:
  - Takes over where M(palette.vmware.gateway_installer) ends. Waits until the installer has registered the gateway with Palette, hands Palette the account
    for vCenter, configures the gateway, and waits until it runs.
  - Registration is the installer's work and no change of this module. In check mode a gateway that has not registered yet gives the same changes as
    the real run.
  - What Palette cannot change in place (placements, addresses, SSH keys, time servers, size) is compared, and refused with the difference.
  - Palette's own system gateway is never changed or deleted.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  state:
    description:
      - V(present) is the whole of it, a configured gateway that runs.
      - V(registered) waits for the registration, and stores O(account) and O(labels) where they are given. IP pools can be made then.
      - V(absent) deletes the gateway. It is refused while tenant clusters are there. Its node VMs stay in vCenter, see RV(leftovers).
    type: str
    choices: [present, registered, absent]
    default: present
  name:
    description: Name of the gateway, the installer name that its installer was deployed with.
    type: str
    required: true
  size:
    description:
      - Number of nodes, 1 or 3. 3 is recommended for production. 1 when a gateway is configured and nothing else is given.
      - A gateway of three nodes never becomes one of one node.
    type: int
  account:
    description:
      - The account for vCenter that Palette keeps for this gateway. Palette validates it through the gateway before it is stored.
      - Needed once, until the gateway has an account.
    type: dict
    suboptions:
      vcenter_server:
        description: Host name or address of the vCenter server, with C(:PORT) where it is not 443, without scheme and path.
        type: str
        required: true
      username:
        description: User that Palette logs in with.
        type: str
        required: true
      password:
        description: Password of that user.
        type: str
        required: true
      insecure:
        description: Whether Palette accepts a certificate of vCenter that it cannot verify.
        type: bool
        default: false
  update_password:
    description:
      - Palette does not give passwords, so they cannot be compared. V(always) sends the password on every run, which is a change every time.
      - V(on_create) sends it with a new account, and together with another change of O(account).
    type: str
    choices: [always, on_create]
    default: on_create
  share_with_projects:
    description:
      - Whether the gateway's cloud account may be used in all projects. It cannot be read, so it is sent only when the account is created or changed.
    type: bool
    default: true
  placements:
    description:
      - Where the gateway's nodes go; several placements are several fault domains. The order does not count.
      - Names as vCenter has them. Needed with O(ip_allocation) to configure a gateway.
    type: list
    elements: dict
    suboptions:
      datacenter:
        description: Name of the datacenter.
        type: str
        required: true
      compute_cluster:
        description: Name of the compute cluster.
        type: str
        required: true
      datastore:
        description: Name of the datastore.
        type: str
        required: true
      network:
        description: Name of the network or port group.
        type: str
        required: true
      resource_pool:
        description: Name of the resource pool; C(Resources) is the compute cluster itself.
        type: str
        required: true
      folder:
        description: VM folder of the nodes.
        type: str
        required: true
      image_template_folder:
        description: Folder that Palette keeps its VM templates in.
        type: str
        default: spectro-templates
  ip_allocation:
    description:
      - Where the nodes get their addresses from. V(static) needs O(ip_pool). V(dhcp) needs O(ddns_search_domain), for with DHCP dynamic DNS is required.
    type: str
    choices: [static, dhcp]
  ip_pool:
    description:
      - Name of an IP pool of this gateway, see M(palette.vmware.ip_pool). A pool can be made once the gateway has registered.
      - A gateway takes one address for each node, one for its endpoint, and one spare.
    type: str
  ddns_search_domain:
    description: Domain that dynamic DNS keeps the name of the gateway's endpoint in.
    type: str
  ssh_keys:
    description: Public keys that may log in to the gateway's nodes. None when a gateway is configured and nothing else is given.
    type: list
    elements: str
  ntp_servers:
    description: Time servers of the nodes. Those of their image when a gateway is configured and nothing else is given.
    type: list
    elements: str
  labels:
    description: All labels (tags) of the gateway. Left as they are when not given.
    type: dict
  wait:
    description:
      - How far to wait. V(running) until the gateway runs, V(registered) until it has registered and the changes are made, V(none) for nothing, so that
        a gateway that has not registered is an error at once.
      - With O(state=absent), anything but V(none) waits until the gateway is gone.
    type: str
    choices: [none, registered, running]
    default: running
  registration_timeout:
    description: Seconds to wait for the registration, which takes five to ten minutes after the installer VM is powered on.
    type: int
    default: 600
  wait_timeout:
    description: Seconds to wait for the gateway to run, which takes eight to fifteen minutes, or to be gone.
    type: int
    default: 1800
extends_documentation_fragment:
  - palette.vmware.palette
  - palette.vmware.vcenter
  - palette.vmware.attributes
  - palette.vmware.attributes.both_groups
attributes:
  idempotent:
    support: partial
    details: With O(update_password=always) the password is sent on every run.
notes:
  - The options of the connection to vCenter are used to look at the installer VM when a registration does not come, and to find the managed object ids of
    RV(leftovers). Without them, neither is done.
  - A run that is stopped, or whose time is up, undoes nothing. The next one goes on where it stands.
requirements:
  - netaddr >= 1.0
  - pyvmomi >= 8.0.3.0.1, only to look at vCenter
seealso:
  - module: palette.vmware.gateway_installer
  - module: palette.vmware.gateway_info
  - module: palette.vmware.ip_pool
  - module: palette.vmware.dns_mapping
"""

EXAMPLES = r"""
- name: Wait for the installer and store the account
  palette.vmware.gateway:
    name: dc1-gw
    state: registered
    account:
      vcenter_server: vcenter.lab.local
      username: svc-palette@vsphere.local
      password: "{{ vcenter_account_password }}"

- name: Addresses for its nodes
  palette.vmware.ip_pool:
    gateway: dc1-gw
    name: gateway
    start: 10.10.8.10
    end: 10.10.8.20
    prefix: 22
    network_gateway: 10.10.8.1

- name: Three nodes over two compute clusters
  palette.vmware.gateway:
    name: dc1-gw
    size: 3
    ip_allocation: static
    ip_pool: gateway
    placements:
      - datacenter: dc-1
        compute_cluster: cluster-1
        datastore: ds-shared-1
        network: pg-k8s
        resource_pool: palette
        folder: palette/gateways
      - datacenter: dc-1
        compute_cluster: cluster-2
        datastore: ds-shared-1
        network: pg-k8s
        resource_pool: palette
        folder: palette/gateways
    ntp_servers: [ntp.lab.local]

- name: One node, addresses by DHCP
  palette.vmware.gateway:
    name: edge-gw
    account:
      vcenter_server: vcenter.lab.local
      username: svc-palette@vsphere.local
      password: "{{ vcenter_account_password }}"
    size: 1
    ip_allocation: dhcp
    ddns_search_domain: k8s.lab.local
    placements:
      - datacenter: dc-1
        compute_cluster: cluster-1
        datastore: ds-shared-1
        network: pg-k8s
        resource_pool: palette
        folder: palette/gateways

- name: Delete it; what stays behind in vCenter is in gone.leftovers
  palette.vmware.gateway:
    name: edge-gw
    state: absent
  register: gone
"""

RETURN = r"""
gateway:
  description:
    - The gateway as it is after the run, in check mode as it would be; null when it is absent or not registered.
    - V(size) to V(ntp_servers) are null before it is configured.
  returned: success
  type: dict
  sample:
    uid: 6732677ce46389af646d517a
    name: dc1-gw
    labels: {}
    state: Running
    health: Healthy
    ip_address: 10.10.0.20
    account_uid: 6732677ce46389af646d5190
    cluster_uid: 6732677ce46389af646d5191
    system: false
    update_available: false
    account: {vcenter_server: vcenter.lab.local, username: svc-palette@vsphere.local, insecure: false}
    size: 1
    ip_allocation: static
    ip_pool: gateway
    ddns_search_domain: null
    placements:
      - datacenter: dc-1
        compute_cluster: cluster-1
        datastore: ds-shared-1
        network: pg-k8s
        resource_pool: palette
        folder: palette/gateways
        image_template_folder: spectro-templates
    ssh_keys: []
    ntp_servers: [ntp.lab.local]
leftovers:
  description: Node VMs that Palette leaves in vCenter. V(moid) is null where vCenter was not looked at or the name is not unique there.
  returned: success and O(state=absent)
  type: list
  elements: dict
  sample: [{name: dc1-gw-cp-0, moid: vm-42, address: 10.10.8.10}]
plan:
  description: The changes, made or (in check mode) to be made. They hold no password.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create
      kind: cloud_account
      name: dc1-gw
      before: null
      after: {vcenter_server: vcenter.lab.local, username: svc-palette@vsphere.local, insecure: false, password: set (hidden), share_with_projects: true}
      reason: ""
timeline:
  description: What was seen while waiting, with the seconds since the start.
  returned: always
  type: list
  elements: dict
  sample: [{elapsed: 3.1, status: "Provisioning: infrastructure ready (2 of 6), last event: node dc1-gw-cp-0 created"}]
error:
  description: What failed, where, what was seen and expected, how to fix it, what was left behind.
  returned: failure
  type: dict
"""

from ansible_collections.palette.vmware.plugins.module_utils import _gateway
from ansible_collections.palette.vmware.plugins.module_utils._front import main

if __name__ == "__main__":
    main(_gateway)
