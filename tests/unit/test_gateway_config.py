# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import json

import gateway_samples as given
import jsonschema
import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _gateway
from ansible_collections.palette.vmware.plugins.module_utils import _gateway_config as config
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused

CONFIGURATIONS = [
    {**allocation, "size": size, "placements": placements, "ssh_keys": keys, "ntp_servers": servers}
    for allocation, size, placements, keys, servers in itertools.product(
        (given.STATIC, given.DHCP), (1, 3), ([given.PLACEMENT], [given.PLACEMENT, given.OTHER_PLACEMENT]), ([], [given.KEY, given.OTHER_KEY]),
        ([], ["ntp.lab.local", "10.10.0.1"]))]


@pytest.mark.parametrize("options", CONFIGURATIONS)
def test_what_is_sent_and_read_back_is_what_was_wanted(options):
    wanted = given.configured(**options)
    read = given.read_back(config.to_api(wanted, "p1" if wanted["ip_pool"] else None, "profile"), {"p1": "pool-a"})
    assert config.from_api(read, {"p1": "pool-a"}) == wanted
    assert config.from_api(read, {}) == wanted, "the pool's name is in the reference too"
    assert config.differing(wanted, config.from_api(read, {})) == []


def unknown(schema, body, openapi, path=""):
    """Paths of keys in a body that its definition does not have."""
    if "$ref" in schema:
        schema = openapi["definitions"][schema["$ref"].rpartition("/")[2]]
    if isinstance(body, list):
        return [each for item in body for each in unknown(schema["items"], item, openapi, f"{path}[]")]
    if not isinstance(body, dict):
        return []
    known = schema.get("properties", {})
    return [f"{path}.{key}" for key in body if key not in known] + [
        each for key in body if key in known for each in unknown(known[key], body[key], openapi, f"{path}.{key}")]


def test_bodies_are_of_the_api(openapi):
    validator = jsonschema.Draft4Validator({"$ref": "#/definitions/v1OverlordVsphereCloudConfig", "definitions": openapi["definitions"]})
    for options in CONFIGURATIONS:
        wanted = given.configured(**options)
        body = config.to_api(wanted, "p1" if wanted["ip_pool"] else None, "profile")
        validator.validate(body)
        assert unknown({"$ref": "v1OverlordVsphereCloudConfig"}, body, openapi) == []
    assert not validator.is_valid({"clusterConfig": {"placements": [{"network": {}}]}}), "the check can fail"
    assert unknown({"$ref": "v1OverlordVsphereCloudConfig"}, {"clusterConfig": {"placements": [{"x": 1}]}}, openapi) == [".clusterConfig.placements[].x"]


def test_a_static_gateway_has_a_vip_and_the_pool_in_each_placement():
    body = config.to_api(given.configured(**{**given.STATIC, "placements": [given.PLACEMENT, given.OTHER_PLACEMENT]}), "p1", "profile")
    assert body["clusterConfig"]["controlPlaneEndpoint"] == {"type": "VIP", "host": "", "ddnsSearchDomain": ""} and body["clusterConfig"]["staticIp"] is True
    assert [each["network"] for each in body["clusterConfig"]["placements"]] == [{"networkName": "pg-k8s", "staticIp": True, "parentPoolUid": "p1"}] * 2
    assert body["clusterProfiles"] == [{"uid": "profile", "packValues": []}]


def test_a_gateway_with_dhcp_has_a_name_and_no_pool():
    body = config.to_api(given.configured(**given.DHCP), None, "profile")
    assert body["clusterConfig"]["controlPlaneEndpoint"] == {"type": "DDNS", "host": "", "ddnsSearchDomain": "k8s.lab.local"}
    assert body["clusterConfig"]["placements"][0]["network"] == {"networkName": "pg-k8s", "staticIp": False}
    assert body["clusterConfig"]["staticIp"] is False


def test_order_does_not_count():
    one = given.configured(**given.STATIC, ssh_keys=[given.KEY, given.OTHER_KEY], ntp_servers=["a", "b"])
    other = {**one, "ssh_keys": [given.OTHER_KEY, given.KEY], "ntp_servers": ["b", "a"]}
    assert config.differing(one, other) == []


def test_only_fields_that_are_set_count():
    have = given.configured(**given.STATIC, size=3, ssh_keys=[given.KEY])
    assert config.differing(given.desired(**given.STATIC)["configuration"], have) == []
    assert config.differing(given.desired(**given.STATIC, size=1, ssh_keys=[])["configuration"], have) == ["size", "ssh_keys"]


def test_pools_that_differ_between_placements_are_all_named():
    wanted = given.configured(**{**given.STATIC, "placements": [given.PLACEMENT, given.OTHER_PLACEMENT]})
    read = given.read_back(config.to_api(wanted, "p1", "x"), {"p1": "pool-a"})
    read["spec"]["machinePoolConfig"][0]["placements"][1]["network"]["parentPoolRef"] = {"uid": "p2", "name": "pool-b"}
    assert config.from_api(read, {})["ip_pool"] == "pool-a, pool-b"


def test_empty_answers_are_read():
    assert config.from_api({"spec": {"clusterConfig": {"sshKeys": None}, "machinePoolConfig": None}}, {}) == {
        "size": None, "ip_allocation": "dhcp", "ip_pool": None, "ddns_search_domain": None, "placements": [], "ssh_keys": [], "ntp_servers": []}


@pytest.mark.parametrize("options, where, words", [
    ({"size": 2}, "option size", "1, or 3, which is recommended for production"),
    ({"size": 4}, "option size", "1 or 3"),
    ({"size": 0}, "option size", "1 or 3"),
    ({"size": -1}, "option size", "1 or 3"),
    ({"size": True}, "option size", "1 or 3"),
    ({**given.STATIC, "placements": []}, "option placements", "at least one placement"),
    ({**given.STATIC, "placements": [given.PLACEMENT, given.PLACEMENT]}, "option placements[1]", "placements[0]"),
    ({**given.STATIC, "placements": [{**given.PLACEMENT, "folder": " ", "network": ""}]}, "option placements[0]", "folder, network empty"),
    ({"ip_pool": "pool-a"}, "option ip_pool", "ip_allocation not set"),
    ({**given.DHCP, "ip_pool": "pool-a"}, "option ip_pool", "ip_allocation dhcp"),
    ({**given.STATIC, "ddns_search_domain": "k8s.lab.local"}, "option ddns_search_domain", "ip_allocation static"),
    ({**given.DHCP, "ddns_search_domain": "lab"}, "option ddns_search_domain", "not a domain name"),
    ({"ntp_servers": ["ntp.lab.local", "http://ntp"]}, "option ntp_servers[1]", "http://ntp"),
    ({"ntp_servers": ["10.10.0"]}, "option ntp_servers[0]", "10.10.0"),
    ({"labels": {"a": True}}, "option labels.a", "True"),
    ({"labels": {"a": ["b"]}}, "option labels.a", "no text"),
    ({"name": " dc1-gw"}, "option name", "' dc1-gw'"),
    ({"name": ""}, "option name", "empty"),
    ({"wait_timeout": -1}, "option wait_timeout", "-1"),
])
def test_refused_options(options, where, words):
    with pytest.raises(InputRefused) as caught:
        given.desired(**options)
    assert caught.value.where == where and words in str(caught.value)


@pytest.mark.parametrize("text", ["-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----", "canary", "ssh-ed25519",
                                  f"{given.KEY}\n{given.KEY}"])
def test_keys_that_are_no_public_key_are_refused_unseen(text):
    with pytest.raises(InputRefused) as caught:
        given.desired(ssh_keys=[given.KEY, text])
    assert caught.value.where == "option ssh_keys[1]" and "canary" not in json.dumps(caught.value.as_dict())
    assert ("private key" in caught.value.what) == ("PRIVATE KEY" in text)


@pytest.mark.parametrize("options", [{"placements": [given.PLACEMENT]}, {"ip_allocation": "static"}, {"ip_allocation": "dhcp"},
                                     {"placements": [{**given.PLACEMENT, "cluster": "x"}], "ip_allocation": "dhcp", "ddns_search_domain": "a.bc"}])
def test_incomplete_options_are_refused_by_the_argument_spec(options):
    with pytest.raises(AssertionError):
        given.params(**options)


@pytest.mark.parametrize("text, corrected", [
    ("https://vc.lab.local", "vc.lab.local"), ("https://vc.lab.local/sdk", "vc.lab.local"), ("vc.lab.local/", "vc.lab.local"),
    (" vc.lab.local", "vc.lab.local"),
    ("https://vc.lab.local:8443/ui/", "vc.lab.local:8443"), ("https://[fd00::1]/sdk", "[fd00::1]"), ("user@vc.lab.local", "vc.lab.local"),
    ("https://u:canary@vc.lab.local", "vc.lab.local")])
def test_vcenter_servers_with_more_than_a_host_are_refused_with_the_corrected_value(text, corrected):
    with pytest.raises(InputRefused) as caught:
        given.desired(account={**given.ACCOUNT, "vcenter_server": text})
    assert caught.value.where == "option account.vcenter_server" and caught.value.fix == f"write {corrected}" and "canary" not in str(caught.value)
    assert given.desired(account={**given.ACCOUNT, "vcenter_server": corrected})["account"]["vcenter_server"] == corrected


@pytest.mark.parametrize("text", ["", "vc lab", "vc.lab:0", "vc.lab:99999", "vc.lab:port", "1.2.3", "https://", "[vc.lab]", "-vc"])
def test_what_is_no_vcenter_server_is_refused(text):
    with pytest.raises(InputRefused):
        given.desired(account={**given.ACCOUNT, "vcenter_server": text})


@pytest.mark.parametrize("text", ["vc.lab.local", "VC1", "vc.lab.local:8443", "127.0.0.1:4443", "10.0.0.1", "fd00::1", "[fd00::1]:443"])
def test_vcenter_servers(text):
    assert given.desired(account={**given.ACCOUNT, "vcenter_server": text})["account"]["vcenter_server"] == text


@pytest.mark.parametrize("key", ["username", "password"])
def test_an_empty_credential_is_refused(key):
    with pytest.raises(InputRefused) as caught:
        given.desired(account={**given.ACCOUNT, key: ""})
    assert caught.value.where == f"option account.{key}"


def test_the_password_is_a_secret_all_the_way():
    wanted = given.desired(account=given.ACCOUNT)
    assert "canary" not in repr(wanted) and "canary" not in repr(config.account_to_api(wanted["account"]))
    assert wanted["account"]["password"].reveal() == "canary-password"


def test_the_account_as_palette_reads_it_back():
    wanted = given.desired(account={**given.ACCOUNT, "insecure": True})["account"]
    body = config.account_to_api(wanted)
    assert config.account_from_api({"spec": {**body, "password": ""}}) == {**given.STORED_ACCOUNT, "insecure": True}


def test_options_that_absent_does_not_need_are_not_looked_at():
    assert given.desired(state="absent", size=7)["configuration"] == {}


def test_registered_takes_no_configuration():
    assert given.desired(state="registered", **given.STATIC)["configuration"] == {}


def test_every_decided_field_is_an_option():
    assert set(config.DECIDED) <= set(_gateway.SPEC["argument_spec"])
