"""What receivers share that take payloads for one feed: its address, its records, the commit.

A payload is what a sender means by one message: it holds one record, lines of them, or a document
of them, as the feed's mapping says. Senders that name their messages (an event's id, a request's
id) send one again under the same name; its records then have the same place and are recognized.
"""

import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.collect.contracts import PushFeed, token_hash
from tocsin.collect.cutting import cut_body
from tocsin.collect.intake import (
    MAX_BODY_BYTES,
    MAX_REQUEST_RECORDS,
    Delivery,
    Intake,
    Refusal,
    delivery,
    new_origin,
    refuse_unless_committed,
)
from tocsin.collect.lines import Found
from tocsin.collect.records import reject
from tocsin.normalize import unwrap
from tocsin.ocsf.identifiers import content_hash
from tocsin.values import Secret, Written

MAX_UNPACKED_BYTES = 2 * MAX_BODY_BYTES
"""Of all records of one request, where they are more than its body: decoded, inflated, joined."""

# A body of nothing but tiny objects or values would cost a hundred times its size once cut.
_LEAST_BYTES_PER_COMMA = 16
_MOST_PARTS = 400_000
_MOST_COMMAS = 1_200_000
_BETWEEN_OBJECTS = re.compile(rb"\}\s*(?=\{)")
_MOST_TRIED_BYTES = 64 << 20

TOO_MANY = f"a request has at most {MAX_REQUEST_RECORDS} records"

Pushed = TypeVar("Pushed", bound=PushFeed)


def _hash_of(token: Secret) -> bytes:
    return token_hash(token.reveal())


OptionalToken = Annotated[bytes, Written("token", Secret, _hash_of)]
"""The type of `token_hash` where a feed can do without; empty, it is the hash of no token."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One message of a sender.

    Attributes:
        content: its records.
        uid: the sender's own name of it, or of what it came with; empty where it gives none.
        broken: why it cannot be cut, as a reject says it; `content` then is what is kept.
    """

    content: bytes
    uid: str = ""
    broken: str = ""


def named_feed(request: Request, feeds: Mapping[str, Pushed]) -> Pushed:
    """Return the feed that the address of a request names.

    Raises:
        Refusal: 401 as for a wrong token, so that nobody can try names.
    """
    feed = feeds.get(request.path_params["feed"])
    if feed is None:
        raise Refusal(401, "the token is missing or belongs to no such feed")
    return feed


def by_name(feeds: Iterable[Pushed]) -> dict[str, Pushed]:
    """Return feeds by their names."""
    return {feed.feed: feed for feed in feeds}


def opens(feed: PushFeed, token: str) -> bool:
    """Return whether a token is that of a feed, in constant time."""
    return hmac.compare_digest(feed.token_hash, token_hash(token))


async def allow_origin(request: Request) -> Response:
    """Agree to deliveries, as senders of CloudEvents ask before the first one.

    Says nothing of whether there is such a feed; each delivery shows its token.
    Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md
    """
    headers = {"Allow": "POST", "WebHook-Allowed-Rate": "*"}
    if origin := request.headers.get("webhook-request-origin"):
        headers["WebHook-Allowed-Origin"] = origin
    return Response(headers=headers)


def gather(payloads: Iterable[Payload], feed: PushFeed) -> Delivery:
    """Cut the records out of payloads, in order.

    Raises:
        Refusal: 413, they are too many or too large together.
    """
    groups: dict[str, _Group] = {}
    record_count = size_bytes = 0
    for payload in payloads:
        size_bytes += len(payload.content)
        found = _found(payload, feed, MAX_REQUEST_RECORDS - record_count)
        if size_bytes > MAX_UNPACKED_BYTES or found is None:
            raise Refusal(413, TOO_MANY if found is None else "the records are too large together")
        record_count += len(found.raws) + len(found.rejects)
        groups.setdefault(payload.uid, _Group()).add(found, len(payload.content))
    return delivery(
        feed, [group.found.span(_origin(feed, uid), 0) for uid, group in groups.items()]
    )


@dataclass(slots=True)
class _Group:
    """What came under one name, at places that are the same when it comes again."""

    found: Found = field(default_factory=Found)
    base: int = 0

    def add(self, found: Found, size_bytes: int) -> None:
        if found.headers or self.found.headers:
            missing = len(self.found.raws) - len(self.found.headers)
            self.found.headers += [None] * missing
            self.found.headers += found.headers or [None] * len(found.raws)
        self.found.raws += found.raws
        self.found.positions += [self.base + position for position in found.positions]
        self.found.rejects += [
            replace(row, position=self.base + row.position) for row in found.rejects
        ]
        # Beyond every position of this payload, whether they are offsets or indices.
        self.base += size_bytes + 1


def _origin(feed: PushFeed, uid: str) -> str:
    if not uid:
        return new_origin(feed.feed)
    return f"{feed.feed}/{content_hash(uid.encode('utf-8', 'replace'))}"


async def commit(
    intake: Intake, request: Request, read: Callable[[bytes], Iterable[Payload]], feed: PushFeed
) -> dict[str, object]:
    """Hand on what `read` finds in the body of a request, and return once it is committed.

    Returns:
        What became of the records, for senders that read answers.

    Raises:
        Refusal: of the body, of `read`, or because nothing can be stored now.
    """
    async with intake.body(request) as body:
        taken = await intake.cut(lambda content: gather(read(content), feed), body)
        del body
        return await _committed(intake, taken)


async def commit_payloads(
    intake: Intake, payloads: Iterable[Payload], feed: PushFeed
) -> dict[str, object]:
    """Hand payloads on, and return once they are committed, as `commit` does."""
    return await _committed(intake, await intake.cut(lambda _: gather(payloads, feed), b""))


async def _committed(intake: Intake, taken: Delivery) -> dict[str, object]:
    outcome = await intake.deliver(taken)
    refuse_unless_committed(outcome)
    rejected = len(outcome.rejected)
    return {"accepted": taken.record_count - rejected, "rejected": rejected}


def cut_objects(body: bytes) -> Found:
    """Return the objects of a body that follow each other, on lines or in an array.

    They are messages around records, and therefore may be longer than a record.

    Raises:
        Refusal: 413, they are too many.
    """
    if body.count(b"{") > _MOST_PARTS:
        raise Refusal(413, TOO_MANY)
    if body.count(b",") > max(_MOST_PARTS, min(len(body) // _LEAST_BYTES_PER_COMMA, _MOST_COMMAS)):
        raise Refusal(413, TOO_MANY)
    found = Found()
    for number, (raw, reason) in enumerate(_parts(body)):
        if number >= MAX_REQUEST_RECORDS:
            raise Refusal(413, TOO_MANY)
        if reason:
            found.rejects.append(reject(number, reason, raw))
        else:
            found.raws.append(raw)
            found.positions.append(number)
    return found


def _parts(body: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield the objects of a body and what is broken between them, with the reason, in order."""
    budget = _MOST_TRIED_BYTES
    while body:
        cut = unwrap(body, None)
        parts = [(position, raw, "") for position, raw in cut.records] + cut.broken
        rest = b""
        for position, raw, reason in sorted(parts):
            if reason and position == len(parts) - 1:
                budget, end = _next_object(raw, budget)
                raw, rest = raw[:end], raw[end:]
            yield raw, reason
        body = rest


def _next_object(broken: bytes, budget: int) -> tuple[int, int]:
    """Return where in a broken piece an unbroken object begins, with what is left of the budget.

    Objects that follow each other without a line break show nothing else of where they begin.
    """
    for match in _BETWEEN_OBJECTS.finditer(broken):
        budget -= len(broken) - match.end()
        if budget < 0:
            break
        try:
            json.JSONDecoder().raw_decode(broken[match.end() :].decode("latin-1"))
        except (ValueError, RecursionError):
            continue
        return budget, match.end()
    return budget, len(broken)


ABSENT = msgspec.Raw(b"null")
"""What stands for a member that an object has not, or that is null."""


def is_present(value: msgspec.Raw) -> bool:
    """Return whether a member has a value."""
    return bytes(value) != b"null"


def text_or_json(value: msgspec.Raw) -> bytes:
    """Return the text of a JSON string, and any other value as it was written."""
    written = bytes(value)
    if not written.startswith(b'"'):
        return written
    try:
        return msgspec.json.decode(written, type=str).encode()
    except (msgspec.MsgspecError, UnicodeError):
        return written


def json_or_text(content: bytes) -> msgspec.Raw:
    """Return bytes as a JSON value: as they are where they are JSON, else as a string."""
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return msgspec.Raw(msgspec.json.encode(content.decode("utf-8", "replace")))
    return msgspec.Raw(content)


def _found(payload: Payload, feed: PushFeed, max_records: int) -> Found | None:
    if payload.broken:
        return Found(rejects=[reject(0, payload.broken, payload.content)])
    return cut_body(payload.content, feed.unwrap, max_records, feed.reader)
