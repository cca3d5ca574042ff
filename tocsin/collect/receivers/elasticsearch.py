"""Answer shippers as Elasticsearch does: `_bulk`, single documents, and what they probe first.

A document belongs to the feed whose token came with the request and whose index pattern fits. An
item answers 201 once its record is committed, and 400 with the reason where it was kept as a
reject, so that the shipper logs it and goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tocsin.collect.bulk import Action, BulkError, read_actions
from tocsin.collect.contracts import Outcome, PushFeed
from tocsin.collect.intake import (
    MAX_REQUEST_RECORDS,
    Delivery,
    Intake,
    Refusal,
    delivery,
    new_origin,
    refuse_unless_committed,
)
from tocsin.collect.lines import Found
from tocsin.collect.records import Span
from tocsin.ocsf.identifiers import content_hash

_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
_IGNORED = (
    "_index_template",
    "_component_template",
    "_template",
    "_ilm/policy",
    "_ingest/pipeline",
    "_data_stream",
    "_alias",
)

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ElasticsearchFeed(PushFeed):
    """Documents of some indices.

    Attributes:
        token_hash: what shippers show: as API key, or as password of any user name.
        indices: index names, `*` allowed, whose documents belong to this feed.
        record_field: the text field of the document that holds the record (`message`); otherwise
            the document.
    """

    indices: tuple[str, ...] = ("*",)
    record_field: str | None = None


@dataclass(frozen=True, slots=True)
class ElasticsearchSettings:
    """The feeds that it serves, and the version that it claims: some shippers ask."""

    feeds: tuple[ElasticsearchFeed, ...]
    version: str = "8.19.0"


class Elasticsearch:
    """Receives from shippers that write to Elasticsearch."""

    guarantee: ClassVar[str] = "acknowledged"

    def __init__(self, settings: ElasticsearchSettings) -> None:
        """Take the feeds."""
        self._settings = settings

    def routes(self, intake: Intake) -> Sequence[BaseRoute]:
        """Return the addresses of a cluster that a shipper uses."""
        desk = _Desk(self._settings, intake)
        probes = [
            Route(path, desk.answer(desk.ignore), methods=_ANY)
            for name in _IGNORED
            for path in (f"/{name}", f"/{name}/{{rest:path}}")
        ]
        questions = [
            ("/", desk.about),
            ("/_license", desk.license),
            ("/_xpack", desk.features),
            ("/_cluster/health", desk.health),
            ("/_cluster/health/{index}", desk.health),
        ]
        writes = [("/_bulk", desk.bulk), ("/{index}/_bulk", desk.bulk)]
        singles = ["/{index}/_doc", "/{index}/_doc/{uid}", "/{index}/_create/{uid}"]
        return [
            *(Route(path, desk.answer(answer), methods=["GET"]) for path, answer in questions),
            *probes,
            Route("/{index}/_refresh", desk.answer(desk.refresh), methods=["GET", "POST"]),
            *(Route(path, desk.answer(write), methods=_WRITE) for path, write in writes),
            *(Route(path, desk.answer(desk.single), methods=_WRITE) for path in singles),
            # Last: names of indices look like the addresses above.
            Route("/{index}", desk.answer(desk.create), methods=["PUT", "HEAD"]),
        ]


_ANY = ["GET", "HEAD", "PUT", "POST", "DELETE"]
_WRITE = ["POST", "PUT"]


@dataclass(slots=True)
class _Item:
    """One action on its way to its answer; `problem` says why it is not taken."""

    operation: str
    index: str
    uid: str | None
    feed: str = ""
    place: tuple[str, int] = ("", 0)
    problem: str = ""


@dataclass(slots=True)
class _Given:
    """The actions of a request, and the records of each feed by origin."""

    items: list[_Item] = field(default_factory=list)
    found: dict[str, dict[str, Found]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, item: _Item, record: bytes) -> None:
        """Find the place of a record, which its item remembers, and keep it."""
        if item.uid is not None:
            # The shipper names its documents, so that one that is sent again is recognized.
            item.place = (f"{item.feed}/{content_hash(item.uid.encode())}", 0)
        else:
            origin = self.origins.setdefault(item.feed, new_origin(item.feed))
            item.place = (origin, len(self.items) - 1)
        origin, position = item.place
        self.found.setdefault(item.feed, {}).setdefault(origin, Found()).add(position, record)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The actions of a request, and what goes to each feed."""

    items: list[_Item]
    deliveries: dict[str, Delivery]


class _Desk:
    def __init__(self, settings: ElasticsearchSettings, intake: Intake) -> None:
        self._feeds = settings.feeds
        self._version = settings.version
        self._intake = intake

    def answer(
        self, inner: Callable[[Request, tuple[ElasticsearchFeed, ...]], Awaitable[Response]]
    ) -> Answer:
        """Check the token first, and put refusals into Elasticsearch's words."""

        async def answered(request: Request) -> Response:
            try:
                allowed = self._intake.authorize(request, self._feeds)
                response = await inner(request, allowed)
            except Refusal as refusal:
                response = _refused(refusal)
            response.headers.update(_PRODUCT)
            return response

        return answered

    async def about(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        return JSONResponse(
            {
                "name": "tocsin",
                "cluster_name": "tocsin",
                "cluster_uuid": "tocsin",
                "version": {
                    "number": self._version,
                    "build_flavor": "default",
                    "build_type": "tar",
                    "lucene_version": "9.12.1",
                    "minimum_wire_compatibility_version": "7.17.0",
                    "minimum_index_compatibility_version": "7.0.0",
                },
                "tagline": "You Know, for Search",
            }
        )

    async def license(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        license_ = {"status": "active", "uid": "tocsin", "type": "basic", "mode": "basic"}
        return JSONResponse({"license": license_})

    async def features(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        """Say that there are lifecycles: some shippers do not start without."""
        lifecycles = {"available": True, "enabled": True}
        license_ = {"uid": "tocsin", "type": "basic", "mode": "basic", "status": "active"}
        return JSONResponse({"license": license_, "features": {"ilm": lifecycles}})

    async def create(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        """Agree that there is the index, if a feed of the token takes its documents."""
        index = request.path_params["index"]
        if _feed_of(index, allowed) is None:
            raise Refusal(404, f"no feed of this token takes index [{index}]")
        return JSONResponse({"acknowledged": True, "shards_acknowledged": True, "index": index})

    async def refresh(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        return JSONResponse({"_shards": {"total": 1, "successful": 1, "failed": 0}})

    async def health(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        return JSONResponse({"cluster_name": "tocsin", "status": "green", "number_of_nodes": 1})

    async def ignore(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        """Agree to templates, policies and pipelines: the mapping of the feed decides instead."""
        return JSONResponse({"acknowledged": True})

    async def bulk(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        began = time.monotonic()
        index = request.path_params.get("index", "")
        async with self._intake.body(request) as body:
            sorted_ = await self._intake.cut(_sort, body, index, allowed)
            del body
            outcomes = await self._deliver(sorted_)
        items = [_answer_item(item, outcomes) for item in sorted_.items]
        has_errors = any("error" in result for item in items for result in item.values())
        took = int((time.monotonic() - began) * 1000)
        content = msgspec.json.encode({"took": took, "errors": has_errors, "items": items})
        return Response(content, media_type="application/json")

    async def single(self, request: Request, allowed: tuple[ElasticsearchFeed, ...]) -> Response:
        async with self._intake.body(request) as body:
            # A document of one request may be indented; records are lines nowhere but in bulk.
            action = Action(
                "index", request.path_params["index"], request.path_params.get("uid"), body
            )
            sorted_ = _put(_give_out([action], allowed), allowed)
            outcomes = await self._deliver(sorted_)
        result = _answer_item(sorted_.items[0], outcomes)["index"]
        if "error" in result:
            return JSONResponse({"error": result["error"], "status": result["status"]}, 400)
        return JSONResponse(result, 201)

    async def _deliver(self, sorted_: _Sorted) -> dict[str, Outcome]:
        """Hand each feed its records; raise where none of them was taken."""
        feeds = list(sorted_.deliveries)
        outcomes = await asyncio.gather(*map(self._intake.deliver, sorted_.deliveries.values()))
        if outcomes and all(outcome.status != "committed" for outcome in outcomes):
            refuse_unless_committed(outcomes[0])
        return dict(zip(feeds, outcomes, strict=True))


def _sort(body: bytes, default_index: str, allowed: tuple[ElasticsearchFeed, ...]) -> _Sorted:
    """Give each document to its feed.

    Raises:
        Refusal: 400, the body is no bulk request; 413, it has too many actions.
    """
    if body.count(b"\n") > 2 * MAX_REQUEST_RECORDS:
        raise Refusal(413, f"a request has at most {MAX_REQUEST_RECORDS} actions")
    try:
        given = _give_out(read_actions(body, default_index), allowed)
    except BulkError as error:
        raise Refusal(400, str(error)) from error
    return _put(given, allowed)


def _give_out(actions: Iterable[Action], allowed: tuple[ElasticsearchFeed, ...]) -> _Given:
    given = _Given()
    for action in actions:
        item = _Item(action.operation, action.index, action.uid)
        given.items.append(item)
        feed = _feed_of(action.index, allowed)
        if action.operation in ("update", "delete"):
            item.problem = f"{action.operation} is not supported: records are only ever added"
        elif feed is None:
            item.problem = f"no feed of this token takes index [{action.index}]"
        else:
            item.feed = feed.feed
            given.add(item, _record(action.document, feed.record_field))
    return given


def _put(given: _Given, allowed: tuple[ElasticsearchFeed, ...]) -> _Sorted:
    return _Sorted(
        given.items,
        {
            feed.feed: delivery(feed, _spans(given.found[feed.feed]))
            for feed in allowed
            if feed.feed in given.found
        },
    )


def _feed_of(index: str, allowed: tuple[ElasticsearchFeed, ...]) -> ElasticsearchFeed | None:
    for feed in allowed:
        if any(fnmatchcase(index, pattern) for pattern in feed.indices):
            return feed
    return None


def _record(document: bytes, record_field: str | None) -> bytes:
    if record_field is None:
        return document
    try:
        held = msgspec.json.decode(document, type=dict[str, msgspec.Raw]).get(record_field)
        return msgspec.json.decode(held, type=str).encode() if held is not None else document
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        # `normalize` says what is wrong with it.
        return document


def _spans(found: dict[str, Found]) -> list[Span]:
    return [
        Span(origin, each.raws, each.positions, each.rejects, 0) for origin, each in found.items()
    ]


def _answer_item(item: _Item, outcomes: dict[str, Outcome]) -> dict[str, dict[str, object]]:
    uid = item.uid or content_hash(f"{item.place[0]}#{item.place[1]}".encode())
    result: dict[str, object] = {"_index": item.index, "_id": uid}
    outcome = outcomes.get(item.feed)
    if item.problem or outcome is None:
        result |= _error(400, "illegal_argument_exception", item.problem)
    elif outcome.status != "committed":
        reason = "too much is waiting to be stored"
        result |= _error(429, "es_rejected_execution_exception", reason)
    elif reason := outcome.rejected.get(item.place, ""):
        result |= _error(400, "document_parsing_exception", reason)
    else:
        shards = {"total": 1, "successful": 1, "failed": 0}
        result |= {"_version": 1, "result": "created", "_shards": shards}
        result |= {"_seq_no": 0, "_primary_term": 1, "status": 201}
    return {item.operation: result}


def _error(status: int, kind: str, reason: str) -> dict[str, object]:
    return {"status": status, "error": {"type": kind, "reason": reason}}


_KINDS = {
    400: "illegal_argument_exception",
    401: "security_exception",
    404: "index_not_found_exception",
    429: "es_rejected_execution_exception",
    503: "unavailable_shards_exception",
}


def _refused(refusal: Refusal) -> Response:
    kind = _KINDS.get(refusal.status, "content_too_long_exception")
    cause = {"type": kind, "reason": refusal.reason}
    content = {"error": {"root_cause": [cause], **cause}, "status": refusal.status}
    return JSONResponse(content, refusal.status, refusal.headers)
