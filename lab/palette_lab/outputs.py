# SPDX-License-Identifier: GPL-3.0-or-later
"""What a started lab writes for its users: .lab/env and .lab/inventory/."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from palette_lab.site import merged, palette_user, vcenter_user, write_private


class Plain(yaml.SafeDumper):
    """Writes equal parts out in full, without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def environment(site: dict, ova_url: str) -> dict[str, str]:
    """The variables of .lab/env: names and meanings are fixed."""
    service, admin = vcenter_user(site, admin=False), vcenter_user(site, admin=True)
    host, port = site["vcenter"]["listen"].rsplit(":", 1)
    return {
        "PALETTE_HOST": f"https://{site['palette']['listen']}",
        "PALETTE_API_KEY": palette_user(site, "tenant_admin")["api_key"],
        "PALETTE_PROJECT_API_KEY": palette_user(site, "project_admin")["api_key"],
        "PALETTE_VIEWER_API_KEY": palette_user(site, "viewer")["api_key"],
        "PALETTE_PROJECT": site["palette"]["projects"][0],
        "PALETTE_CA_PATH": site["tls"]["ca"],
        "VMWARE_HOST": host,
        "VMWARE_PORT": port,
        "VMWARE_USER": service["name"],
        "VMWARE_PASSWORD": service["password"],
        "VMWARE_ADMIN_USER": admin["name"],
        "VMWARE_ADMIN_PASSWORD": admin["password"],
        "VMWARE_CA_PATH": site["tls"]["ca"],
        "LAB_OVA": ova_url,
        "LAB_ADMIN": f"http://{site['palette']['admin']}",
        "LAB_DNS": site["reachability"]["dns"],
        "LAB_HOST_PORT": str(site["reachability"]["port"]),
    }


def write(directory: Path, site: dict, env: dict[str, str]) -> None:
    """Write `env` and `inventory/hosts.yml` in the lab's directory, readable by the owner only."""
    write_private(directory / "env", "".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items()))
    (directory / "inventory").mkdir(exist_ok=True)
    write_private(directory / "inventory" / "hosts.yml", yaml.dump(inventory(site, env), Dumper=Plain, sort_keys=False, width=120))


def inventory(site: dict, env: dict[str, str]) -> dict:
    """One host per datacenter in the group palette_sites, with how it is reached and what it should have; the site file may change its variables."""
    hosts = {datacenter["name"]: merged({**connection(env), **desired(site, env, datacenter), **ground(datacenter, number)},
                                        site["inventory"].get(datacenter["name"]) or {})
             for number, datacenter in enumerate(site["vcenter"]["datacenters"], 1)}
    return {"palette_sites": {"hosts": hosts, "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}}}


def ground(datacenter: dict, number: int) -> dict:
    """Variables of the roles zone_tags and preflight: a region for the datacenter and a zone for each compute cluster, which preflight may tag."""
    zones = [{"compute_cluster": cluster["name"], "zone": f"az{place}"} for place, cluster in enumerate(datacenter["compute_clusters"], 1)]
    return {"zone_tags_regions": [{"datacenter": datacenter["name"], "region": f"region{number}", "zones": zones}],
            "preflight_repair": ["zone_tags"], "preflight_report_dir": "{{ inventory_dir }}/../reports"}


def connection(env: dict[str, str]) -> dict:
    return {"palette_host": env["PALETTE_HOST"], "palette_api_key": env["PALETTE_API_KEY"], "palette_ca_path": env["PALETTE_CA_PATH"],
            "palette_project": env["PALETTE_PROJECT"], "vcenter_hostname": env["VMWARE_HOST"], "vcenter_port": int(env["VMWARE_PORT"]),
            "vcenter_username": env["VMWARE_USER"], "vcenter_password": env["VMWARE_PASSWORD"], "vcenter_ca_path": env["VMWARE_CA_PATH"],
            "vcenter_admin_username": env["VMWARE_ADMIN_USER"], "vcenter_admin_password": env["VMWARE_ADMIN_PASSWORD"]}


def desired(site: dict, env: dict[str, str], datacenter: dict) -> dict:
    """Variables of the roles gateway, ip_pools and preflight: one gateway on the first compute cluster with a static pool, one pool for tenant clusters."""
    network, facts = k8s_network(site, datacenter)
    base = facts["gateway"].rsplit(".", 1)[0]
    shared = {"prefix": int(facts["cidr"].split("/")[1]), "network_gateway": facts["gateway"], "name_servers": ["10.10.0.2"], "search_domains": ["lab.local"]}
    cluster = datacenter["compute_clusters"][0]
    name = f"{datacenter['name'].replace('-', '')}-gw"
    placement = {"datacenter": datacenter["name"], "compute_cluster": cluster["name"],
                 "resource_pool": pool_path((cluster.get("resource_pools") or ["Resources"])[-1]), "datastore": datacenter["datastores"][0]["name"],
                 "folder": "palette/gateways", "network": network}
    account = {"vcenter_server": f"{env['VMWARE_HOST']}:{env['VMWARE_PORT']}", "username": env["VMWARE_USER"], "password": env["VMWARE_PASSWORD"],
               "insecure": False}
    return {"gateway_name": name, "gateway_size": 1, "gateway_account": account, "gateway_placements": [placement], "gateway_ntp_servers": ["10.10.0.3"],
            "gateway_ip_pool": {"name": f"{name}-pool", "start": f"{base}.10", "end": f"{base}.19", **shared},
            "preflight_name_servers": [env["LAB_DNS"]], "preflight_host_port": int(env["LAB_HOST_PORT"]),
            "gateway_installer": {"ova_ca_path": env["PALETTE_CA_PATH"], "console_endpoint": console(site), "pod_cidr": "192.168.0.0/16",
                                  "service_cidr": "172.20.0.0/16", "node_network": facts["cidr"]},
            "ip_pools_list": [{"name": f"{datacenter['name']}-tenants", "start": f"{base}.50", "end": f"{base}.119", **shared}]}


def pool_path(pool: str | dict) -> str:
    """Of a resource pool in the site file, which is a path or has one."""
    return pool if isinstance(pool, str) else pool["path"]


def console(site: dict) -> str:
    """Palette under the name that only the lab's name server knows, on the port that stands in for 443."""
    return f"https://console.lab.local:{site['reachability']['port']}"


def k8s_network(site: dict, datacenter: dict) -> tuple[str, dict]:
    """The first distributed port group (or else the first network) of the datacenter that has addresses behind it."""
    groups = [group["name"] for switch in datacenter.get("distributed_switches") or [] for group in switch["port_groups"]]
    name = next(each for each in groups + list(datacenter.get("networks") or []) if each in site["networks"])
    return name, site["networks"][name]
