"""Counting state between turns: matches of rules that need several before there is a finding.

Beside them what correlations remember, and how far the time of each source has come.

Windows are an explicit argument and result of detection, frozen, and kept by the store as rows of
key, payload and expiry, so that a runner can shard and checkpoint them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from tocsin.detect.correlations import Clock, Plans, Remembered
from tocsin.detect.correlations.learning import remembered
from tocsin.detect.correlations.rows import memories_of, memory_rows
from tocsin.detect.correlations.state import Memory

MAX_WINDOWS = 50_000
"""Windows kept at once; dedup keys are text that attackers choose. The first to expire go first."""

Row: TypeAlias = tuple[str, bytes, datetime]
"""Key, payload, expiry (UTC)."""

MAX_WAITING = 10_000
"""Matches that wait in one window; beyond it only the latest of each value does."""

_GRACE = timedelta(hours=1)
_LATEST_US = 250_000_000_000_000_000


class Counted(msgspec.Struct, frozen=True):
    """One match that was counted.

    Attributes:
        event_uid: the event.
        time_us: when it happened, microseconds since 1970.
        value: what the threshold counts the different values of: a hash of what the rule's `unique`
            gave, empty where the match does not count; `None` where every match counts.
    """

    event_uid: str
    time_us: int
    value: str | None = None


class Window(msgspec.Struct, frozen=True):
    """The matches of one rule, dedup key and period so far.

    Attributes:
        expiry_us: when the window may be forgotten, microseconds since 1970.
        waiting: matches that no finding has yet; what counts of them is below the threshold.
        is_open: whether the threshold was reached: later matches are findings at once.
    """

    expiry_us: int
    waiting: tuple[Counted, ...] = ()
    is_open: bool = False


_DECODER = msgspec.msgpack.Decoder(Window)


@dataclass(frozen=True, slots=True)
class Windows:
    """Everything that detection remembers.

    Attributes:
        by_key: windows by key: a finding's uid, which names rule, dedup key and period.
        memories: what correlations remember, by key of their definition.
        clock: how far the time of each source has come.
    """

    by_key: Mapping[str, Window] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def to_rows(self) -> list[Row]:
        """Return everything as rows, in order of key."""
        written, _ = self.changes(Windows())
        return sorted(written)

    def changes(self, before: "Windows") -> tuple[list[Row], list[str]]:
        """Return the rows that differ from those of earlier windows, and the keys that are gone.

        What is the same object in both is not looked at.
        """
        written, gone = _counting_changes(before.by_key, self.by_key)
        more, lost = memory_rows(before.memories, self.memories)
        clock_rows = self.clock.rows(before.clock)
        return [*written, *_timed(more), *_timed(clock_rows)], [*gone, *lost]

    @staticmethod
    def from_rows(rows: Iterable[Row]) -> "Windows":
        """Return the windows of these rows.

        Raises:
            msgspec.DecodeError: for a payload that `to_rows` did not write.
        """
        by_key: dict[str, Window] = {}
        others: list[tuple[str, bytes]] = []
        for key, payload, _ in rows:
            if "/" in key:
                others.append((key, payload))
            else:
                by_key[key] = _DECODER.decode(payload)
        return Windows(by_key, memories_of(others), Clock.of(others))

    def correlated(self, memories: Mapping[str, Memory], clock: Clock) -> "Windows":
        """Return the windows with this state of correlations; the same where nothing differs."""
        is_same = clock is self.clock and memories.keys() == self.memories.keys()
        if is_same and all(memories[key] is self.memories[key] for key in memories):
            return self
        return replace(self, memories=memories, clock=clock)

    def remembered(self, plans: Plans, now: datetime) -> tuple[Remembered, ...]:
        """Return what each correlation remembers, and which of its groups still learn.

        Args:
            plans: of a rule set.
            now: UTC; time of sources that have been quiet.
        """
        marks = self.clock.marks(plans.plans, microseconds(now))
        return remembered(plans.plans, self.memories, marks)

    def at_rest(self) -> "Windows":
        """Return the windows for when nothing comes any more: the clock alone moves time."""
        return replace(self, clock=replace(self.clock, is_over=True))

    def count(
        self, key: str, matches: tuple[Counted, ...], threshold: int, *, expiry: datetime
    ) -> tuple["Window", tuple[Counted, ...]]:
        """Count matches in one window.

        Returns:
            The window afterwards, and the matches that are now a finding's: none below the
            threshold, the waiting ones too when it is reached, the new ones from then on.
        """
        before = self.by_key.get(key, Window(0))
        expiry_us = max(before.expiry_us, microseconds(expiry + _GRACE))
        if before.is_open:
            return Window(expiry_us, is_open=True), matches
        together = (*before.waiting, *matches)
        if _counting(together) < threshold:
            return Window(expiry_us, _bounded(together)), ()
        return Window(expiry_us, is_open=True), together

    def after(self, changed: Mapping[str, Window], now: datetime) -> tuple["Windows", int]:
        """Return the windows with these changed and the expired left out, and how many were lost.

        Some are lost only where there are more than `MAX_WINDOWS`.
        """
        now_us = microseconds(now)
        is_full = len(self.by_key) > MAX_WINDOWS
        if (
            not changed
            and not is_full
            and all(window.expiry_us > now_us for window in self.by_key.values())
        ):
            return self, 0
        alive = {
            key: window
            for key, window in {**self.by_key, **changed}.items()
            if window.expiry_us > now_us
        }
        lost = max(0, len(alive) - MAX_WINDOWS)
        if lost:
            latest = sorted(alive.items(), key=lambda item: (item[1].expiry_us, item[0]))[lost:]
            alive = dict(latest)
        return replace(self, by_key=alive), lost


def _counting(matches: Iterable[Counted]) -> int:
    """Return how many matches count, those of one value as one."""
    return len({each.event_uid if each.value is None else each.value for each in matches} - {""})


def _bounded(matches: tuple[Counted, ...]) -> tuple[Counted, ...]:
    """Return the matches that may wait: where values repeat, the latest of each value at most."""
    if len(matches) <= MAX_WAITING:
        return matches
    by_value = {each.event_uid if each.value is None else each.value: each for each in matches}
    return tuple(by_value.values())


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970; a time without zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _counting_changes(
    before: Mapping[str, Window], after: Mapping[str, Window]
) -> tuple[list[Row], list[str]]:
    if before is after:
        return [], []
    encode = msgspec.msgpack.encode
    written = [
        (key, encode(window), _moment(window.expiry_us))
        for key, window in sorted(after.items())
        if before.get(key) != window
    ]
    return written, [key for key in before if key not in after]


def _timed(rows: Iterable[tuple[str, bytes, int]]) -> list[Row]:
    return [(key, payload, _moment(expiry_us)) for key, payload, expiry_us in rows]


def _moment(since_1970_us: int) -> datetime:
    # Some things are never forgotten; the calendar ends before.
    latest_us = min(since_1970_us, _LATEST_US)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=max(latest_us, 0))
