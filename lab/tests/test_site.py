# SPDX-License-Identifier: GPL-3.0-or-later
"""The composed site: settings, sizes, kept secrets; ports; certificates."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import threading

import pytest
import yaml

from palette_lab import outputs, ports, site, tls

PORTS = {"vcenter": 1001, "vcenter_control": 1002, "palette": 1003, "palette_admin": 1004, "hosts": 1005, "dns": 1006}
TLS = {"ca": "/lab/ca.pem", "certificate": "/lab/server.pem", "key": "/lab/server.key", "hosts_certificate": "/lab/hosts.pem"}


def composed(previous=None, **environment):
    return site.compose(site.settings_from({f"LAB_{name.upper()}": value for name, value in environment.items()}), PORTS, TLS, previous)


def test_default_site_is_the_pages_example():
    made = composed()
    datacenter = made["vcenter"]["datacenters"][0]
    assert datacenter["name"] == "dc-1"
    assert [(each["name"], len(each["hosts"])) for each in datacenter["compute_clusters"]] == [("cluster-1", 3), ("cluster-2", 3), ("cluster-3", 3)]
    assert datacenter["compute_clusters"][1]["hosts"][0] == {"name": "cluster-2-esx-1", "cores": 32, "mhz": 2600, "memory_gib": 256,
                                                             "ntp": ["ntp.lab.local"], "maintenance": False, "address": "127.1.1.4"}
    assert made["settings"] == {"speed": 60.0, "ova_mib": 64, "seed": 1, "fleet": 0, "openapi": None, "check_responses": False}
    assert made["palette"]["gateways"] == [] and made["vcenter"]["listen"] == "127.0.0.1:1001" and made["palette"]["admin"] == "127.0.0.1:1004"
    assert not site.vcenter_user(made, admin=False).get("admin") and site.vcenter_user(made, admin=True)["name"] == "administrator@vsphere.local"


def test_numbers_change_the_inventory():
    datacenter = composed(clusters="4", hosts="2", vms="5")["vcenter"]["datacenters"][0]
    assert [each["name"] for each in datacenter["compute_clusters"]] == ["cluster-1", "cluster-2", "cluster-3", "cluster-4"]
    assert {len(each["hosts"]) for each in datacenter["compute_clusters"]} == {2}
    assert [each["compute_cluster"] for each in datacenter["virtual_machines"]] == ["cluster-1", "cluster-2", "cluster-3", "cluster-4", "cluster-1"]
    assert len(composed(clusters="1")["vcenter"]["datacenters"][0]["compute_clusters"]) == 1


def test_secrets_are_kept_over_starts_and_differ_between_labs():
    first = composed()
    again = composed(previous=json.loads(json.dumps(first)))
    other = composed()
    assert again["vcenter"]["users"] == first["vcenter"]["users"] and again["palette"]["users"] == first["palette"]["users"]
    assert other["vcenter"]["users"][1]["password"] != first["vcenter"]["users"][1]["password"]


def test_a_site_file_can_extend_another(tmp_path):
    (tmp_path / "mine.yml").write_text("extends: seeded\nswitches: {reserve_install_pool: true}\npalette: {projects: [One]}\n")
    made = composed(site=str(tmp_path / "mine.yml"))
    assert made["palette"]["projects"] == ["One"] and made["palette"]["gateways"][0]["name"] == "dc1-gw"
    assert made["switches"]["reserve_install_pool"] is True and made["switches"]["strict_project_header"] is False


@pytest.mark.parametrize("environment, words", [
    ({"fleet": "3"}, ["LAB_FLEET", "3", "expected 0"]),
    ({"speed": "fast"}, ["LAB_SPEED", "'fast'", "number"]),
    ({"speed": "-1"}, ["LAB_SPEED", "0 or more"]),
    ({"hosts": "none"}, ["LAB_HOSTS", "'none'", "whole number"]),
    ({"clusters": "0"}, ["LAB_CLUSTERS", "1 or more"]),
    ({"ova_mib": "0"}, ["LAB_OVA_MIB", "1 or more"]),
    ({"openapi": "/nowhere.json"}, ["LAB_OPENAPI", "/nowhere.json", "no file"]),
    ({"site": "elsewhere"}, ["LAB_SITE", "elsewhere", "default", "seeded"]),
])
def test_settings_that_cannot_be_honoured_are_refused(environment, words):
    with pytest.raises(site.SiteError) as caught:
        composed(**environment)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_ports_are_kept_and_only_a_taken_one_is_chosen_anew(tmp_path):
    path = tmp_path / "ports.json"
    first, taken = ports.load_and_keep(path)
    assert sorted(first) == sorted(ports.NAMES) and len(set(first.values())) == 6 and taken == []
    assert ports.load_and_keep(path) == (first, [])
    with socket.create_server(("127.0.0.1", first["palette"])):
        second, taken = ports.load_and_keep(path)
    assert taken == ["palette"] and second["palette"] != first["palette"]
    assert {**second, "palette": 0} == {**first, "palette": 0} and json.loads(path.read_text()) == second


def test_certificate_passes_strict_verification_for_every_name_and_is_kept(tmp_path):
    paths = tls.ensure(tmp_path)
    before = (tmp_path / "server.pem").read_bytes()
    assert tls.ensure(tmp_path) == paths and (tmp_path / "server.pem").read_bytes() == before
    assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(paths["certificate"], paths["key"])
    client = ssl.create_default_context(cafile=paths["ca"])
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("127.0.0.1", "localhost", "::1", "console.lab.local", "api.spectrocloud.com", "127.1.0.1"):
        assert shaken(server, client, name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(server, client, "palette.example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(server, ssl.create_default_context(), "127.0.0.1")


def test_other_hosts_get_other_certificates(tmp_path):
    tls.ensure(tmp_path, ["esx-1", "127.1.1.1"])
    before = (tmp_path / "hosts.pem").read_bytes()
    tls.ensure(tmp_path, ["127.1.1.1"])
    assert (tmp_path / "hosts.pem").read_bytes() == before
    paths = tls.ensure(tmp_path, ["esx-1", "esx-2"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(paths["hosts_certificate"], paths["key"])
    client = ssl.create_default_context(cafile=paths["ca"])
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert shaken(server, client, "esx-2") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(server, client, "esx-3")


def test_the_site_file_may_change_the_inventory(tmp_path):
    (tmp_path / "mine.yml").write_text("extends: default\ninventory: {dc-1: {gateway_size: 3, gateway_ip_pool: {end: 10.10.8.12}, preflight_x: [1]}}\n")
    made = composed(site=str(tmp_path / "mine.yml"))
    host = outputs.inventory(made, outputs.environment(made, ""))["palette_sites"]["hosts"]["dc-1"]
    assert (host["gateway_size"], host["preflight_x"], host["gateway_ip_pool"]["start"], host["gateway_ip_pool"]["end"]) == (3, [1], "10.10.8.10", "10.10.8.12")
    (tmp_path / "mine.yml").write_text("extends: default\ninventory: {dc-2: {gateway_size: 3}}\n")
    with pytest.raises(site.SiteError, match="inventory for .'dc-2'."):
        composed(site=str(tmp_path / "mine.yml"))


def test_a_resource_pool_is_a_path_or_has_one(tmp_path):
    made = composed()
    made["vcenter"]["datacenters"][0]["compute_clusters"][0]["resource_pools"] = ["palette", {"path": "palette/kept", "cpu_limit_mhz": 100}]
    host = outputs.inventory(made, outputs.environment(made, ""))["palette_sites"]["hosts"]["dc-1"]
    assert host["gateway_placements"][0]["resource_pool"] == "palette/kept"


def shaken(server, client, name):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            connection, _ = listener.accept()
            with connection:
                try:
                    server.wrap_socket(connection, server_side=True).close()
                except (ssl.SSLError, OSError):
                    return
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with socket.create_connection(listener.getsockname()) as raw, client.wrap_socket(raw, server_hostname=name) as secured:
                return secured.version()
        finally:
            thread.join(5)


def test_outputs_are_private_quoted_and_consistent(tmp_path):
    made = composed()
    site.vcenter_user(made, admin=False)["password"] = "it's $HOME"
    env = outputs.environment(made, "https://127.0.0.1:1003/x.ova")
    outputs.write(tmp_path, made, env)
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == stat.S_IMODE((tmp_path / "inventory" / "hosts.yml").stat().st_mode) == 0o600
    assert "VMWARE_PASSWORD='it'\"'\"'s $HOME'\n" in (tmp_path / "env").read_text()
    host = yaml.safe_load((tmp_path / "inventory" / "hosts.yml").read_text())["palette_sites"]["hosts"]["dc-1"]
    assert host["vcenter_password"] == host["gateway_account"]["password"] == "it's $HOME"
    assert host["vcenter_username"] == "svc-palette@vsphere.local" and host["vcenter_port"] == 1001 and host["palette_host"] == env["PALETTE_HOST"]
    assert host["gateway_placements"] == [{"datacenter": "dc-1", "compute_cluster": "cluster-1", "resource_pool": "palette/gateways",
                                           "datastore": "ds-shared-1", "folder": "palette/gateways", "network": "pg-k8s"}]
    assert "&id" not in (tmp_path / "inventory" / "hosts.yml").read_text()
    assert host["preflight_name_servers"] == [env["LAB_DNS"]] == ["127.0.0.1:1006"] and host["preflight_host_port"] == 1005
    assert host["gateway_installer"]["console_endpoint"] == "https://console.lab.local:1005" and env["LAB_HOST_PORT"] == "1005"
    assert host["gateway_ip_pool"]["name_servers"] == ["10.10.0.2"]
    assert host["gateway_ip_pool"]["start"] == "10.10.8.10" and host["gateway_ip_pool"]["network_gateway"] == "10.10.8.1"
