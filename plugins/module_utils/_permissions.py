# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vSphere's rules of roles and permissions: what a principal may do on an object, and because of which permission. Pure. PRIVATE to the collection.

Rules (vSphere Security, "Hierarchical Inheritance of Permissions" and "Multiple Permission Settings" with its examples 1 to 3):
a permission on an object takes the place of all that would be inherited, whoever of the user and the user's groups it is for; on one object the user's own
permission takes the place of the groups', and the groups' are united; what is inherited comes from the nearest object above that has a permission that
propagates; a virtual machine inherits from its folder and from its resource pool (a template: its host), and both are united. Some objects always have the
permissions of their parent (vSphere API, AuthorizationManager, "complex entity"): the four folders of a datacenter, a compute cluster's root resource pool,
a stand-alone host.
"""
from __future__ import annotations

from collections import namedtuple

from ._principal import parts

# role: its name. object: id of the object it is defined on.
Grant = namedtuple("Grant", "object principal group role privileges propagate")
# privileges: frozenset of ids. via: tuple of the Grants that decide; empty when there is none.
Decision = namedtuple("Decision", "privileges via")

NOTHING = Decision(frozenset(), ())
ADMINISTRATOR = "Administrator"


class Evaluation:
    """What one principal may do on the objects of an inventory.

    grants: [Grant] of everybody. user: name. groups: names of all groups that the user is in, nested ones too. parents: {id: (ids of what it inherits from)}.
    same: {id: id of the object whose permissions it always has}.
    """

    def __init__(self, grants, user, groups, parents, same=None):
        me, mine, self._same = parts(user), {parts(group) for group in groups}, same or {}
        self._parents, self._own, self._passed, self._decided, self._united = parents, {}, {}, {}, {}
        for grant in grants:
            name = parts(grant.principal)
            if (name in mine) if grant.group else (name == me):
                self._own.setdefault(grant.object, []).append(grant)

    def _deciding(self, grants):
        """Decision of the grants on one object."""
        own = tuple(grant for grant in grants if not grant.group) or tuple(grants)
        if own not in self._united:
            self._united[own] = Decision(frozenset().union(*(grant.privileges for grant in own)), own)
        return self._united[own]

    def _unite(self, decisions):
        """Decision of several parents together: their permissions are added."""
        via = tuple(dict.fromkeys(grant for decision in decisions for grant in decision.via))
        if not via:
            return NOTHING
        if via not in self._united:
            self._united[via] = Decision(frozenset().union(*(decision.privileges for decision in decisions)), via)
        return self._united[via]

    def _inherited(self, parents):
        """Decision of what objects pass down."""
        if len(parents) == 1:
            return self._passing(parents[0])
        return self._unite([self._passing(parent) for parent in parents])

    def _passing(self, key):
        """Decision that an object passes down: that of its own propagating grants, or of what is above it."""
        waiting, at = [], key
        while at not in self._passed:
            down = [grant for grant in self._own.get(at, ()) if grant.propagate]
            above = self._parents.get(at, ())
            if down:
                self._passed[at] = self._deciding(down)
            elif len(above) == 1:
                waiting.append(at)
                at = above[0]
            else:
                self._passed[at] = self._inherited(above) if above else NOTHING
        for below in waiting:
            self._passed[below] = self._passed[at]
        return self._passed[key]

    def decide(self, key):
        """Decision on an object."""
        while key in self._same:
            key = self._same[key]
        if key not in self._decided:
            own = self._own.get(key)
            self._decided[key] = self._deciding(own) if own else self.made_in(self._parents.get(key, ()))
        return self._decided[key]

    def made_in(self, parents):
        """Decision on an object that does not exist yet, and will inherit from these."""
        return self._inherited(tuple(parents)) if parents else NOTHING


def closure(member_of, names):
    """All groups that these groups are in, nested ones too, and the groups themselves. member_of: {group: groups that directly hold it}; keys as parts()."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(member_of.get(name, ()))
    return found


def verdict(decision, wanted, any_of, known, allowed):
    """(granted, missing, surplus, not applicable): four sorted tuples of privilege ids.

    wanted: ids. any_of: {id: ids of which one will do in its place}. known: the ids that this vCenter has. allowed: what may be held without being surplus.
    """
    have = decision.privileges
    absent = {privilege for privilege in wanted if privilege not in known and not known.intersection(any_of.get(privilege, ()))}
    missing = {privilege for privilege in wanted if privilege not in absent and privilege not in have and have.isdisjoint(any_of.get(privilege, ()))}
    surplus = {privilege for privilege in have if privilege not in allowed and not privilege.startswith("System.")}
    return tuple(sorted(set(wanted) - absent - missing)), tuple(sorted(missing)), tuple(sorted(surplus)), tuple(sorted(absent))
