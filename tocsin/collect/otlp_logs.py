"""Turn log records of OTLP, from protobuf or JSON, into the records of a feed.

Both ways lead to the names of OTLP's JSON (`severityText`, `traceId` as hex), so that the same
record gives the same text whichever way it came.
Source: https://opentelemetry.io/docs/specs/otlp/ and logs/v1/logs.proto
"""

import base64
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tocsin.collect.contracts import PushFeed
from tocsin.collect.intake import MAX_REQUEST_RECORDS, Delivery, Refusal, delivery, new_origin
from tocsin.collect.lines import TOO_LONG, Found
from tocsin.collect.otlp_wire import Encoded, WireError, body_text, encoded_records
from tocsin.collect.posting import MAX_UNPACKED_BYTES, TOO_MANY
from tocsin.collect.records import MAX_RECORD_BYTES, reject

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NANOSECONDS = 253_402_300_799 * 10**9
# JSON of OTLP has 25 bytes or more for each of its objects.
_LEAST_BYTES_PER_OBJECT = 16
_MOST_OBJECTS = 800_000


@dataclass(frozen=True, slots=True)
class OtlpFeed(PushFeed):
    """Log records that OpenTelemetry collectors and SDKs export over HTTP.

    Attributes:
        record: `body` takes the body of a log record, for logs that were read from files and the
            like; `record` takes all of it: resource, scope, time, severity, body, attributes, ids.
    """

    record: Literal["body", "record"] = "body"


@dataclass(frozen=True, slots=True)
class _Read:
    """One log record: its body, and all of it as JSON has it; or why it cannot be read."""

    body: object
    whole: dict[str, object]
    raw: bytes
    problem: str = ""


def from_protobuf(body: bytes, feed: OtlpFeed) -> Delivery:
    """Return the records of a protobuf request.

    Raises:
        Refusal: 400, it is none; 413, it holds too much.
    """
    try:
        return _delivered(map(_Protobuf().read, encoded_records(body)), feed)
    except WireError as error:
        raise Refusal(400, f"this is no request of OTLP: {error}") from error


def from_json(body: bytes, feed: OtlpFeed) -> Delivery:
    """Return the records of a JSON request.

    Raises:
        Refusal: 400, it is none; 413, it holds too much.
    """
    most = max(2 * MAX_REQUEST_RECORDS, min(len(body) // _LEAST_BYTES_PER_OBJECT, _MOST_OBJECTS))
    if body.count(b"{") > most:
        raise Refusal(413, TOO_MANY)
    try:
        request = msgspec.json.decode(body, type=_Request)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, f"this is no request of OTLP: {str(error)[:200]}") from error
    return _delivered(_json_records(request), feed)


def _delivered(records: Iterable[_Read], feed: OtlpFeed) -> Delivery:
    found = Found()
    size_bytes = 0
    for position, record in enumerate(records):
        if position >= MAX_REQUEST_RECORDS:
            raise Refusal(413, TOO_MANY)
        if record.problem:
            found.rejects.append(reject(position, record.problem, record.raw))
        elif feed.record == "record":
            found.add(position, _encode(record.whole))
        elif record.body is None:
            raw = _encode(record.whole)
            found.rejects.append(reject(position, "no_body: the log record has none", raw))
        else:
            found.add(position, _text(record.body))
        size_bytes += len(found.raws[-1]) if found.raws else 0
        if size_bytes > MAX_UNPACKED_BYTES:
            raise Refusal(413, "the records are too large together")
    return delivery(feed, [found.span(new_origin(feed.feed), 0)])


def _text(body: object) -> bytes:
    return body.encode("utf-8", "replace") if isinstance(body, str) else _encode(body)


_encode = msgspec.json.encode


def _whole(
    resource: object, scope: object, fields: dict[str, object], body: object
) -> dict[str, object]:
    """Return a log record as JSON has it; what is empty is left out."""
    nanoseconds = _number(fields.get("timeUnixNano")) or _number(fields.get("observedTimeUnixNano"))
    made: dict[str, object] = {"time": _time(nanoseconds), "resource": resource, "scope": scope}
    made |= fields
    made["body"] = body
    return {key: value for key, value in made.items() if value not in (None, "", {}, 0, "0")}


def _time(nanoseconds: int) -> str | None:
    if not 0 < nanoseconds <= _LATEST_NANOSECONDS:
        return None
    time = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _number(value: object) -> int:
    """Return a number that JSON may hold as text, as 64 bits do not fit into its own."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    return value if isinstance(value, int) and value >= 0 else 0


class _Protobuf:
    """Builds messages one by one; equal surroundings of records that follow each other once."""

    def __init__(self) -> None:
        # The package has no types; what it is shows in the `except` below.
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
        from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
        from opentelemetry.proto.resource.v1.resource_pb2 import Resource

        self._error = DecodeError
        self._kinds = (Resource, InstrumentationScope, LogRecord)
        self._resource: tuple[bytes, object] = (b"", {})
        self._scope: tuple[bytes, object] = (b"", {})

    def read(self, encoded: Encoded) -> _Read:
        if max(len(encoded.record), len(encoded.resource), len(encoded.scope)) > MAX_RECORD_BYTES:
            return _Read(None, {}, body_text(encoded.record) or encoded.record, TOO_LONG)
        try:
            if encoded.resource is not self._resource[0]:
                resource = self._kinds[0].FromString(encoded.resource)
                self._resource = (encoded.resource, _attributes(resource.attributes))
            if encoded.scope is not self._scope[0]:
                scope = self._kinds[1].FromString(encoded.scope)
                self._scope = (
                    encoded.scope,
                    _scope(scope.name, scope.version, _attributes(scope.attributes)),
                )
            record = self._kinds[2].FromString(encoded.record)
            body = _value(record.body)
            whole = _whole(self._resource[1], self._scope[1], _fields(record), body)
        except (self._error, RecursionError) as error:
            return _Read(None, {}, encoded.record, f"not_protobuf: {str(error)[:200]}")
        return _Read(body, whole, encoded.record)


def _fields(record: "LogRecord") -> dict[str, object]:
    return {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        "severityNumber": int(record.severity_number),
        "severityText": record.severity_text,
        "eventName": record.event_name,
        "attributes": _attributes(record.attributes),
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "flags": record.flags,
    }


def _scope(name: object, version: object, attributes: object) -> dict[str, object]:
    given = {"name": name, "version": version, "attributes": attributes}
    return {key: value for key, value in given.items() if value}


def _attributes(pairs: "Iterable[KeyValue]") -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: "AnyValue") -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _double(value.double_value)
    return None if kind is None else getattr(value, kind)


def _double(value: float) -> float | str:
    # As in OTLP's JSON, which has no numbers for these.
    return value if math.isfinite(value) else str(value)


class _ScopeLogs(msgspec.Struct, rename="camel"):
    scope: msgspec.Raw = msgspec.Raw(b"{}")
    log_records: list[msgspec.Raw] = []


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_logs: list[_ScopeLogs] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs]


_JSON_FIELDS = (
    "timeUnixNano",
    "observedTimeUnixNano",
    "severityNumber",
    "severityText",
    "eventName",
)


def _json_records(request: _Request) -> Iterator[_Read]:
    for resource_logs in request.resource_logs:
        resource = _json_attributes(_object(bytes(resource_logs.resource)).get("attributes"))
        for scope_logs in resource_logs.scope_logs:
            given = _object(bytes(scope_logs.scope))
            attributes = _json_attributes(given.get("attributes"))
            scope = _scope(given.get("name"), given.get("version"), attributes)
            for raw in scope_logs.log_records:
                yield _json_record(bytes(raw), resource, scope)


def _json_record(raw: bytes, resource: object, scope: object) -> _Read:
    if len(raw) > MAX_RECORD_BYTES:
        return _Read(None, {}, raw, TOO_LONG)
    record = _object(raw)
    if not record:
        return _Read(None, {}, raw, "not_json: no log record")
    try:
        body = _json_value(record.get("body"))
        fields = {key: record.get(key) for key in _JSON_FIELDS}
        fields["attributes"] = _json_attributes(record.get("attributes"))
        fields |= {key: record.get(key) for key in ("traceId", "spanId", "flags")}
    except RecursionError:
        return _Read(None, {}, raw, "not_json: nested too deep")
    return _Read(body, _whole(resource, scope, fields, body), raw)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}


def _json_attributes(pairs: object) -> dict[str, object]:
    if not isinstance(pairs, list):
        return {}
    return {
        str(pair.get("key")): _json_value(pair.get("value"))
        for pair in pairs
        if isinstance(pair, dict)
    }


def _json_value(value: object) -> object:
    if not isinstance(value, dict) or not value:
        return None
    kind, held = next(iter(value.items()))
    if kind == "arrayValue":
        return [_json_value(each) for each in _held_values(held)]
    if kind == "kvlistValue":
        return _json_attributes(_held_values(held))
    if kind == "intValue" and isinstance(held, str):
        return int(held) if held.lstrip("-").isdigit() and len(held) <= 20 else held
    return held


def _held_values(held: object) -> list[object]:
    values = held.get("values") if isinstance(held, dict) else None
    return values if isinstance(values, list) else []
