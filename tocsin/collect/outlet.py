"""Carry what sockets receive to turns: many senders share a batch, and nothing taken is dropped."""

import asyncio
import logging
from collections import Counter, deque
from dataclasses import dataclass, field

from tocsin.collect.intake import Intake, delivery
from tocsin.collect.records import Span
from tocsin.collect.sockets import SocketFeed

MAX_BATCH_RECORDS = 20_000
MAX_BATCH_BYTES = 8 << 20
MAX_QUEUED_BYTES = 32 << 20
"""Of datagrams that wait; beyond, they are dropped and counted."""

MAX_QUEUED_DATAGRAMS = 100_000
_LONGEST_PAUSE_SECONDS = 10

log = logging.getLogger("tocsin.receiver")


@dataclass(slots=True)
class _Waiting:
    span: Span
    size_bytes: int
    record_count: int
    committed: "asyncio.Future[None] | None"


@dataclass(slots=True)
class Outlet:
    """The way from the sockets of one feed to turns.

    A batch that is refused is tried again, as it is, until it is committed: whoever waits for it
    does not read on, and so its sender is held back.
    """

    feed: SocketFeed
    intake: Intake
    counts: "Counter[str]"
    _waiting: "deque[_Waiting]" = field(default_factory=deque)
    _queued_bytes: int = 0
    _has_come: asyncio.Event = field(default_factory=asyncio.Event)
    _is_empty: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._is_empty.set()

    def count(self, what: str, many: int = 1) -> None:
        """Count what was lost or refused."""
        self.counts[f"{self.feed.feed}/{what}"] += many

    def put(self, span: Span) -> "asyncio.Future[None]":
        """Take records; the future is done once they are committed."""
        committed = asyncio.get_running_loop().create_future()
        self._add(span, committed)
        return committed

    def offer(self, span: Span) -> bool:
        """Take records whose sender cannot be held back; false where there is no room."""
        has_room = len(self._waiting) < MAX_QUEUED_DATAGRAMS
        if not has_room or self._queued_bytes > MAX_QUEUED_BYTES:
            self.count("dropped_queue_full", max(1, len(span.raws)))
            return False
        self._add(span, None)
        return True

    async def run(self) -> None:
        """Hand batches on until cancelled."""
        while True:
            await self._has_come.wait()
            taken = self._take()
            await self._deliver([each.span for each in taken])
            for each in taken:
                if each.committed is not None and not each.committed.done():
                    each.committed.set_result(None)
            if not self._waiting:
                self._is_empty.set()

    async def drained(self) -> None:
        """Return once everything taken so far is committed."""
        await self._is_empty.wait()

    def _add(self, span: Span, committed: "asyncio.Future[None] | None") -> None:
        size = sum(map(len, span.raws)) + sum(len(row.raw) for row in span.rejects)
        many = len(span.raws) + len(span.rejects)
        self._waiting.append(_Waiting(span, size, many, committed))
        self._queued_bytes += size
        self._is_empty.clear()
        self._has_come.set()

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        records = size = 0
        while self._waiting and records < MAX_BATCH_RECORDS and size < MAX_BATCH_BYTES:
            each = self._waiting.popleft()
            taken.append(each)
            records += each.record_count
            size += each.size_bytes
        self._queued_bytes -= size
        if not self._waiting:
            self._has_come.clear()
        return taken

    async def _deliver(self, spans: list[Span]) -> None:
        ready, pause = delivery(self.feed, spans), 0
        while True:
            outcome = await self.intake.deliver(ready)
            if outcome.status == "committed":
                return
            pause = min(max(2 * pause, outcome.retry_after_seconds), _LONGEST_PAUSE_SECONDS)
            if outcome.status == "failed":
                log.warning("the store cannot write", extra={"feed": self.feed.feed})
            await asyncio.sleep(pause)
