"""The frame of sources that pull: passes with a cursor, or messages that are acknowledged."""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol, TypeVar

from tocsin.collect.records import HISTORY, Filled, Span, fill
from tocsin.ocsf import RawBatch

Pause = Callable[[float], bool | None]
"""Waits so many seconds; true when reading should end (`threading.Event().wait` fits)."""

State = TypeVar("State")
Message = TypeVar("Message")
Read = TypeVar("Read")


class Fed(Protocol):
    """Settings of a feed."""

    @property
    def feed(self) -> str:
        """Its name."""
        ...

    @property
    def source(self) -> str:
        """The type of its records."""
        ...


class Polled(Fed, Protocol):
    """Settings of a feed that is looked at again and again."""

    @property
    def follow(self) -> bool:
        """Whether there is more than one pass."""
        ...

    @property
    def poll_seconds(self) -> float:
        """How long to wait between passes."""
        ...


class Mark(Protocol):
    """Where a span was read."""

    def cursor(self, resume: int) -> str:
        """Return the cursor for resuming there at position `resume`."""
        ...


Pass = Generator[tuple[Mark, Span], None, State]
"""Yields what one pass reads, and returns the state in which the next one begins."""


def read_passes(
    settings: Polled, pause: Pause, state: State, read_pass: Callable[[State], Pass[State]]
) -> Iterator[RawBatch]:
    """Yield the batches of pass after pass, each with the cursor behind it; see `Source.read`.

    Args:
        settings: of the feed.
        pause: waits between passes, and says when to end.
        state: in which the first pass begins.
        read_pass: reads one pass.
    """

    def entries() -> Iterator[tuple[Mark, Span] | None]:
        now = state
        while True:
            now = yield from read_pass(now)
            yield None
            if not settings.follow or pause(settings.poll_seconds):
                return

    for filled in fill(entries(), HISTORY, settings.source):
        mark, resume = filled.marks[-1]
        yield _batch(settings, filled, cursor=mark.cursor(resume))


def read_messages(
    settings: Fed, entries: Iterable[tuple[Message | None, Span] | None]
) -> Iterator[RawBatch]:
    """Yield batches whose receipt holds the messages that are done with once they are committed.

    Args:
        settings: of the feed.
        entries: spans; the last of a message carries it, the others `None`.
    """
    for filled in fill(entries, HISTORY, settings.source):
        done = tuple(message for message, _ in filled.marks if message is not None)
        yield _batch(settings, filled, receipt=done)


def _batch(
    settings: Fed,
    filled: Filled[Read],
    *,
    cursor: str | None = None,
    receipt: object = None,
) -> RawBatch:
    return RawBatch(
        source=settings.source,
        feed=settings.feed,
        records=filled.records,
        cursor=cursor,
        receipt=receipt,
        rejects=filled.rejects,
    )
