"""The shell around every request: known hosts only, bounded bodies, strict headers, no tracebacks.

It is a plain ASGI wrapper around the routes, so that errors, redirects and files get the same
headers as pages, and so that the framework's own answer to a crash is never reached.
"""

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

POLICY = "Content-Security-Policy"
HSTS = "max-age=31536000"
MAX_BODY_BYTES = 256 * 1024
MAX_FILE_BYTES = 25 * 1024 * 1024
"""Of a file that is attached to an incident; its route reads no body before it knows who sends."""

FILE_PATH = re.compile(r"/api/v1/incidents/[^/]+/evidence/files\Z")
SANDBOX = "default-src 'none'; sandbox"
"""The policy of files that people saved here: nothing of ours, nothing of theirs runs."""

ErrorPage = Callable[[Request, int], "Response"]


class Shell:
    """ASGI wrapper that refuses unknown hosts and large bodies and sets the headers.

    Args:
        app: the routes.
        error_page: builds the answer for a refusal or a crash.
        hosts: names under which the console is reached; a foreign name is a rebound DNS answer.
        is_tls: whether browsers reach the console by TLS; decides about HSTS.
    """

    def __init__(
        self, app: "ASGIApp", error_page: ErrorPage, hosts: frozenset[str], is_tls: bool
    ) -> None:
        self.app = app
        self.error_page = error_page
        self.hosts = hosts
        self.headers = {
            **SECURITY_HEADERS,
            **({"Strict-Transport-Security": HSTS} if is_tls else {}),
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_started = False

        async def send_with_headers(message: "Message") -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                self._harden(message)
            await send(message)

        request = Request(scope, receive)
        refusal = self._refusal(request)
        if refusal:
            await self.error_page(request, refusal)(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, _bounded(receive, _most_bytes(request)), send_with_headers)
        # The last line: a crash in a page must become a plain 500 with our headers, whatever it is.
        except Exception as error:
            if has_started:
                raise
            status = 413 if isinstance(error, _BodyTooLargeError) else 500
            if status == 500:
                logger.exception("page failed: %s %r", request.method, request.url.path)
            await self.error_page(request, status)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> int:
        if _host_name(request.headers.get("host", "")) not in self.hosts:
            return 421
        length = request.headers.get("content-length", "0")
        return 413 if not length.isdigit() or int(length) > _most_bytes(request) else 0

    def _harden(self, message: "Message") -> None:
        headers = MutableHeaders(scope=message)
        own = headers.get(POLICY)
        for name, value in self.headers.items():
            headers[name] = value
        if own == SANDBOX:
            headers[POLICY] = SANDBOX
        # What is not a file of ours may hold log text of people with rights: no cache keeps it.
        headers.setdefault("Cache-Control", "no-store")


class _BodyTooLargeError(Exception):
    """A body without a length went past the bound."""


def _most_bytes(request: Request) -> int:
    return MAX_FILE_BYTES if FILE_PATH.fullmatch(request.url.path) else MAX_BODY_BYTES


def _bounded(receive: "Receive", most_bytes: int) -> "Receive":
    read_bytes = 0

    async def bounded() -> "Message":
        nonlocal read_bytes
        message = await receive()
        read_bytes += len(message.get("body", b""))
        if read_bytes > most_bytes:
            raise _BodyTooLargeError
        return message

    return bounded


def _host_name(host: str) -> str:
    """Return the name in a Host header without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]
