"""The act loop of messages: what turns wrote down becomes messages, and messages leave.

One thread hands occasions to routes and writes messages; each notifier has a thread of its own, so
that one that does not answer holds up no other, and no turn waits for any of them. A message is
leased, sent, and marked; whoever dies in between leaves it to the next one, which sends it under
the same identifier.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.act import Message, Notifier
from tocsin.errors import SettingsError, TocsinError, WorldError
from tocsin.respond.notifying import Route, pause
from tocsin.settings import Settings
from tocsin.settings.notifiers import Notifier as NotifierSection
from tocsin.settings.notifiers import notifier_kind
from tocsin.store import Store
from tocsin.store.answers import Outgoing

DEFAULT_ROUTE = "all"
_LOOK_EVERY_SECONDS = 1.0
_FORGET_EVERY = timedelta(hours=1)
_LEASE = timedelta(minutes=2)

log = logging.getLogger("tocsin.notify")


def routes_of(settings: Settings) -> tuple[Route, ...]:
    """Return the routes; where none is written, one that has every notifier tell what is high."""
    if settings.routes or not settings.notifiers:
        return tuple(route.made() for route in settings.routes)
    names = tuple(notifier.name for notifier in settings.notifiers)
    return (Route(DEFAULT_ROUTE, names, severity_id=4),)


def made(section: NotifierSection) -> Notifier:
    """Return the plug of a notifier of the settings.

    Raises:
        SettingsError: its settings can never be used.
    """
    kind = notifier_kind(section.kind)
    plug: Notifier = kind.plug(kind.settings_of(section))
    return plug


def page_of(settings: Settings, incident_uid: str) -> str:
    """Return the address of an incident's page, or of all where there is none; "" without pages."""
    public = settings.web.public_url
    if public is None:
        return ""
    return f"{public.rstrip('/')}/incidents{incident_uid and f'/{incident_uid}'}"


def message_of(outgoing: Outgoing, settings: Settings) -> Message:
    """Return what a notifier is given for a message of the outbox."""
    return Message(
        uid=outgoing.uid,
        title=outgoing.title,
        text=outgoing.body,
        severity_id=outgoing.severity_id,
        time=outgoing.time,
        incident_uid=outgoing.incident_uid,
        stage=outgoing.stage,
        url=page_of(settings, outgoing.incident_uid),
    )


@dataclass(slots=True)
class Writing:
    """The thread that makes messages of what turns wrote down."""

    store: Store
    routes: Sequence[Route]
    stopping: threading.Event
    clock: Callable[[], datetime]
    problem: str = ""
    _next_forget: datetime | None = None

    def run(self) -> None:
        """Look once a second what is to be told, until told to stop."""
        while not self.stopping.wait(_LOOK_EVERY_SECONDS):
            try:
                self.once()
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)
                log.warning("messages cannot be written", extra={"problem": self.problem})
            except Exception as error:  # the outermost edge of a thread: it must not end
                self.problem = type(error).__name__
                log.exception("messages cannot be written")

    def once(self) -> None:
        """Hand over what happened, the most severe first, and write what may be told now."""
        now = self.clock()
        while self.store.outbox.route(self.routes, now) and not self.stopping.is_set():
            # In between, so that what is urgent does not wait for the rest of a flood.
            self.store.outbox.bundle(self.routes, now)
        self.store.outbox.bundle(self.routes, now)
        if self._next_forget is None or now >= self._next_forget:
            self._next_forget = now + _FORGET_EVERY
            self.store.outbox.forget(now)


@dataclass(slots=True)
class Sending:
    """The thread that sends the messages of one notifier.

    Attributes:
        problem: why the last message was not taken; "" while all is well.
    """

    name: str
    notifier: Notifier
    settings: Settings
    store: Store
    stopping: threading.Event
    clock: Callable[[], datetime]
    problem: str = ""

    def run(self) -> None:
        """Send what is due, until told to stop."""
        while not self.stopping.is_set():
            try:
                is_busy = self.once()
            except TocsinError as error:
                is_busy = False
                log.warning("outbox cannot be read", extra={"problem": str(error)})
            if not is_busy:
                self.stopping.wait(_LOOK_EVERY_SECONDS)

    def once(self) -> bool:
        """Send one message that is due; return whether there was one."""
        outgoing = self.store.outbox.lease(self.name, self.clock(), _LEASE)
        if outgoing is None:
            return False
        try:
            self.notifier.send(message_of(outgoing, self.settings))
        except (WorldError, SettingsError) as error:
            self._failed(outgoing, str(error))
        except Exception as error:  # the edge of a plug: a fault of it must not end the thread
            log.exception("notifier failed", extra={"notifier": self.name})
            self._failed(outgoing, type(error).__name__)
        else:
            self.problem = ""
            self.store.outbox.sent(outgoing, self.clock())
            log.info("told", extra={"notifier": self.name, "message": outgoing.uid})
        return True

    def _failed(self, outgoing: Outgoing, problem: str) -> None:
        self.problem = problem
        wait = pause(outgoing.attempts, random.random())
        due = None if wait is None else self.clock() + wait
        self.store.outbox.failed(outgoing, problem, due)
        extra = {"notifier": self.name, "problem": problem, "parked": due is None}
        log.warning("message was not taken", extra=extra)


@dataclass(slots=True)
class Notifying:
    """Everything that tells people, as threads."""

    writing: Writing
    sending: tuple[Sending, ...] = field(default=())

    def work(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield name and work of each thread."""
        yield "messages", self.writing.run
        for each in self.sending:
            yield f"notify-{each.name}", each.run

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each notifier that tells nobody at present."""
        found = [f"notifier {one.name}: {one.problem}" for one in self.sending if one.problem]
        if self.writing.problem:
            found.append(f"messages cannot be written: {self.writing.problem}")
        counts = self.writing.store.outbox.counts()
        parked = {target: count for (target, state), count in counts.items() if state == "parked"}
        found += [
            f"notifier {target}: {count} messages are parked; see `tocsin notify outbox`"
            for target, count in sorted(parked.items())
        ]
        return tuple(found)


def notifying(
    settings: Settings,
    store: Store,
    stopping: threading.Event,
    clock: Callable[[], datetime],
    *,
    is_silent: bool = False,
) -> Notifying:
    """Return what tells people; when `is_silent`, what happened is noted and told to nobody."""
    routes = () if is_silent else routes_of(settings)
    sections = () if is_silent else settings.notifiers
    return Notifying(
        Writing(store, routes, stopping, clock),
        tuple(Sending(one.name, made(one), settings, store, stopping, clock) for one in sections),
    )
