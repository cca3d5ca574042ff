"""Write and read one snapshot of indicators: rows in order of their keys, and the keys alone."""

import json
import mmap
import secrets
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tocsin.errors import StoreError
from tocsin.intelligence import IndicatorTable, keys
from tocsin.store import durable
from tocsin.store.lake import literal

GROUP_ROWS = 5_000
MEMORY_LIMIT = "256MB"

_HEADER = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Written:
    """A snapshot on the disk: its name, its rows, and how many keys nobody had before."""

    name: str
    rows: int
    fresh: int


class KeyFile:
    """Sorted keys in a file, and the lengths of the networks among what they stand for.

    The file begins with the length of a JSON list and that list, padded to eight bytes.
    """

    def __init__(self, content: Sequence[int], lengths: Iterable[tuple[int, int]]) -> None:
        self._keys = content
        self.lengths = tuple(lengths)

    @classmethod
    def opened(cls, path: Path) -> "KeyFile":
        """Return the keys of a file, mapped and not read; none where there is no such file.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            with path.open("rb") as file:
                content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            (size,) = _HEADER.unpack(content[:4])
            lengths = [tuple(each) for each in json.loads(bytes(content[4 : 4 + size]))]
            start = 4 + size + (-(4 + size) % 8)
            return cls(content[start:].cast("Q"), lengths)
        except FileNotFoundError:
            return cls((), ())
        except (OSError, ValueError, TypeError, struct.error) as error:
            raise StoreError(
                f"{path} is damaged ({error}): run `tocsin intelligence pull`"
            ) from error

    @staticmethod
    def write(path: Path, content: "array[int]", lengths: Iterable[tuple[int, int]]) -> None:
        """Write sorted keys durably."""
        told = json.dumps(sorted(lengths)).encode()
        with durable.new_file(path) as temporary, temporary.open("wb") as file:
            file.write(_HEADER.pack(len(told)) + told)
            file.write(b" " * (-(4 + len(told)) % 8))
            content.tofile(file)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        first, last = self.range_of(key) if isinstance(key, int) else (0, 0)
        return first < last

    def concerned(self, values: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Yield the kinds and values that one of the keys may concern."""
        for kind, value in values:
            if any(keys.key_of(*each) in self for each in keys.variants(kind, value, self.lengths)):
                yield kind, value

    def range_of(self, key: int) -> tuple[int, int]:
        """Return the first place of a key and the place behind its last."""
        content = self._keys
        first = last = bisect_left(content, key)
        count = len(content)
        while last < count and content[last] == key:
            last += 1
        return first, last


class Snapshot:
    """One snapshot, open for questions."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.path = folder / f"{name}.parquet"
        self.keys = KeyFile.opened(folder / f"{name}.keys")
        self.lengths = self.keys.lengths
        self._file: pq.ParquetFile | None = None

    def rows(self, first: int, last: int) -> list[dict[str, object]]:
        """Return the rows from `first` on, without that at `last`.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            if self._file is None:
                self._file = pq.ParquetFile(self.path, memory_map=True, pre_buffer=False)
            group = first // GROUP_ROWS
            wanted = list(range(group, (last - 1) // GROUP_ROWS + 1))
            table = self._file.read_row_groups(wanted, use_threads=False)
            found: list[dict[str, object]] = table.slice(
                first - group * GROUP_ROWS, last - first
            ).to_pylist()
            return found
        except (OSError, pa.ArrowException, IndexError) as error:
            raise StoreError(
                f"{self.path} cannot be read ({error}): run `tocsin intelligence pull`"
            ) from error


def write_snapshot(
    folder: Path,
    tables: Iterable[pa.Table],
    *,
    stays: Path | None,
    gone: Iterable[str],
    known: Sequence[KeyFile],
) -> Written:
    """Write indicators in order of their keys; memory is bounded whatever their number.

    Args:
        folder: of the feed.
        tables: of indicators, in any order.
        stays: rows of a former snapshot that stay unless they are told anew or gone.
        gone: uids whose rows do not stay.
        known: keys that are not new.

    Raises:
        StoreError: the disk is full or fails.
    """
    name = secrets.token_hex(8)
    unsorted = folder / f"{name}.unsorted.tmp"
    try:
        with pq.ParquetWriter(unsorted, IndicatorTable.schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)
        withdrawn = pa.table({"uid": pa.array(sorted(set(gone)), pa.string())})
        return _sorted(folder, name, _statement(unsorted, stays), withdrawn, known)
    except (OSError, duckdb.Error, pa.ArrowException) as error:
        raise StoreError(f"indicators cannot be written to {folder}: {error}") from error
    finally:
        unsorted.unlink(missing_ok=True)


def _statement(unsorted: Path, stays: Path | None) -> str:
    fresh = f"SELECT * FROM read_parquet({literal(str(unsorted))})"
    if stays is not None:
        fresh += (
            f" UNION ALL SELECT * FROM read_parquet({literal(str(stays))}) old"
            " WHERE old.uid NOT IN (SELECT uid FROM withdrawn)"
            f" AND old.uid NOT IN (SELECT uid FROM read_parquet({literal(str(unsorted))}))"
            " AND old.valid_until > (now() AT TIME ZONE 'UTC')"
        )
    return f"SELECT * FROM ({fresh}) ORDER BY key, uid, valid_until DESC, confidence DESC"


def _sorted(
    folder: Path, name: str, statement: str, withdrawn: pa.Table, known: Sequence[KeyFile]
) -> Written:
    content, fresh = array("Q"), array("Q")
    lengths: set[tuple[int, int]] = set()
    temporary = folder / f"{name}.spill.tmp"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": 2,
        "temp_directory": str(temporary),
    }
    path = folder / f"{name}.parquet"
    last: tuple[int, str] | None = None
    waiting: pa.Table = IndicatorTable.schema.empty_table()
    with (
        duckdb.connect(config=settings) as connection,
        durable.new_file(path) as file,
        pq.ParquetWriter(file, IndicatorTable.schema, compression="zstd") as writer,
    ):
        connection.register("withdrawn", withdrawn)
        found = connection.sql(statement).to_arrow_reader(50_000)
        for batch in found or ():
            table, last = _distinct(pa.Table.from_batches([batch]), last)
            _gather(table, content, fresh, lengths, known)
            waiting = pa.concat_tables([waiting, table.cast(IndicatorTable.schema)])
            whole = waiting.num_rows - waiting.num_rows % GROUP_ROWS
            if whole:
                writer.write_table(waiting.slice(0, whole), row_group_size=GROUP_ROWS)
                waiting = waiting.slice(whole).combine_chunks()
        if waiting.num_rows or not content:
            writer.write_table(waiting, row_group_size=GROUP_ROWS)
    KeyFile.write(folder / f"{name}.keys", content, lengths)
    KeyFile.write(folder / f"{name}.new", fresh, lengths)
    return Written(name, len(content), len(fresh))


def _distinct(
    table: pa.Table, last: tuple[int, str] | None
) -> tuple[pa.Table, tuple[int, str] | None]:
    """Return the rows without those that say the same key and uid as the one before."""
    if not table.num_rows:
        return table, last
    pairs = list(zip(table["key"].to_pylist(), table["uid"].to_pylist(), strict=True))
    mask = [pair != before for pair, before in zip(pairs, [last, *pairs], strict=False)]
    return (table if all(mask) else table.filter(pa.array(mask))), pairs[-1]


def _gather(
    table: pa.Table,
    content: "array[int]",
    fresh: "array[int]",
    lengths: set[tuple[int, int]],
    known: Sequence[KeyFile],
) -> None:
    found = table["key"].to_pylist()
    content.extend(found)
    for key in found:
        is_new = not fresh or fresh[-1] != key
        if is_new and not any(key in each for each in known):
            fresh.append(key)
    networks = table.filter(pc.equal(table["kind"], "network"))["value"].to_pylist()
    lengths.update(map(keys.length_of, networks))
