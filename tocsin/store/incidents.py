"""Questions about incidents, and changes that people make to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tocsin.ocsf import Scope
from tocsin.store.questions import IncidentFilter, Page

if TYPE_CHECKING:
    from tocsin.incidents import Change, Incident


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of an incident's timeline.

    Attributes:
        time: UTC.
        kind: `event` (one that a finding matched), `finding` (its first match) or `change`.
        uid: of the event, the finding, or "" for a change.
        title: the finding's title, or what changed.
        severity_id: of the finding; 0 for a change.
        actor: who made the change, or the entity.
    """

    time: datetime
    kind: str
    uid: str
    title: str
    severity_id: int
    actor: str


class Incidents:
    """Incidents as of the last commit."""

    def list(
        self,
        which: IncidentFilter,
        scope: Scope,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> "Page[tuple[Incident, ...]]":
        """Return incidents, last activity first; with `updated_since`, oldest change first."""
        raise NotImplementedError

    def get(self, uid: str, scope: Scope) -> "Incident | None":
        """Return one incident; the one it was merged into where that happened."""
        raise NotImplementedError

    def timeline(self, uid: str, scope: Scope, *, limit: int = 500) -> tuple[Moment, ...]:
        """Return findings, their events and status changes, oldest first."""
        raise NotImplementedError

    def change(
        self, uid: str, change: "Change", actor: str, now: datetime, scope: Scope
    ) -> "Incident":
        """Apply `change` with `incidents.transition` and write the audit row, as one.

        Raises:
            UsageError: no such incident in `scope`, or the life cycle does not allow it.
        """
        raise NotImplementedError

    def by_status(self, scope: Scope) -> dict[str, int]:
        """Return the number of incidents of each status that occurs."""
        raise NotImplementedError

    def open_by_severity(self, scope: Scope) -> dict[int, int]:
        """Return the number of incidents that are not resolved or closed, by severity id."""
        raise NotImplementedError
