"""On which side of which split a finding or an incident stands.

A side is `decision:one` or `decision:other`. Two that stand on different sides of one decision are
opposed and never joined.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from tocsin.incidents.growth import Finding
from tocsin.incidents.incident import Incident
from tocsin.incidents.joining import ONE, OTHER, Apart, Key
from tocsin.incidents.subjects import Bonds
from tocsin.ocsf import Entity

NO_SIDES: frozenset[str] = frozenset()
_OPPOSITE = {ONE: OTHER, OTHER: ONE}


class Sides:
    """The splits that stand."""

    def __init__(self, apart: Collection[Apart]) -> None:
        self._standing = {each.decision for each in apart}
        self._by_key: defaultdict[Key, set[str]] = defaultdict(set)
        for each in apart:
            for side, keys in ((ONE, each.one), (OTHER, each.other)):
                for key in keys:
                    self._by_key[key].add(each.mark(side))

    def of_finding(
        self, finding: Finding, links: Sequence[Entity]
    ) -> tuple[frozenset[str], Sequence[Entity]]:
        """Return the sides of a finding, and its links without those on the other side.

        The entity that a finding is about decides; a link across a split ties nothing.
        """
        if not self._standing:
            return NO_SIDES, links
        sides = self._of(finding.entity)
        kept: list[Entity] = []
        for link in links:
            linked = self._of(link)
            if not are_opposed(sides, linked):
                sides |= linked
                kept.append(link)
        return sides, kept

    def without_opposed(self, bonds: Bonds, sides: Collection[str]) -> Bonds:
        """Return the keys of a finding without those that stand on the other side."""
        if not self._standing:
            return bonds
        against = {key for key in bonds.entities if are_opposed(sides, self._by_key.get(key, ()))}
        return replace(bonds, keys=bonds.keys - against, grounds=bonds.grounds - against)

    def of_incident(self, incident: Incident, keys: Iterable[Key]) -> frozenset[str]:
        """Return the sides of an incident: its marks, and what its entities agree on."""
        if not self._standing:
            return NO_SIDES
        marks = frozenset(
            mark for mark in incident.apart if mark.rsplit(":", 1)[0] in self._standing
        )
        told = NO_SIDES.union(*(self._by_key.get(key, ()) for key in keys))
        agreed = {side for side in told if _opposite(side) not in told | marks}
        return marks | agreed

    def _of(self, entity: Entity) -> frozenset[str]:
        return frozenset(self._by_key.get((entity.type, entity.uid), ()))


def are_opposed(sides: Collection[str], others: Collection[str]) -> bool:
    """Return whether two stand on different sides of one decision."""
    return any(_opposite(side) in others for side in sides)


def _opposite(mark: str) -> str:
    decision, side = mark.rsplit(":", 1)
    return f"{decision}:{_OPPOSITE[side]}"
