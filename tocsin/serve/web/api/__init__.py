"""The versioned API: `/api/v1`, JSON, described by its own OpenAPI document."""

from tocsin.serve.web.api import events, queue, watch

routers = (queue.router, events.router, watch.router)

__all__ = ["routers"]
