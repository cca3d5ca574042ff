"""Matches as a turn stores them: which event, when, and in a few words what it did.

The words are kept beside the match, because a timeline of hundreds of events must not open the lake
for each of them.
"""

import builtins
from typing import Any, NamedTuple

import pyarrow as pa
from sqlalchemy import Connection

from tocsin.ocsf import from_rows, schemas
from tocsin.store.database import add_new, raw
from tocsin.store.leaves import chosen, first_texts
from tocsin.store.moments import to_microseconds
from tocsin.store.tables import MATCHES

_IS_STORED = f"SELECT 1 FROM {MATCHES.name} WHERE finding_uid = ? AND event_uid = ? LIMIT 1"

LONGEST = 200
"""Characters kept of each word; whoever made the event chose how long it is."""

OPERATION = ("api.operation", "activity_name")
OBJECT = ("resources.type",)
STATUS = ("status",)
ACTOR = ("actor.user.name", "actor.user.uid", "user.name", "actor.app_name")
ADDRESS = ("src_endpoint.ip", "src_endpoint.domain", "src_endpoint.svc_name")


class Deed(NamedTuple):
    """What an event did, in the order of the columns; "" where it does not say."""

    operation: str = ""
    status: str = ""
    actor: str = ""
    address: str = ""


UNKNOWN = Deed()


def record(
    connection: Connection,
    findings: builtins.list[dict[str, Any]],
    matches: pa.Table,
    events: pa.Table,
) -> None:
    """Store the matches of one turn.

    Args:
        connection: in the transaction of the commit.
        findings: rows of `ocsf.schemas.FINDINGS`; events that only they name become matches too.
        matches: rows of `ocsf.schemas.MATCHES`.
        events: those of the turn, and those of earlier ones that are at hand; a match with any
            other event has no words.
    """
    times = matches.column("event_time").cast(pa.int64()).to_pylist()
    uids = matches.column("finding_uid").to_pylist()
    named = matches.column("event_uid").to_pylist()
    pairs = set(zip(uids, named, strict=True))
    found = builtins.list(zip(uids, times, named, strict=True))
    for row in findings:
        for event in row["event_uids"]:
            # A correlation, or another tool, names events that no rule of this turn matched.
            if (row["uid"], event) not in pairs and not _is_stored(connection, row["uid"], event):
                found.append((row["uid"], to_microseconds(row["last_time"]), event))
    deeds = _deeds(events, {event for _, _, event in found})
    rows = [(*place, *deeds.get(place[2], UNKNOWN)) for place in sorted(found)]
    add_new(connection, MATCHES.name, rows)


def unknown(
    connection: Connection, findings: pa.Table, matches: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Return the matches that are not stored, and the findings that have any, counted by these.

    Args:
        connection: reads.
        findings: rows of `ocsf.schemas.FINDINGS`.
        matches: rows of `ocsf.schemas.MATCHES` of these.
    """
    fresh = [
        row
        for row in matches.to_pylist()
        if not _is_stored(connection, row["finding_uid"], row["event_uid"])
    ]
    events: dict[str, builtins.list[str]] = {}
    for row in fresh:
        events.setdefault(row["finding_uid"], []).append(row["event_uid"])
    kept = [
        {**row, "event_uids": events[row["uid"]], "match_count": len(events[row["uid"]])}
        for row in findings.to_pylist()
        if row["uid"] in events
    ]
    return from_rows(kept, schemas.FINDINGS), from_rows(fresh, schemas.MATCHES)


def deeds(events: pa.Table) -> builtins.list[Deed]:
    """Return what each row of an events table did."""
    words = (first_texts(events, paths) for paths in (OPERATION, OBJECT, STATUS, ACTOR, ADDRESS))
    return [_deed(*each) for each in zip(*words, strict=True)]


def _deed(operation: str, about: str, status: str, actor: str, address: str) -> Deed:
    operation = operation[:LONGEST]
    # A bare verb, as Kubernetes has them, says nothing without what it was done to.
    if operation.islower() and operation.isalpha():
        operation = f"{operation} {about[:LONGEST]}".strip()[:LONGEST]
    return Deed(operation.strip(), status[:LONGEST], actor[:LONGEST], address[:LONGEST])


def _deeds(events: pa.Table, wanted: set[str]) -> dict[str, Deed]:
    if not wanted:
        return {}
    # The rules have left few of thousands.
    matched = chosen(events, wanted, (*OPERATION, *OBJECT, *STATUS, *ACTOR, *ADDRESS))
    return dict(zip(matched.column("event_uid").to_pylist(), deeds(matched), strict=True))


def _is_stored(connection: Connection, finding: str, event: str) -> bool:
    # Asked for each match: to make a statement of SQLAlchemy costs twenty times the answer.
    asked = raw(connection).execute(_IS_STORED, (finding, event))
    return asked.fetchone() is not None
