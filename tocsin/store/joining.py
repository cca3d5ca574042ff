"""What a turn's findings and statements make of the incidents, inside the turn's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa
from sqlalchemy import Connection

from tocsin.identity import Identities, Statement
from tocsin.incidents import Grouped, Incident
from tocsin.incidents.joining import Apart
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
        known = incidents.open_incidents(connection, named.uids | fresh)
        subjects = [subject.entity for one in known for subject in one.subjects]
        others = identities.about(connection, subjects, self.fixed)
        known_then = Identities(dict.fromkeys((*named.statements, *others.statements)))
        apart = incident_decisions.standing(connection)
        grouped = self.group(known, findings, now, apart=apart, identities=known_then)
        return known, grouped.changed
