"""Findings that name an entity, as its page needs them."""

from typing import Any

import msgspec
from sqlalchemy import Row, select

from tocsin.incidents import portrait
from tocsin.ocsf import Entity, Scope
from tocsin.store import documents
from tocsin.store.database import Database
from tocsin.store.findings import visible
from tocsin.store.tables import FINDING_ENTITIES, FINDINGS, MATCHES

MOST_MENTIONS = 2_000


class Entities:
    """What the state knows of entities."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mentions(
        self, uid: str, scope: Scope, *, limit: int = MOST_MENTIONS
    ) -> tuple[portrait.Mention, ...]:
        """Return findings about an entity or tied to it, the latest first; not what is hidden."""
        columns = FINDINGS.c
        query = (
            select(FINDINGS)
            .join(FINDING_ENTITIES, FINDING_ENTITIES.c.finding_uid == columns.uid)
            .where(FINDING_ENTITIES.c.entity_uid == uid, columns.suppression_uid == "")
            .where(*visible(scope))
            .order_by(columns.last_time.desc(), columns.uid)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(_mention(row) for row in connection.execute(query))

    def matched_events(self, uid: str, scope: Scope, *, limit: int = 20) -> tuple[str, ...]:
        """Return the uids of the latest events that findings about an entity rest on."""
        query = (
            select(MATCHES.c.event_uid)
            .join(FINDINGS, FINDINGS.c.uid == MATCHES.c.finding_uid)
            .join(FINDING_ENTITIES, FINDING_ENTITIES.c.finding_uid == FINDINGS.c.uid)
            .where(FINDING_ENTITIES.c.entity_uid == uid, *visible(scope))
            .order_by(FINDINGS.c.last_time.desc(), MATCHES.c.event_time.desc())
            .limit(limit * 5)
        )
        with self._database.read() as connection:
            uids = connection.execute(query).scalars().all()
        return tuple(dict.fromkeys(uids))[:limit]


def _mention(row: Row[Any]) -> portrait.Mention:
    links = msgspec.convert(documents.entities(row.links), tuple[Entity, ...])
    return portrait.Mention(
        finding_uid=row.uid,
        rule_uid=row.rule_uid,
        rule_title=row.rule_title or row.title,
        severity_id=row.severity_id,
        tactics=tuple(documents.texts(row.tactics)),
        first_time=row.first_time,
        last_time=row.last_time,
        entity=msgspec.convert(documents.entity(row.entity), Entity),
        links=links,
    )
