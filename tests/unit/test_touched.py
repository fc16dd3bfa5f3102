# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory by paths and kinds, names of placements looked up in it, and big answers as plain XML."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils._errors import VcenterFailure
from ansible_collections.palette.vmware.plugins.module_utils._inventory import split_path
from ansible_collections.palette.vmware.plugins.module_utils._light import fault_of, namespace, parsed, properties, text
from ansible_collections.palette.vmware.plugins.module_utils._touched import (Node, Tree, complex_entities, look_up, parents, switch_of, to_be_made, unresolved,
                                                                              whole)

from audit_site import KIND, node, tree

ENVELOPE = ('<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
            '<RetrievePropertiesExResponse xmlns="urn:vim25">{}</RetrievePropertiesExResponse></soapenv:Body></soapenv:Envelope>')
OBJECT = ('<returnval><token>7</token><objects><obj type="VirtualMachine">vm-1</obj><propSet><name>name</name><val xsi:type="xsd:string">a &amp; b%2fc</val>'
          '</propSet><propSet><name>parent</name><val type="Folder">group-v3</val></propSet></objects></returnval>')


@pytest.mark.parametrize("key, path", [("root", "/"), ("dc", "/dc-1"), ("cluster", "/dc-1/host/cluster-1"), ("vm-1", "/dc-1/vm/palette/gateways/vm-1"),
                                       ("gone", "…/(gone)")])
def test_paths(key, path):
    assert tree().path(key) == path


def test_a_path_that_cannot_be_seen_to_the_top_says_so():
    seen = Tree([node("pool", "ResourcePool", "hidden"), node("nameless", "Folder", "root", None)._replace(name="")], "root")
    assert seen.path("pool") == "…/pool" and seen.path("nameless") == "…/(nameless)"


def test_a_path_is_written_as_an_option_takes_it():
    odd = Tree([node("root", "Folder", None), node("f", "Folder", "root", "a/b"), node("g", "Folder", "f", "10%")], "root")
    assert odd.path("g") == "/a%2fb/10%25" and split_path(odd.path("g")) == ["a/b", "10%"]


def test_every_object_has_its_kind_and_the_datacenters_own_folders_have_none():
    found = whole(tree(), {"templates": "template_folder"})
    assert found == {**KIND, "palette": "folder", "Resources": "resource_pool"}
    assert whole(tree(), {})["templates"] == "folder"


def test_what_always_has_the_permissions_of_its_parent():
    alone = tree()
    alone.nodes.update({"standalone": node("standalone", "ComputeResource", "hosts"), "esx-9": node("esx-9", "HostSystem", "standalone")})
    assert complex_entities(alone) == {"vmroot": "dc", "hosts": "dc", "stores": "dc", "nets": "dc", "Resources": "cluster", "esx-9": "standalone"}


def test_what_objects_inherit_from():
    found = parents(tree())
    assert (found["vm-1"], found["image"], found["pool"], found["root"]) == (("gateways", "pool"), ("templates", "esx-1"), ("Resources",), ())


def test_machines_to_be_made_are_one_for_each_folder_and_pool():
    site = tree()
    place = {"folder": site.nodes["gateways"], "resource_pool": site.nodes["pool"], "compute_cluster": site.nodes["cluster"],
             "image_template_folder": site.nodes["templates"]}
    found = to_be_made(site, [place, place, {**place, "resource_pool": site.nodes["Resources"]}, {"folder": site.nodes["palette"]}])
    assert [(each["kind"], each["parents"]) for each in found] == [("virtual_machine", ("gateways", "pool")), ("template", ("templates", "cluster")),
                                                                   ("virtual_machine", ("gateways", "Resources"))]
    assert {each["moid"] for each in found} == {""} and found[0]["path"] == "/dc-1/vm/palette/gateways/(to be made)"


@pytest.mark.parametrize("text_, found, observed", [
    ("a/x", "1", ""), ("y", "3", ""), ("/a/", "4", ""), ("x", None, "several: a/x, b/x"), ("X", None, "not there; there are: a, a/x, b/x, y"),
    ("b", None, "not there; there are: a, a/x, b/x, y"), ("a/y", None, "not there; there are: a, a/x, b/x, y"),
])
def test_names_and_paths_are_compared_exactly(text_, found, observed):
    candidates = [(key, names) for key, names in (("1", ["a", "x"]), ("2", ["b", "x"]), ("3", ["y"]), ("4", ["a"]))]
    assert look_up(candidates, text_) == (found, observed)


def test_a_name_that_is_nothing_is_an_error_on_its_option_with_the_role_that_would_show_it():
    found = unresolved(2, "image_template_folder", "images", "not there")
    assert (found["severity"], found["where"], found["observed"]) == ("error", "option placements[2].image_template_folder", "not there")
    assert "grant the Spectro role on it" in found["fix"] and "'images'" in found["expected"]
    assert "grant the root-level role on it" in unresolved(0, "datacenter", "dc", "")["fix"]


def test_a_standard_network_has_no_switch_to_read():
    assert switch_of(None, tree(), Node("n", "Network", "VM Network", "nets", None, False, None, None), 0) == (None, [])


def test_an_answer_becomes_elements():
    answer = parsed(ENVELOPE.format(OBJECT).encode())
    assert answer.tag == "{urn:vim25}RetrievePropertiesExResponse" and namespace(answer) == "{urn:vim25}"
    kind, key, values = properties(answer[0].find("{urn:vim25}objects"), "{urn:vim25}")
    assert (kind, key, text(values, "name"), text(values, "parent"), text(values, "resourcePool")) == ("VirtualMachine", "vm-1", "a & b%2fc", "group-v3", None)


@pytest.mark.parametrize("body", [b"", b"<html>proxy</html>", b"<a", ENVELOPE.format("").replace("Body", "Head").encode(),
                                  b'<!DOCTYPE x [<!ENTITY e "eeeeeeee">]>' + ENVELOPE.format("<a>&e;</a>").encode(),
                                  b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>'])
def test_what_is_no_soap_answer_is_told(body):
    with pytest.raises(VcenterFailure, match="no SOAP message") as caught:
        parsed(body)
    assert f"{len(body)} bytes" in caught.value.observed


@pytest.mark.parametrize("body", [b"", b"<html>proxy</html>", b"not even that"])
def test_an_error_page_is_a_broken_answer_and_no_defect(body):
    class Info:
        result = object

    assert "HTTP 500" in str(fault_of(None, Info, body))
