# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan tables: want, have -> changes or a sentence."""
from __future__ import annotations

import gateway_samples as given
import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _gateway
from ansible_collections.palette.vmware.plugins.module_utils._change import Unresolved
from ansible_collections.palette.vmware.plugins.module_utils._errors import PlanRefused

FULL = given.configured(**given.STATIC)
NEW_ACCOUNT = ("create", "cloud_account", None, {**given.STORED_ACCOUNT, "password": "set (hidden)", "share_with_projects": True})
CONFIGURE = ("configure", "gateway", None, FULL)
LABELS = ("update", "gateway", {"labels": {}}, {"labels": {"env": "prod", "rack": "7"}})
WHOLE = {**given.STATIC, "account": given.ACCOUNT, "labels": {"env": "prod", "rack": 7}}


def planned(options, seen):
    changes = _gateway.plan(given.desired(**options), seen)
    assert all(change.name == "dc1-gw" and "canary" not in repr(change) for change in changes)
    return [(change.verb, change.kind, change.before, change.after) for change in changes]


def refused(options, seen):
    with pytest.raises(PlanRefused) as caught:
        _gateway.plan(given.desired(**options), seen)
    assert "canary" not in str(caught.value) and caught.value.fix
    return str(caught.value)


def there(state="Running", configuration=FULL, **rest):
    return given.observed(given.gateway(state), given.STORED_ACCOUNT, configuration, **rest)


@pytest.mark.parametrize("options, seen, expected", [
    (WHOLE, given.observed(ip_pool=Unresolved("ip_pool", "pool-a")), [NEW_ACCOUNT, CONFIGURE, LABELS]),
    (WHOLE, given.observed(given.gateway(account_uid=None), ip_pool=given.POOL), [NEW_ACCOUNT, CONFIGURE, LABELS]),
    ({**given.STATIC}, given.observed(), [CONFIGURE]),
    (WHOLE, given.observed(given.gateway(), given.STORED_ACCOUNT, ip_pool=given.POOL), [CONFIGURE, LABELS]),
    (WHOLE, there("Provisioning"), [LABELS]),
    ({**WHOLE, "labels": {}}, there("Provisioning"), []),
    ({**WHOLE, "labels": None}, there("Running"), []),
    ({**given.STATIC, "size": 1}, there("Running"), []),
    ({}, there("Running"), []),
    ({}, there("Running", None), []),
    (given.STATIC, there("Provisioning", None), []),
    (given.STATIC, there("Pending", FULL), []),
    ({**given.STATIC, "ntp_servers": ["ntp"], "size": 3}, there("Pending", FULL, ip_pool=given.BIG_POOL),
     [("configure", "gateway", None, {**FULL, "ntp_servers": ["ntp"], "size": 3})]),
    ({"state": "registered"}, given.observed(), []),
    ({"state": "registered"}, given.observed(given.gateway(account_uid=None)), []),
    ({"state": "registered", "account": given.ACCOUNT}, given.observed(), [NEW_ACCOUNT]),
    ({"state": "registered", **WHOLE}, given.observed(given.gateway(account_uid=None)), [NEW_ACCOUNT, LABELS]),
    ({"state": "registered", "account": given.ACCOUNT, "share_with_projects": False}, given.observed(),
     [("create", "cloud_account", None, {**NEW_ACCOUNT[3], "share_with_projects": False})]),
    ({"account": given.ACCOUNT, "share_with_projects": False}, there(), []),
    ({"account": {**given.ACCOUNT, "username": "new"}}, there(), [("update", "cloud_account", {"username": "svc"}, {"username": "new"})]),
    ({"account": given.ACCOUNT, "update_password": "always"}, there(),
     [("update", "cloud_account", {"password": "unknown (hidden)"}, {"password": "changed (hidden)"})]),
    ({"account": {**given.ACCOUNT, "insecure": True}, "update_password": "always"}, there(),
     [("update", "cloud_account", {"insecure": False, "password": "unknown (hidden)"}, {"insecure": True, "password": "changed (hidden)"})]),
    ({"update_password": "always"}, there(), []),
    ({"state": "absent"}, given.observed(), []),
    ({"state": "absent"}, given.observed(deleting=[given.gateway("Deleting")]), []),
    ({"state": "absent"}, given.observed(given.gateway()), [("delete", "gateway", {"labels": {}}, None)]),
    ({"state": "absent"}, there(), [("delete", "gateway", {"labels": {}, "size": 1, **given.STATIC}, None)]),
])
def test_changes(options, seen, expected):
    assert planned(options, seen) == expected


def test_an_unregistered_gateway_gives_the_changes_of_the_registered_one():
    before = given.observed(ip_pool=Unresolved("ip_pool", "pool-a"))
    assert planned(WHOLE, before) == planned(WHOLE, given.observed(given.gateway(account_uid=None), ip_pool=given.POOL))


@pytest.mark.parametrize("options", [{**given.STATIC, "size": 3, "ssh_keys": [given.KEY]}, {**given.DHCP, "ntp_servers": ["ntp"]}])
@pytest.mark.parametrize("state", ["Provisioning", "Running"])
def test_what_is_there_needs_no_change(options, state):
    assert planned({**options, "account": given.ACCOUNT, "labels": {"a": "b"}},
                   given.observed(given.gateway(state, labels={"a": "b"}), given.STORED_ACCOUNT, given.configured(**options))) == []


@pytest.mark.parametrize("options, field, seen, wanted", [
    ({**given.STATIC, "placements": [given.OTHER_PLACEMENT]}, "placements", "cluster-1", "cluster-2"),
    ({**given.STATIC, "ip_pool": "pool-b"}, "ip_pool", "pool-a", "pool-b"),
    ({**given.STATIC, "ssh_keys": [given.KEY]}, "ssh_keys", "[]", "ops@lab"),
    ({**given.STATIC, "ntp_servers": ["ntp.lab.local"]}, "ntp_servers", "[]", "ntp.lab.local"),
    (given.DHCP, "ip_allocation", "static", "dhcp"),
])
def test_another_configuration_is_refused_with_the_difference(options, field, seen, wanted):
    for state, way in (("Provisioning", "reset the gateway"), ("Running", "delete the gateway")):
        with pytest.raises(PlanRefused) as caught:
            _gateway.plan(given.desired(**options), there(state))
        failure = caught.value
        assert field in failure.observed and seen in failure.observed and wanted in failure.expected and way in failure.fix and "dc1-gw (g1)" in failure.where


def test_growing_is_not_part_of_this_version():
    assert "resizing is not part of this version" in refused({**given.STATIC, "size": 3}, there())


@pytest.mark.parametrize("state", ["Provisioning", "Running"])
def test_shrinking_is_refused(state):
    assert "three nodes never become one" in refused({**given.STATIC, "size": 1}, there(state, given.configured(**given.STATIC, size=3)))


@pytest.mark.parametrize("options", [{"state": "absent"}, {"state": "registered"}, given.STATIC])
def test_two_of_one_name_are_refused_with_both_ids(options):
    sentence = refused(options, given.observed(named=[given.gateway(), given.gateway("Running", uid="g2")]))
    assert "g1 (Pending)" in sentence and "g2 (Running)" in sentence


@pytest.mark.parametrize("options", [{"state": "absent"}, {"labels": {"a": "b"}}, {"account": {**given.ACCOUNT, "username": "x"}}])
def test_the_system_gateway_is_never_changed(options):
    assert "system gateway" in refused(options, given.observed(given.gateway("Running", system=True), given.STORED_ACCOUNT, FULL))
    by_name = given.gateway("Running", name="System Private Gateway")
    assert "system gateway" in refused({**options, "name": by_name["name"]}, given.observed(by_name, given.STORED_ACCOUNT, FULL))


def test_the_system_gateway_may_be_waited_for():
    assert planned({"state": "registered"}, given.observed(given.gateway("Running", system=True))) == []


def test_deletion_with_tenant_clusters_is_refused_with_their_names():
    assert "team-a, team-b" in refused({"state": "absent"}, there(users=["team-a", "team-b"]))
    assert "c19 and 5 more" in refused({"state": "absent"}, there(users=[f"c{number:02}" for number in range(25)]))


def test_a_configuration_needs_an_account():
    assert "no account" in refused(given.STATIC, given.observed(given.gateway(account_uid=None), ip_pool=given.POOL))


@pytest.mark.parametrize("seen", [given.observed(), given.observed(given.gateway(), given.STORED_ACCOUNT)])
def test_a_gateway_that_is_to_be_configured_needs_to_know_how(seen):
    assert "options placements, ip_allocation" in refused({"account": given.ACCOUNT}, seen)


def test_what_is_neither_pending_nor_readable_is_not_configured():
    assert "state Importing" in refused(given.STATIC, given.observed(given.gateway("Importing"), given.STORED_ACCOUNT))


@pytest.mark.parametrize("size, free, fits", [(1, 2, False), (1, 3, True), (3, 4, False), (3, 5, True)])
def test_the_pool_has_to_hold_the_gateway(size, free, fits):
    seen = given.observed(given.gateway(), given.STORED_ACCOUNT, ip_pool={**given.POOL, "available": given.BIG_POOL["available"][:free]})
    if fits:
        assert len(planned({**given.STATIC, "size": size}, seen)) == 1
    else:
        assert f"{free} free addresses, expected: {size + 2}" in refused({**given.STATIC, "size": size}, seen)


def test_a_pool_in_use_by_the_gateway_itself_is_not_too_small():
    assert planned(given.STATIC, there(ip_pool={**given.POOL, "available": []})) == []


@pytest.mark.parametrize("options, seen", [
    (WHOLE, given.observed(ip_pool=Unresolved("ip_pool", "pool-a"))), (WHOLE, given.observed(given.gateway(), given.STORED_ACCOUNT, ip_pool=given.POOL)),
    ({"account": {**given.ACCOUNT, "insecure": True}, "labels": {"x": "y"}}, there())])
def test_the_prediction_is_a_gateway_that_needs_no_change(options, seen):
    wanted = given.desired(**options)
    will_be = _gateway.predict(wanted, seen, _gateway.plan(wanted, seen))
    configuration = {key: will_be[key] for key in FULL}
    assert _gateway.plan(wanted, given.observed(given.gateway("Running", labels=will_be["labels"]), will_be["account"], configuration)) == []


def test_the_prediction_of_a_deletion_is_nothing():
    wanted = given.desired(state="absent")
    assert _gateway.predict(wanted, there(), _gateway.plan(wanted, there())) is None


def test_a_refusal_reads_the_same_every_time():
    options = {**given.STATIC, "ssh_keys": [given.KEY]}
    assert refused(options, there()) == refused(options, there()) == (
        "gateway 'dc1-gw' is Running with another configuration, which cannot be changed in place - gateway dc1-gw (g1) - seen: ssh_keys [], "
        "expected: ssh_keys [\"ops@lab\"] - set the options back, or delete the gateway (state absent) and install it again")
