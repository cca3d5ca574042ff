"""Cut Parquet files into records: each row is one, as a JSON object, at the place of its index.

The file is read in a process of its own (`parquet_child`), row group by row group. A file that
cannot be read, that is a bomb or kills its reader is one reject behind the rows that were good.
"""

import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tocsin.collect.lines import Found
from tocsin.collect.records import GrowingReject, Span

PARQUET_MAGIC = b"PAR1"

_PIECE_BYTES = 1 << 20
_CHILD = Path(__file__).with_name("parquet_child.py")


@dataclass(frozen=True, slots=True)
class ParquetLimits:
    """How much one file may hold.

    Attributes:
        file_bytes: of the file itself.
        columns: leaves of its schema.
        rows_bytes_least, ratio: its rows as JSON may have so many bytes, or so many times those of
            the file where that is more.
        memory_bytes: of the process that reads it.
        silent_seconds: how long that process may be silent.
    """

    file_bytes: int = 1 << 30
    columns: int = 5_000
    rows_bytes_least: int = 256 << 20
    ratio: int = 200
    memory_bytes: int = 3 << 30
    silent_seconds: float = 120.0


LIMITS = ParquetLimits()


def cut_parquet(
    blocks: Iterable[bytes], origin: str, resume: int, limits: ParquetLimits = LIMITS
) -> Iterator[Span]:
    """Yield the rows of a file from row `resume` on; errors of `blocks` pass through."""
    whole = GrowingReject(resume, "too_large: the file is longer than is read")
    with TemporaryFile() as file:
        for block in blocks:
            whole.add(block)
            if whole.size_bytes <= limits.file_bytes:
                file.write(block)
        if whole.size_bytes > limits.file_bytes:
            if not resume:
                yield Span(origin, (), (), [whole.end()], 1)
            return
        file.flush()
        file.seek(0)
        yield from _read(file, whole, Span(origin, (), (), (), resume), limits)


def _read(
    file: IO[bytes], whole: GrowingReject, before: Span, limits: ParquetLimits
) -> Iterator[Span]:
    """Yield what the reading process gives; `before` is where the rows begin.

    It is asked for the row before as well: where even that is missing, its reject was given.
    """
    row, problem = max(before.resume - 1, 0), ""
    is_told = before.resume > 0
    most_bytes = max(limits.rows_bytes_least, limits.ratio * whole.size_bytes)
    process = _started(file, row, limits, most_bytes)
    try:
        for kind, content in _frames(process, limits.silent_seconds):
            if kind != b"R":
                problem = content.decode("utf-8", "replace") if kind == b"E" else ""
                break
            is_told = False
            found = Found()
            for raw in content.split(b"\n"):
                found.add(row, raw)
                row += 1
            wanted = found.since(before.resume)
            if wanted.raws or wanted.rejects:
                yield wanted.span(before.origin, row)
        else:
            problem = "bad_parquet: its reader ended or was silent for too long"
    finally:
        _end(process)
    if problem and not is_told:
        yield Span(before.origin, (), (), [whole.end(problem, row)], row + 1)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _started(
    file: IO[bytes], first: int, limits: ParquetLimits, most_bytes: int
) -> "subprocess.Popen[bytes]":
    descriptor = file.fileno()
    numbers = (descriptor, 1, first, limits.columns, limits.memory_bytes, most_bytes)
    return subprocess.Popen(
        [sys.executable, "-I", str(_CHILD), *map(str, numbers)],
        env={"ARROW_DEFAULT_MEMORY_POOL": "system"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        pass_fds=(descriptor,),
        start_new_session=True,
    )


def _frames(
    process: "subprocess.Popen[bytes]", silent_seconds: float
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the frames of a process until it ends, breaks off or is silent."""
    if process.stdout is None:
        return
    descriptor = process.stdout.fileno()
    while True:
        head = _exactly(descriptor, 5, silent_seconds)
        if len(head) < 5:
            return
        size = int.from_bytes(head[1:], "big")
        content = _exactly(descriptor, size, silent_seconds)
        if len(content) < size:
            return
        yield head[:1], content


def _exactly(descriptor: int, size: int, seconds: float) -> bytes:
    parts: list[bytes] = []
    while size and select.select([descriptor], [], [], seconds)[0]:
        part = os.read(descriptor, min(size, _PIECE_BYTES))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
