# SPDX-License-Identifier: GPL-3.0-or-later
"""Each row of the page's two tables: refused without it, naming it and the object; done with it. Or listed as not exercised, with the reason."""

from __future__ import annotations

import pytest
import yaml
from pyVmomi import vim, vmodl

import privilege_operations as operations
import privilege_services  # noqa: F401  registers its operations
from palette_lab import access, supervisor
from privilege_site import SITE, Site

TABLES = yaml.safe_load(access.ROWS.read_text())
ROWS = [(table, privilege) for table in ("page_root", "page_spectro") for privilege in TABLES[table]]
EXERCISED = [row for row in ROWS if row[1] in operations.OPERATIONS]
BEYOND = {"InventoryService.Tagging.ObjectAttachable"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("lab")
    (directory / "site.yml").write_text(SITE)
    with supervisor.running(directory / "lab", site=str(directory / "site.yml"), speed=0, ova_mib=1) as lab:
        yield Site(lab)


def refusal(act):
    """(privilege, object id) of the NoPermission that the act meets, None when it meets none."""
    try:
        act()
    except vim.fault.NoPermission as fault:
        return fault.privilegeId, fault.object._moId
    except operations.Refused as refused:
        if refused.status != 403:
            raise
        assert refused.kind == "UNAUTHORIZED"
        return refused.privilege, refused.object
    return None


def test_every_row_is_exercised_or_has_a_reason(record_property, capsys):
    assert (len(TABLES["page_root"]), len(TABLES["page_spectro"])) == (8, 97)
    left = [row for row in ROWS if row[1] not in operations.OPERATIONS]
    assert {privilege for _, privilege in left} == set(operations.NOT_EXERCISED), "each row has an operation or a reason, and not both"
    assert set(operations.OPERATIONS) <= {privilege for _, privilege in ROWS}
    record_property("rows exercised", len(EXERCISED))
    record_property("rows not exercised", len(left))
    with capsys.disabled():
        print(f"\nrows of the page: {len(EXERCISED)} exercised, {len(left)} not exercised")


@pytest.mark.parametrize("privilege", sorted({privilege for _, privilege in EXERCISED}))
def test_row(site, privilege):
    everything = {row[1] for row in ROWS} | BEYOND
    site.grant(everything)
    expected, act = operations.OPERATIONS[privilege](site)
    site.grant(everything - {privilege})
    assert refusal(act) == (privilege, expected._moId)
    site.grant(everything)
    if privilege in operations.HALF_DONE:
        _, act = operations.OPERATIONS[privilege](site)
    goes_on = operations.GOES_ON.get(privilege)
    if goes_on is None:
        assert refusal(act) is None
        return
    with pytest.raises(vmodl.MethodFault) as met:
        act()
    assert type(met.value).__name__.rpartition(".")[2] == goes_on
