# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_report
short_description: One report of what the checks of a site found
version_added: 0.1.0
description:
  - Turns the results of M(palette.vmware.site_check), M(palette.vmware.permission_audit) and M(palette.vmware.zone_tags)
    (with O(palette.vmware.zone_tags#module:state=validated)) into the data of one report.
  - The role P(palette.vmware.preflight#role) renders it as text, Markdown, HTML, JSON and JUnit XML.
  - The same input gives the same report; time and place are given to it.
author:
  - palette.vmware contributors (@palette-vmware)
options:
  _input:
    description:
      - The registered results, by the name of the module, V(site_check), V(permission_audit) or V(zone_tags); V(login_audit) is a
        permission_audit of the user who logs in, where that is another than the gateway's account.
      - A result without C(findings) is that of a check that could not be made, and becomes an error finding of its own.
    type: dict
    required: true
  site:
    description: Name of the site.
    type: str
    required: true
  generated:
    description: When the checks were made, as it shall be shown.
    type: str
    default: ''
  fail_on:
    description: The least severity that makes a site not ready.
    type: str
    choices: [error, warning]
    default: error
  not_checked:
    description: Why a check was not made, by the name of its module.
    type: dict
  repairs:
    description: What repairs findings in a real run, by the name of the check's module or by the C(id) of the findings. They do not make a site not ready.
    type: dict
  about:
    description: Pairs of a label and a value for the head of the report. Pairs without a value are left out.
    type: list
    elements: list
  variables:
    description: The variables of the inventory that a check's options come from, as a dictionary from option to variable, by the name of the check's module.
    type: dict
"""

EXAMPLES = r"""
- name: Check the permissions only, and say so in a report
  palette.vmware.permission_audit:
    placements: "{{ gateway_placements }}"
  register: audited

- name: Show the verdict
  ansible.builtin.debug:
    msg: "{{ ({'permission_audit': audited} | palette.vmware.preflight_report(site='frankfurt')).sentence }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    site:
      description: Name of the site.
      type: str
    ready:
      description: Whether nothing stands in the way of an installation.
      type: bool
    verdict:
      description: V(READY) or V(NOT READY).
      type: str
    sentence:
      description: Verdict and totals in one sentence.
      type: str
    totals:
      description: Numbers of findings by severity (C(error), C(warning), C(advice)), of those that will be repaired (C(repaired)), of what passed
        (C(passed)) and was not checked (C(not_checked)).
      type: dict
    checks:
      description: One entry for each check with C(check), C(title), C(state) (V(ready), V(repair), V(not ready), V(failed) or
        V(not checked)), C(totals) and C(why).
      type: list
      elements: dict
    overview:
      description: One entry for each kind of finding (C(kind), C(title), C(count), C(places)).
      type: list
      elements: dict
    groups:
      description: The findings by object, the worst first. Objects with the same findings share an entry (C(objects), C(heading),
        C(severity), C(totals), C(items)).
      type: list
      elements: dict
    findings:
      description: All findings, one by one, each with the C(check) that it comes from.
      type: list
      elements: dict
    permissions:
      description: The privileges of the audited account (C(granted), C(missing), C(surplus), C(not_applicable)),
        and the C(objects) where that is so.
      type: list
      elements: dict
    zones:
      description: Regions and zones with their objects, as Kubernetes will see them.
      type: list
      elements: dict
    passed:
      description: What is as it should be, by section of the documentation page.
      type: list
      elements: dict
    not_checked:
      description: What was not checked, and why.
      type: list
      elements: dict
    junit:
      description: The same as test suites and test cases.
      type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.palette.vmware.plugins.plugin_utils._report import report


def preflight_report(results, site, **options):
    try:
        return report(results, site, **options)
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"palette.vmware.preflight_report: {error}") from error


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"preflight_report": preflight_report}
