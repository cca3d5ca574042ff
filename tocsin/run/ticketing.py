"""The act loop of tickets: incidents that changed want steps, and each step is taken once.

One thread looks through what changed; each system has a thread of its own, so that one that does
not answer holds up no other. A step is stored as begun before its request leaves. Where no answer
came back, the system is asked what became of it before the request is made again, and not before
the system can know.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.act.ticketing import Draft, Ticket, TicketRefused, TicketSystem
from tocsin.errors import SettingsError, TocsinError, UsageError, WorldError
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING
from tocsin.respond.notifying import TRIES, Route
from tocsin.respond.notifying.tickets import (
    TicketPolicy,
    comment_of,
    is_over,
    text_of,
    title_of,
)
from tocsin.run.notifying import page_of
from tocsin.settings import SEVERITY_IDS, Settings
from tocsin.settings.tickets import Tickets as TicketsSection
from tocsin.settings.tickets import ticket_kind
from tocsin.store import Store
from tocsin.store.answers import KeptTicket, TicketWork

_LOOK_EVERY_SECONDS = 1.0
_LEASE = timedelta(minutes=5)
_SYNCED_AT_ONCE = 50
_FIRST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 600.0

log = logging.getLogger("tocsin.ticket")


def policy_of(section: TicketsSection) -> TicketPolicy:
    """Return which incidents get a ticket in a system of the settings."""
    route = Route(
        name=section.name,
        targets=(section.name,),
        severity_id=SEVERITY_IDS[section.min_severity],
        sources=section.sources,
        entities=section.entities,
        accounts=section.accounts,
    )
    return TicketPolicy(route, section.comment_every)


def made(section: TicketsSection) -> TicketSystem:
    """Return the plug of a system of the settings.

    Raises:
        SettingsError: its settings can never be used.
    """
    kind = ticket_kind(section.kind)
    plug: TicketSystem = kind.plug(kind.settings_of(section))
    return plug


@dataclass(slots=True)
class Ticketing:
    """The work of one system.

    Attributes:
        problem: why the last step was not taken; "" while all is well.
    """

    wanted: TicketsSection
    system: TicketSystem
    settings: Settings
    store: Store
    stopping: threading.Event
    clock: Callable[[], datetime]
    problem: str = ""
    _next_sync: datetime | None = None

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self.wanted.name

    def run(self) -> None:
        """Take the steps that are due and read what changed over there, until told to stop."""
        while not self.stopping.is_set():
            is_busy = False
            try:
                is_busy = self.once()
                self._sync_when_due()
            except TocsinError as error:
                log.warning("tickets failed", extra={"system": self.name, "problem": str(error)})
            except Exception:  # the outermost edge of a thread: it must not end
                log.exception("tickets failed", extra={"system": self.name})
            if not is_busy:
                self.stopping.wait(_LOOK_EVERY_SECONDS)

    def once(self) -> bool:
        """Take one step that is due; return whether there was one."""
        now = self.clock()
        work = self.store.tickets.lease(self.name, self.wanted.comment_every, now, _LEASE)
        if work is None:
            return False
        settled = self._settled(work)
        if self.clock() < settled:
            self.store.tickets.failed(work, work.ticket.problem, settled, is_refused=False)
            return True
        try:
            self._take(work)
            self.problem = ""
        except (WorldError, SettingsError) as error:
            self._failed(work, error)
        except Exception as error:  # the edge of a plug: a fault of it must not end the thread
            log.exception("ticket failed", extra={"system": self.name})
            self._failed(work, TicketRefused(type(error).__name__), is_known=False)
        return True

    def sync(self, before: datetime | None = None) -> int:
        """Read tickets that were not read since `before`; return how many differ from before.

        Raises:
            ActionError: the system does not answer.
            StoreError: what it said cannot be stored.
        """
        since = self.clock() if before is None else before
        differing = 0
        while tickets := self.store.tickets.to_sync(self.name, since, _SYNCED_AT_ONCE):
            for ticket in tickets:
                if self.stopping.is_set():
                    return differing
                differing += self._synced(ticket, self.system.read(ticket.uid))
        return differing

    def _sync_when_due(self) -> None:
        now = self.clock()
        if self._next_sync is not None and now < self._next_sync:
            return
        self._next_sync = now + self.wanted.sync_every
        self.sync(now - self.wanted.sync_every)

    def _synced(self, kept: KeptTicket, found: Ticket | None) -> bool:
        is_open = None if found is None else found.is_open
        differs = is_open is not kept.is_open
        if differs and is_open is not None and self.wanted.on_close == "resolve":
            self._follow(kept, is_open=is_open)
        self.store.tickets.synced(kept, is_open, self.clock())
        return differs

    def _follow(self, kept: KeptTicket, *, is_open: bool) -> None:
        """Resolve the incident of a ticket that people closed, or take it up again."""
        incident = self.store.incidents.get(kept.incident_uid, EVERYTHING)
        if incident is None or incident.uid != kept.incident_uid:
            return
        reason = f"{kept.key} was {'opened again' if is_open else 'closed'}"
        if is_open and incident.status == "Resolved":
            change = Change(status="In Progress", reason=reason)
        elif not is_open and not is_over(incident):
            change = Change(status="Resolved", comment=reason)
        else:
            return
        actor = f"ticket:{self.name}"
        try:
            self.store.incidents.change(incident.uid, change, actor, self.clock(), EVERYTHING)
        except UsageError as error:
            # Somebody was faster; the ticket itself is noted all the same.
            log.warning("incident stays as it is", extra={"problem": str(error)})

    def _settled(self, work: TicketWork) -> datetime:
        """Return from when on the system knows what became of a step that got no answer."""
        if work.unknown_since is None:
            return self.clock()
        return work.unknown_since + timedelta(seconds=self.system.settle_seconds)

    def _take(self, work: TicketWork) -> None:
        if work.step == "open":
            self._open(work)
        else:
            self._tell(work)
        log.info("ticket", extra={"system": self.name, "step": work.step})

    def _open(self, work: TicketWork) -> None:
        incident = work.incident
        ticket = self.system.find(incident.uid, incident.opened_time)
        if ticket is None and is_over(incident):
            self.store.tickets.dropped(work, self.clock())
            return
        if ticket is None:
            page = page_of(self.settings, incident.uid)
            text, title = text_of(incident, page), title_of(incident)
            ticket = self.system.open(Draft(incident.uid, title, text, incident.severity_id))
        found = (ticket.uid, ticket.key, ticket.url)
        self.store.tickets.opened(work, *found, self.clock(), is_open=ticket.is_open)

    def _tell(self, work: TicketWork) -> None:
        uid, since = work.ticket.uid, work.unknown_since
        text = comment_of(work.incident, work.ticket.told, work.step)
        if work.step == "reopen":
            self.system.reopen(uid)
        if since is None or not self.system.holds(uid, work.mark, since):
            self.system.comment(uid, text, work.mark)
        if work.step == "close":
            self.system.close(uid, text)
        self.store.tickets.told(work, self.clock())

    def _failed(self, work: TicketWork, error: TocsinError, *, is_known: bool = True) -> None:
        self.problem = str(error)
        is_refused = isinstance(error, TicketRefused)
        is_final = isinstance(error, SettingsError) or (
            isinstance(error, TicketRefused) and error.is_final
        )
        due = self.clock() + timedelta(seconds=_wait_seconds(work.attempts, error))
        until = None if is_final and work.attempts >= TRIES else due
        # A step of several requests may have left a comment behind though the last was refused.
        is_undone = is_refused and is_known and work.step in ("open", "comment")
        self.store.tickets.failed(work, self.problem, until, is_refused=is_undone)
        extra = {"system": self.name, "problem": self.problem, "parked": until is None}
        log.warning("ticket was not changed", extra=extra)


def _wait_seconds(attempts: int, error: TocsinError) -> float:
    wait = min(_FIRST_WAIT_SECONDS * 2.0 ** min(attempts - 1, 10), _LONGEST_WAIT_SECONDS)
    asked = getattr(error, "retry_after_seconds", 0.0)
    # Tickets of one incident storm must not come back in step.
    return max(asked, wait) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret


@dataclass(slots=True)
class TicketLoop:
    """Everything that keeps tickets, as threads."""

    store: Store
    systems: tuple[Ticketing, ...]
    stopping: threading.Event
    clock: Callable[[], datetime]
    problem: str = ""

    def work(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield name and work of each thread; none where no system is set."""
        if self.systems:
            yield "tickets", self.run
        for each in self.systems:
            yield f"ticket-{each.name}", each.run

    def run(self) -> None:
        """Look once a second at what changed, until told to stop."""
        while not self.stopping.wait(_LOOK_EVERY_SECONDS):
            try:
                self.once()
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)
                log.warning("changes cannot be read", extra={"problem": self.problem})
            except Exception as error:  # the outermost edge of a thread: it must not end
                self.problem = type(error).__name__
                log.exception("changes cannot be read")

    def once(self) -> None:
        """Mark the tickets of all incidents that changed."""
        policies = {each.name: policy_of(each.wanted) for each in self.systems}
        while self.store.tickets.mark_due(policies, self.clock()):
            if self.stopping.is_set():
                return

    def problems(self) -> Iterator[str]:
        """Yield one sentence for each system that takes nothing at present."""
        if self.problem:
            yield f"tickets: {self.problem}"
        for each in self.systems:
            if each.problem:
                yield f"tickets of {each.name}: {each.problem}"
        for (system, state), count in sorted(self.store.tickets.counts().items()):
            if state == "parked":
                why = "; ".join(self.store.tickets.problems(system))
                yield f"tickets of {system}: {count} wait for a person: {why}"


def ticketing(
    settings: Settings,
    store: Store,
    stopping: threading.Event,
    clock: Callable[[], datetime],
    *,
    is_silent: bool = False,
) -> TicketLoop:
    """Return what keeps tickets; when `is_silent`, none is opened and nothing is noted."""
    sections: Sequence[TicketsSection] = () if is_silent else settings.tickets
    store.tickets.register([section.name for section in sections])
    systems = tuple(
        Ticketing(section, made(section), settings, store, stopping, clock) for section in sections
    )
    return TicketLoop(store, systems, stopping, clock)
