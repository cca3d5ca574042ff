"""Take JSON lines, arrays and `Records` payloads: `POST /ingest/{feed}`.

Answers 200 once everything is committed, with the positions of records that were kept as rejects.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.cutting import cut_body
from tocsin.collect.intake import (
    MAX_REQUEST_RECORDS,
    Delivery,
    Intake,
    Refusal,
    new_origin,
    refuse_unless_committed,
)
from tocsin.collect.records import Span

_SHOWN_REJECTS = 100


@dataclass(frozen=True, slots=True)
class JsonLinesSettings:
    """The feeds that it serves, each at its own address."""

    feeds: tuple[PushFeed, ...]


class JsonLines:
    """Receives JSON over plain HTTP."""

    def __init__(self, settings: JsonLinesSettings) -> None:
        """Take the feeds."""
        self._feeds = {feed.feed: feed for feed in settings.feeds}

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /ingest/{feed}`."""

        async def ingest(request: Request) -> JSONResponse:
            named = self._feeds.get(request.path_params["feed"])
            (feed,) = intake.authorize(request, [named] if named else [])
            async with intake.body(request) as body:
                found = await asyncio.to_thread(cut_body, body, feed.unwrap, MAX_REQUEST_RECORDS)
                if found is None:
                    raise Refusal(413, f"a request has at most {MAX_REQUEST_RECORDS} records")
                span = Span(new_origin(feed.feed), found.raws, found.positions, found.rejects, 0)
                outcome = await intake.deliver(Delivery(feed, [span]))
            refuse_unless_committed(outcome)
            received = len(found.raws) + len(found.rejects)
            rejects = [
                {"position": position, "reason": reason}
                for (_, position), reason in sorted(outcome.rejected.items())
            ]
            return JSONResponse(
                {
                    "accepted": received - len(rejects),
                    "rejected": len(rejects),
                    "rejects": rejects[:_SHOWN_REJECTS],
                }
            )

        return [Route("/ingest/{feed}", ingest, methods=["POST", "PUT"])]
