# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the site check about vCenter, the hosts, and the places of the gateway. Pure: facts -> verdicts. PRIVATE to the collection.

Source: the page, section "Prerequisites". vSphere 6.7 Update 3 is vCenter build 14367737 and ESXi build 14320388 (VMware's release notes); dynamic
volumes need that version of both (vSphere CSI). The vendor's present documentation recommends 7.0 or later.
"""
from __future__ import annotations

import re

from ._site_check_facts import KEYS
from ._site_check_verdict import Check
from ._specs import PLACEMENT_WORDS

OLDEST, RECOMMENDED = (6, 7), (7, 0)
BUILDS = {"vCenter": 14367737, "ESXi": 14320388}
SKEW_WRONG, SKEW_DOUBTFUL = 60, 5
INSIDE = {"compute_cluster": "datacenter", "resource_pool": "compute_cluster", "datastore": "compute_cluster", "network": "compute_cluster",
          "folder": "datacenter", "image_template_folder": "datacenter"}
MADE = {"folder": "create it (module palette.vmware.vcenter_folder does), or correct the name",
        "image_template_folder": "create it (module palette.vmware.vcenter_folder does), or correct the name",
        "resource_pool": "create it below the compute cluster's own, or correct the name"}
VERSION = {"vCenter": Check("vcenter_version", "vCenter is vSphere 6.7 Update 3 or later", "vCenter is older than vSphere 6.7 Update 3"),
           "ESXi": Check("esxi_version", "the host is ESXi 6.7 Update 3 or later", "the host is older than ESXi 6.7 Update 3")}
PRESENT = {key: Check(f"{key}_present", f"the {word} is there", f"there is no such {word}") for key, word in PLACEMENT_WORDS.items()}
CONNECTED = Check("host_connected", "the host is connected and powered on", "the host is not connected, or not powered on")
IN_SERVICE = Check("host_in_service", "the host is not in maintenance mode", "the host is in maintenance mode")
USABLE = Check("compute_cluster_usable", "the compute cluster has a host that can run machines", "no host of the compute cluster can run machines")
NTP = Check("ntp_configured", "the host has NTP servers", "the host has no NTP server")
NTPD = Check("ntp_running", "the NTP service of the host runs", "the NTP service of the host does not run")
TIME = Check("time_in_step", "the host's clock is in step with vCenter's", "the host's clock differs from vCenter's")
CLOCK = Check("vcenter_time", "vCenter's clock is in step with the controller's", "vCenter's clock differs from the controller's")
SHARED = Check("datastore_shared", "every host of the compute cluster reaches the datastore", "not every host of the compute cluster reaches the datastore")
STORAGE = Check("datastore_in_service", "the datastore is accessible and in service", "the datastore is not accessible, or in maintenance mode")
NETWORK = Check("network_on_hosts", "every host of the compute cluster has the network", "not every host of the compute cluster has the network")
DRS = Check("drs_enabled", "DRS is on", "DRS is off")
HA = Check("ha_enabled", "vSphere HA is on", "vSphere HA is off")
READ = "grant the user System.Read (role Read-only) on it, or check it in the vSphere client"


def vcenter(facts):
    """All verdicts about a vCenter."""
    yield from version("vCenter", facts["about"]["name"] or "vCenter", facts["about"])
    yield from controller_clock(facts["clock"])
    yield from presence(facts["places"])
    for cluster in facts["clusters"].values():
        yield from cluster_services(cluster)
        yield from usable(cluster, facts["hosts"])
        yield from unseen_hosts(cluster)
    for host in facts["hosts"].values():
        yield from version("ESXi", host["on"], host)
        yield from host_state(host)
        yield from host_time(host, facts["clock"], facts["refused"])
    yield from storage_and_network(facts)


def numbers(text):
    """'8.0.3' -> (8, 0, 3); None when it is no version."""
    found = re.match(r"\d+(\.\d+)*", text or "")
    return tuple(int(part) for part in found.group(0).split(".")) if found else None


def version(product, where, said):
    """Version and build against 6.7 Update 3; its documentation page says recommended, so only what is older than 6.7 is an error."""
    check, found = VERSION[product], numbers(said["version"])
    shown, wanted = f"{said['version']} build {said['build']}", f"6.7 Update 3 (build {BUILDS[product]}) or later"
    if found is None:
        yield check.unseen(where, "its version is not readable", READ)
    elif found[:2] < OLDEST:
        yield check.error(where, shown, wanted, f"upgrade {product}")
    elif found[:2] == OLDEST and not (said["build"] or "").isdigit():
        yield check.unseen(where, f"{shown} does not say which update", f"see in {product}'s about box that it is Update 3")
    elif found[:2] == OLDEST and int(said["build"]) < BUILDS[product]:
        yield check.warning(where, shown, wanted, f"update {product}; dynamic volumes of Kubernetes need Update 3")
    else:
        yield check.passed(where, shown)
        if found[:2] < RECOMMENDED:
            yield check.advice(where, shown, "7.0 or later", f"upgrade {product}", title=f"{product} is older than what is recommended today")


def controller_clock(clock):
    apart = abs(clock["offset"])
    shown = seconds(clock["offset"])
    if apart - clock["doubt"] > SKEW_DOUBTFUL:
        yield CLOCK.warning("vCenter", shown, f"at most {SKEW_DOUBTFUL} s", "let vCenter and the controller use the same NTP servers", "controller only")
    else:
        yield CLOCK.passed("vCenter", shown, "controller only")


def seconds(value):
    return "within 1 s" if abs(value) <= 1 else f"{value:+.0f} s"


def presence(places):
    """Each place once, however many placements name it."""
    said = set()
    for place in places:
        for key in KEYS:
            match, inside = place[key], place[INSIDE[key]] if key in INSIDE else None
            if inside is not None and inside["on"] is None:
                continue
            same = (key, match["moid"] or match["wanted"], inside["moid"] if inside else None)
            if same not in said:
                yield present(place["option"], key, match, inside)
            said.add(same)


def present(option, key, match, inside):
    word, option = PLACEMENT_WORDS[key], f"option {option}.{key}"
    if match["on"]:
        return PRESENT[key].passed(match["on"], f"found for {option.partition(' ')[2]}")
    within = f" in {inside['on']['path']}" if inside else ""
    if match["several"]:
        return PRESENT[key].error(option, f"several{within}: {', '.join(match['several'])}", "one", "give the full path",
                                  title=f"the name of the {word} is not unique")
    among = f"those that are visible{within}: {shortened(match['among'])}"
    return PRESENT[key].error(option, among, f"a {word} of that name", MADE.get(key, "correct the name, or give the user the right to see it"))


def shortened(names, most=12):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") if names else "none"


def cluster_services(cluster):
    """DRS places the nodes, HA starts them again; the page asks for neither."""
    for check, key, fix in ((DRS, "drs", "turn DRS on, so that nodes are spread over the hosts"),
                            (HA, "ha", "turn vSphere HA on, so that nodes start again when their host fails")):
        if cluster[key] is None:
            if cluster["on"]["type"] == "ClusterComputeResource":
                yield check.unseen(cluster["on"], "its configuration is not readable", READ)
        elif cluster[key]:
            yield check.passed(cluster["on"], "on")
        else:
            yield check.advice(cluster["on"], "off", "on", fix)


def up(host):
    return host["connection"] == "connected" and host["power"] in ("poweredOn", None) and host["maintenance"] is False


def usable(cluster, hosts):
    there = [hosts[moid] for moid in cluster["hosts"]]
    running = [host for host in there if up(host)]
    shown = f"{len(running)} of {len(there)} hosts in service"
    if running:
        yield USABLE.passed(cluster["on"], shown)
    elif there or not cluster["unseen"]:
        yield USABLE.error(cluster["on"], shown, "one at least", "add a host, or bring one back into service")


def unseen_hosts(cluster):
    if cluster["unseen"]:
        yield CONNECTED.unseen(cluster["on"], f"{cluster['unseen']} hosts of it are not visible", READ)


def host_state(host):
    on = host["on"]
    if host["connection"] is None or host["maintenance"] is None:
        yield CONNECTED.unseen(on, "its state is not readable", READ)
        return
    shown = f"{host['connection']}, {host['power'] or 'power state unknown'}"
    if host["connection"] == "connected" and host["power"] in ("poweredOn", None):
        yield CONNECTED.passed(on, shown)
    else:
        yield CONNECTED.warning(on, shown, "connected, poweredOn", "bring the host back, or take it out of the compute cluster")
    if host["maintenance"]:
        yield IN_SERVICE.warning(on, "in maintenance mode", "in service", "end the maintenance before the installation, or count on one host less")
    else:
        yield IN_SERVICE.passed(on, "in service")


def host_time(host, clock, refused):
    """NTP as the page demands it, and the clock itself; a host without connection tells neither."""
    on, fix = host["on"], READ
    lacking = refused.get(on["moid"], {})
    gone = "the host is not connected" if host["connection"] not in ("connected", None) else "vCenter does not tell"
    if host["ntp_servers"] is None:
        yield NTP.unseen(on, because(lacking, "config.dateTimeInfo", gone), fix)
    elif host["ntp_servers"]:
        yield NTP.passed(on, ", ".join(host["ntp_servers"]))
    else:
        yield NTP.error(on, "none", "one or more", "configure NTP: host, Configure, System, Time Configuration")
    if host["ntp_running"] is None:
        yield NTPD.unseen(on, because(lacking, "config.service.service", gone), fix)
    elif host["ntp_running"]:
        yield NTPD.passed(on, "ntpd runs")
    else:
        yield NTPD.error(on, "ntpd is stopped", "running, started with the host", "start it: host, Configure, System, Services, NTP Daemon; policy: start "
                         "and stop with host")
    yield skew(on, host["clock"], clock, gone)


def because(lacking, path, otherwise):
    return f"the user lacks {lacking[path]}" if path in lacking else otherwise


def skew(on, clock, vcenter_clock, otherwise):
    if not clock or "problem" in clock:
        return TIME.unseen(on, clock["problem"] if clock else otherwise, "compare the clocks by hand: host, Configure, System, Time Configuration")
    apart = clock["offset"] - vcenter_clock["offset"]
    sure = abs(apart) - clock["doubt"] - vcenter_clock["doubt"]
    shown = seconds(apart)
    if sure > SKEW_DOUBTFUL:
        return TIME.found("error" if sure > SKEW_WRONG else "warning", on, shown, f"at most {SKEW_DOUBTFUL} s",
                          "see that the host reaches its NTP servers, and that vCenter uses the same")
    return TIME.passed(on, shown)


def storage_and_network(facts):
    """Each datastore once, and each datastore and network once for each compute cluster that uses it."""
    said = set()
    for found in facts["datastores"].values():
        yield storage(found)
    for place in facts["places"]:
        cluster = facts["clusters"].get(place["compute_cluster"]["moid"])
        for key, rule in (("datastore", mounts), ("network", network)):
            found = facts[f"{key}s"].get(place[key]["moid"])
            if cluster and found and (place[key]["moid"], cluster["on"]["moid"]) not in said:
                said.add((place[key]["moid"], cluster["on"]["moid"]))
                yield rule(found, cluster, facts["hosts"])


def storage(found):
    on = found["on"]
    if found["accessible"] is None:
        return STORAGE.unseen(on, "its state is not readable", READ)
    if found["accessible"] and found["maintenance"] in (None, "normal"):
        return STORAGE.passed(on, "accessible, in service")
    return STORAGE.error(on, f"accessible: {'yes' if found['accessible'] else 'no'}, maintenance: {found['maintenance'] or 'normal'}",
                         "accessible, in service", "bring the datastore back into service, or choose another")


def mounts(found, cluster, hosts):
    if found["mounts"] is None:
        return SHARED.unseen(found["on"], "its mounts are not readable", READ)
    usable_by = {moid for moid, mount in found["mounts"].items() if mount["mounted"] and mount["accessible"] and mount["writable"]}
    return reached(SHARED, found["on"], cluster, hosts, usable_by, "mount it on these hosts, or choose a shared datastore")


def network(found, cluster, hosts):
    if found["hosts"] is None:
        return NETWORK.unseen(found["on"], "its hosts are not readable", READ)
    return reached(NETWORK, found["on"], cluster, hosts, set(found["hosts"]), "add the network (port group) to these hosts, or choose another")


def reached(check, on, cluster, hosts, usable_by, fix):
    lacking = [hosts[moid]["name"] for moid in cluster["hosts"] if moid not in usable_by]
    whole = f"all {len(cluster['hosts'])} hosts of {cluster['on']['path']}"
    if lacking:
        return check.error(on, f"not: {shortened(sorted(lacking))}", whole, fix, compute_cluster=cluster["on"]["path"])
    return check.passed(on, whole, compute_cluster=cluster["on"]["path"])
