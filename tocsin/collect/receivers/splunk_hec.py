"""Take events as Splunk's HTTP Event Collector does: `/services/collector` and what lies below it.

An answer means that the events are committed; an ackId, too. Where an event is not as HEC wants it,
the answer is Splunk's code with the number of that event, and unlike Splunk its neighbors are kept,
and it itself as a reject: shippers do not send again after a 400.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tocsin.collect.hec import (
    ANSWERS,
    Channels,
    HecError,
    Sorted,
    SplunkHecFeed,
    sort_events,
    sort_raw,
)
from tocsin.collect.intake import Intake, Refusal, delivery, new_origin, refuse_unless_committed
from tocsin.collect.records import Span

_ROOT = "/services/collector"
_EVENT_PATHS = ("", "/event", "/event/1.0")
_RAW_PATHS = ("/raw", "/raw/1.0")
_HEALTH_PATHS = ("/health", "/health/1.0")
_METADATA = ("host", "source", "sourcetype", "index", "time")
# A GUID, with or without braces and dashes.
_CHANNEL = re.compile(r"\{?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?")
_MAX_ASKED = 10_000

Allowed = tuple[SplunkHecFeed, ...]
Inner = Callable[[Request, Allowed], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class SplunkHecSettings:
    """The feeds that it serves; several may share a token and be told apart by sourcetype."""

    feeds: tuple[SplunkHecFeed, ...]


class SplunkHec:
    """Receives from shippers that write to Splunk."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: SplunkHecSettings) -> None:
        """Take the feeds."""
        self._feeds = settings.feeds

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return the addresses of a collector."""
        desk = _Desk(self._feeds, intake)
        posts = [
            *((path, desk.events) for path in _EVENT_PATHS),
            *((path, desk.raw) for path in _RAW_PATHS),
            ("/ack", desk.acknowledgments),
        ]
        return [
            *(Route(_ROOT + path, _health, methods=["GET"]) for path in _HEALTH_PATHS),
            *(Route(_ROOT + path, desk.answer(inner), methods=["POST"]) for path, inner in posts),
        ]


async def _health(request: Request) -> Response:
    return _said(17)


class _Desk:
    def __init__(self, feeds: Allowed, intake: Intake) -> None:
        self._feeds = feeds
        self._intake = intake
        self._channels = Channels()

    def answer(self, inner: Inner) -> Callable[[Request], Awaitable[Response]]:
        """Check the token first, and put refusals into Splunk's words."""

        async def answered(request: Request) -> Response:
            try:
                return await inner(request, self._allowed(request))
            except HecError as error:
                return _said(error.code)
            except Refusal as refusal:
                return _refused(refusal)

        return answered

    async def events(self, request: Request, allowed: Allowed) -> Response:
        channel = _channel(request, allowed)
        defaults = _metadata(request)
        async with self._intake.body(request) as body:
            sorted_ = await self._intake.cut(sort_events, body, allowed, defaults)
            del body
            await self._commit(sorted_, allowed)
        return self._answer(sorted_, allowed, channel)

    async def raw(self, request: Request, allowed: Allowed) -> Response:
        channel = _channel(request, allowed)
        metadata = _metadata(request)
        async with self._intake.body(request) as body:
            sorted_ = await self._intake.cut(sort_raw, body, allowed, metadata)
            del body
            await self._commit(sorted_, allowed)
        return self._answer(sorted_, allowed, channel)

    async def acknowledgments(self, request: Request, allowed: Allowed) -> Response:
        """Tell which ackIds were given out: their events are committed."""
        if not allowed[0].acknowledgments:
            raise HecError(14)
        channel = _channel(request, allowed)
        async with self._intake.body(request) as body:
            asked = _asked(body)
        known = {str(uid): self._channels.is_given(allowed[0].feed, channel, uid) for uid in asked}
        return JSONResponse({"acks": known})

    def _allowed(self, request: Request) -> Allowed:
        if "token" in request.query_params:
            raise HecError(16)
        authorization = request.headers.get("authorization", "")
        if not authorization:
            raise HecError(2)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() not in ("splunk", "basic") or not token.strip():
            raise HecError(3)
        try:
            opened = {feed.feed for feed in self._intake.authorize(request, self._feeds)}
        except Refusal as refusal:
            raise HecError(4) from refusal
        return tuple(feed for feed in self._feeds if feed.feed in opened)

    async def _commit(self, sorted_: Sorted, allowed: Allowed) -> None:
        """Hand each feed its records and return once all of them are committed."""
        deliveries = []
        for feed in allowed:
            if (found := sorted_.found.pop(feed.feed, None)) is None:
                continue
            origin = new_origin(feed.feed)
            rejects = sorted(found.rejects, key=lambda row: row.position)
            span = Span(origin, found.raws, found.positions, rejects, 0, found.headers)
            deliveries.append(delivery(feed, [span]))
        for outcome in await asyncio.gather(*map(self._intake.deliver, deliveries)):
            refuse_unless_committed(outcome)

    def _answer(self, sorted_: Sorted, allowed: Allowed, channel: str) -> Response:
        if sorted_.code:
            return _said(sorted_.code, {"invalid-event-number": sorted_.event_number})
        if not allowed[0].acknowledgments:
            return _said(0)
        return _said(0, {"ackId": self._channels.give(allowed[0].feed, channel)})


def _channel(request: Request, allowed: Allowed) -> str:
    """Return the channel of a request; empty where it names none and needs none.

    Raises:
        HecError: it must name one, or what it names is none.
    """
    channel = request.headers.get("x-splunk-request-channel") or request.query_params.get("channel")
    if not channel:
        if allowed[0].acknowledgments:
            raise HecError(10)
        return ""
    if not _CHANNEL.fullmatch(channel):
        raise HecError(11)
    return channel.strip("{}").replace("-", "").lower()


def _metadata(request: Request) -> dict[str, str]:
    given = request.query_params
    return {key: given[key] for key in _METADATA if key in given}


def _asked(body: bytes) -> list[int]:
    """Return the ackIds that a request asks for.

    Raises:
        HecError: it is no such question.
    """
    try:
        asked = msgspec.json.decode(body, type=dict[str, list[int]])["acks"]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, KeyError) as error:
        raise HecError(6) from error
    return asked[:_MAX_ASKED]


def _said(code: int, more: dict[str, object] | None = None) -> Response:
    status, text = ANSWERS[code]
    headers = {"WWW-Authenticate": 'Basic realm="tocsin"'} if status == 401 else None
    return JSONResponse({"text": text, "code": code, **(more or {})}, status, headers)


def _refused(refusal: Refusal) -> Response:
    if refusal.status in (429, 503):
        # Splunk knows one code for it, and its senders try again after 503 only.
        return JSONResponse({"text": ANSWERS[9][1], "code": 9}, 503, refusal.headers)
    code = 27 if refusal.status == 413 else 6
    return JSONResponse({"text": refusal.reason, "code": code}, refusal.status)
