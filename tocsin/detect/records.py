"""Read the source's own record of an event in full."""

import json
from collections.abc import Mapping

import msgspec
import pyarrow as pa

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


def native_texts(events: pa.Table) -> list[str]:
    """Return the native record of each event as JSON: its raw text, or what was read of it."""
    raws = list(map(str, events.column("raw_data").to_pylist()))
    if "native" not in events.column_names:
        return raws
    read = events.column("native").to_pylist()
    return [raw if text is None else str(text) for raw, text in zip(raws, read, strict=True)]
