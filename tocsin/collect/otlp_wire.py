"""Find the log records in a protobuf request of OTLP without building what is around them.

A message of a few megabytes can hold millions of empty records, each a hundred times larger once
built. The three outer levels are walked here, so that records are counted, and each is built alone.
Source: https://github.com/open-telemetry/opentelemetry-proto (logs/v1/logs.proto) and
https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from dataclasses import dataclass

# Field numbers. ExportLogsServiceRequest: 1 resource_logs. ResourceLogs: 1 resource, 2 scope_logs.
# ScopeLogs: 1 scope, 2 log_records.
_HEAD = 1
_PARTS = 2
# LogRecord: 5 body. AnyValue: 1 string_value.
_BODY = 5
_TEXT = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


class WireError(Exception):
    """The body is no protobuf message."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One log record and what surrounds it, each an encoded message."""

    resource: bytes
    scope: bytes
    record: bytes


def encoded_records(body: bytes) -> Iterator[Encoded]:
    """Yield the log records of a request in order.

    Raises:
        WireError: after those before it, the body goes on as no protobuf.
    """
    for number, resource_logs in _messages(body):
        if number != _HEAD:
            continue
        resource, scopes = _head_and_parts(resource_logs)
        for scope_logs in scopes:
            scope, records = _head_and_parts(scope_logs)
            for record in records:
                yield Encoded(resource, scope, record)


def body_text(record: bytes) -> bytes:
    """Return the text of an encoded log record's body; empty where it has none.

    Raises:
        WireError: the record is no protobuf.
    """
    body = b"".join(content for number, content in _messages(record) if number == _BODY)
    texts = [content for number, content in _messages(body) if number == _TEXT]
    return texts[-1] if texts else b""


def _head_and_parts(message: bytes) -> tuple[bytes, Iterator[bytes]]:
    """Return the head, which may stand behind the parts, and the parts.

    Heads of one message are merged by being put after each other, as protobuf says.
    """
    head = b"".join(content for number, content in _messages(message) if number == _HEAD)
    return head, (content for number, content in _messages(message) if number == _PARTS)


def _messages(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields of a message that are messages, texts or bytes; pass over the others."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _BYTES:
            size, at = _varint(message, at)
            if size > end - at:
                raise WireError("a field is longer than its message")
            yield tag >> 3, message[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise WireError("a field has an unknown wire type")
    if at > end:
        raise WireError("a field is longer than its message")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
        if at >= len(message):
            raise WireError("a number ends early")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise WireError("a number is too long")
