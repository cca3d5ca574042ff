"""The pages, one file for each entry of the menu; each has a `router` of guarded routes."""

from tocsin.serve.web.pages import (
    account,
    coverage,
    entities,
    entrance,
    evidence,
    findings,
    incident_work,
    incidents,
    integrations,
    overview,
    people,
    responses,
    rules,
    search,
    sources,
    suppressions,
)

routers = (
    entrance.router,
    overview.router,
    incident_work.router,
    incidents.router,
    evidence.router,
    responses.router,
    findings.router,
    entities.router,
    search.router,
    sources.router,
    rules.router,
    coverage.router,
    suppressions.router,
    integrations.router,
    people.router,
    account.router,
)

__all__ = ["routers"]
