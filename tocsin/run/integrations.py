"""What pages and API tell of the ways out: notifiers, routes, tickets, forwarders and schedules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.errors import SettingsError, WorldError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.run import forwarding_work, notify_work, ticket_work
from tocsin.run.forwarding_work import ListedForwarder
from tocsin.run.notify_work import ListedNotifier
from tocsin.run.notifying import routes_of
from tocsin.run.ticket_work import ListedSystem
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import Asking

__all__ = [
    "Integrations",
    "ListedForwarder",
    "ListedNotifier",
    "ListedRoute",
    "ListedSystem",
]


@dataclass(frozen=True, slots=True)
class ListedRoute:
    """One route with what it told; empty lists take everything.

    Attributes:
        notifiers: their names.
        severity_id: the least, OCSF; from `urgent_id` on nothing waits.
        digest: how long what is not urgent is gathered; `None` where it is told at once.
        held: notices that wait for a digest, an allowance, or the end of quiet hours.
        waiting: messages on their way; `parked` ones wait for a person.
    """

    name: str
    notifiers: tuple[str, ...]
    severity_id: int
    urgent_id: int
    sources: tuple[str, ...]
    entities: tuple[str, ...]
    accounts: tuple[str, ...]
    stages: tuple[str, ...]
    digest: timedelta | None
    held: int
    waiting: int
    sent: int
    parked: int


@dataclass(frozen=True, slots=True)
class Integrations:
    """The ways out as they are set up and how they do. Addresses and secrets stay inside.

    Attributes:
        settings: as loaded.
        store: open.
    """

    settings: Settings
    store: Store

    def notifiers(self) -> tuple[ListedNotifier, ...]:
        """Return who tells people."""
        return notify_work.list_notifiers(self.settings, self.store)

    def routes(self) -> tuple[ListedRoute, ...]:
        """Return which incidents are told to whom."""
        counts, held = self.store.leaving.by_route(), self.store.outbox.held()
        return tuple(
            ListedRoute(
                name=one.name,
                notifiers=one.targets,
                severity_id=one.severity_id,
                urgent_id=one.urgent_id,
                sources=one.sources,
                entities=one.entities,
                accounts=one.accounts,
                stages=tuple(sorted(one.stages)),
                digest=one.digest,
                held=held.get(one.name, 0),
                **_by_state(counts, one.name),
            )
            for one in routes_of(self.settings)
        )

    def systems(self, scope: Scope) -> tuple[ListedSystem, ...]:
        """Return the systems of tickets; why some are parked is for an unlimited scope only."""
        found = ticket_work.list_systems(self.settings, self.store)
        if scope == EVERYTHING:
            return found
        return tuple(replace(one, reason="") for one in found)

    def forwarders(self, scope: Scope) -> tuple[ListedForwarder, ...]:
        """Return the forwarders; why records are refused is for an unlimited scope only."""
        found = forwarding_work.list_forwarders(self.settings, self.store)
        if scope == EVERYTHING:
            return found
        return tuple(
            replace(one, state=replace(one.state, reasons=(), problem="")) for one in found
        )

    def send_test(self, name: str, asking: Asking) -> None:
        """Send a test message through a notifier now, and note that in the audit log.

        Raises:
            UsageError: no notifier is called so.
            ActionError: the other side did not take it.
        """
        try:
            notify_work.send_test(name, self.settings, asking.now)
        except (WorldError, SettingsError) as error:
            self.store.leaving.note_test(asking, name, str(error))
            raise
        self.store.leaving.note_test(asking, name, "")

    def retry_forwarder(self, name: str, actor: str, now: datetime) -> int:
        """Let the parked records of a forwarder leave again; return how many.

        Raises:
            UsageError: there is no such forwarder, or it never ran.
        """
        asked_by = actor, now
        return forwarding_work.replay(name, self.settings, self.store, None, asked_by)


def _by_state(counts: Mapping[tuple[str, str], int], route: str) -> dict[str, int]:
    return {state: counts.get((route, state), 0) for state in ("waiting", "sent", "parked")}
