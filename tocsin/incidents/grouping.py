"""Group findings into incidents.

Findings are joined when they concern the same entity within `gap` of event time, or entities that
are the same by what is known of identities at that time (`subjects`). The result depends
only on the arguments, not on the order of the rows: a group grows until no other group shares an
entity with it within `gap`, and that end is the same from wherever one starts.

Two kinds of findings never open an incident and are only attached to one about the same entity:
those below the threshold, and those that are no alert (history that was loaded later). They tie no
entities together either: an unimportant finding must not merge two people's incidents.

What people decided stands above all that: incidents that they merged keep the findings of both, and
those that they split are never joined again (`sides`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from tocsin.identity import Identities, Key, key_of
from tocsin.incidents.growth import (
    KEPT_ENTITIES,
    Finding,
    absorbed,
    assessed,
    grown,
    in_time,
    joined,
    opened,
    same_subjects,
    same_ties,
)
from tocsin.incidents.incident import Grouped, Incident, Subject, Tie, as_utc
from tocsin.incidents.joining import Apart
from tocsin.incidents.reading import findings_in
from tocsin.incidents.sides import NO_SIDES, Sides, are_opposed
from tocsin.incidents.subjects import Bonds, bonds_of, is_shared, subjects_in, subjects_of
from tocsin.incidents.tying import are_tied, reasons, united

LATENESS = timedelta(days=1)
"""How long after an incident has gone quiet its late events are still waited for."""


def group(  # noqa: PLR0913  # each is a fact of its own that the store or the settings know
    open_incidents: Iterable[Incident],
    findings: pa.Table,
    now: datetime,
    *,
    gap: timedelta,
    threshold: int,
    never_link: Collection[str] = frozenset(),
    apart: Collection[Apart] = (),
    identities: Identities | None = None,
) -> Grouped:
    """Join findings to open incidents and open new ones for the rest.

    Args:
        open_incidents: not closed as of `now`; closed and merged ones are passed over.
        findings: rows of `ocsf.schemas.FINDINGS`, any order, may be empty. A finding that its
            incident already counts adds its matches and is not counted again.
        now: UTC; decides which incidents have gone quiet.
        gap: longest silence inside one incident.
        threshold: `severity_id` from which an alert opens an incident.
        never_link: uids or names of identities that many share (roles of CI, of cloud services);
            what they do is grouped, but they tie nobody else to it.
        apart: splits by people that stand.
        identities: who is who at which time, as far as the findings and incidents need it; where
            given, incidents that it ties are joined though no finding does.

    Returns:
        What changed and what later findings may still join. Where findings tie several open
        incidents together, the oldest absorbs the others: they are among the changed, Closed as
        Duplicate, and name it in `merged_into`. An incident is `open` until `gap` and a day of
        lateness have passed since its last event and its last change.

    Source: grouping by entity and silence follows OCSF Incident Finding (2005),
    `finding_info_list`.
    """
    now = as_utc(now)
    quiet_before = now - gap - LATENESS
    joinable = [incident for incident in open_incidents if _is_joinable(incident, quiet_before)]
    known = identities or Identities()
    clusters = _Clusters(gap, frozenset(never_link), Sides(apart), known)
    for incident in joinable:
        clusters.add_incident(incident)
    # Most findings of a batch are about few entities: what is alike is looked at once.
    runs = _runs(sorted(findings_in(findings), key=in_time), threshold, is_alone=bool(apart))
    for run in runs:
        clusters.add_findings(run, opens=_opens(run[0], threshold), gap=gap)

    if identities is not None:
        clusters.tie_incidents()
    settled = (_settle(cluster, now) for cluster in clusters.settled())
    changed = [incident for incidents in settled for incident in incidents]
    latest = {incident.uid: incident for incident in (*joinable, *changed)}
    still_open = (incident for incident in latest.values() if incident.status != "Closed")
    return Grouped(tuple(sorted(changed, key=_order)), tuple(sorted(still_open, key=_order)))


def _is_joinable(incident: Incident, quiet_before: datetime) -> bool:
    if incident.status == "Closed" or incident.merged_into:
        return False
    return max(incident.last_time, incident.updated_time) >= quiet_before


def _order(incident: Incident) -> tuple[str, str, str]:
    primary = incident.entities[0]
    return primary.type, primary.uid, incident.uid


def _runs(findings: Iterable[Finding], threshold: int, *, is_alone: bool) -> list[list[Finding]]:
    """Return findings that name the same entities together, each on its own where that is asked."""
    found: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        opens = _opens(finding, threshold)
        alike = (finding.entity, finding.links, finding.account, opens)
        found.setdefault((*alike, finding.uid) if is_alone else alike, []).append(finding)
    return list(found.values())


def _opens(finding: Finding, threshold: int) -> bool:
    return finding.is_alert and finding.severity_id >= threshold


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Incidents and findings that belong together so far."""

    bonds: Bonds
    first_time: datetime
    last_time: datetime
    incidents: tuple[Incident, ...] = ()
    openers: tuple[Finding, ...] = ()
    followers: tuple[Finding, ...] = ()
    sides: frozenset[str] = NO_SIDES
    subjects: tuple[Subject, ...] = ()
    ties: tuple[Tie, ...] = ()

    def joined(self, other: "_Cluster") -> "_Cluster":
        return _Cluster(
            bonds=united(self.bonds, other.bonds),
            first_time=min(self.first_time, other.first_time),
            last_time=max(self.last_time, other.last_time),
            incidents=self.incidents + other.incidents,
            openers=self.openers + other.openers,
            followers=self.followers + other.followers,
            sides=self.sides | other.sides,
            subjects=self.subjects + other.subjects,
            ties=self.ties + other.ties + reasons(self.bonds, other.bonds),
        )

    def is_near(self, other: "_Cluster", gap: timedelta) -> bool:
        silence = max(self.first_time - other.last_time, other.first_time - self.last_time)
        # A finding's period may be longer than the gap: it stays with its incident all the same.
        return silence <= gap or not self.finding_uids().isdisjoint(other.finding_uids())

    def finding_uids(self) -> frozenset[str]:
        new = (finding.uid for finding in self.openers + self.followers)
        return frozenset(new).union(*(incident.finding_uids for incident in self.incidents))


class _Clusters:
    """Disjoint clusters, found by the entities that tie."""

    def __init__(
        self, gap: timedelta, never_link: frozenset[str], sides: Sides, identities: Identities
    ) -> None:
        self._gap = gap
        self._sides = sides
        self._never_link = never_link
        self._identities = identities
        self._by_key: defaultdict[Key, list[_Cluster]] = defaultdict(list)

    def add_incident(self, incident: Incident) -> None:
        """Make an incident known; it joins others where findings or new identities tie them."""
        roots = {key_of(root) for root in incident.roots if not is_shared(root, self._never_link)}
        bonds = bonds_of(subjects_in(incident), self._identities, self._never_link)
        bonds = replace(bonds, keys=bonds.keys | roots)
        cluster = _Cluster(
            bonds=bonds,
            first_time=incident.first_time,
            last_time=incident.last_time,
            incidents=(incident,),
            sides=self._sides.of_incident(incident, bonds.keys | bonds.loose),
        )
        self._index(cluster)

    def add_findings(self, alike: Sequence[Finding], *, opens: bool, gap: timedelta) -> None:
        """Join findings that name the same entities with all that they tie together.

        Those between which it was quiet, or in whose time the entities became others, come one by
        one.
        """
        first = alike[0]
        sides, links = self._sides.of_finding(first, first.links if opens else ())
        subjects = subjects_of(first, links, self._never_link)
        bonds = bonds_of(subjects, self._identities, self._never_link)
        named = (first.entity, *first.links, *bonds.entities.values())
        is_steady = not any(self._identities.knows(entity) for entity in named)
        for some in _unbroken(alike, gap) if is_steady else [[one] for one in alike]:
            if not is_steady:
                subjects = subjects_of(some[0], links, self._never_link)
                bonds = bonds_of(subjects, self._identities, self._never_link)
            self._add(some, opens, subjects, self._sides.without_opposed(bonds, sides), sides)

    def _add(
        self,
        some: Sequence[Finding],
        opens: bool,
        subjects: tuple[Subject, ...],
        bonds: Bonds,
        sides: frozenset[str],
    ) -> None:
        first = min(finding.first_time for finding in some)
        last = max(finding.last_time for finding in some)
        current = _Cluster(
            bonds=bonds,
            first_time=first,
            last_time=last,
            openers=tuple(some) if opens else (),
            followers=() if opens else tuple(some),
            sides=sides,
            # What is too slight to open an incident ties nothing, now or later.
            subjects=tuple(replace(one, first=first, last=last) for one in subjects)
            if opens
            else (),
            ties=tuple(tie for key in sorted(bonds.keys) for tie in bonds.steps.get(key, ())),
        )
        self._grow(current, some[0])

    def tie_incidents(self) -> None:
        """Join incidents that identities tie, though no finding of this turn does."""
        for cluster in self._distinct():
            # An earlier one may have taken it in.
            if cluster.incidents and any(cluster is known for known in self._distinct()):
                self._drop(cluster)
                self._grow(cluster, None)

    def settled(self) -> list[_Cluster]:
        """Return every cluster that changes incidents, once."""
        return [
            found
            for found in self._distinct()
            if found.openers or found.followers or len(found.incidents) > 1 or _is_moved(found)
        ]

    def _grow(self, current: _Cluster, finding: Finding | None) -> None:
        while tied := self._tied(current, finding):
            for cluster in tied:
                self._drop(cluster)
                current = current.joined(cluster)
        self._index(current)

    def _tied(self, current: _Cluster, finding: Finding | None) -> list[_Cluster]:
        new = {one.uid for one in current.openers + current.followers}
        found = {
            id(cluster): cluster
            for key in current.bonds.keys | current.bonds.grounds | current.bonds.loose
            for cluster in self._by_key.get(key, ())
            if current.is_near(cluster, self._gap)
            and not are_opposed(current.sides, cluster.sides)
            and (
                are_tied(current.bonds, cluster.bonds) or not new.isdisjoint(cluster.finding_uids())
            )
        }
        tied = _unambiguous(current, list(found.values()))
        if not any(cluster.sides for cluster in tied):
            return tied
        # Those on different sides exclude each other: the one that fits best comes first.
        return [max(tied, key=lambda cluster: _fit(cluster, finding))]

    def _distinct(self) -> list[_Cluster]:
        distinct = {id(cluster): cluster for known in self._by_key.values() for cluster in known}
        return list(distinct.values())

    def _index(self, cluster: _Cluster) -> None:
        for key in cluster.bonds.keys | cluster.bonds.grounds | cluster.bonds.loose:
            self._by_key[key].append(cluster)

    def _drop(self, cluster: _Cluster) -> None:
        for key in cluster.bonds.keys | cluster.bonds.grounds | cluster.bonds.loose:
            # By identity: two incidents may be equal in all that a cluster keeps.
            self._by_key[key] = [known for known in self._by_key[key] if known is not cluster]


def _unbroken(alike: Sequence[Finding], gap: timedelta) -> list[list[Finding]]:
    """Return findings in order of time, cut where it was quiet for longer than `gap`."""
    runs: list[list[Finding]] = []
    last: datetime | None = None
    for finding in alike:
        if last is None or finding.first_time - last > gap:
            runs.append([])
            last = finding.last_time
        runs[-1].append(finding)
        last = max(last, finding.last_time)
    return runs


def _unambiguous(current: _Cluster, tied: list[_Cluster]) -> list[_Cluster]:
    """Return the tied ones; a shared address alone joins one of several attacks to none."""
    by_address = [one for one in tied if not _is_sure(current, one)]
    if len(by_address) < 2:
        return tied
    return [one for one in tied if _is_sure(current, one)]


def _is_sure(current: _Cluster, other: _Cluster) -> bool:
    is_plain = not current.bonds.keys and not other.bonds.keys
    sure = replace(current.bonds, loose=frozenset())
    is_known = not current.finding_uids().isdisjoint(other.finding_uids())
    return is_plain or is_known or are_tied(sure, other.bonds)


def _is_moved(cluster: _Cluster) -> bool:
    """Return whether an incident is now known to be about more than was known before."""
    (incident,) = cluster.incidents
    known = {key_of(entity) for entity in incident.anchors}
    return bool(incident.subjects) and not set(cluster.bonds.entities) <= known


def _fit(cluster: _Cluster, finding: Finding | None) -> tuple[bool, bool, datetime, str]:
    """Say how well a finding fits: it is there already, its entity comes first, it is recent."""
    uid = max((one.uid for one in cluster.incidents), default="")
    if finding is None:
        return False, False, cluster.last_time, uid
    primaries = {(one.entities[0].type, one.entities[0].uid) for one in cluster.incidents}
    is_about = (finding.entity.type, finding.entity.uid) in primaries
    return finding.uid in cluster.finding_uids(), is_about, cluster.last_time, uid


def _settle(cluster: _Cluster, now: datetime) -> list[Incident]:
    """Return the incidents that a cluster changes: one that lives on, then those it absorbs."""
    if not cluster.incidents:
        if not cluster.openers:
            return []
        return [_bound(opened(cluster.openers, cluster.followers, now), cluster)]
    eldest, *others = sorted(
        cluster.incidents, key=lambda one: (one.opened_time, one.first_time, one.uid)
    )
    whole = joined(eldest, others)
    if cluster.openers or cluster.followers:
        survivor = grown(whole, cluster.openers, cluster.followers, now)
    else:
        later = replace(whole, updated_time=now, version=whole.version + 1)
        survivor = assessed(later)
    survivor = _bound(survivor, cluster)
    return [survivor, *(absorbed(other, survivor, now) for other in others)]


def _bound(incident: Incident, cluster: _Cluster) -> Incident:
    """Return the incident with what it is about and why that belongs together."""
    anchors = (cluster.bonds.entities[key] for key in sorted(cluster.bonds.entities))
    return replace(
        incident,
        subjects=same_subjects((*incident.subjects, *cluster.subjects)),
        anchors=tuple(anchors)[:KEPT_ENTITIES],
        ties=same_ties((*incident.ties, *cluster.ties)),
    )
