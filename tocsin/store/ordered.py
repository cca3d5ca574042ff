"""Read stored events in the order of their time, few at a time, however many there are.

The stretch of time is cut into slices that hold no more rows than asked for, by counting first; a
slice is then read from the few files that reach into it. Files are looked up anew for each slice,
so that compaction may go on meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.store.moments import HOUR_MICROSECONDS, from_microseconds
from tocsin.store.questions import Span
from tocsin.store.scans import Scan

WIDTHS_MICROSECONDS = (HOUR_MICROSECONDS, 60_000_000, 1_000_000, 1_000, 1)
"""Bars in which events are counted; one that holds too many is cut into bars of the next width."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Events of `start` <= time < `end`, microseconds since 1970."""

    start: int
    end: int
    rows: int

    @property
    def span(self) -> Span:
        """The slice as a question asks for it."""
        return Span(from_microseconds(self.start), from_microseconds(self.end))


def in_order(scan: Callable[[Span], Scan], since: int, until: int, rows: int) -> Iterator[pa.Table]:
    """Yield the events of `since` <= time < `until` by time, then identifier.

    Args:
        scan: makes the question to the lake for a span.
        since: microseconds since 1970.
        until: the same.
        rows: in one table at most, unless more of them have the very same time.
    """
    for each in _joined(_cut(scan, Slice(since, until, rows + 1), 0, rows), rows):
        table = scan(each.span).whole()
        if table.num_rows:
            keys = [("time", "ascending"), ("event_uid", "ascending")]
            order = pc.sort_indices(table.select(["time", "event_uid"]), sort_keys=keys)
            yield table.take(order)


def _cut(scan: Callable[[Span], Scan], whole: Slice, depth: int, rows: int) -> Iterator[Slice]:
    """Yield slices in order, those without events left out."""
    if whole.rows <= rows or depth == len(WIDTHS_MICROSECONDS):
        yield whole
        return
    width = WIDTHS_MICROSECONDS[depth]
    for bar, count in sorted(scan(whole.span).bars(width).items()):
        start, end = max(bar * width, whole.start), min((bar + 1) * width, whole.end)
        yield from _cut(scan, Slice(start, end, count), depth + 1, rows)


def _joined(slices: Iterator[Slice], rows: int) -> Iterator[Slice]:
    """Join neighbors for as long as they hold few rows together: each is a question to the lake."""
    waiting: Slice | None = None
    for each in slices:
        if waiting is not None and waiting.rows + each.rows <= rows:
            waiting = Slice(waiting.start, each.end, waiting.rows + each.rows)
            continue
        if waiting is not None:
            yield waiting
        waiting = each
    if waiting is not None:
        yield waiting
