"""What playbooks propose, in the transaction of the turn that brought it about; and their stops.

A request and the incident that it is for are committed together, so that a crash leaves neither a
request without its reason nor an incident that nobody asked for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from sqlalchemy import Connection, and_, func, insert, or_, select, update

from tocsin.errors import UsageError
from tocsin.incidents import Incident
from tocsin.ocsf import Entity
from tocsin.ocsf.identifiers import derive
from tocsin.respond import ActionRequest
from tocsin.respond.ports import KnownResource
from tocsin.respond.proposing import Proposed
from tocsin.store import audit, request_rows, tellings
from tocsin.store import findings as stored_findings
from tocsin.store.database import Database
from tocsin.store.proposal_tables import PLAYBOOK_STOPS
from tocsin.store.request_tables import REQUESTS
from tocsin.store.resources import GONE
from tocsin.store.tables import RESOURCES

if TYPE_CHECKING:
    from tocsin.store.turns import Turn

ASKED_AT_ONCE = 500
_HELD = ("proposed", "approved", "active")


@dataclass(frozen=True, slots=True)
class KeptStop:
    """A playbook that was stopped.

    Attributes:
        uid: of the stop.
        incident_uid: the riskiest that was left out.
        ended_time: when somebody let it go on; `None` while it is stopped.
    """

    uid: str
    playbook_uid: str
    title: str
    reason: str
    incident_uid: str
    time: datetime
    ended_time: datetime | None
    ended_by: str


class Desk:
    """What proposing reads, inside one transaction; an inventory."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stopped(self) -> frozenset[str]:
        """Return the uids of playbooks that are stopped."""
        query = select(PLAYBOOK_STOPS.c.playbook_uid).where(PLAYBOOK_STOPS.c.ended_time.is_(None))
        return frozenset(self._connection.execute(query).scalars())

    def history(
        self, incident_uids: Sequence[str], now: datetime, longest: timedelta
    ) -> tuple[ActionRequest, ...]:
        """Return the requests of these incidents, and all of the time before now.

        Args:
            incident_uids: of the incidents that changed.
            now: UTC.
            longest: how far back.
        """
        columns = REQUESTS.c
        found = request_rows.kept_where(self._connection, columns.requested_time >= now - longest)
        known = {kept.request.uid: kept.request for kept in found}
        for begin in range(0, len(incident_uids), ASKED_AT_ONCE):
            chosen = incident_uids[begin : begin + ASKED_AT_ONCE]
            mine = request_rows.kept_where(self._connection, columns.incident_uid.in_(chosen))
            known.update((kept.request.uid, kept.request) for kept in mine)
        return tuple(known.values())

    def told(self, incident_uids: Sequence[str]) -> frozenset[str]:
        """Return the uids of what playbooks told of these incidents."""
        return tellings.known(self._connection, incident_uids)

    def lately(self, now: datetime) -> Mapping[str, int]:
        """Return of how many incidents each playbook told in the last ten minutes."""
        return tellings.lately(self._connection, now)

    def findings(self, uids: Sequence[str]) -> list[dict[str, Any]]:
        """Return findings of this and of earlier turns, their newest event last."""
        rows: list[dict[str, Any]] = []
        for row in stored_findings.with_uids(self._connection, list(uids)).to_pylist():
            rows.append({**row, "event_uids": row["event_uids"][::-1]})
        return rows

    def resource_at(self, entity: Entity, time: datetime) -> KnownResource | None:
        """Return what a thing was at that time; `None` where none or several are meant."""
        columns = RESOURCES.c
        names = {entity.uid, entity.name} - {""}
        newest = (
            select(columns.uid, func.max(columns.observed_time).label("last"))
            .where(or_(columns.uid.in_(names), columns.name.in_(names)))
            .where(columns.observed_time <= time)
            .group_by(columns.uid)
            .subquery()
        )
        same = and_(columns.uid == newest.c.uid, columns.observed_time == newest.c.last)
        rows = self._connection.execute(select(RESOURCES).join(newest, same).limit(3)).all()
        exact = [row for row in rows if row.uid == entity.uid] or rows
        if len(exact) != 1 or exact[0].configuration == GONE:
            return None
        row = exact[0]
        return KnownResource(
            uid=row.uid,
            type=row.type,
            name=row.name or "",
            account=row.account or "",
            region=row.region or "",
            observed_time=row.observed_time,
            tags=tags_of(row.configuration),
        )

    def count(self, type: str, account: str) -> int:
        """Return how many things of a type an account has; types are compared by their last word.

        `instance` counts what the inventory calls `AWS::EC2::Instance`.
        """
        word = f"%{type.replace('_', '')}"
        query = select(func.count(RESOURCES.c.uid.distinct())).where(
            RESOURCES.c.account == account,
            func.replace(func.lower(RESOURCES.c.type), "_", "").like(word),
        )
        return int(self._connection.execute(query).scalar_one())


class Propose(Protocol):
    """`tocsin.respond.proposing.propose` with playbooks, settings and rules bound."""

    def __call__(
        self,
        changed: tuple[Incident, ...],
        findings: Sequence[pa.Table],
        events: Sequence[pa.Table],
        desk: Desk,
        now: datetime,
    ) -> Proposed:
        """Return what playbooks ask for these incidents.

        Args:
            changed: as they are now.
            findings: rows of `ocsf.schemas.FINDINGS` of the turns that changed them.
            events: of these turns.
            desk: the past and the inventory.
            now: UTC.
        """
        ...


class Playbooks:
    """Playbooks that went too far."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stops(self, *, ended: bool = False) -> tuple[KeptStop, ...]:
        """Return the stops in force, newest first; with `ended` also those that are over."""
        query = select(PLAYBOOK_STOPS).order_by(PLAYBOOK_STOPS.c.time.desc())
        if not ended:
            query = query.where(PLAYBOOK_STOPS.c.ended_time.is_(None))
        with self._database.read() as connection:
            return tuple(KeptStop(*row) for row in connection.execute(query))

    def go_on(self, playbook_uid: str, actor: str, now: datetime) -> None:
        """Let a stopped playbook go on.

        Raises:
            UsageError: it is not stopped.
        """
        with self._database.write() as connection:
            columns = PLAYBOOK_STOPS.c
            ending = update(PLAYBOOK_STOPS).values(ended_time=now, ended_by=actor)
            ending = ending.where(
                columns.playbook_uid == playbook_uid, columns.ended_time.is_(None)
            )
            if not connection.execute(ending).rowcount:
                raise UsageError(f"the playbook {playbook_uid!r} is not stopped")
            audit.record(connection, actor, "playbook.go_on", playbook_uid, {}, now=now)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Give what proposing reads, as of the last commit."""
        with self._database.read() as connection:
            yield Desk(connection)

    def held(self) -> tuple[ActionRequest, ...]:
        """Return the requests that wait or are in force."""
        with self._database.read() as connection:
            found = request_rows.kept_where(connection, REQUESTS.c.state.in_(_HELD))
            return tuple(kept.request for kept in found)

    def asked(self, since: datetime) -> tuple[ActionRequest, ...]:
        """Return what playbooks asked for since then, those in the ledger of observing too."""
        with self._database.read() as connection:
            columns = REQUESTS.c
            wanted = and_(columns.requested_time >= since, columns.playbook_uid != "")
            found = request_rows.kept_where(connection, wanted)
            return tuple(kept.request for kept in found)

    def told(self, since: datetime) -> tuple[tellings.KeptTelling, ...]:
        """Return what playbooks told since then, or would have while they only observed."""
        with self._database.read() as connection:
            return tellings.since(connection, since)


def record(connection: Connection, proposed: Proposed, now: datetime) -> None:
    """Store what was proposed, in the transaction of its turn."""
    request_rows.add(connection, proposed.requests, now)
    tellings.record(connection, proposed.tellings, now)
    for stop in proposed.stops:
        if stop.mode == "observe":
            # Nothing was going to be done: the ledger ends here, and nobody is alarmed.
            continue
        row = {
            "uid": derive("req", "stop", stop.playbook_uid, now.isoformat()),
            "playbook_uid": stop.playbook_uid,
            "title": stop.title,
            "reason": stop.reason,
            "incident_uid": stop.incident_uid,
            "time": now,
            "ended_by": "",
        }
        connection.execute(insert(PLAYBOOK_STOPS).prefix_with("OR IGNORE").values(row))


def propose_for(
    connection: Connection,
    propose: Propose | None,
    changed: Iterable[Incident],
    turns: "Sequence[Turn]",
) -> None:
    """Ask the playbooks about the incidents that a commit changed, and store their answer.

    Args:
        connection: writing, with the incidents stored.
        propose: `None` where nothing is to be proposed.
        changed: by all turns of the commit; the last state of each counts.
        turns: of the commit; loaded history asks for nothing.
    """
    latest = {incident.uid: incident for incident in changed}
    told = [turn for turn in turns if turn.is_told]
    if propose is None or not latest or not told:
        return
    findings = [turn.findings for turn in told]
    events = [each for turn in told for each in (turn.unseen.normalized.events, turn.earlier)]
    now = max(turn.now for turn in told)
    desk = Desk(connection)
    record(connection, propose(tuple(latest.values()), findings, events, desk, now), now)


def tags_of(configuration: str) -> Mapping[str, str]:
    """Return the tags or labels in the configuration of a thing, however its provider writes them.

    Lists of `Key` and `Value` (AWS), mappings (GCP's `labels`, Azure's `tags`), and `metadata` of
    Kubernetes are understood.
    """
    try:
        read = json.loads(configuration)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, str] = {}
    if not isinstance(read, dict):
        return found
    metadata = read.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    for value in (
        *(read.get(key) for key in ("tags", "Tags", "TagSet", "labels")),
        *(inner.get(key) for key in ("labels", "annotations")),
    ):
        if isinstance(value, dict):
            found.update((str(key), str(each)) for key, each in value.items())
        elif isinstance(value, list):
            rows = [each for each in value if isinstance(each, dict)]
            found.update(
                (str(row.get("Key", row.get("key"))), str(row.get("Value", row.get("value"))))
                for row in rows
            )
    return found
