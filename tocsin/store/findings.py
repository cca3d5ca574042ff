"""Questions about findings, and the upsert that adds up their matches over the turns."""

import builtins
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    exists,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from tocsin.ocsf import Scope, from_rows, schemas
from tocsin.store import cursors, documents
from tocsin.store import matches as matched
from tocsin.store.database import Database, add_new
from tocsin.store.leaves import chosen, texts_at
from tocsin.store.moments import MICROSECOND, from_microseconds, without_zones
from tocsin.store.questions import FindingFilter, Page
from tocsin.store.tables import (
    FINDING_ENTITIES,
    FINDING_NAMESPACES,
    FINDINGS,
    INCIDENT_FINDINGS,
    MATCHES,
)

KEPT_EVENT_UIDS = 100
ASKED_AT_ONCE = 500
NAMESPACE_PATHS = ("resources.namespace",)
"""Where events name the namespace that a scope limits."""

STORED = schemas.FINDINGS.append(pa.field("incident_uid", pa.string()))
STORED = STORED.append(pa.field("created_time", schemas.TIME, nullable=False))
STORED = STORED.append(pa.field("updated_time", schemas.TIME, nullable=False))
STORED = STORED.append(pa.field("suppression_uid", pa.string(), nullable=False))
STORED = STORED.append(pa.field("original_uid", pa.string(), nullable=False))
"""Columns of a finding as the store gives it."""


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule has found: numbers of findings and matches, entities, first and last match."""

    rule_uid: str
    rule_title: str
    severity_id: int
    findings: int
    matches: int
    entities: int
    first_time: datetime
    last_time: datetime


class Findings:
    """Findings with counts over all turns.

    Rows have the columns of `ocsf.schemas.FINDINGS` (`match_count` over all turns, `event_uids` the
    newest 100 at most) and `incident_uid` (null), `created_time`, `updated_time`, and of what a
    suppression hides `suppression_uid` and `original_uid`, the finding that it was cut from ("" of
    every other).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        which: FindingFilter,
        scope: Scope,
        *,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[pa.Table]:
        """Return findings, last match first.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("findings", which, scope)
        query = select(FINDINGS).where(*_filters(which), *visible(scope))
        query = cursors.newest_first(query, FINDINGS.c.last_time, FINDINGS.c.uid, question, cursor)
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).mappings().all()
            shown, following = cursors.split(
                rows, limit, question, lambda row: (row["last_time"], row["uid"])
            )
            return Page(_table(connection, shown), following)

    def unknown(self, findings: pa.Table, matches: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Return what is left of findings and their matches without matches that are stored."""
        with self._database.read() as connection:
            return matched.unknown(connection, findings, matches)

    def get(self, uid: str, scope: Scope) -> pa.Table:
        """Return one finding: one row, or none."""
        query = select(FINDINGS).where(FINDINGS.c.uid == uid, *visible(scope))
        with self._database.read() as connection:
            return _table(connection, connection.execute(query).mappings().all())

    def matches(
        self, uid: str, scope: Scope, *, limit: int = 100, cursor: str | None = None
    ) -> Page[pa.Table]:
        """Return rows of `ocsf.schemas.MATCHES` of one finding, newest first.

        Raises:
            UsageError: the cursor is of another question.
        """
        question = cursors.question_of("matches", uid, scope)
        query = (
            select(
                MATCHES.c.finding_uid,
                FINDINGS.c.rule_uid,
                MATCHES.c.event_uid,
                MATCHES.c.event_time,
            )
            .join(FINDINGS, FINDINGS.c.uid == MATCHES.c.finding_uid)
            .where(MATCHES.c.finding_uid == uid, *visible(scope))
        )
        query = cursors.newest_first(
            query, MATCHES.c.event_time, MATCHES.c.event_uid, question, cursor
        )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).mappings().all()
        shown, following = cursors.split(
            rows, limit, question, lambda row: (row["event_time"], row["event_uid"])
        )
        return Page(from_rows(map(without_zones, shown), schemas.MATCHES), following)

    def by_rule(self, which: FindingFilter, scope: Scope) -> tuple[RuleCount, ...]:
        """Return one row a rule, worst and most frequent first."""
        columns = FINDINGS.c
        worst, many = func.max(columns.severity_id), func.count()
        query: Select[Any] = (
            select(
                columns.rule_uid,
                func.max(columns.rule_title),
                worst,
                many,
                func.sum(columns.match_count),
                func.count(columns.entity_uid.distinct()),
                func.min(columns.first_time),
                func.max(columns.last_time),
            )
            .where(*_filters(which), *visible(scope))
            .group_by(columns.rule_uid)
            .order_by(worst.desc(), many.desc(), columns.rule_uid)
        )
        with self._database.read() as connection:
            return tuple(RuleCount(*row) for row in connection.execute(query))

    def by_severity(self, which: FindingFilter, scope: Scope) -> dict[int, int]:
        """Return the number of findings of each severity id that occurs."""
        query = select(FINDINGS.c.severity_id, func.count()).group_by(FINDINGS.c.severity_id)
        with self._database.read() as connection:
            rows = connection.execute(query.where(*_filters(which), *visible(scope)))
            return {severity: count for severity, count in rows}

    def over_time(
        self, which: FindingFilter, scope: Scope, width: timedelta
    ) -> tuple[tuple[datetime, int, int], ...]:
        """Return (begin, severity id, findings) of bars of `width` in which the last match fell.

        Bars begin at multiples of `width` since 1970; empty ones are left out. Oldest first.
        """
        microseconds = type_coerce(FINDINGS.c.last_time, BigInteger)
        begin = microseconds - microseconds % (width // MICROSECOND)
        query = (
            select(begin, FINDINGS.c.severity_id, func.count())
            .where(*_filters(which), *visible(scope))
            .group_by(begin, FINDINGS.c.severity_id)
            .order_by(begin, FINDINGS.c.severity_id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query)
            return tuple((from_microseconds(time), worst, many) for time, worst, many in rows)

    def count(self, which: FindingFilter, scope: Scope) -> int:
        """Return how many findings there are."""
        query = select(func.count()).select_from(FINDINGS)
        with self._database.read() as connection:
            rows = connection.execute(query.where(*_filters(which), *visible(scope)))
            return int(rows.scalar_one())


def visible(scope: Scope) -> builtins.list[ColumnElement[bool]]:
    """Return the conditions under which a finding is inside `scope`."""
    limits: builtins.list[ColumnElement[bool]] = []
    if scope.accounts is not None:
        limits.append(FINDINGS.c.account.in_(sorted(scope.accounts)))
    if scope.namespaces is not None:
        limits.append(
            exists().where(
                FINDING_NAMESPACES.c.finding_uid == FINDINGS.c.uid,
                FINDING_NAMESPACES.c.namespace.in_(sorted(scope.namespaces)),
            )
        )
    return limits


def record(
    connection: Connection,
    findings: pa.Table,
    matches: pa.Table,
    events: pa.Table,
    now: datetime,
) -> None:
    """Store the findings of one turn: new ones as they are, known ones grown by this turn's share.

    Args:
        connection: in the transaction of the commit.
        findings: rows of `ocsf.schemas.FINDINGS`, or of `conditions.suppression.HIDDEN`.
        matches: rows of `ocsf.schemas.MATCHES`.
        events: those of the turn, and those of earlier ones that are at hand; of matched ones the
            namespaces are kept for scopes, and what they did for the timeline.
        now: UTC.
    """
    # Findings are few beside events: the rules have left some of thousands.
    rows = findings.to_pylist()
    _upsert(connection, rows, now)
    matched.record(connection, rows, matches, events)
    _record_namespaces(connection, rows, events)


def _upsert(connection: Connection, rows: builtins.list[dict[str, Any]], now: datetime) -> None:
    if not rows:
        return
    known = _known_links(connection, [row["uid"] for row in rows])
    kept = FINDINGS.c.keys() & rows[0].keys()
    values, concerned = [], []
    for row in rows:
        uid = row["uid"]
        links = known[uid] = documents.joined(known.get(uid, ()), row["links"])
        entity_uid = row["entity"]["uid"] or ""
        values.append(
            {
                **{name: row[name] for name in kept},
                "entity": documents.canonical(row["entity"]),
                "entity_uid": entity_uid,
                "links": documents.canonical(links),
                "tactics": documents.canonical(row["tactics"]),
                "techniques": documents.canonical(row["techniques"]),
                "created_time": now,
                "updated_time": now,
            }
        )
        uids = {entity_uid, *(link["uid"] for link in links)} - {""}
        concerned += [(each, uid) for each in sorted(uids)]
    # One statement for all: making it costs many times what running it does.
    connection.execute(_grown(), values)
    add_new(connection, "finding_entities", concerned)


def _grown() -> Insert:
    """Return the statement that adds a finding, or grows the one that is known."""
    new = insert(FINDINGS)
    columns, fresh = FINDINGS.c, new.excluded
    latest = ("rule_title", "title", "description", "links", "context", "updated_time")
    return new.on_conflict_do_update(
        index_elements=["uid"],
        set_={
            **{name: fresh[name] for name in latest},
            "severity_id": func.max(columns.severity_id, fresh.severity_id),
            "is_alert": func.max(columns.is_alert, fresh.is_alert),
            "first_time": func.min(columns.first_time, fresh.first_time),
            "last_time": func.max(columns.last_time, fresh.last_time),
            "match_count": columns.match_count + fresh.match_count,
        },
    )


def _known_links(
    connection: Connection, uids: builtins.list[str]
) -> dict[str, Sequence[dict[str, str]]]:
    found: dict[str, Sequence[dict[str, str]]] = {}
    for some in _chunks(uids):
        query = select(FINDINGS.c.uid, FINDINGS.c.links).where(FINDINGS.c.uid.in_(some))
        found |= {uid: documents.entities(links) for uid, links in connection.execute(query)}
    return found


def _record_namespaces(
    connection: Connection, rows: builtins.list[dict[str, Any]], events: pa.Table
) -> None:
    wanted = {uid for row in rows for uid in row["event_uids"]}
    if not wanted:
        return
    seen = chosen(events, wanted, NAMESPACE_PATHS)
    named = seen.column("event_uid").to_pylist()
    namespaces: dict[str, set[str]] = {}
    for path in NAMESPACE_PATHS:
        for place, namespace in texts_at(seen, path):
            namespaces.setdefault(named[place], set()).add(namespace)
    pairs = {
        (row["uid"], namespace)
        for row in rows
        for uid in row["event_uids"]
        for namespace in namespaces.get(uid, ())
    }
    add_new(connection, "finding_namespaces", sorted(pairs))


def _filters(which: FindingFilter) -> builtins.list[ColumnElement[bool]]:
    columns = FINDINGS.c
    wanted = {
        columns.rule_uid: which.rule_uid,
        columns.is_alert: which.is_alert,
        columns.account: which.account,
    }
    found = [column == value for column, value in wanted.items() if value is not None]
    if which.min_severity_id is not None:
        found.append(columns.severity_id >= which.min_severity_id)
    if which.since is not None:
        found.append(columns.last_time >= which.since)
    if which.until is not None:
        found.append(columns.first_time < which.until)
    if which.text:
        found.append(columns.title.icontains(which.text, autoescape=True))
    return found + _hidden(which) + _memberships(which)


def _hidden(which: FindingFilter) -> builtins.list[ColumnElement[bool]]:
    columns = FINDINGS.c
    found: builtins.list[ColumnElement[bool]] = []
    if which.suppression_uid is not None:
        found.append(columns.suppression_uid == which.suppression_uid)
    if which.original_uid is not None:
        found.append(columns.original_uid == which.original_uid)
    if which.is_suppressed is not None and not found:
        is_hidden = columns.suppression_uid != ""
        found.append(is_hidden if which.is_suppressed else ~is_hidden)
    return found


def _memberships(which: FindingFilter) -> builtins.list[ColumnElement[bool]]:
    found: builtins.list[ColumnElement[bool]] = []
    if which.entity is not None:
        ours = FINDING_ENTITIES.c.finding_uid == FINDINGS.c.uid
        found.append(exists().where(ours, FINDING_ENTITIES.c.entity_uid == which.entity))
    if which.incident_uid is not None:
        ours = INCIDENT_FINDINGS.c.finding_uid == FINDINGS.c.uid
        found.append(exists().where(ours, INCIDENT_FINDINGS.c.incident_uid == which.incident_uid))
    return found


def with_uids(connection: Connection, uids: builtins.list[str]) -> pa.Table:
    """Return the findings with these uids, as the transaction sees them; in no order."""
    rows: builtins.list[Mapping[Any, Any]] = []
    for some in _chunks(uids):
        rows += connection.execute(select(FINDINGS).where(FINDINGS.c.uid.in_(some))).mappings()
    return _table(connection, rows)


def _table(connection: Connection, rows: Iterable[Mapping[Any, Any]]) -> pa.Table:
    found = builtins.list(rows)
    evidence = _evidence(connection, found)
    owners = _owners(connection, [row["uid"] for row in found])
    return from_rows(
        (_row(row, evidence.get(row["uid"], []), owners.get(row["uid"])) for row in found), STORED
    )


def _evidence(
    connection: Connection, rows: builtins.list[Mapping[Any, Any]]
) -> dict[str, builtins.list[str]]:
    """Return the newest events of each finding: of many small ones by one question together."""
    alone = {row["uid"] for row in rows if row["match_count"] > KEPT_EVENT_UIDS}
    newest = select(MATCHES.c.finding_uid, MATCHES.c.event_uid).order_by(
        MATCHES.c.finding_uid, MATCHES.c.event_time.desc()
    )
    few = [row["uid"] for row in rows if row["uid"] not in alone]
    of_one = MATCHES.c.finding_uid
    queries = [newest.where(of_one.in_(some)) for some in _chunks(few)]
    queries += [newest.where(of_one == uid).limit(KEPT_EVENT_UIDS) for uid in sorted(alone)]
    found: dict[str, builtins.list[str]] = {}
    for query in queries:
        for finding, event in connection.execute(query):
            events = found.setdefault(finding, [])
            if len(events) < KEPT_EVENT_UIDS:
                events.append(event)
    return found


def _owners(connection: Connection, uids: builtins.list[str]) -> dict[str, str]:
    """Return the incident of each finding that has one."""
    columns = INCIDENT_FINDINGS.c
    found: dict[str, str] = {}
    for some in _chunks(uids):
        query = select(columns.finding_uid, columns.incident_uid)
        for finding, incident in connection.execute(query.where(columns.finding_uid.in_(some))):
            found.setdefault(finding, incident)
    return found


def _chunks(uids: builtins.list[str]) -> Iterable[builtins.list[str]]:
    starts = range(0, len(uids), ASKED_AT_ONCE)
    return (uids[start : start + ASKED_AT_ONCE] for start in starts)


def _row(
    row: Mapping[Any, Any], event_uids: builtins.list[str], incident: str | None
) -> dict[str, object]:
    return {
        **without_zones(row),
        "entity": documents.entity(row["entity"]),
        "links": documents.entities(row["links"]),
        "tactics": documents.texts(row["tactics"]),
        "techniques": documents.texts(row["techniques"]),
        "event_uids": event_uids,
        "incident_uid": incident,
    }
