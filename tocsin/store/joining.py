"""What a turn's findings and statements make of the incidents, inside the turn's transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa
from sqlalchemy import Connection

from tocsin.identity import Identities, Statement
from tocsin.incidents import Grouped, Incident
from tocsin.incidents.joining import Apart
from tocsin.ocsf import Entity
from tocsin.store import identities, incident_decisions, incidents


class Group(Protocol):
    """`tocsin.incidents.group` with its settings bound."""

    def __call__(
        self,
        open_incidents: tuple[Incident, ...],
        findings: pa.Table,
        now: datetime,
        *,
        apart: tuple[Apart, ...] = (),
        identities: Identities | None = None,
    ) -> Grouped:
        """Return what the findings and what is known of identities change.

        Splits that stand are in `apart`.
        """


@dataclass(frozen=True, slots=True)
class Grouping:
    """What decides which incidents change, and who is who by the settings."""

    group: Group
    fixed: tuple[Statement, ...]

    def changed(
        self,
        connection: Connection,
        findings: pa.Table,
        statements: Sequence[Statement],
        now: datetime,
    ) -> tuple[tuple[Incident, ...], tuple[Incident, ...]]:
        """Return the incidents that may change as they are, and those that do as they become."""
        fresh = identities.record(connection, statements)
        if not findings.num_rows and not fresh:
            return (), ()
        named = identities.about(connection, incidents.named_in(findings), self.fixed)
        # Of whom more is known now may turn out to be one whom other incidents are about.
        moved = incidents.open_incidents(connection, fresh)
        beyond = identities.about(connection, _subjects(moved), self.fixed)
        concerned = named.uids | beyond.uids | fresh
        known = incidents.open_incidents(connection, concerned)
        others = identities.about(connection, _subjects(known), self.fixed)
        known_then = Identities(dict.fromkeys((*named.statements, *others.statements)))
        apart = incident_decisions.standing(connection)
        grouped = self.group(known, findings, now, apart=apart, identities=known_then)
        return known, grouped.changed


def _subjects(known: Iterable[Incident]) -> list[Entity]:
    return [
        entity
        for one in known
        for subject in one.subjects
        for entity in (subject.entity, *subject.sessions)
    ]
