# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether names resolve and servers answer, from the machine that runs this: name servers by dnspython, TCP, TLS and a proxy's CONNECT by the
standard library. Gives what happened as plain data; `_site_check_reach` says what it means. PRIVATE to the collection.
"""
from __future__ import annotations

import base64
import http.client
import socket
import ssl
import urllib.parse
from concurrent.futures import ThreadPoolExecutor, wait

from ._libraries import library
from ._tls import unverified

AT_ONCE = 32
OVERALL = 90
ADDRESSES_TRIED = 2
SILENT = "no answer"


def resolver():
    """dnspython's resolver module, or None where the library is missing."""
    return library("dns.resolver")


def ask_any(server, names, timeout):
    """What a name server says of the first of the names that it knows, or else of the first at all."""
    said = []
    for name in names:
        said.append(ask(server, name, timeout))
        if said[-1]["addresses"] or said[-1]["silent"]:
            return said[-1]
    return said[0]


def ask(server, name, timeout):
    """{server, addresses: [str], problem: str, silent: bool} of one name server ((address, port)); A records, or AAAA where there are none."""
    dns = library("dns.resolver")
    said = {"server": shown(*server), "addresses": [], "problem": "", "silent": False}
    one = dns.Resolver(configure=False)
    one.nameservers, one.port, one.lifetime = [server[0]], server[1], timeout
    try:
        for kind in ("A", "AAAA"):
            answer = one.resolve(f"{name}.", kind, search=False, raise_on_no_answer=False)
            said["addresses"] += [record.address for record in answer.rrset or ()]
            if said["addresses"]:
                return said
        return {**said, "problem": "the name has no address"}
    except dns.NXDOMAIN:
        return {**said, "problem": "the name does not exist (NXDOMAIN)"}
    except dns.LifetimeTimeout:
        return {**said, "problem": f"{SILENT} within {timeout} s", "silent": True}
    except (dns.NoNameservers, library("dns.exception").DNSException, OSError) as error:
        return {**said, "problem": f"no usable answer ({type(error).__name__})"}


def ask_system(name):
    """The same from the resolver of this machine."""
    said = {"server": "the controller's own resolver", "addresses": [], "problem": "", "silent": False}
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        return {**said, "problem": "it is no name that can be looked up"}
    except OSError as error:
        return {**said, "problem": f"the name does not resolve ({error.strerror or error})"}
    return {**said, "addresses": list(dict.fromkeys(each[4][0] for each in sorted(found, key=lambda each: each[0] != socket.AF_INET)))}


def shown(host, port):
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port == 53 else f"{bracketed}:{port}"


def trouble(error, timeout):
    """An exception of a connection in words."""
    if isinstance(error, TimeoutError):
        return f"{SILENT} within {timeout} s"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {getattr(error, 'verify_message', '') or error.reason or 'no TLS server'}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def knock(addresses, port, name, timeout, proxy=None):
    """'' when a TLS server answers at one of the addresses, or else what happened. proxy: {url, addresses, certificate} or None.

    The certificate is not judged: whoever talks to the server does that.
    """
    problem = "no address to connect to"
    for address in (proxy["addresses"] if proxy else addresses)[:ADDRESSES_TRIED]:
        try:
            with tunnel(address, proxy, name, port, timeout) if proxy else socket.create_connection((address, port), timeout) as plain:
                shake_hands(plain, name)
                return ""
        except (OSError, http.client.HTTPException) as error:
            problem = trouble(error, timeout)
    return problem


def shake_hands(plain, name):
    """A TLS handshake with the server; the ssl module cannot do one inside the TLS of a proxy, urllib3 can."""
    if isinstance(plain, ssl.SSLSocket):
        library("urllib3.util.ssltransport").SSLTransport(plain, unverified(), server_hostname=name).close()
    else:
        unverified().wrap_socket(plain, server_hostname=name).close()


def tunnel(address, proxy, name, port, timeout):
    """A socket to name:port through the proxy. Raises OSError with the proxy's own words; credentials are in neither."""
    parts = urllib.parse.urlsplit(proxy["url"].reveal())
    plain = socket.create_connection((address, parts.port or (443 if parts.scheme == "https" else 80)), timeout)
    try:
        if parts.scheme == "https":
            plain = trusting(proxy.get("certificate")).wrap_socket(plain, server_hostname=parts.hostname)
        target = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        head = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            head.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode('utf-8')).decode('ascii')}")
        plain.sendall("\r\n".join([*head, "", ""]).encode("ascii"))
        answer = http.client.HTTPResponse(plain, method="CONNECT")
        answer.begin()
        if answer.status != 200:
            raise OSError(None, f"the proxy answered {answer.status} {answer.reason}")
        return plain
    except BaseException:
        plain.close()
        raise


def trusting(certificate):
    """A TLS context for a proxy: the system's CAs and the one of the settings (base64 of PEM or DER, a trailing = left out)."""
    context = ssl.create_default_context()
    if certificate:
        data = base64.b64decode(certificate + "=" * (-len(certificate) % 4))
        context.load_verify_locations(cadata=data.decode("ascii") if b"-----BEGIN" in data else data)
    return context


def all_of(jobs, context, undone, overall=OVERALL):
    """Results of the jobs ({key: function without arguments}), a few at once; `undone` for those that are not done in time."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        running = {key: pool.submit(lambda job=job: undone if context.stop.is_set() else job()) for key, job in jobs.items()}
        wait(running.values(), timeout=overall)
        context.stop.check()
        return {key: each.result() if each.done() else undone for key, each in running.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def looked_up(names, servers, domains, context, timeout):
    """{name: [answer]} of every name from every server; one that leaves the first name unanswered is not asked again. domains: tried behind a name without
    a dot."""
    full = {name: [name, *(f"{name}.{domain}" for domain in domains if "." not in name)] for name in names}
    if not names:
        return {}
    if not servers or resolver() is None:
        late = {"server": "the controller's own resolver", "addresses": [], "problem": f"{SILENT} in time", "silent": True}
        answers = all_of({name: lambda name=name: ask_system(name) for name in names}, context, late)
        return {name: [answers[name]] for name in names}
    probes = all_of({server: lambda server=server: ask_any(server, full[names[0]], timeout) for server in servers}, context, None)
    speaking = [server for server in servers if probes[server] and not probes[server]["silent"]]
    jobs = {(server, name): lambda server=server, name=name: ask_any(server, full[name], timeout) for server in speaking for name in names[1:]}
    answers = {**all_of(jobs, context, None), **{(server, names[0]): said for server, said in probes.items()}}

    def said(server, name):
        unanswered = {"server": shown(*server), "addresses": [], "problem": SILENT, "silent": True}
        return answers.get((server, name)) or unanswered
    return {name: [said(server, name) for server in servers] for name in names}
