"""What all receivers share: tokens, bodies within limits, and the answer after the commit."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request

from tocsin.collect.contracts import Outcome, PushFeed, Submit, token_hash
from tocsin.collect.cutting import cut_body
from tocsin.collect.inflate import Bounds, Damage, inflate
from tocsin.collect.records import Span, records_table, rejects_table
from tocsin.errors import WorldError
from tocsin.ocsf import RawBatch

MAX_BODY_BYTES = 32 << 20
"""Of one request, before and after inflating."""

MAX_REQUEST_RECORDS = 50_000
"""In one request; tiny records cost more memory than their bytes."""

MAX_HELD_BYTES = 64 << 20
"""Of all requests that wait for their commit; beyond, senders are told to try again."""

_BODY_SECONDS = 60.0
_RETRY_AFTER_SECONDS = 2


Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
Pushed = TypeVar("Pushed", bound=PushFeed)


class Refusal(Exception):  # noqa: N818 - an answer to a sender, not an error of the product
    """A request that is not taken; nothing of it was kept.

    Attributes:
        status: of the HTTP response.
        reason: for the sender.
        retry_after_seconds: when it may try again; 0 where trying again is no use.
    """

    def __init__(self, status: int, reason: str, retry_after_seconds: int = 0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with the answer."""
        if self.status == 401:
            return {"WWW-Authenticate": 'Basic realm="tocsin"'}
        if self.retry_after_seconds:
            return {"Retry-After": str(self.retry_after_seconds)}
        return {}


class AnyFeed(Protocol):
    """What a batch says of its feed."""

    @property
    def feed(self) -> str:
        """Its name."""
        ...

    @property
    def source(self) -> str:
        """The type of its records."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """Records of one request for one feed, ready for a turn.

    Attributes:
        batch: what is handed on.
        uncut: reasons by place of what could not be cut; see `Outcome.rejected`.
    """

    batch: RawBatch
    uncut: dict[tuple[str, int], str]

    @property
    def record_count(self) -> int:
        """How many records the sender meant, cut or not."""
        return int(self.batch.records.num_rows + self.batch.rejects.num_rows)


def delivery(feed: AnyFeed, spans: Sequence[Span]) -> Delivery:
    """Put records into a batch; `spans` may be dropped then, so that they are held only once."""
    now = datetime.now(UTC).replace(tzinfo=None)
    batch = RawBatch(
        source=feed.source,
        feed=feed.feed,
        records=records_table(spans, now),
        cursor=None,
        receipt=None,
        rejects=rejects_table(spans, now, feed.source),
    )
    uncut = {(span.origin, row.position): row.reason for span in spans for row in span.rejects}
    return Delivery(batch, uncut)


def take(body: bytes, feed: PushFeed, path: str | None) -> Delivery:
    """Cut the records out of a body for one feed; `path` is the key below which they lie.

    Raises:
        Refusal: 413, they are too many.
    """
    found = cut_body(body, path, MAX_REQUEST_RECORDS, feed.reader)
    if found is None:
        raise Refusal(413, f"a request has at most {MAX_REQUEST_RECORDS} records")
    return delivery(feed, [found.span(new_origin(feed.feed), 0)])


class Intake:
    """The one way from a request to a turn."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._held_bytes = 0
        # One body at a time: cutting costs a few times its size, and all of one core anyway.
        self._cutting = asyncio.Semaphore(1)

    def authorize(
        self, request: Request, feeds: Iterable[Pushed], header: str = ""
    ) -> tuple[Pushed, ...]:
        """Return those feeds whose token the request carries.

        The token is a bearer token, the password of Basic, an Elasticsearch API key, a Splunk
        token, or the value of the header that the protocol has for it. All feeds are compared, in
        constant time, so that timing tells nothing.

        Raises:
            Refusal: 401, it carries none of them.
        """
        shown = [request.headers[header]] if header and header in request.headers else []
        offered = [token_hash(token) for token in _tokens(request) + shown]
        allowed = []
        for feed in feeds:
            matches = [hmac.compare_digest(feed.token_hash, each) for each in offered]
            if any(matches):
                allowed.append(feed)
        if not allowed:
            raise Refusal(401, "the token is missing or belongs to no such feed")
        return tuple(allowed)

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Give the body, inflated, and count it as held until the block is left.

        The caller has the only reference: `del body` frees it while the commit is waited for.

        Raises:
            Refusal: 408 too slow, 413 too large, 415 unknown encoding, 400 damaged gzip,
                429 too much is held already.
        """
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise Refusal(415, f"content encoding {encoding!r} is not read; use gzip or none")
        if int(request.headers.get("content-length") or 0) > MAX_BODY_BYTES:
            raise Refusal(413, f"a body has at most {MAX_BODY_BYTES} bytes")
        held = 0
        try:
            blocks: list[bytes] = []
            async for block in _patiently(request):
                blocks.append(block)
                held += len(block)
                self._hold(len(block))
                if held > MAX_BODY_BYTES:
                    raise Refusal(413, f"a body has at most {MAX_BODY_BYTES} bytes")
            if encoding == "gzip":
                blocks = [await asyncio.to_thread(_inflate, blocks)]
                self._hold(len(blocks[0]) - held)
                held = len(blocks[0])
            else:
                blocks = [b"".join(blocks)]
            yield blocks.pop()
        finally:
            self._held_bytes -= held

    async def cut(
        self,
        read: Callable[Concatenate[bytes, Arguments], Result],
        body: bytes,
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Return what `read` makes of a body, in a thread and after other bodies."""
        async with self._cutting:
            return await asyncio.to_thread(read, body, *arguments, **named)

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Hand records on and wait until they are committed or refused.

        A store that fails is an outcome, not an exception.
        """
        try:
            outcome = await self._submit(delivery.batch)
        except WorldError:
            return Outcome("failed", retry_after_seconds=_RETRY_AFTER_SECONDS)
        if not delivery.uncut:
            return outcome
        return replace(outcome, rejected={**outcome.rejected, **delivery.uncut})

    def _hold(self, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        if self._held_bytes > MAX_HELD_BYTES:
            raise Refusal(429, "too much is waiting to be stored", _RETRY_AFTER_SECONDS)


def refuse_unless_committed(outcome: Outcome) -> None:
    """Return only if the batch is safe.

    Raises:
        Refusal: 429 or 503, with the time to wait.
    """
    if outcome.status == "busy":
        raise Refusal(429, "too much is waiting to be stored", outcome.retry_after_seconds)
    if outcome.status == "failed":
        raise Refusal(503, "the store cannot write now", outcome.retry_after_seconds)


def new_origin(feed: str) -> str:
    """Return the receipt of one request, the `origin` of its records.

    Drawn by chance: two requests with equal bytes are two deliveries.
    """
    return f"{feed}/{secrets.token_hex(12)}"


async def _patiently(request: Request) -> AsyncIterator[bytes]:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for block in request.stream():
                yield block
    except TimeoutError as error:
        raise Refusal(408, f"the body took longer than {_BODY_SECONDS:.0f} seconds") from error
    except ClientDisconnect as error:
        raise Refusal(400, "the body ended early") from error


def _inflate(blocks: Sequence[bytes]) -> bytes:
    try:
        return b"".join(inflate(blocks, Bounds(max_bytes=MAX_BODY_BYTES)))
    except Damage as damage:
        too_large = str(damage).startswith(("bomb", "too_large"))
        raise Refusal(413 if too_large else 400, str(damage)) from damage


def _tokens(request: Request) -> list[str]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    value = value.strip()
    scheme = scheme.lower()
    if not value:
        return []
    if scheme in ("bearer", "splunk"):
        return [value]
    if scheme == "basic":
        return [_after_colon(value)]
    if scheme == "apikey":
        # Base64 of `id:key` by the protocol; shippers also send a bare token.
        return [value, _after_colon(value)]
    return []


def _after_colon(encoded: str) -> str:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]
