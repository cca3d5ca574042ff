"""The pages, one file for each entry of the menu; each has a `router` of guarded routes."""

from tocsin.serve.web.pages import (
    account,
    entrance,
    findings,
    incidents,
    overview,
    people,
    rules,
    search,
    sources,
)

routers = (
    entrance.router,
    overview.router,
    incidents.router,
    findings.router,
    search.router,
    sources.router,
    rules.router,
    people.router,
    account.router,
)

__all__ = ["routers"]
