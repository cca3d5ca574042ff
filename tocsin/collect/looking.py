"""Look back at what a cloud still shows of its recent past, place by place, in order of time.

A place is what is asked apart: an account in a region, a project, a subscription, a cluster. All
places are asked for the same stretch of time, then for the next, the oldest first: so rules see
what happened in the order in which it happened, wherever that was.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from threading import Lock
from time import monotonic
from typing import ClassVar, Protocol

from tocsin.collect.records import HISTORY, Span, fill
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch

Pause = Callable[[float], bool | None]
"""Waits so many seconds; true when reading should end."""

Observe = Callable[[int, int], None]
"""Told how many of how many seconds of the past have been looked at."""

MARGIN = timedelta(minutes=15)
"""How long after its time an event may still appear; AWS names this for CloudTrail."""

_FIRST_STEP = timedelta(minutes=10)
_LEAST_STEP = timedelta(minutes=1)
_MOST_STEP = timedelta(hours=6)
_FEW_RECORDS = 500
_MANY_RECORDS = 5_000
_MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """One record: when it happened (milliseconds since 1970), what names it, and its bytes."""

    time_ms: int
    name: str
    raw: bytes


class Place(Protocol):
    """What is asked apart.

    Attributes:
        name: of the place in the cursor.
        origin: of its records.
    """

    @property
    def name(self) -> str:
        """Its name in the cursor and in messages."""
        ...

    @property
    def origin(self) -> str:
        """Where its records say they come from."""
        ...

    def seen(self, begin: datetime, end: datetime) -> Sequence[Seen]:
        """Return what happened from `begin` to `end`, in any order.

        Raises:
            SourceError: it cannot be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class LookSettings:
    """What the settings of every first look say.

    Attributes:
        feed: unique name, owner of the cursor.
        since: how far back to look.
        until: up to when.
    """

    feed: str
    since: datetime
    until: datetime


class Pace:
    """Lets calls through at most once in `seconds`, from any thread."""

    def __init__(self, seconds: float, pause: Pause) -> None:
        self._seconds = seconds
        self._pause = pause
        self._lock = Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is one's turn."""
        with self._lock:
            now = monotonic()
            at = max(now, self._next)
            self._next = at + self._seconds
        if at > now:
            self._pause(at - now)


@dataclass(slots=True)
class Look:
    """One look at some places.

    Attributes:
        feed: owner of the cursor.
        source: the type of the records.
        since: how far back to look.
        until: up to when.
        problems: by place, why it could not be asked; it is left out from there on.
    """

    feed: str
    source: str
    since: datetime
    until: datetime
    pause: Pause
    observe: Observe
    problems: dict[str, str] = field(default_factory=dict)

    def batches(self, places: Sequence[Place], cursor: str | None) -> Iterator[RawBatch]:
        """Yield what happened in order of time; a cursor of an earlier look goes on with it.

        Raises:
            SourceError: no place at all could be asked.
        """
        begins = {place.name: self._begin(_spans(cursor).get(place.name)) for place in places}
        firsts = {name: begin[0] for name, begin in begins.items()}
        reached = {name: begin[1] for name, begin in begins.items()}
        known = dict(_spans(cursor))
        for filled in fill(self._rounds(places, firsts, reached, known), HISTORY, self.source):
            yield RawBatch(
                source=self.source,
                feed=self.feed,
                records=filled.records,
                cursor=filled.marks[-1][0],
                receipt=None,
                rejects=filled.rejects,
            )
        if places and all(place.name in self.problems for place in places):
            name, why = next(iter(self.problems.items()))
            raise SourceError(f"nothing could be read: {name}: {why}")

    def _begin(self, known: tuple[int, int] | None) -> tuple[int, int]:
        """Return from when on a place has been looked at then, and from when to look now."""
        since = _ms(self.since)
        if known is None or not known[0] <= since <= known[1]:
            return since, since
        return known[0], max(since, known[1] - MARGIN // timedelta(milliseconds=1))

    def _rounds(
        self,
        places: Sequence[Place],
        firsts: Mapping[str, int],
        reached: dict[str, int],
        known: dict[str, tuple[int, int]],
    ) -> Iterator[tuple[str, Span] | None]:
        until, step = _ms(self.until), _FIRST_STEP
        start = at = min(reached.values(), default=until)
        with ThreadPoolExecutor(min(_MOST_AT_ONCE, max(1, len(places)))) as asking:
            while at < until:
                end = min(at + step // timedelta(milliseconds=1), until)
                asked = [
                    place
                    for place in places
                    if place.name not in self.problems and reached[place.name] < end
                ]
                told = asking.map(
                    lambda place, end=end: self._ask(place, reached[place.name], end), asked
                )
                found = [
                    (each, place) for place, seen in zip(asked, told, strict=True) for each in seen
                ]
                before = json.dumps(known)
                for place in asked:
                    if place.name not in self.problems:
                        reached[place.name] = end
                        known[place.name] = (firsts[place.name], end)
                yield from _spans_of(found, before, json.dumps(known))
                self.observe((end - start) // 1000, (until - start) // 1000)
                at, step = end, _next_step(step, len(found))

    def _ask(self, place: Place, begin: int, end: int) -> Sequence[Seen]:
        try:
            seen = place.seen(_moment(begin), _moment(end))
            # Places know whole seconds only and tell both ends: each stretch keeps its own.
            return [each for each in seen if begin <= each.time_ms < end]
        except SourceError as error:
            self.problems[place.name] = str(error)
            return ()


class FirstLook(ABC):
    """A source that looks at places once, such as the accounts of a cloud.

    Attributes:
        accounts: what was looked at, once reading has begun.
        regions: where, in clouds that are asked region by region.
    """

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, settings: LookSettings, source: str, pause: Pause, observe: Observe) -> None:
        self._pause = pause
        self._look = Look(settings.feed, source, settings.since, settings.until, pause, observe)
        self.accounts: tuple[str, ...] = ()
        self.regions: tuple[str, ...] = ()

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """Return what is asked apart, and set `accounts` and `regions`.

        Raises:
            SourceError: nobody says what there is.
        """

    @property
    def problems(self) -> Mapping[str, str]:
        """Why a place could not be looked at, by its name."""
        return self._look.problems

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what happened; see `Source.read`."""
        yield from self._look.batches(self.places(), cursor)

    def acknowledge(self, batch: RawBatch) -> None:  # noqa: B027 - a source may have nothing to do
        """Do nothing: the cursor is the place."""


def unheard(done: int, total: int) -> None:
    """Tell nobody how far a look is: see `Observe`."""


def _spans_of(
    found: list[tuple[Seen, Place]], before: str, after: str
) -> Iterator[tuple[str, Span] | None]:
    """Yield the records of one stretch of time in order, and last what moves the cursor on."""
    found.sort(key=lambda one: (one[0].time_ms, one[0].name))
    for seen, place in found:
        position = int.from_bytes(blake2b(seen.name.encode(), digest_size=7).digest())
        yield before, Span(place.origin, [seen.raw], [position], (), position)
    # An empty span: whoever is interrupted asks for this stretch again, and drops what it had.
    yield after, Span("", (), (), (), 0)
    if found:
        yield None


def _next_step(step: timedelta, count: int) -> timedelta:
    if count > _MANY_RECORDS:
        return max(step / 2, _LEAST_STEP)
    return min(step * 2, _MOST_STEP) if count < _FEW_RECORDS else step


def _spans(cursor: str | None) -> Mapping[str, tuple[int, int]]:
    return {name: (span[0], span[1]) for name, span in json.loads(cursor or "{}").items()}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
