"""Read a Parquet file inside a process of its own; started by `parquet`, never imported.

Whoever can write into a bucket chooses the bytes that reach this parser, which is written in C++:
what kills it kills this process alone, which has a limit of memory, opens no file and is given
nothing but the one to read.

Arguments: the number of the open file, of the pipe to write to, the first row wanted, the limits of
columns, of memory and of bytes given out. Frames on the pipe are a letter, a length (4 bytes,
big-endian) and that many bytes: `R` holds rows as lines of JSON, `E` why reading ended early, `.`
is the end.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

_CPU_SECONDS = 600
_BATCH_ROWS = 1_000
_FRAME_BYTES = 1 << 20


class _Refused(Exception):  # noqa: N818 - told to the parent, not an error of the product
    """A file that is not read on; the text is the reason."""


def _main(file: int, pipe: int, first: int, *limits: int) -> None:
    most_columns, memory_bytes, most_bytes = limits
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    with os.fdopen(pipe, "wb") as taken:
        try:
            _send_rows(file, taken, first, most_columns, most_bytes)
            _write(taken, b".", b"")
        except _Refused as refusal:
            _write(taken, b"E", str(refusal).encode())
        except MemoryError:
            _write(taken, b"E", b"too_large: reading it takes more memory than is allowed")
        except Exception as error:  # noqa: BLE001 - one file's trouble, which the parent tells
            reason = f"bad_parquet: {str(error).splitlines()[0][:300] if str(error) else error!r}"
            _write(taken, b"E", reason.encode("utf-8", "replace"))


def _send_rows(file: int, taken: BinaryIO, first: int, most_columns: int, most_bytes: int) -> None:
    held: list[bytes] = []
    size = given = 0
    for row in _rows(file, first, most_columns):
        held.append(row)
        size += len(row) + 1
        if size >= _FRAME_BYTES:
            given += size
            if given > most_bytes:
                raise _Refused(f"bomb: its rows are longer than {most_bytes} bytes")
            _write(taken, b"R", b"\n".join(held))
            held, size = [], 0
    if held:
        _write(taken, b"R", b"\n".join(held))


def _rows(file: int, first: int, most_columns: int) -> Iterator[bytes]:
    """Yield the rows from `first` on as JSON, row group by row group."""
    import msgspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    encode = msgspec.json.Encoder(decimal_format="number").encode
    with os.fdopen(file, "rb") as opened:
        source = pq.ParquetFile(opened, pre_buffer=False)
        metadata = source.metadata
        if metadata.num_columns > most_columns:
            raise _Refused(f"too_many_columns: {metadata.num_columns}, at most {most_columns}")
        begin = 0
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            if begin + count > first:
                yield from _of_group(source, group, max(first - begin, 0), encode)
            begin += count


def _of_group(
    source: Any,  # noqa: ANN401 - ParquetFile, imported when it is used
    group: int,
    skipped: int,
    encode: Callable[[object], bytes],
) -> Iterator[bytes]:
    for batch in source.iter_batches(_BATCH_ROWS, row_groups=[group], use_threads=False):
        if skipped >= batch.num_rows:
            skipped -= batch.num_rows
            continue
        for row in _readable(batch.slice(skipped)).to_pylist(maps_as_pydicts="lossy"):
            yield encode(_without_nulls(row))
        skipped = 0


def _readable(batch: Any) -> Any:  # noqa: ANN401 - RecordBatch, imported when it is used
    """Return a batch whose values Python has: no nanoseconds, texts as text."""
    import pyarrow as pa

    columns = [_readable_column(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _readable_column(column: Any) -> Any:  # noqa: ANN401 - Array, imported when it is used
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            return column  # no text: it is given out in base64
    return column


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {
            str(name): _without_nulls(inner) for name, inner in value.items() if inner is not None
        }
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _write(taken: BinaryIO, kind: bytes, content: bytes) -> None:
    taken.write(kind + len(content).to_bytes(4, "big") + content)
    taken.flush()


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
