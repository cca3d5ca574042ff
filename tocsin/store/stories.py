"""What the events of an incident did, those that did the same taken together."""

from sqlalchemy import func, select

from tocsin.incidents import telling
from tocsin.ocsf import Scope
from tocsin.store.database import Database
from tocsin.store.findings import visible
from tocsin.store.tables import FINDINGS, INCIDENT_FINDINGS, MATCHES

READ_MATCHES = 20_000
"""Matches of one incident that are looked at: a story is told within the time of a page."""

MOST_DEEDS = 500


class Stories:
    """What stories are told from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deeds(self, incident_uid: str, scope: Scope) -> tuple[tuple[telling.Deed, str], ...]:
        """Return what the events of an incident's findings did, each with the uid of one event.

        Oldest first; of very many the first ones that are found. Targets are left empty: only the
        events themselves know them.
        """
        columns = MATCHES.c
        matched = (
            select(MATCHES)
            .join(INCIDENT_FINDINGS, INCIDENT_FINDINGS.c.finding_uid == columns.finding_uid)
            .join(FINDINGS, FINDINGS.c.uid == columns.finding_uid)
            .where(INCIDENT_FINDINGS.c.incident_uid == incident_uid, *visible(scope))
            .limit(READ_MATCHES)
            .subquery()
        ).c
        same = (matched.finding_uid, matched.operation, matched.status)
        begin = func.min(matched.event_time)
        query = (
            select(
                matched.finding_uid,
                begin,
                func.max(matched.event_time),
                func.count(),
                *same[1:],
                matched.actor,
                matched.address,
                func.min(matched.event_uid),
            )
            .group_by(*same, matched.actor, matched.address)
            .order_by(begin, matched.finding_uid)
            .limit(MOST_DEEDS)
        )
        with self._database.read() as connection:
            return tuple((telling.Deed(*row[:-1]), row[-1]) for row in connection.execute(query))
