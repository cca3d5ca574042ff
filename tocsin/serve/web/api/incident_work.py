"""Work on incidents over the API: many at once, their clocks and mean times."""

from typing import Annotated

from fastapi import Query, Request
from starlette.exceptions import HTTPException

from tocsin.incidents import Change, Incident
from tocsin.incidents.clocks import Means, clocks_of, means_of
from tocsin.run import figures
from tocsin.serve.web.api.asking import Asked, Incidents, Moment, router_of
from tocsin.serve.web.api.models import (
    ChangedModel,
    ChangeOfMany,
    ClockFiguresModel,
    ClockModel,
    FiguresModel,
    MeansModel,
    SeverityMeans,
)
from tocsin.serve.web.api.repeated import once_of
from tocsin.serve.web.guard import console_of, operation, visitor_of
from tocsin.serve.web.permissions import Permission

router = router_of("work on incidents")


class AskedFigures(Asked):
    """Over which incidents."""

    since: Moment = None


@operation(
    router, "POST", "/incidents/changes", Permission.TRIAGE, response_model=list[ChangedModel]
)
def change_many(request: Request, body: ChangeOfMany) -> list[ChangedModel]:
    """Change many incidents alike; one that refuses keeps none of the others back.

    A request with an `Idempotency-Key` counts once: the same again gets the first answer.
    """
    console, visitor = console_of(request), visitor_of(request)
    done = console.store.incidents.change_many(
        body.uids,
        Change(**body.change.model_dump()),
        visitor.name,
        console.now(),
        visitor.scope,
        once=once_of(request, body),
    )
    return [ChangedModel.model_validate(each) for each in done]


@operation(router, "GET", "/incidents/figures", Permission.READ, response_model=FiguresModel)
def get_figures(request: Request, asked: Annotated[AskedFigures, Query()]) -> FiguresModel:
    """Get mean times and kept clocks of all incidents that were opened since a time."""
    console = console_of(request)
    found = figures.figures_of(
        console.store, visitor_of(request).scope, console.view.targets, console.now(), asked.since
    )
    return FiguresModel(
        means=_means(found.means),
        by_severity=[
            SeverityMeans(severity_id=each, means=_means(told)) for each, told in found.by_severity
        ],
        still_open=found.still_open,
        clocks=[ClockFiguresModel.model_validate(each) for each in found.clocks],
    )


@operation(router, "GET", "/incidents/means", Permission.READ, response_model=MeansModel)
def get_means(request: Request, asked: Incidents) -> MeansModel:
    """Get mean times (MTTD, MTTA, MTTR) of the newest 1,000 incidents that are asked for."""
    found = console_of(request).store.incidents.list(
        asked.filter(), visitor_of(request).scope, limit=1000, cursor=asked.cursor
    )
    return _means(means_of(found.rows))


def _means(means: Means) -> MeansModel:
    return MeansModel(
        incidents=means.incidents,
        detect_seconds=means.detect.total_seconds() if means.detect is not None else None,
        acknowledge_seconds=(
            means.acknowledge.total_seconds() if means.acknowledge is not None else None
        ),
        resolve_seconds=means.resolve.total_seconds() if means.resolve is not None else None,
    )


@operation(
    router, "GET", "/incidents/{uid}/clocks", Permission.READ, response_model=list[ClockModel]
)
def get_clocks(request: Request, uid: str) -> list[ClockModel]:
    """List until when an incident should be taken, ended and reported, the earliest first."""
    console = console_of(request)
    clocks = clocks_of(known(request, uid), console.view.targets)
    return [
        ClockModel(
            name=each.name, due=each.due, ended=each.ended, is_late=each.is_late(console.now())
        )
        for each in clocks
    ]


def known(request: Request, uid: str) -> Incident:
    """Return the incident with this uid, or the one it was merged into.

    Raises:
        HTTPException: 404 where the visitor sees none.
    """
    found = console_of(request).store.incidents.get(uid, visitor_of(request).scope)
    if found is None:
        raise HTTPException(404, "there is no such incident")
    return found
