"""Read the source's own record of an event in full."""

import json
from collections.abc import Mapping

import msgspec

_MAX_DIGITS = 400


def read_record(text: str) -> Mapping[str, object] | None:
    """Return the record, `None` where it is no JSON object or too deep.

    Numbers beyond what fits stay text, as does `NaN`: rules may look at everything else.
    """
    try:
        record = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        record = _read_loosely(text)
    return record if isinstance(record, dict) else None


def _read_loosely(text: str) -> object:
    try:
        return json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if abs(number) != float("inf") else digits
