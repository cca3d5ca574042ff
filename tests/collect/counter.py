"""A counter that takes batches as `run` does, and tells what it got."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tocsin.collect import Listener, Outcome, PushFeed, Receiver, Tls, receiver_app, token_hash
from tocsin.errors import WorldError
from tocsin.ocsf import RawBatch

TOKEN = "an-ingest-token-of-no-one-0123456789"


def feed(
    name: str = "trail", token: str = TOKEN, kind: type[PushFeed] = PushFeed, **more: object
) -> PushFeed:
    settings = {"source": "aws.cloudtrail", "unwrap": "Records"} | more
    return kind(feed=name, token_hash=token_hash(token), **settings)  # type: ignore[arg-type]


@dataclass
class Counter:
    """Commits at once, or does what a test tells it."""

    batches: list[RawBatch] = field(default_factory=list)
    answer: Callable[[RawBatch], Outcome] = lambda batch: Outcome("committed")
    entered: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def submit(self, batch: RawBatch) -> Outcome:
        import asyncio

        self.entered.set()
        await asyncio.to_thread(self.gate.wait, 10)
        outcome = self.answer(batch)
        if outcome.status == "committed":
            self.batches.append(batch)
        return outcome

    @property
    def raws(self) -> list[bytes]:
        return [raw for batch in self.batches for raw in batch.records["raw"].to_pylist()]

    @property
    def rejects(self) -> list[dict[str, object]]:
        return [row for batch in self.batches for row in batch.rejects.to_pylist()]


def fail(batch: RawBatch) -> Outcome:
    raise WorldError("the disk is full")


@contextmanager
def listening(counter: Counter, *receivers: Receiver, tls: Tls | None = None) -> Iterator[str]:
    listener = Listener(receiver_app(receivers, counter.submit), "127.0.0.1", 0, tls)
    listener.start()
    try:
        yield listener.url
    finally:
        counter.gate.set()
        listener.stop()


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=120, trust_env=False)
