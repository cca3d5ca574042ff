"""The web application that all receivers share."""

from collections.abc import Sequence
from typing import cast

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.collect.contracts import ListeningReceiver, Receiver, Submit
from tocsin.collect.intake import Intake, Refusal
from tocsin.collect.services import Services

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class ReceiverApp:
    """The application of all receivers, and those of them that listen themselves.

    Attributes:
        services: run by the listener beside the application.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI says."""
        await self._app(scope, receive, send)


def build(receivers: Sequence[Receiver], submit: Submit) -> ReceiverApp:
    """Return the application; see `tocsin.collect.receiver_app`."""
    intake = Intake(submit)
    routes = [route for receiver in receivers for route in receiver.routes(intake)]
    app = _with_headers(Starlette(routes=routes, exception_handlers={Refusal: _answer_refusal}))
    listening = [cast(ListeningReceiver, each) for each in receivers if hasattr(each, "serve")]
    return ReceiverApp(app, Services(listening, intake))


async def _answer_refusal(request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else Refusal(500, "unexpected")
    return JSONResponse({"error": refusal.reason}, refusal.status, refusal.headers)


def _with_headers(app: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await app(scope, receive, send_with_headers if scope["type"] == "http" else send)

    return serve
