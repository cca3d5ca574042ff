"""Lay the records of examples over complete ones."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pyarrow as pa

NormalizeExample: TypeAlias = Callable[[str, Mapping[str, object]], pa.Table]
"""Takes a source and a complete record; returns an events table, empty where it was rejected."""


def merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return `base` with the keys of `over` laid over it: objects join, all else is replaced."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        is_joined = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if is_joined else value  # type: ignore[arg-type] # is_joined says so
    return result
