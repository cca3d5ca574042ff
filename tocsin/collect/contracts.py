"""What a source and a receiver promise, and how a delivery is answered.

A source pulls: `run` iterates over `read` and calls `acknowledge` after the commit. A receiver is
pushed to: it hands a batch to `submit` and answers its sender with what `submit` says.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Secret, Written

if TYPE_CHECKING:
    from collections import Counter

    from starlette.routing import BaseRoute

    from tocsin.collect.intake import Intake


class Source(Protocol):
    """Reads records of one feed from elsewhere.

    A class attribute `guarantee` says what holds when either side is ended: `resumable` (a cursor
    or the other side keeps the place) or `lossy`.

    The constructor takes the plug's own frozen settings dataclass and does no input or output.
    """

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield bounded batches of what comes after `cursor`, in order.

        Args:
            cursor: the `cursor` of the last committed batch of this feed; `None` at first.

        Reading again from the cursor of batch n gives exactly what followed batch n. The iterator
        ends where the source has an end (files read once) and runs until closed or paused
        otherwise. Records that cannot be cut out are rows of `rejects`.

        Raises:
            SourceError: the world failed; reading may be tried again from the last cursor.
            SettingsError: what the settings name cannot ever be read.
        """
        ...

    def acknowledge(self, batch: RawBatch) -> None:
        """Tell the other side that `batch` is committed; called once, in order, from any thread.

        Raises:
            SourceError: the other side could not be told; it will send the records again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a pushed batch.

    Attributes:
        status: `committed` (safe on disk), `busy` (the queue is full, nothing was kept) or `failed`
            (the store cannot write, nothing was kept).
        rejected: for a committed batch, the reason by (origin, position) of each of its records
            that was kept as a reject; all others became events, findings or duplicates.
        retry_after_seconds: when the sender should try again; for `busy` and `failed`.
    """

    status: Literal["committed", "busy", "failed"]
    rejected: Mapping[tuple[str, int], str] = field(default_factory=dict)
    retry_after_seconds: int = 1


Submit = Callable[[RawBatch], Awaitable[Outcome]]
"""Puts a batch in line for a turn; done when it is committed or refused. Runs in the listener's
event loop and must not block it."""


def token_hash(token: str) -> bytes:
    """Return SHA-256 of an ingest token.

    A plain hash is enough: tokens are drawn from at least 128 random bits, not chosen by people.
    """
    return sha256(token.encode()).digest()


def _hash_of(token: Secret) -> bytes:
    return token_hash(token.reveal())


@dataclass(frozen=True, slots=True)
class PushFeed:
    """One feed that others push to.

    Attributes:
        feed: unique name, also the last part of its address: `POST /ingest/{feed}`.
        source: the type of its records, which names the mapping.
        token_hash: what senders show, such as `Authorization: Bearer ...`; only the hash is kept.
        unwrap: where a payload holds many records (`Records`), as the mapping says.
        reader: of lines of text, as the mapping says; `None` where all is JSON.
    """

    feed: str
    source: str
    token_hash: Annotated[bytes, Written("token", Secret, _hash_of)] = field(repr=False)
    unwrap: str | None = None
    reader: LineReader | None = None


class Receiver(Protocol):
    """Speaks one protocol in which others push records.

    A class attribute `guarantee` says what senders may rely on: `acknowledged` (they learn of the
    commit) or `lossy` (they cannot know).

    The constructor takes the plug's own frozen settings dataclass, whose `feeds` are the
    `PushFeed`s that it serves.
    """

    def routes(self, intake: "Intake") -> "Sequence[BaseRoute]":
        """Return the addresses it answers.

        Args:
            intake: checks tokens, reads bodies within their limits and hands batches on.
        """
        ...


class ListeningReceiver(Receiver, Protocol):
    """A receiver with sockets of its own, such as that of syslog.

    Attributes:
        counts: what was lost or refused, by `{feed}/{what}`; shown as metrics.
    """

    counts: "Counter[str]"

    def bind(self) -> None:
        """Open the sockets of all feeds that are not open yet.

        Raises:
            SettingsError: an address or a certificate cannot be used.
        """
        ...

    async def serve(self, intake: "Intake") -> None:
        """Receive on the sockets that `bind` opened until cancelled, in the listener's event loop.

        Once cancelled, it takes nothing more, waits a few seconds for the commit of what it has
        read, and ends.
        """
        ...

    def close(self) -> None:
        """Close the sockets; harmless where none is open."""
        ...
