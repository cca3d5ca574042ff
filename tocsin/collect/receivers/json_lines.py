"""Take JSON lines, arrays and `Records` payloads: `POST /ingest/{feed}`.

Answers 200 once everything is committed, with the positions of records that were kept as rejects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake, refuse_unless_committed, take

_SHOWN_REJECTS = 100


@dataclass(frozen=True, slots=True)
class JsonLinesSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[PushFeed, ...]


class JsonLines:
    """Receives JSON over plain HTTP."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: JsonLinesSettings) -> None:
        """Take the feeds."""
        self._feeds = {feed.feed: feed for feed in settings.feeds}

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /ingest/{feed}`."""

        async def ingest(request: Request) -> JSONResponse:
            named = self._feeds.get(request.path_params["feed"])
            (feed,) = intake.authorize(request, [named] if named else [])
            async with intake.body(request) as body:
                taken = await intake.cut(take, body, feed, feed.unwrap)
                del body
                outcome = await intake.deliver(taken)
            refuse_unless_committed(outcome)
            rejects = [
                {"position": position, "reason": reason}
                for (_, position), reason in sorted(outcome.rejected.items())
            ]
            return JSONResponse(
                {
                    "accepted": taken.record_count - len(rejects),
                    "rejected": len(rejects),
                    "rejects": rejects[:_SHOWN_REJECTS],
                }
            )

        return [Route("/ingest/{feed}", ingest, methods=["POST", "PUT"])]
