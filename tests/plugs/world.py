"""What the suite of sources must know of a world to read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tocsin.collect import Source


@dataclass(frozen=True)
class World:
    """A world that holds records.

    Attributes:
        source: makes a new source that ends once it has read everything there is.
        expected: what the world holds, in no particular order; `None` where only the source knows.
        broken: makes a source of a world that is broken; `None` where nothing can break.
        keeps_cursor: false where the other side keeps the place.
        lapse: waits until what was given out and not acknowledged may come again.
    """

    source: Callable[[], Source]
    expected: list[bytes] | None
    broken: Callable[[], Source] | None
    keeps_cursor: bool = True
    lapse: Callable[[], None] = lambda: None


def looks(count: int) -> Callable[[float], bool]:
    """Return a pause that says to end after so many waits."""
    left: Iterator[bool] = iter([False] * count)
    return lambda seconds: next(left, True)
