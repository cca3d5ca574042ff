"""Lay the records of examples over complete ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec
import pyarrow as pa

NormalizeRecords: TypeAlias = Callable[[str, Sequence[Mapping[str, object]]], Sequence[pa.Table]]
"""Takes a source and complete records of it; returns an events table of each, empty where it was
rejected."""


class Laid:
    """Records of examples as events; what is known to be wanted is normalized together.

    One record costs a mapping nearly as much as a thousand: examples say first what they want.
    """

    def __init__(self, normalize_records: NormalizeRecords) -> None:
        """Remember who normalizes."""
        self._normalize_records = normalize_records
        self._wanted: dict[str, dict[bytes, Mapping[str, object]]] = {}
        self._events: dict[tuple[str, bytes], pa.Table] = {}

    def want(self, source: str, record: Mapping[str, object]) -> None:
        """Note that the events of a record will be asked for."""
        self._wanted.setdefault(source, {})[_key(record)] = record

    def events(self, source: str, record: Mapping[str, object]) -> pa.Table:
        """Return the events table of a complete record; empty where it was rejected."""
        key = _key(record)
        if (source, key) not in self._events:
            wanted = {**self._wanted.pop(source, {}), key: record}
            tables = self._normalize_records(source, list(wanted.values()))
            for each, table in zip(wanted, tables, strict=True):
                self._events[source, each] = table
        return self._events[source, key]


def _key(record: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(record)


def merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return `base` with the keys of `over` laid over it: objects join, all else is replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        is_joined = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if is_joined else value  # type: ignore[arg-type] # is_joined says so
    return result
