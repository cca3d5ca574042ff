"""The web server behind a listener: uvicorn with short patience."""

import uvicorn
from starlette.types import ASGIApp

from tocsin.collect.listener import Tls


def make_server(app: ASGIApp, tls: Tls | None, grace_seconds: int) -> uvicorn.Server:
    """Return a server that is not started yet.

    Raises:
        OSError: the certificate or key cannot be read, or they do not belong together
            (`ssl.SSLError`).
    """
    configuration = uvicorn.Config(
        app,
        lifespan="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=grace_seconds,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    configuration.load()
    return uvicorn.Server(configuration)
