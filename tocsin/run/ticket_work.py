"""What people do with tickets: look at them, try a system, read all of it now."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.act.ticketing import Draft
from tocsin.errors import ActionError, UsageError
from tocsin.ocsf import identifiers
from tocsin.run.notifying import page_of
from tocsin.run.ticketing import Ticketing, made
from tocsin.settings import Settings
from tocsin.settings.tickets import Tickets as TicketsSection
from tocsin.store import Store


@dataclass(frozen=True, slots=True)
class ListedSystem:
    """One system of tickets with what waits for it.

    Attributes:
        waiting: tickets with a step to take; `parked` ones wait for a person.
        settled: tickets that say all.
        reason: why some are parked.
    """

    name: str
    kind: str
    min_severity: str
    waiting: int
    settled: int
    parked: int
    reason: str


def list_systems(settings: Settings, store: Store) -> tuple[ListedSystem, ...]:
    """Return the systems of the settings."""
    counts = store.tickets.counts()
    return tuple(
        ListedSystem(
            name=one.name,
            kind=one.kind,
            min_severity=one.min_severity,
            waiting=counts.get((one.name, "waiting"), 0),
            settled=counts.get((one.name, "settled"), 0),
            parked=counts.get((one.name, "parked"), 0),
            reason="; ".join(store.tickets.problems(one.name)),
        )
        for one in settings.tickets
    )


def test(name: str, settings: Settings, now: datetime) -> str:
    """Open a ticket, find it again and close it; return its link.

    Raises:
        UsageError: no system is called so.
        ActionError: the system did not take it, or does not find it again.
    """
    system = made(_named(name, settings))
    fingerprint = identifiers.derive("inc", "test of tickets", name, now.isoformat())
    lines = ["This ticket tests the connection of Tocsin; nothing happened."]
    lines += [f"Tocsin incident: {fingerprint}", page_of(settings, "")]
    text = "\n".join(line for line in lines if line)
    ticket = system.open(Draft(fingerprint, "Test ticket of Tocsin", text, 1))
    seen = system.read(ticket.uid)
    if seen is None or not seen.is_open:
        raise ActionError(f"{ticket.key} was opened and is not there, or not open: {ticket.url}")
    # Where the search lags behind, this find says nothing yet.
    is_lagging = system.settle_seconds > 30
    if not is_lagging and system.find(fingerprint, now) is None:
        raise ActionError(
            f"{ticket.key} was opened and is not found again: may the token set the label?"
        )
    system.close(ticket.uid, "The test is over.")
    return ticket.url


def sync(
    name: str | None, settings: Settings, store: Store, clock: Callable[[], datetime] | None = None
) -> int:
    """Read all tickets that may have changed; return how many did.

    Args:
        name: of one system; `None` for all.
        settings: loaded.
        store: open.
        clock: otherwise that of the machine.

    Raises:
        UsageError: no system is called so.
        ActionError: a system does not answer.
    """
    sections = settings.tickets if name is None else (_named(name, settings),)
    now = clock or _utc_now
    return sum(
        Ticketing(one, made(one), settings, store, threading.Event(), now).sync()
        for one in sections
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _named(name: str, settings: Settings) -> TicketsSection:
    for wanted in settings.tickets:
        if wanted.name == name:
            return wanted
    listed = ", ".join(wanted.name for wanted in settings.tickets)
    there = f"there are: {listed}" if listed else "add one under `tickets` in tocsin.yaml"
    raise UsageError(f"there is no system of tickets {name!r}; {there}")
