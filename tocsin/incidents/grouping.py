"""Group findings into incidents.

Findings are joined when they concern the same entity within `gap` of event time. The result depends
only on the arguments, not on the order of the rows: a group grows until no other group shares an
entity with it within `gap`, and that end is the same from wherever one starts.

Two kinds of findings never open an incident and are only attached to one about the same entity:
those below the threshold, and those that are no alert (history that was loaded later). They tie no
entities together either: an unimportant finding must not merge two people's incidents.

What people decided stands above all that: incidents that they merged keep the findings of both, and
those that they split are never joined again (`sides`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from tocsin.incidents.growth import Finding, absorbed, grown, in_time, joined, opened
from tocsin.incidents.incident import Grouped, Incident, as_utc
from tocsin.incidents.joining import Apart
from tocsin.incidents.sides import NO_SIDES, Sides, are_opposed
from tocsin.ocsf import Entity

IDENTITY_TYPES = frozenset(
    {
        "access_key",
        "api_key",
        "container",
        "function",
        "host",
        "instance",
        "node",
        "pod",
        "role",
        "service_account",
        "session",
        "user",
        "workload",
    }
)
"""Entities that tie findings together. Addresses, accounts, buckets and the like do not: they are
shared by strangers."""

LATENESS = timedelta(days=1)
"""How long after an incident has gone quiet its late events are still waited for."""


def group(
    open_incidents: Iterable[Incident],
    findings: pa.Table,
    now: datetime,
    *,
    gap: timedelta,
    threshold: int,
    never_link: Collection[str] = frozenset(),
    apart: Collection[Apart] = (),
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
    clusters = _Clusters(gap, frozenset(never_link), Sides(apart))
    for incident in joinable:
        clusters.add_incident(incident)
    for finding in sorted(_read(findings), key=in_time):
        clusters.add_finding(finding, opens=_opens(finding, threshold))

    settled = (_settle(cluster, now) for cluster in clusters.with_findings())
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


def _opens(finding: Finding, threshold: int) -> bool:
    return finding.is_alert and finding.severity_id >= threshold


def _read(findings: pa.Table) -> list[Finding]:
    # Findings are few: the rules have left some of a million events.
    return [
        Finding(
            uid=row["uid"],
            rule_uid=row["rule_uid"],
            title=row["title"],
            severity_id=row["severity_id"],
            is_alert=row["is_alert"],
            entity=_entity(row["entity"]),
            links=tuple(_entity(link) for link in row["links"]),
            account=row["account"] or "",
            tactics=tuple(row["tactics"]),
            techniques=tuple(row["techniques"]),
            first_time=as_utc(row["first_time"]),
            last_time=as_utc(row["last_time"]),
            match_count=row["match_count"],
            first_event_uid=min(row["event_uids"], default=""),
        )
        for row in findings.to_pylist()
    ]


def _entity(value: dict[str, str | None]) -> Entity:
    return Entity(value["type"] or "", value["uid"] or "", value["name"] or "")


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Incidents and findings that belong together so far."""

    keys: frozenset[Key]
    first_time: datetime
    last_time: datetime
    incidents: tuple[Incident, ...] = ()
    openers: tuple[Finding, ...] = ()
    followers: tuple[Finding, ...] = ()
    sides: frozenset[str] = NO_SIDES

    def joined(self, other: "_Cluster") -> "_Cluster":
        return _Cluster(
            keys=self.keys | other.keys,
            first_time=min(self.first_time, other.first_time),
            last_time=max(self.last_time, other.last_time),
            incidents=self.incidents + other.incidents,
            openers=self.openers + other.openers,
            followers=self.followers + other.followers,
            sides=self.sides | other.sides,
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

    def __init__(self, gap: timedelta, never_link: frozenset[str], sides: Sides) -> None:
        self._gap = gap
        self._sides = sides
        self._never_link = never_link
        self._by_key: defaultdict[Key, list[_Cluster]] = defaultdict(list)

    def add_incident(self, incident: Incident) -> None:
        """Make an incident known; it joins another only where a finding ties them."""
        roots = ((root.type, root.uid) for root in incident.roots if not self._is_shared(root))
        keys = self._keys(incident.entities[0], incident.entities[1:]).union(roots)
        cluster = _Cluster(
            keys=keys,
            first_time=incident.first_time,
            last_time=incident.last_time,
            incidents=(incident,),
            sides=self._sides.of_incident(incident, keys),
        )
        self._index(cluster)

    def add_finding(self, finding: Finding, *, opens: bool) -> None:
        """Join a finding with all that it ties together, until nothing more is tied."""
        sides, links = self._sides.of_finding(finding, finding.links if opens else ())
        current = _Cluster(
            keys=self._keys(finding.entity, links),
            first_time=finding.first_time,
            last_time=finding.last_time,
            openers=(finding,) if opens else (),
            followers=() if opens else (finding,),
            sides=sides,
        )
        while tied := self._tied(current, finding):
            for cluster in tied:
                self._drop(cluster)
                current = current.joined(cluster)
        self._index(current)

    def with_findings(self) -> list[_Cluster]:
        """Return every cluster that findings of this turn are in, once."""
        distinct = {id(cluster): cluster for known in self._by_key.values() for cluster in known}
        return [found for found in distinct.values() if found.openers or found.followers]

    def _keys(self, primary: Entity, links: Iterable[Entity]) -> frozenset[Key]:
        # The first entity always groups its own findings, whatever it is; only identities tie.
        tying = (link for link in links if self._ties(link)) if self._ties(primary) else ()
        return frozenset((entity.type, entity.uid) for entity in (primary, *tying))

    def _ties(self, entity: Entity) -> bool:
        is_identity = entity.type in IDENTITY_TYPES and bool(entity.uid)
        return is_identity and not self._is_shared(entity)

    def _is_shared(self, entity: Entity) -> bool:
        return entity.uid in self._never_link or entity.name in self._never_link

    def _tied(self, current: _Cluster, finding: Finding) -> list[_Cluster]:
        found = {
            id(cluster): cluster
            for key in current.keys
            for cluster in self._by_key.get(key, ())
            if current.is_near(cluster, self._gap) and not are_opposed(current.sides, cluster.sides)
        }
        tied = list(found.values())
        if not any(cluster.sides for cluster in tied):
            return tied
        # Those on different sides exclude each other: the one that fits best comes first.
        return [max(tied, key=lambda cluster: _fit(cluster, finding))]

    def _index(self, cluster: _Cluster) -> None:
        for key in cluster.keys:
            self._by_key[key].append(cluster)

    def _drop(self, cluster: _Cluster) -> None:
        for key in cluster.keys:
            # By identity: two incidents may be equal in all that a cluster keeps.
            self._by_key[key] = [known for known in self._by_key[key] if known is not cluster]


def _fit(cluster: _Cluster, finding: Finding) -> tuple[bool, bool, datetime, str]:
    """Say how well a finding fits: it is there already, its entity comes first, it is recent."""
    primaries = {(one.entities[0].type, one.entities[0].uid) for one in cluster.incidents}
    is_about = (finding.entity.type, finding.entity.uid) in primaries
    uid = max((one.uid for one in cluster.incidents), default="")
    return finding.uid in cluster.finding_uids(), is_about, cluster.last_time, uid


def _settle(cluster: _Cluster, now: datetime) -> list[Incident]:
    """Return the incidents that a cluster changes: one that lives on, then those it absorbs."""
    if not cluster.incidents:
        return [opened(cluster.openers, cluster.followers, now)] if cluster.openers else []
    eldest, *others = sorted(
        cluster.incidents, key=lambda one: (one.opened_time, one.first_time, one.uid)
    )
    survivor = grown(joined(eldest, others), cluster.openers, cluster.followers, now)
    return [survivor, *(absorbed(other, survivor, now) for other in others)]
