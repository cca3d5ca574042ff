"""The versioned API: `/api/v1`, JSON, described by its own OpenAPI document."""

from tocsin.serve.web.api import (
    decisions,
    entities,
    events,
    evidence,
    incident_work,
    integrations,
    queue,
    resources,
    responses,
    tickets,
    watch,
)

routers = (
    incident_work.router,
    decisions.router,
    queue.router,
    events.router,
    resources.router,
    responses.router,
    entities.router,
    evidence.router,
    tickets.router,
    integrations.router,
    watch.router,
)

__all__ = ["routers"]
