"""Counting state between turns: matches of rules that need several before there is a finding.

Windows are an explicit argument and result of detection, frozen, and kept by the store as rows of
key, payload and expiry, so that a runner can shard and checkpoint them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

MAX_WINDOWS = 50_000
"""Windows kept at once; dedup keys are text that attackers choose. The first to expire go first."""

Row: TypeAlias = tuple[str, bytes, datetime]
"""Key, payload, expiry (UTC)."""

_GRACE = timedelta(hours=1)


class Counted(msgspec.Struct, frozen=True):
    """One match that was counted.

    Attributes:
        event_uid: the event.
        time_us: when it happened, microseconds since 1970.
    """

    event_uid: str
    time_us: int


class Window(msgspec.Struct, frozen=True):
    """The matches of one rule, dedup key and period so far.

    Attributes:
        expiry_us: when the window may be forgotten, microseconds since 1970.
        waiting: matches that no finding has yet, fewer than the rule's threshold.
        is_open: whether the threshold was reached: later matches are findings at once.
    """

    expiry_us: int
    waiting: tuple[Counted, ...] = ()
    is_open: bool = False


_DECODER = msgspec.msgpack.Decoder(Window)


@dataclass(frozen=True, slots=True)
class Windows:
    """Every window by key: a finding's uid, which names rule, dedup key and period."""

    by_key: Mapping[str, Window] = field(default_factory=dict)

    def to_rows(self) -> list[Row]:
        """Return the windows as rows, in order of key."""
        encode = msgspec.msgpack.encode
        return [
            (key, encode(window), _moment(window.expiry_us))
            for key, window in sorted(self.by_key.items())
        ]

    @staticmethod
    def from_rows(rows: Iterable[Row]) -> "Windows":
        """Return the windows of these rows.

        Raises:
            msgspec.DecodeError: for a payload that `to_rows` did not write.
        """
        return Windows({key: _DECODER.decode(payload) for key, payload, _ in rows})

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
        if len(together) < threshold:
            return Window(expiry_us, together), ()
        return Window(expiry_us, is_open=True), together

    def after(self, changed: Mapping[str, Window], now: datetime) -> tuple["Windows", int]:
        """Return the windows with these changed and the expired left out, and how many were lost.

        Some are lost only where there are more than `MAX_WINDOWS`.
        """
        now_us = microseconds(now)
        alive = {
            key: window
            for key, window in {**self.by_key, **changed}.items()
            if window.expiry_us > now_us
        }
        lost = max(0, len(alive) - MAX_WINDOWS)
        if lost:
            latest = sorted(alive.items(), key=lambda item: (item[1].expiry_us, item[0]))[lost:]
            alive = dict(latest)
        return Windows(alive), lost


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970; a time without zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _moment(since_1970_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since_1970_us)
