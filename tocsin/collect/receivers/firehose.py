"""Take what Firehose delivers to an HTTP endpoint: `POST /firehose/{feed}`.

The access key of the stream's destination is the feed's token. A request that is delivered again
has the same id, by which its records are recognized. Records of CloudWatch Logs subscriptions are
opened: each log event is a record.
Source: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.inflate import GZIP_MAGIC, Bounds, Damage, inflate
from tocsin.collect.intake import MAX_BODY_BYTES, MAX_REQUEST_RECORDS, Intake, Refusal
from tocsin.collect.posting import (
    MAX_UNPACKED_BYTES,
    TOO_MANY,
    Payload,
    by_name,
    commit,
    named_feed,
)

_ACCESS_KEY = "x-amz-firehose-access-key"
_REQUEST_ID = "x-amz-firehose-request-id"
# Messages that are JSON themselves have 60 bytes or more for each of their objects.
_LEAST_BYTES_PER_OBJECT = 40


@dataclass(frozen=True, slots=True)
class FirehoseSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[PushFeed, ...]


class Firehose:
    """Receives records of Firehose streams."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: FirehoseSettings) -> None:
        """Take the feeds."""
        self._feeds = by_name(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /firehose/{feed}`."""

        async def take_records(request: Request) -> JSONResponse:
            uid = request.headers.get(_REQUEST_ID, "")
            try:
                feed = named_feed(request, self._feeds)
                intake.authorize(request, [feed], _ACCESS_KEY)
                await commit(intake, request, lambda body: _payloads(body, uid), feed)
            except Refusal as refusal:
                return _answer(uid, refusal)
            return _answer(uid, None)

        return [Route("/firehose/{feed}", take_records, methods=["POST"])]


def _answer(uid: str, refusal: Refusal | None) -> JSONResponse:
    """Answer as Firehose wants it: whatever else it hears counts as a failure."""
    content: dict[str, object] = {"requestId": uid, "timestamp": int(time.time() * 1000)}
    if refusal is None:
        return JSONResponse(content)
    return JSONResponse(content | {"errorMessage": refusal.reason}, refusal.status, refusal.headers)


class _Record(msgspec.Struct):
    data: str


class _Request(msgspec.Struct, rename="camel"):
    records: list[_Record]
    request_id: str = ""


class _LogEvent(msgspec.Struct):
    message: str


class _Logs(msgspec.Struct, rename="camel"):
    message_type: str
    log_group: str
    log_events: list[_LogEvent]


def _payloads(body: bytes, uid: str) -> Iterator[Payload]:
    if body.count(b"{") > 2 * MAX_REQUEST_RECORDS:
        raise Refusal(413, TOO_MANY)
    try:
        request = msgspec.json.decode(body, type=_Request)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "this is no request of Firehose") from error
    if uid and request.request_id and request.request_id != uid:
        raise Refusal(400, "header and body name different requests")
    name = uid or request.request_id
    left = MAX_UNPACKED_BYTES
    for record in request.records:
        for payload in _opened(record.data, name, left):
            left -= len(payload.content)
            yield payload
        if left < 0:
            raise Refusal(413, "the records are too large together")


def _opened(encoded: str, uid: str, left: int) -> Iterator[Payload]:
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        yield Payload(encoded.encode("utf-8", "replace"), uid, "not_base64: a record of Firehose")
        return
    if not content.startswith(GZIP_MAGIC):
        yield Payload(content, uid)
        return
    try:
        inflated = b"".join(inflate([content], Bounds(max_bytes=min(max(left, 1), MAX_BODY_BYTES))))
    except Damage as damage:
        yield Payload(content, uid, str(damage))
        return
    yield from _log_events(inflated, uid)


def _log_events(content: bytes, uid: str) -> Iterator[Payload]:
    """Yield the events of what a log group's subscription sent; other content as it is."""
    # Braces inside of messages have a backslash behind them; those of events have none.
    most = 2 * MAX_REQUEST_RECORDS
    is_dense = content.count(b"{") > max(most, len(content) // _LEAST_BYTES_PER_OBJECT)
    if is_dense or content.count(b'{"') > most:
        raise Refusal(413, TOO_MANY)
    try:
        found = [
            msgspec.json.decode(line, type=_Logs)
            for line in content.splitlines() or [content]
            if line.strip()
        ]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        yield Payload(content, uid)
        return
    # CONTROL_MESSAGE only tests the way.
    events = [
        event for logs in found if logs.message_type == "DATA_MESSAGE" for event in logs.log_events
    ]
    for event in events:
        yield Payload(event.message.encode("utf-8", "replace"), uid)
