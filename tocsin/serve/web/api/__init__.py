"""The versioned API: `/api/v1`, JSON, described by its own OpenAPI document."""

from tocsin.serve.web.api import events, queue, resources, watch

routers = (queue.router, events.router, resources.router, watch.router)

__all__ = ["routers"]
