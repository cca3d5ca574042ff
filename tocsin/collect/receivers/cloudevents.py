"""Take CloudEvents, binary, structured and in batches: `POST /cloudevents/{feed}`.

Source: https://github.com/cloudevents/spec
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.cloud_events import read_events
from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake
from tocsin.collect.posting import allow_origin, by_name, commit, named_feed


@dataclass(frozen=True, slots=True)
class CloudeventsFeed(PushFeed):
    """Events of whatever sends CloudEvents.

    Attributes:
        record: `data` takes what the event is about; `event` the whole event in its JSON format.
    """

    record: Literal["data", "event"] = "data"


@dataclass(frozen=True, slots=True)
class CloudeventsSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[CloudeventsFeed, ...]


class Cloudevents:
    """Receives CloudEvents."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: CloudeventsSettings) -> None:
        """Take the feeds."""
        self._feeds = by_name(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /cloudevents/{feed}`, and OPTIONS by which senders ask first."""

        async def take_events(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            intake.authorize(request, [feed])
            wants_data = feed.record == "data"
            return JSONResponse(
                await commit(
                    intake,
                    request,
                    lambda body: read_events(body, request.headers, wants_data),
                    feed,
                )
            )

        return [
            Route("/cloudevents/{feed}", take_events, methods=["POST"]),
            Route("/cloudevents/{feed}", allow_origin, methods=["OPTIONS"]),
        ]
