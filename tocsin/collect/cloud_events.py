"""Read CloudEvents in each mode that HTTP has: binary, structured, batch.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
and the JSON format beside it.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

import msgspec

from tocsin.collect.intake import Refusal
from tocsin.collect.posting import (
    ABSENT,
    Payload,
    cut_objects,
    is_present,
    json_or_text,
    text_or_json,
)

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_VERSIONS = ("1.0", "0.3")
_PREFIX = "ce-"


class _Event(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw = ABSENT
    data_base64: str | None = None


def read_events(body: bytes, headers: Mapping[str, str], wants_data: bool) -> Iterator[Payload]:
    """Yield the events of a request; in a batch the neighbors of a broken one arrive.

    Args:
        body: of the request.
        headers: of the request, by small letters.
        wants_data: whether the payload is the event's data, where it has any, or the whole event
            in the JSON format.

    Raises:
        Refusal: 400, it is no event; 413, they are too many; 415, it is none of the three modes.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        found = cut_objects(body)
        for raw in found.raws:
            yield _batched(raw, wants_data)
        yield from (Payload(row.raw, broken=row.reason) for row in found.rejects)
    elif kind == STRUCTURED:
        yield _structured(body, wants_data)
    elif f"{_PREFIX}specversion" in headers:
        yield _binary(body, headers, wants_data)
    else:
        raise Refusal(415, f"expected {STRUCTURED}, {BATCH}, or headers {_PREFIX}*")


def _batched(raw: bytes, wants_data: bool) -> Payload:
    try:
        return _structured(raw, wants_data)
    except Refusal as refusal:
        return Payload(raw, broken=f"no_cloudevent: {refusal.reason}")


def _structured(raw: bytes, wants_data: bool) -> Payload:
    try:
        event = msgspec.json.decode(raw, type=_Event)
        held = base64.b64decode(event.data_base64, validate=True) if event.data_base64 else b""
    except (msgspec.MsgspecError, RecursionError, ValueError, binascii.Error) as error:
        raise Refusal(400, f"this is no CloudEvent: {str(error)[:200]}") from error
    uid = _uid(event)
    if wants_data and is_present(event.data):
        return Payload(text_or_json(event.data), uid)
    return Payload(held if wants_data and held else raw, uid)


def _binary(body: bytes, headers: Mapping[str, str], wants_data: bool) -> Payload:
    given = {
        name.removeprefix(_PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    try:
        uid = _uid(msgspec.convert(given, _Event))
    except msgspec.ValidationError as error:
        raise Refusal(400, f"this is no CloudEvent: {error}") from error
    if wants_data:
        return Payload(body, uid)
    kind = headers.get("content-type", "")
    event: dict[str, object] = dict(given)
    if kind:
        event["datacontenttype"] = kind
    if body:
        event["data"] = json_or_text(body)
    return Payload(msgspec.json.encode(event), uid)


def _uid(event: _Event) -> str:
    """Return what names an event (source and id together are unique).

    Raises:
        Refusal: 400, an attribute that it must have is empty or unknown.
    """
    if event.specversion not in _VERSIONS:
        raise Refusal(400, f"specversion {event.specversion[:20]!r} is not read")
    if not event.id or not event.source or not event.type:
        raise Refusal(400, "id, source and type must not be empty")
    return f"{event.source} {event.id}"
