"""Take Falco's alerts, from its `http_output` and from Falcosidekick: `POST /falco/{feed}`.

Falco sends one alert a request and knows no headers of one's own, so that its token stands in the
address (`https://falco:TOKEN@host/falco/NAME`) and arrives as the password of Basic; Falcosidekick
sends it as a header. Source: https://falco.org/docs/concepts/outputs/channels/#http-https-output
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake
from tocsin.collect.posting import Payload, by_name, commit, named_feed


@dataclass(frozen=True, slots=True)
class FalcoSettings:
    """The feeds that it serves: one for each cluster or fleet of hosts."""

    feeds: tuple[PushFeed, ...]


class Falco:
    """Receives alerts of Falco."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: FalcoSettings) -> None:
        """Take the feeds."""
        self._feeds = by_name(settings.feeds)

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /falco/{feed}`."""

        async def take_alerts(request: Request) -> JSONResponse:
            feed = named_feed(request, self._feeds)
            intake.authorize(request, [feed])
            return JSONResponse(await commit(intake, request, lambda body: [Payload(body)], feed))

        return [Route("/falco/{feed}", take_alerts, methods=["POST"])]
