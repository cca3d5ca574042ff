"""Share findings out: what is kept, and what a suppression hides.

Nothing is lost and nothing is counted twice: every match of a finding is on one side, and so is
every finding that cannot be divided. The decision depends on the arguments only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import pyarrow as pa

from tocsin.conditions.suppression.suppression import ANY_RULE, Suppression
from tocsin.ocsf import Entity, from_rows, schemas
from tocsin.ocsf.identifiers import derive

HIDDEN = schemas.FINDINGS.append(pa.field("suppression_uid", pa.string(), nullable=False))
HIDDEN = HIDDEN.append(pa.field("original_uid", pa.string(), nullable=False))
"""Columns of what is hidden: by which suppression, and the finding it was cut from."""

DIVISIBLE = frozenset({"Sigma", "Python"})
"""Types of rules that judge each event by itself; of other findings no event can be taken out."""

Row: TypeAlias = dict[str, Any]
"""One row of a table; Arrow's rows are not typed, so this is where types end."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one event of a finding, or of a finding without any event at hand.

    Attributes:
        entity: whom the rule sees in this event; `None` where it is the finding's own.
        account: the event's; `None` where it is the finding's own.
        namespaces: the event's.
        holds: says whether a condition holds here; false where it asks for an event that is not at
            hand, or cannot be read.
    """

    holds: Callable[[str], bool]
    entity: Entity | None = None
    account: str | None = None
    namespaces: frozenset[str] = frozenset()


Evidence: TypeAlias = Callable[[Mapping[str, object], str | None], Sighting]
"""Gives what is known of a finding (a row of `ocsf.schemas.FINDINGS`) and one of its events, by
uid; `None` asks about a finding without events."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Findings shared out.

    Attributes:
        findings: rows of `ocsf.schemas.FINDINGS` that are kept, under their own uid.
        matches: rows of `ocsf.schemas.MATCHES` of those.
        hidden: rows of `HIDDEN`, under a uid derived from the finding's and the suppression's.
        hidden_matches: rows of `ocsf.schemas.MATCHES` of those.
    """

    findings: pa.Table
    matches: pa.Table
    hidden: pa.Table
    hidden_matches: pa.Table


def suppress(
    in_force: Sequence[Suppression], findings: pa.Table, matches: pa.Table, evidence: Evidence
) -> Shares:
    """Share findings out by the suppressions in force.

    Args:
        in_force: those that hold now; the first that covers a match hides it.
        findings: rows of `ocsf.schemas.FINDINGS`.
        matches: rows of `ocsf.schemas.MATCHES` of these findings.
        evidence: gives what a suppression asks of an event.
    """
    if in_force and findings.num_rows and _concerns(in_force, findings):
        sharing = _Sharing(in_force, matches, evidence)
        # Findings are few beside events: the rules have left some of thousands.
        for row in findings.to_pylist():
            sharing.share(row)
        if sharing.hidden:
            return sharing.result()
    return Shares(findings, matches, HIDDEN.empty_table(), schemas.MATCHES.empty_table())


def _concerns(in_force: Iterable[Suppression], findings: pa.Table) -> bool:
    named = {uid for each in in_force for uid in each.rules}
    return ANY_RULE in named or not named.isdisjoint(findings.column("rule_uid").to_pylist())


@dataclass(slots=True)
class _Sharing:
    """The two sides while they are filled."""

    in_force: Sequence[Suppression]
    table: pa.Table
    evidence: Evidence
    kept: list[Row] = field(default_factory=list)
    kept_matches: list[Row] = field(default_factory=list)
    hidden: list[Row] = field(default_factory=list)
    hidden_matches: list[Row] = field(default_factory=list)
    of_finding: dict[str, list[Row]] = field(init=False)

    def __post_init__(self) -> None:
        self.of_finding = {}
        for match in self.table.to_pylist():
            self.of_finding.setdefault(match["finding_uid"], []).append(match)

    def share(self, row: Row) -> None:
        """Put one finding and its matches on their sides."""
        named = set(row["event_uids"])
        mine = [each for each in self.of_finding.get(row["uid"], ()) if each["event_uid"] in named]
        candidates = [each for each in self.in_force if each.names(row["rule_uid"])]
        if not candidates:
            self._keep(row, mine)
        elif row["rule_type"] in DIVISIBLE and len(mine) == row["match_count"] > 0:
            self._divide(row, mine, candidates)
        else:
            by = self._covering_whole(row, candidates)
            self._keep(row, mine) if by is None else self._hide(row, mine, by)

    def _divide(self, row: Row, mine: list[Row], candidates: Sequence[Suppression]) -> None:
        sides: dict[str, list[_Sight]] = {}
        by_uid = {each.uid: each for each in candidates}
        for match in mine:
            sight = _Sight(row, match["event_uid"], self.evidence, is_alone=len(mine) == 1)
            by = next((each for each in candidates if _covers(each, sight)), None)
            sides.setdefault(by.uid if by else "", []).append(sight)
        for uid, side in sides.items():
            named = {sight.event_uid for sight in side}
            matches = [match for match in mine if match["event_uid"] in named]
            part = row if len(sides) == 1 else _part(row, matches, side, sides)
            self._hide(part, matches, by_uid[uid]) if uid else self._keep(part, matches)

    def _covering_whole(self, row: Row, candidates: Iterable[Suppression]) -> Suppression | None:
        """Return the suppression that covers every event of the finding."""
        events: list[str | None] = row["event_uids"] or [None]
        # Such a finding is about its one entity, whoever did its events.
        sights = [_Sight(row, uid, self.evidence, is_whole=True) for uid in events]
        for suppression in candidates:
            if all(_covers(suppression, sight) for sight in sights):
                return suppression
        return None

    def _keep(self, row: Row, matches: Iterable[Row]) -> None:
        self.kept.append(row)
        self.kept_matches.extend(matches)

    def _hide(self, row: Row, matches: Iterable[Row], by: Suppression) -> None:
        uid = derive("fnd", row["uid"], "suppressed", by.uid)
        self.hidden.append(
            {**row, "uid": uid, "suppression_uid": by.uid, "original_uid": row["uid"]}
        )
        self.hidden_matches.extend({**match, "finding_uid": uid} for match in matches)

    def result(self) -> Shares:
        """Return both sides as tables."""
        return Shares(
            from_rows(self.kept, schemas.FINDINGS),
            from_rows(self.kept_matches, schemas.MATCHES),
            from_rows(self.hidden, HIDDEN),
            from_rows(self.hidden_matches, schemas.MATCHES),
        )


@dataclass(slots=True)
class _Sight:
    """One match of a finding, or a finding that cannot be divided with one of its events.

    Events are looked at only where something asks for more than the finding itself says.
    """

    row: Row
    event_uid: str | None
    evidence: Evidence
    is_alone: bool = False
    is_whole: bool = False
    _sighting: Sighting | None = None

    @property
    def sighting(self) -> Sighting:
        if self._sighting is None:
            self._sighting = self.evidence(self.row, self.event_uid)
        return self._sighting

    @property
    def entity(self) -> Row:
        own: Row = self.row["entity"]
        if self.is_alone or self.is_whole or self.sighting.entity is None:
            return own
        one = self.sighting.entity
        return {"type": one.type, "uid": one.uid, "name": one.name}

    @property
    def account(self) -> str:
        own: str = self.row["account"] or ""
        return own if self.is_alone else self.sighting.account or own


def _covers(suppression: Suppression, sight: _Sight) -> bool:
    if suppression.entity is not None:
        entity = Entity(**{name: value or "" for name, value in sight.entity.items()})
        if not suppression.entity.fits(entity):
            return False
    if not _is_inside(suppression, sight):
        return False
    return not suppression.condition or sight.sighting.holds(suppression.condition)


def _is_inside(suppression: Suppression, sight: _Sight) -> bool:
    """Return whether the author of the suppression may see this."""
    accounts, namespaces = suppression.limits.accounts, suppression.limits.namespaces
    if accounts is not None and sight.account not in accounts:
        return False
    if namespaces is None:
        return True
    found = sight.sighting.namespaces
    return bool(found) and found <= namespaces


def _part(
    row: Row,
    matches: Sequence[Row],
    side: Sequence[_Sight],
    sides: Mapping[str, Sequence[_Sight]],
) -> Row:
    """Return the finding as it is with the matches of one side only."""
    times: list[datetime] = [match["event_time"] for match in matches]
    order = {match["event_uid"]: match["event_time"] for match in matches}
    mine = _entities(sorted(side, key=lambda sight: order[sight.event_uid or ""]))
    others = {key for each in sides.values() if each is not side for key in _entities(each)}
    first = next(iter(mine))
    known = {(link["type"], link["uid"]): link for link in (row["entity"], *row["links"])}
    gone = {first, *(others - set(mine))}
    return {
        **row,
        "match_count": len(matches),
        "first_time": min(times),
        "last_time": max(times),
        "event_uids": [uid for uid in row["event_uids"] if uid in order],
        "entity": mine[first],
        "links": [link for key, link in known.items() if key not in gone],
    }


def _entities(side: Iterable[_Sight]) -> dict[tuple[str, str], Row]:
    """Return the entities of a side by type and uid, in order."""
    found: dict[tuple[str, str], Row] = {}
    for sight in side:
        found.setdefault((sight.entity["type"], sight.entity["uid"]), sight.entity)
    return found
