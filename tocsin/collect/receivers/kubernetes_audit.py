"""Take what a cluster sends to its audit webhook: `POST /kubernetes/audit/{feed}`.

The server sends an `EventList` (audit.k8s.io/v1) and tries again later unless the answer is 2xx.
Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import Intake, refuse_unless_committed, take
from tocsin.values import Written


@dataclass(frozen=True, slots=True)
class KubernetesAuditFeed(PushFeed):
    """One cluster."""

    source: Annotated[str, Written(default="kubernetes.audit")]


@dataclass(frozen=True, slots=True)
class KubernetesAuditSettings:
    """The feeds that it serves: one for each cluster."""

    feeds: tuple[KubernetesAuditFeed, ...]


class KubernetesAudit:
    """Receives audit events of Kubernetes."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: KubernetesAuditSettings) -> None:
        """Take the feeds."""
        self._feeds = {feed.feed: feed for feed in settings.feeds}

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return `POST /kubernetes/audit/{feed}`."""

        async def take_events(request: Request) -> JSONResponse:
            named = self._feeds.get(request.path_params["feed"])
            (feed,) = intake.authorize(request, [named] if named else [])
            async with intake.body(request) as body:
                taken = await intake.cut(take, body, feed, "items")
                del body
                outcome = await intake.deliver(taken)
            refuse_unless_committed(outcome)
            # What became a reject is kept and shown; the server could not send it any better.
            return JSONResponse({"received": taken.record_count})

        return [Route("/kubernetes/audit/{feed}", take_events, methods=["POST"])]
