"""What the suite of receivers asks of each: how it is made, where it listens, how it frames."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.collect.counter import bearer
from tocsin.collect import PushFeed, Receiver


@dataclass(frozen=True)
class Case:
    """One receiver.

    Attributes:
        make: with feeds of `kind`, which also get `settings`.
        path: where it listens for the feed `trail`.
        frame: puts records into a body.
        headers: of a request that is taken.
        refused: statuses for a wrong token.
        busy: status while the queue is full.
        broken: status where one record of a body is broken.
    """

    make: Callable[[tuple[PushFeed, ...]], Receiver]
    path: str
    frame: Callable[[Sequence[bytes]], bytes]
    keeps_bytes: bool = True
    kind: type[PushFeed] = PushFeed
    settings: Mapping[str, object] = field(default_factory=dict)
    headers: Callable[[], dict[str, str]] = bearer
    refused: tuple[int, ...] = (401,)
    busy: int = 429
    broken: int = 200


def lines(records: Sequence[bytes]) -> bytes:
    return b"".join(record + b"\n" for record in records)
