# SPDX-License-Identifier: GPL-3.0-or-later
"""What reachability is tried on: hosts, console and API over TCP, the name server over UDP and TCP; each shut and opened."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading

import dnslib
import httpx
import pytest

from palette_lab import listeners, ports, site, tls


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while block := self.request.recv(65536):
            self.request.sendall(block.upper())


@pytest.fixture
def made(tmp_path):
    """A runtime site whose Palette is an echo."""
    source = tmp_path / "mine.yml"
    source.write_text("extends: default\nhost: {cores: 8}\n")
    runtime = site.compose(site.Settings(site=str(source), clusters=2, hosts=2), ports.assign({}), tls.paths(tmp_path))
    hosts = site.hosts_of(runtime["vcenter"]["datacenters"])
    hosts[3].update(listening=False, resolvable=False)
    runtime["reachability"]["names"] = site.names_of(runtime["vcenter"]["datacenters"])
    tls.ensure(tmp_path, (host[key] for host in hosts for key in ("name", "address")))
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        runtime["palette"]["listen"] = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield runtime
        server.shutdown()


@pytest.fixture
def opened(made):
    running = listeners.start(made)
    yield running
    running.stop()


def names(running, is_open):
    return [each["name"] for each in running.shown() if each["open"] is is_open]


def ask(made, name, kind="A", tcp=False, timeout=2.0):
    """(rcode, answers)"""
    host, port = made["reachability"]["dns"].split(":")
    reply = dnslib.DNSRecord.parse(dnslib.DNSRecord.question(name, kind).send(host, int(port), tcp=tcp, timeout=timeout))
    return dnslib.RCODE[reply.header.rcode], [str(each.rdata) for each in reply.rr]


def greeting(made, host, name=None):
    """The page of a host, with its certificate verified for the name."""
    context = ssl.create_default_context(cafile=made["tls"]["ca"])
    with socket.create_connection((host["address"], made["reachability"]["port"]), 5) as raw:
        with context.wrap_socket(raw, server_hostname=name or host["name"]) as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return b"".join(iter(lambda: secured.recv(4096), b"")).decode()


def test_every_host_answers_under_its_own_address_and_name(made, opened):
    hosts = site.hosts_of(made["vcenter"]["datacenters"])
    assert [host["address"] for host in hosts] == ["127.1.1.1", "127.1.1.2", "127.1.1.3", "127.1.1.4"]
    for host in hosts[:3]:
        assert f"ESXi host {host['name']} of the lab" in greeting(made, host)
        assert "200 OK" in greeting(made, host, host["address"])
    with pytest.raises(ssl.SSLCertVerificationError):
        greeting(made, hosts[0], "elsewhere.lab.local")
    with pytest.raises(ConnectionRefusedError):
        greeting(made, hosts[3])


def test_a_shut_host_refuses_and_the_others_do_not(made, opened):
    first, second = site.hosts_of(made["vcenter"]["datacenters"])[:2]
    assert names(opened, False) == ["host:cluster-2-esx-2"]
    opened.switch("host:cluster-1-esx-1", False)
    opened.switch("host:cluster-1-esx-1", False)
    with pytest.raises(ConnectionRefusedError):
        greeting(made, first)
    assert "esx-2" in greeting(made, second) and names(opened, False) == ["host:cluster-1-esx-1", "host:cluster-2-esx-2"]
    opened.switch("host:cluster-2-esx-2", True)
    opened.reset()
    assert "esx-1" in greeting(made, first) and names(opened, False) == ["host:cluster-2-esx-2"]
    with pytest.raises(ValueError, match="no listener 'host:nowhere'; there are api, console, dns, host:cluster-1-esx-1"):
        opened.switch("host:nowhere", False)


@pytest.mark.parametrize("name, host_name", [("console", "console.lab.local"), ("api", "api.spectrocloud.com")])
def test_console_and_api_are_palette_by_another_name(made, opened, name, host_name):
    address = (ask(made, host_name)[1][0], made["reachability"]["port"])
    with socket.create_connection(address, 5) as connection:
        connection.sendall(b"x" * 200_000)
        connection.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: connection.recv(65536), b"")) == b"X" * 200_000
    opened.switch(name, False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 5)


@pytest.mark.parametrize("tcp", [False, True])
def test_names_are_answered_and_others_are_not(made, opened, tcp):
    expected = {"cluster-1-esx-2": "127.1.1.2", "cluster-2-esx-1.lab.local.": "127.1.1.3", "CONSOLE.lab.local": "127.1.0.1",
                "api.spectrocloud.com": "127.1.0.2", "ntp.lab.local": "127.1.0.3", "vcenter.lab.local": "127.0.0.1"}
    assert {name: ask(made, name, tcp=tcp) for name in expected} == {name: ("NOERROR", [address]) for name, address in expected.items()}
    assert ask(made, "api.spectrocloud.com", "AAAA", tcp) == ("NOERROR", [])
    for unknown in ("cluster-2-esx-2", "cluster-2-esx-2.lab.local", "spectrocloud.com", "lab.local"):
        assert ask(made, unknown, tcp=tcp) == ("NXDOMAIN", [])


def test_a_shut_name_server_does_not_answer(made, opened):
    opened.switch("dns", False)
    with pytest.raises(OSError):
        ask(made, "ntp.lab.local", timeout=0.3)
    host, port = made["reachability"]["dns"].split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unconnected:
        unconnected.settimeout(0.3)
        unconnected.sendto(dnslib.DNSRecord.question("ntp.lab.local").pack(), (host, int(port)))
        with pytest.raises(TimeoutError):
            unconnected.recv(512)
    with pytest.raises(ConnectionRefusedError):
        ask(made, "ntp.lab.local", tcp=True)
    opened.switch("dns", True)
    assert ask(made, "ntp.lab.local") == ("NOERROR", ["127.1.0.3"])


def test_rubbish_does_not_hurt_the_name_server(made, opened):
    host, port = made["reachability"]["dns"].split(":")
    answer = dnslib.DNSRecord.question("ntp.lab.local").reply().pack()
    for rubbish in (b"", b"\0" * 5, b"\xff" * 600, answer):
        assert listeners.dns_reply(rubbish, made["reachability"]["names"]) is None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(rubbish, (host, int(port)))
        with socket.create_connection((host, int(port)), 5) as peer:
            peer.sendall(struct.pack("!H", len(rubbish)) + rubbish)
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(100) == b""
    assert ask(made, "ntp.lab.local") == ("NOERROR", ["127.1.0.3"])


def test_an_address_that_is_taken_is_an_error_and_leaves_nothing(made):
    host, port = made["reachability"]["dns"].split(":")
    with socket.create_server((host, int(port))):
        with pytest.raises(OSError):
            listeners.start(made)
    running = listeners.start(made)
    running.stop()
    assert not any(each["open"] for each in running.shown())


def test_the_admin_listener_shuts_and_reset_opens(lab, made, opened):
    lab.lab.listeners = opened
    assert lab.admin.get("/listeners").json()["items"][0] == {"name": "api", "address": f"127.1.0.2:{made['reachability']['port']}", "open": True}
    answer = lab.admin.post("/listeners", json={"name": "dns", "open": False})
    assert answer.status_code == 200 and [each["name"] for each in answer.json()["items"] if not each["open"]] == ["dns", "host:cluster-2-esx-2"]
    for wrong in ({"name": "dns"}, {"name": "dns", "open": 0}, {"name": "dns", "open": True, "x": 1}, [], {"name": "host:x", "open": True}):
        assert lab.admin.post("/listeners", json=wrong).status_code == 400
    assert lab.admin.post("/reset").status_code == 200
    assert names(opened, False) == ["host:cluster-2-esx-2"]


def test_a_palette_alone_has_no_listeners(lab):
    assert lab.admin.get("/listeners").json() == {"items": []}
    assert "no listeners" in lab.admin.post("/listeners", json={"name": "dns", "open": False}).json()["error"]


def test_many_hosts_have_addresses_of_their_own():
    datacenters = [{"compute_clusters": [{"hosts": [{"name": f"h{number}"} for number in range(600)]}]}]
    site.address_hosts(datacenters)
    addresses = [host["address"] for host in site.hosts_of(datacenters)]
    assert addresses[249:251] == ["127.1.1.250", "127.1.2.1"] and addresses[-1] == "127.1.3.100" and len(set(addresses)) == 600


def test_an_http_client_reaches_a_host_by_its_address(made, opened):
    host = site.hosts_of(made["vcenter"]["datacenters"])[0]
    with httpx.Client(verify=ssl.create_default_context(cafile=made["tls"]["ca"]), trust_env=False) as web:
        assert web.get(f"https://{host['address']}:{made['reachability']['port']}/").status_code == 200
