"""Take what EventBridge sends to an API destination: `POST /eventbridge/{feed}`.

One event a request. The connection shows the token as an API key in a header (`X-Api-Key`, or any
that the feed names) or as the password of Basic.
Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake
from tocsin.collect.posting import (
    ABSENT,
    Payload,
    by_name,
    commit,
    cut_objects,
    is_present,
    named_feed,
    text_or_json,
)


@dataclass(frozen=True, slots=True)
class EventbridgeFeed(PushFeed):
    """Events of an EventBridge bus.

    Attributes:
        key_header: the header that holds the API key of the connection.
        record: `detail` takes what the event is about; `event` also what EventBridge says of it.
    """

    key_header: str = "x-api-key"
    record: Literal["detail", "event"] = "detail"


@dataclass(frozen=True, slots=True)
class EventbridgeSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[EventbridgeFeed, ...]


class Eventbridge:
    """Receives events of EventBridge."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: EventbridgeSettings) -> None:
        """Take the feeds."""
        self._feeds = by_name(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /eventbridge/{feed}`."""

        async def take_event(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            intake.authorize(request, [feed], feed.key_header)
            wants_detail = feed.record == "detail"
            return JSONResponse(
                await commit(intake, request, lambda body: _payloads(body, wants_detail), feed)
            )

        return [Route("/eventbridge/{feed}", take_event, methods=["POST", "PUT"])]


class _Event(msgspec.Struct):
    id: str = ""
    detail: msgspec.Raw = ABSENT


def _payloads(body: bytes, wants_detail: bool) -> Iterator[Payload]:
    """Yield the event of a body; an input transformer may have made it something else."""
    found = cut_objects(body)
    for raw in found.raws:
        try:
            event = msgspec.json.decode(raw, type=_Event)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            event = _Event()
        is_detail = wants_detail and is_present(event.detail)
        yield Payload(text_or_json(event.detail) if is_detail else raw, event.id)
    yield from (Payload(row.raw, broken=row.reason) for row in found.rejects)
