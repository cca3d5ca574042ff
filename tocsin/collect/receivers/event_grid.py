"""Take what Azure Event Grid delivers to a webhook: `POST /event-grid/{feed}`.

Both schemas are read, Event Grid's own and CloudEvents, and both handshakes answered. The token
comes as a delivery property (`Authorization: Bearer ...`) or, as Microsoft's pages have it, as
`code` in the query, which this program writes into no log.
Source: https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.cloud_events import BATCH, STRUCTURED, read_events
from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake, Refusal
from tocsin.collect.posting import (
    ABSENT,
    Payload,
    allow_origin,
    by_name,
    commit,
    cut_objects,
    is_present,
    named_feed,
    opens,
    text_or_json,
)

_KIND = "aeg-event-type"
_VALIDATION = "SubscriptionValidation"
_MAX_VALIDATION_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class EventGridFeed(PushFeed):
    """Events of Event Grid topics and system topics.

    Attributes:
        record: `data` takes what the event is about; `event` also what Event Grid says of it.
    """

    record: Literal["data", "event"] = "data"


@dataclass(frozen=True, slots=True)
class EventGridSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[EventGridFeed, ...]


class EventGrid:
    """Receives events of Event Grid."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: EventGridSettings) -> None:
        """Take the feeds."""
        self._feeds = by_name(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /event-grid/{feed}`, and OPTIONS, the handshake of CloudEvents."""

        async def take_events(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            if not opens(feed, request.query_params.get("code", "")):
                intake.authorize(request, [feed])
            if request.headers.get(_KIND) == _VALIDATION:
                async with intake.body(request) as body:
                    return JSONResponse({"validationResponse": _validation_code(body)})
            if request.headers.get(_KIND) == "Unsubscribe":
                return JSONResponse({})
            wants_data = feed.record == "data"
            return JSONResponse(
                await commit(
                    intake, request, lambda body: _payloads(body, request.headers, wants_data), feed
                )
            )

        return [
            Route("/event-grid/{feed}", take_events, methods=["POST"]),
            Route("/event-grid/{feed}", allow_origin, methods=["OPTIONS"]),
        ]


class _Validation(msgspec.Struct, rename="camel"):
    validation_code: str


class _ValidationEvent(msgspec.Struct):
    data: _Validation


def _validation_code(body: bytes) -> str:
    try:
        (event,) = msgspec.json.decode(body[:_MAX_VALIDATION_BYTES], type=tuple[_ValidationEvent])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "this is no validation event of Event Grid") from error
    return event.data.validation_code


class _Event(msgspec.Struct):
    id: str = ""
    topic: str = ""
    data: msgspec.Raw = ABSENT


def _payloads(body: bytes, headers: Mapping[str, str], wants_data: bool) -> Iterator[Payload]:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in (BATCH, STRUCTURED):
        yield from read_events(body, headers, wants_data)
        return
    found = cut_objects(body)
    yield from (_payload(raw, wants_data) for raw in found.raws)
    yield from (Payload(row.raw, broken=row.reason) for row in found.rejects)


def _payload(raw: bytes, wants_data: bool) -> Payload:
    try:
        event = msgspec.json.decode(raw, type=_Event)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        return Payload(raw, broken=f"no_event: not of Event Grid's schema: {error}")
    uid = f"{event.topic} {event.id}" if event.id else ""
    if wants_data and is_present(event.data):
        return Payload(text_or_json(event.data), uid)
    return Payload(raw, uid)
