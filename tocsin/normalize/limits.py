"""Judge raw records before they are parsed: size, encoding, depth, strictness, duplicate keys.

A record passes here at the speed of a JSON parser in C; what is slower runs only where counting
bytes raised a suspicion.
"""

import json
import re
from itertools import accumulate

import msgspec

MAX_RECORD_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 10_000

DUPLICATE_KEY = "duplicate_key"
NUL = "nul"

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# An unclosed string runs to the end, so that no text is searched twice.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_STEPS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class RefusedError(Exception):
    """A record that is not parsed; the text is the reason of its reject."""


def examine(raw: bytes) -> tuple[str, ...]:
    """Return the flags of one record.

    Raises:
        RefusedError: when it must not or cannot be parsed.
    """
    if not raw.startswith(b"{") and raw.lstrip(b" \t\r\n")[:1] != b"{":
        raise RefusedError(_why_no_object(raw))
    if len(raw) > MAX_RECORD_BYTES:
        raise RefusedError(f"too_large: {len(raw)} bytes, at most {MAX_RECORD_BYTES} are read")
    # Deeper than MAX_DEPTH needs as many brackets, MAX_NODES values twice as many bytes. To look
    # whether a byte is there costs a tenth of counting it.
    brackets = raw.count(b"{") + (raw.count(b"[") if b"[" in raw else 0)
    if brackets > MAX_DEPTH or len(raw) > 2 * MAX_NODES:
        _check_shape(raw)
    try:
        encoded = _encode(_decode(raw))
    except UnicodeDecodeError as error:
        raise RefusedError(f"not_utf8: {error.reason}") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError(_why_not_json(raw, error)) from error
    # What comes back byte for byte had no key twice: of two equal keys only one is encoded.
    if encoded != raw and _may_repeat_keys(raw, encoded):
        return _exact_flags(raw)
    # Most records have no escape at all, which one look tells.
    return (NUL,) if b"\\" in raw and b"\\u0000" in raw else ()


def _may_repeat_keys(raw: bytes, encoded: bytes) -> bool:
    # Encoding what was decoded loses the colon of every key that stands twice; it gains none, but
    # where colons were written as escapes.
    if encoded.count(b":") != raw.count(b":"):
        return True
    return b"\\u003a" in raw or b"\\u003A" in raw


def _check_shape(raw: bytes) -> None:
    """Refuse what is too deep or holds too many values, counting outside strings only."""
    bare = _STRING.sub(b"", raw)
    steps = (_STEPS[bracket] for bracket in _BRACKETS.findall(bare))
    depth = max(accumulate(steps), default=0)
    if depth > MAX_DEPTH:
        raise RefusedError(f"too_deep: {depth} levels, at most {MAX_DEPTH} are read")
    nodes = 1 + bare.count(b",") + bare.count(b"{") + bare.count(b"[")
    if nodes > MAX_NODES:
        raise RefusedError(f"too_many_values: {nodes} values, at most {MAX_NODES} are read")


def _exact_flags(raw: bytes) -> tuple[str, ...]:
    repeated = False

    def notice(pairs: list[tuple[str, object]]) -> object:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) != len(pairs)
        return found

    json.loads(raw, object_pairs_hook=notice)
    flags = (DUPLICATE_KEY,) if repeated else ()
    return (*flags, NUL) if b"\\u0000" in raw else flags


def _why_no_object(raw: bytes) -> str:
    if not raw.strip():
        return "empty: nothing but space"
    try:
        value = _decode(raw)
    except UnicodeDecodeError as error:
        return f"not_utf8: {error.reason}"
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return _why_not_json(raw, error)
    return f"not_object: a JSON {type(value).__name__} where an object is expected"


def _why_not_json(raw: bytes, error: Exception) -> str:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return f"not_utf8: {undecodable.reason} at byte {undecodable.start}"
    if isinstance(error, msgspec.ValidationError):
        return f"number_out_of_range: {error}"
    return f"not_json: {error}"
