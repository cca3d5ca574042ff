"""Arrow columns as Python lists whose values are never null."""

from typing import Any, TypeAlias

import pyarrow as pa

Column: TypeAlias = "pa.ChunkedArray[Any]"


def integers(column: Column) -> list[int]:
    """Return numbers; times as microseconds."""
    return [value or 0 for value in column.cast(pa.int64()).to_pylist()]


def texts(column: Column) -> list[str]:
    """Return texts, "" for null."""
    return [value or "" for value in column.to_pylist()]
