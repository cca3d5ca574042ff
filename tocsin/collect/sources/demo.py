"""Play the demo's story as if it were happening: hours of it in a minute, then a quiet background.

The story ends at the moment it was first read. Where it begins is part of the cursor, so a restart
goes on where it stopped, without a record twice.
"""

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tocsin.collect.demo_story import Occurrence, Story, load_story
from tocsin.ocsf import RawBatch, empty, from_rows, schemas

Pause = Callable[[float], bool | None]
"""Waits so many seconds; true when reading should end (`threading.Event().wait` fits)."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What to play and how fast.

    Attributes:
        feed: unique name, owner of the cursor.
        source: which of the story's sources is played: `aws.cloudtrail`, `kubernetes.audit`.
        story: the story's text, see `demo_story`.
        play_seconds: how long the whole story takes.
        background_per_second: records a second once the story is over.
        step_seconds: how often records are given.
        max_batch_records: how many at most at a time.
    """

    feed: str
    source: str
    story: str
    play_seconds: float = 75.0
    background_per_second: float = 1.5
    step_seconds: float = 0.5
    max_batch_records: int = 1_000


class DemoSource:
    """Plays one source of a story."""

    def __init__(
        self,
        settings: DemoSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Pause = time.sleep,
    ) -> None:
        """Take what to play; nothing is played before it is read.

        Args:
            settings: what to play and how fast.
            now: the current time, UTC.
            pause: waits between batches, and says when to end.

        Raises:
            ContentError: the story cannot be understood.
        """
        self._settings = settings
        self._now = now
        self._pause = pause
        self._story: Story = load_story(settings.story, "content/demo/story.yaml")

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what happens after `cursor`, until paused for good; see `Source.read`."""
        occurrences = self._story.occurrences(self._settings.source)
        mark = _Mark.of(cursor) or _Mark(self._now() - self._story.span, 0)
        clock = _StoryClock(self._settings, self._story.span, self._now(), mark, occurrences)
        while True:
            now = self._now()
            reached = clock.position_at(now)
            while mark.position < reached:
                until = min(reached, mark.position + self._settings.max_batch_records)
                batch, mark = self._batch(occurrences, mark, until, now)
                yield batch
            if self._pause(self._settings.step_seconds):
                return

    def acknowledge(self, batch: RawBatch) -> None:
        """Do nothing: the cursor is all that the story needs."""

    def _batch(
        self, occurrences: tuple[Occurrence, ...], mark: "_Mark", until: int, now: datetime
    ) -> tuple[RawBatch, "_Mark"]:
        rows = [
            {
                "raw": self._raw(occurrences, mark.begun, position, now),
                "origin": f"demo/{mark.begun.isoformat()}",
                "position": position,
                "received_time": now.replace(tzinfo=None),
            }
            for position in range(mark.position, until)
        ]
        following = replace(mark, position=until)
        batch = RawBatch(
            source=self._settings.source,
            feed=self._settings.feed,
            records=from_rows(rows, schemas.RAW),
            cursor=following.text(),
            receipt=None,
            rejects=empty(schemas.REJECTS),
        )
        return batch, following

    def _raw(
        self, occurrences: tuple[Occurrence, ...], begun: datetime, position: int, now: datetime
    ) -> bytes:
        source = self._settings.source
        if position < len(occurrences):
            occurrence = occurrences[position]
            happened = begun + occurrence.offset
        else:
            occurrence = self._story.background(source, position - len(occurrences))
            happened = now
        record = self._story.record(source, occurrence, happened)
        return json.dumps(record, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where playing stands: when the story began, and how many records were given."""

    begun: datetime
    position: int

    @staticmethod
    def of(cursor: str | None) -> "_Mark | None":
        if cursor is None:
            return None
        found = json.loads(cursor)
        return _Mark(datetime.fromisoformat(found["begun"]), int(found["position"]))

    def text(self) -> str:
        return json.dumps({"begun": self.begun.isoformat(), "position": self.position})


class _StoryClock:
    """Says how many records are due: the story at its speed, then the background at its own."""

    def __init__(
        self,
        settings: DemoSettings,
        span: timedelta,
        started: datetime,
        mark: _Mark,
        occurrences: tuple[Occurrence, ...],
    ) -> None:
        self._offsets = [occurrence.offset for occurrence in occurrences]
        self._started = started
        self._speed = span.total_seconds() / settings.play_seconds
        self._per_second = settings.background_per_second
        self._first = mark.position
        is_story = mark.position < len(occurrences)
        self._base = self._offsets[mark.position] if is_story and mark.position else timedelta(0)
        left = (span - self._base).total_seconds() / self._speed if is_story else 0.0
        self._over = started + timedelta(seconds=left)

    def position_at(self, now: datetime) -> int:
        """Return the position before which every record is due."""
        reached = self._base + (now - self._started) * self._speed
        due = bisect_right(self._offsets, reached)
        since = max(0.0, (now - self._over).total_seconds())
        first = max(self._first, len(self._offsets))
        return max(self._first, due) if now < self._over else first + int(since * self._per_second)
