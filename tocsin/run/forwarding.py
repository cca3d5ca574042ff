"""Send findings, incidents and events to other systems: one thread for each forwarder.

Send, then store how far it came: at least once, with the same identifiers every time. No turn waits
for it, and no forwarder for another.
"""

import logging
import random
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from tocsin.act import Forwarder, Record, RecordsRefused
from tocsin.errors import SettingsError, TocsinError, UsageError, WorldError
from tocsin.run import home
from tocsin.run.forwarding_records import Marks, event_records, records
from tocsin.settings import SEVERITY_IDS, Settings
from tocsin.settings import forwarders as kinds
from tocsin.store import Store
from tocsin.store.answers import ForwardKey

_LOOK_EVERY_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 300.0
_LONGEST_REASON = 500

Kind: TypeAlias = Literal["finding", "incident", "event"]

log = logging.getLogger("tocsin.forward")


@dataclass(slots=True)
class ForwardWork:
    """The work of one forwarder.

    Attributes:
        wanted: its settings.
        forwarder: what sends.
        marks: by which records that come back are known.
        own_ports: where this Tocsin listens at present.
    """

    wanted: kinds.Forwarder
    forwarder: Forwarder
    store: Store
    marks: Marks
    stopping: threading.Event
    clock: Callable[[], datetime]
    own_ports: Callable[[], Collection[int]]
    _failures: int = 0
    _problem: str | None = None

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self.wanted.name

    def run(self) -> None:
        """Send what there is, until told to stop."""
        wait = 0.0
        while not self.stopping.wait(wait):
            wait = self.once()

    def once(self) -> float:
        """Send one batch of each kind; return the seconds to wait before the next."""
        try:
            home.refuse(self.forwarder.target, self.own_ports())
            is_busy = any([self._again(), self._changes(), self._events()])
            self._note("")
        except TocsinError as error:
            return self._failed(str(error), getattr(error, "retry_after_seconds", 0.0))
        except Exception as error:  # the outermost edge of a thread: the other forwarders go on
            log.exception("forwarding failed", extra={"forwarder": self.name})
            return self._failed(type(error).__name__, 0.0)
        self._failures = 0
        return 0.0 if is_busy else _LOOK_EVERY_SECONDS

    def _failed(self, problem: str, wait_seconds: float) -> float:
        self._failures += 1
        self._note(problem)
        wait = max(wait_seconds, 2.0 ** min(self._failures, 9) / 2)
        # Several forwarders to one target must not come back in step.
        return min(wait, _LONGEST_WAIT_SECONDS) * random.uniform(0.75, 1.0)  # noqa: S311 - no secret

    def _note(self, problem: str) -> None:
        if problem == self._problem:
            return
        if problem:
            log.warning("forwarding failed", extra={"forwarder": self.name, "problem": problem})
        try:
            self.store.forwarding.fail(self.name, problem[:_LONGEST_REASON])
            self._problem = problem
        except WorldError:
            # The store is told at the next attempt; the problem itself is in the log.
            log.warning("state not stored", extra={"forwarder": self.name})

    @property
    def _most(self) -> int:
        return min(self.wanted.batch, self.forwarder.most)

    def _again(self) -> bool:
        """Send what was refused before or asked for again, as far as it is due."""
        keys = self.store.forwarding.due(self.name, self.clock(), self._most)
        if keys:
            self._deliver(keys, None)
        return bool(keys)

    def _changes(self) -> bool:
        """Send what was stored or changed since the last time."""
        forwarding = self.store.forwarding
        found, last = forwarding.changes(
            self.name, wanted_kinds(self.wanted, self.forwarder), self._most
        )
        if found:
            self._deliver([change.key for change in found], last)
        elif last > forwarding.standing(self.name).change_seq:
            forwarding.sent(self.name, self.clock(), change_seq=last)
        return bool(found)

    def _deliver(self, keys: Sequence[ForwardKey], change_seq: int | None) -> None:
        lowest = SEVERITY_IDS[self.wanted.min_severity]
        # Severity 0 is unknown: it is no less than informational.
        found = records(self.store, keys, self.marks, lowest if lowest > 1 else 0)
        refused = self._send(found)
        sent = [(record.kind, record.uid) for record in found]
        self.store.forwarding.sent(
            self.name,
            self.clock(),
            taken=[key for key in sent if key not in refused],
            gone=sorted(set(keys) - set(sent)),
            refused=refused,
            change_seq=change_seq,
        )

    def _events(self) -> bool:
        """Send the events of the next few turns that the search of the settings finds."""
        query = search_of(self.wanted)
        forwarding = self.store.forwarding
        window = None if query is None else forwarding.window(self.name)
        if query is None or window is None:
            return False
        place, is_first = None, True
        while (is_first or place is not None) and not self.stopping.is_set():
            events, place = forwarding.events(query, window, place, self._most)
            found = event_records(events, self.marks)
            refused = self._send(found)
            sent: list[ForwardKey] = [(record.kind, record.uid) for record in found]
            taken = [key for key in sent if key not in refused]
            until = window.until if place is None else None
            forwarding.sent(self.name, self.clock(), taken=taken, refused=refused, turn_id=until)
            is_first = False
        return True

    def _send(self, found: Sequence[Record]) -> dict[ForwardKey, str]:
        """Send records; return those that the target refuses, with the reason.

        Raises:
            ActionError: the target takes nothing at present.
        """
        if not found:
            return {}
        try:
            self.forwarder.forward(found)
        except RecordsRefused as error:
            if error.reasons:
                reasons = {record: error.reasons.get(record.uid) for record in found}
                return {(each.kind, each.uid): why for each, why in reasons.items() if why}
            reason = str(error)
        except WorldError:
            raise
        except Exception as error:  # the edge of a plug: a record that it stumbles over is refused
            log.exception("a forwarder failed", extra={"forwarder": self.name})
            reason = f"the forwarder fails on it: {type(error).__name__}"
        else:
            return {}
        if len(found) == 1:
            return {(found[0].kind, found[0].uid): reason[:_LONGEST_REASON]}
        middle = len(found) // 2
        return self._send(found[:middle]) | self._send(found[middle:])


def forwarder_of(wanted: kinds.Forwarder) -> Forwarder:
    """Return the plug that a forwarder of the settings names.

    Raises:
        SettingsError: its address can never be used.
    """
    kind = kinds.forwarder_kind(wanted.kind)
    made: Forwarder = kind.plug(kind.settings_of(wanted))
    return made


def wanted_kinds(wanted: kinds.Forwarder, forwarder: Forwarder) -> list[Kind]:
    """Return what of the queue of changes leaves by this forwarder."""
    asked: dict[Kind, bool] = {
        "finding": wanted.findings,
        "incident": wanted.incidents,
        "event": wanted.events == kinds.MATCHED_EVENTS,
    }
    return [kind for kind in sorted(forwarder.kinds) if asked[kind]]


def search_of(wanted: kinds.Forwarder) -> str | None:
    """Return the search for the events that leave, `None` where none are searched."""
    is_word = wanted.events in (kinds.NO_EVENTS, kinds.MATCHED_EVENTS)
    return None if is_word else wanted.events


def works(
    settings: Settings,
    store: Store,
    stopping: threading.Event,
    clock: Callable[[], datetime],
    own_ports: Callable[[], Collection[int]],
) -> tuple[ForwardWork, ...]:
    """Return the work of each forwarder of the settings; nothing is sent yet.

    Raises:
        SettingsError: an address can never be used, or a search cannot be understood.
    """
    made = [(wanted, forwarder_of(wanted)) for wanted in settings.forwarders]
    for wanted, forwarder in made:
        _check(wanted, forwarder, store)
    all_marks = store.forwarding.register([wanted.name for wanted in settings.forwarders])
    found = []
    for wanted, forwarder in made:
        is_searched = search_of(wanted) is not None
        store.forwarding.follow_events(wanted.name, is_wanted=is_searched)
        marks = Marks(store.forwarding.mark(wanted.name), all_marks)
        found.append(ForwardWork(wanted, forwarder, store, marks, stopping, clock, own_ports))
    return tuple(found)


def _check(wanted: kinds.Forwarder, forwarder: Forwarder, store: Store) -> None:
    query = search_of(wanted)
    if "event" not in forwarder.kinds and wanted.events != kinds.NO_EVENTS:
        raise SettingsError(f"forwarder {wanted.name!r}: {wanted.kind} takes no events")
    try:
        store.forwarding.check(query or "")
    except UsageError as error:
        raise SettingsError(f"forwarder {wanted.name!r}: `events`: {error}") from error
