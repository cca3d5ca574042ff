"""The bounded queue between those who collect and the one thread that turns.

Sources that Tocsin pulls from wait while it is full; receivers are told so at once and pass the
refusal on. Bounded in records and in bytes, so that a slow disk never becomes a full memory.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pyarrow as pa

from tocsin.collect import Outcome
from tocsin.ocsf import RawBatch

_FAILED = Outcome("failed", retry_after_seconds=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait, and how much one turn may carry."""

    waiting_records: int = 60_000
    waiting_bytes: int = 64 << 20
    turn_records: int = 20_000
    turn_bytes: int = 24 << 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch in the queue and the outcome that its source or sender waits for."""

    batch: RawBatch
    outcome: "Future[Outcome]"
    records: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Batches of one feed as one batch, and everyone who waits for it."""

    batch: RawBatch
    waiting: tuple[Waiting, ...]


@dataclass(slots=True)
class TurnQueue:
    """A queue of batches; any number of threads put, one takes."""

    limits: Limits = field(default_factory=Limits)
    _condition: threading.Condition = field(default_factory=threading.Condition)
    _waiting: list[Waiting] = field(default_factory=list)
    _records: int = 0
    _bytes: int = 0
    _is_closed: bool = False
    _broken: set[str] = field(default_factory=set)
    _in_flight: Counter[str] = field(default_factory=Counter)

    def offer(self, batch: RawBatch) -> "Future[Outcome] | None":
        """Queue the batch and return its outcome to come; None at once where there is no room."""
        with self._condition:
            if self._is_closed or not self._has_room():
                return None
            return self._add(batch)

    def put(self, batch: RawBatch) -> "Future[Outcome] | None":
        """Queue the batch as soon as there is room; None once the queue is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_closed or self._has_room())
            return None if self._is_closed else self._add(batch)

    def reopen(self, feed: str) -> None:
        """Take batches of `feed` again: it is about to be read from its last committed cursor."""
        with self._condition:
            self._broken.discard(feed)

    def fail(self, lost: Iterable[Joined]) -> None:
        """Say that these batches are not stored, and refuse what their feeds had read after them.

        A later batch of a feed with a cursor must not be committed once an earlier one is lost, or
        the cursor would jump over it; `reopen` ends that.
        """
        failed: list[Waiting] = []
        with self._condition:
            for joined in lost:
                failed.extend(joined.waiting)
                if joined.batch.cursor is not None:
                    self._broken.add(joined.batch.feed)
            behind = [each for each in self._waiting if each.batch.feed in self._broken]
            self._waiting = [each for each in self._waiting if each.batch.feed not in self._broken]
            self._records -= sum(waiting.records for waiting in behind)
            self._bytes -= sum(waiting.size_bytes for waiting in behind)
            self._condition.notify_all()
        for waiting in failed + behind:
            waiting.outcome.set_result(_FAILED)

    def take(self, timeout_seconds: float) -> tuple[Joined, ...]:
        """Return what one turn carries, joined by feed; empty after the timeout."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._is_closed or bool(self._waiting), timeout_seconds
            )
            taken = self._first_of_line()
            self._waiting = self._waiting[len(taken) :]
            self._records -= sum(waiting.records for waiting in taken)
            self._bytes -= sum(waiting.size_bytes for waiting in taken)
            self._condition.notify_all()
        return _joined(taken)

    def close(self) -> None:
        """Let nobody wait any more; what is still queued can be taken."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def depth(self) -> tuple[int, int]:
        """Return how many records and bytes wait now."""
        with self._condition:
            return self._records, self._bytes

    def by_feed(self) -> dict[str, int]:
        """Return how many records of each feed wait or are being turned."""
        with self._condition:
            return {feed: count for feed, count in self._in_flight.items() if count}

    def _has_room(self) -> bool:
        # A batch larger than the whole queue still enters an empty one.
        return (
            self._records < self.limits.waiting_records and self._bytes < self.limits.waiting_bytes
        )

    def _add(self, batch: RawBatch) -> "Future[Outcome]":
        outcome: Future[Outcome] = Future()
        # A sender that leaves must not cancel what others wait for, nor break the one who answers.
        outcome.set_running_or_notify_cancel()
        if batch.feed in self._broken:
            outcome.set_result(_FAILED)
            return outcome
        records = batch.records.num_rows + batch.rejects.num_rows
        size_bytes = batch.records.nbytes + batch.rejects.nbytes
        self._in_flight[batch.feed] += records
        outcome.add_done_callback(lambda _: self._settled(batch.feed, records))
        self._waiting.append(Waiting(batch, outcome, records, size_bytes))
        self._records += records
        self._bytes += size_bytes
        self._condition.notify_all()
        return outcome

    def _settled(self, feed: str, records: int) -> None:
        with self._condition:
            self._in_flight[feed] -= records

    def _first_of_line(self) -> list[Waiting]:
        records = size_bytes = 0
        for count, waiting in enumerate(self._waiting):
            records += waiting.records
            size_bytes += waiting.size_bytes
            is_over = records > self.limits.turn_records or size_bytes > self.limits.turn_bytes
            if count and is_over:
                return self._waiting[:count]
        return list(self._waiting)


def _joined(taken: list[Waiting]) -> tuple[Joined, ...]:
    by_feed: dict[tuple[str, str], list[Waiting]] = {}
    for waiting in taken:
        by_feed.setdefault((waiting.batch.feed, waiting.batch.source), []).append(waiting)
    return tuple(Joined(_one_batch(group), tuple(group)) for group in by_feed.values())


def _one_batch(group: list[Waiting]) -> RawBatch:
    """Return the batches of one feed as one; the last cursor stands for all of them."""
    batches = [waiting.batch for waiting in group]
    if len(batches) == 1:
        return batches[0]
    return replace(
        batches[-1],
        records=pa.concat_tables([batch.records for batch in batches]),
        rejects=pa.concat_tables([batch.rejects for batch in batches]),
    )
