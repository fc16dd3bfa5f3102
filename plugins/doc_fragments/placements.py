# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  placements:
    description:
      - Where the nodes of the gateway go, as in M(palette.vmware.gateway). Names as vCenter has them.
    type: list
    elements: dict
    required: true
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
        description: Name or path of the resource pool; C(Resources) is the compute cluster itself.
        type: str
        required: true
      folder:
        description: Name or path of the VM folder.
        type: str
        required: true
      image_template_folder:
        description: Name or path of the VM folder that Palette keeps its node images in.
        type: str
        default: spectro-templates
"""


# ansible-test takes assignments inside the class for plain strings.
ModuleDocFragment.OPTIONAL = ModuleDocFragment.DOCUMENTATION.replace("    required: true\n    suboptions:", "    suboptions:")
