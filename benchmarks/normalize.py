"""Events a second of every mapping, beside DuckDB's `from_json` alone on the same structure.

The records are the mapping's own samples, again and again, each a little different. Sides take
turns within one run; what is compared is their ratio, by the clock and by the processor. Neither
side's time holds the start of its database, the connection or the planning of a mapping: both are
made once and kept. Mappings with a reader are measured with the lines of their samples as well.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

import duckdb
import msgspec
import pyarrow as pa

from tocsin import normalize
from tocsin.ocsf import RawBatch, from_rows, schemas
from tocsin.run import wiring

_STRUCTURE = re.compile(r"from_json\(\"raw text\", '((?:[^']|'')*)'\)")
_RECEIVED = datetime(2026, 11, 3)  # noqa: DTZ001 - UTC without zone, as the lake keeps it
_ROUNDS = 3


def measure(records: int, only: str | None = None) -> Iterator[str]:
    """Yield a line for each mapping: events/s, `from_json` rows/s and the ratio of the two."""
    for source, mapping in sorted(wiring.load_mappings().items()):
        if only is None or only in source:
            yield from _of_mapping(source, mapping, records)


def _of_mapping(source: str, mapping: normalize.Mapping, records: int) -> Iterator[str]:
    own = [
        msgspec.json.encode(normalize.overlay(mapping.example, sample.record))
        for sample in mapping.samples
        if sample.raw is None
    ]
    raws = own or [msgspec.json.encode(mapping.example)]
    batch = _batch(source, [raws[number % len(raws)] for number in range(records)])
    found = _STRUCTURE.search(mapping._sql)
    structure = found[1] if found else "{}"
    ours, alone = [], []
    with duckdb.connect(config={"threads": 1}) as connection:
        for _ in range(_ROUNDS):
            alone.append(_spent(lambda: _from_json(connection, batch.records, structure)))
            ours.append(_spent(lambda: normalize.apply(mapping, batch)))
    yield (
        f"  {source:32} {records / min(ours).clock:10,.0f} events/s   from_json"
        f" {records / min(alone).clock:10,.0f}/s   {_ratio(alone, ours, 0):5.0%}"
        f"   of the processor {_ratio(alone, ours, 1):5.0%}"
    )
    texts = [sample.raw.rstrip("\n").encode() for sample in mapping.samples if sample.raw]
    if texts:
        lines = _batch(source, [texts[number % len(texts)] for number in range(records)])
        best = min(_spent(lambda: normalize.apply(mapping, lines)) for _ in range(_ROUNDS))
        yield f"  {source:32} {records / best.clock:10,.0f} events/s   from its text"


def _batch(source: str, raws: list[bytes]) -> RawBatch:
    rows: list[dict[str, object]] = [
        {"raw": raw, "origin": "benchmark", "position": place, "received_time": _RECEIVED}
        for place, raw in enumerate(raws)
    ]
    records = from_rows(rows, schemas.RAW)
    return RawBatch(source, "benchmark", records, None, None, schemas.REJECTS.empty_table())


def _from_json(connection: duckdb.DuckDBPyConnection, records: pa.Table, structure: str) -> None:
    texts = pa.table({"raw": records.column("raw").cast(pa.string())})
    connection.register("feed", texts)
    connection.sql(f"SELECT from_json(raw, '{structure}') AS r FROM feed").to_arrow_table()


class _Spent(NamedTuple):
    """Seconds by the clock and of the processor, all threads together."""

    clock: float
    processor: float


def _spent(work: Callable[[], object]) -> _Spent:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return _Spent(time.perf_counter() - clock, time.process_time() - processor)


def _ratio(alone: list[_Spent], ours: list[_Spent], which: int) -> float:
    """Return the median of the ratios of rounds."""
    pairs = zip(alone, ours, strict=True)
    return statistics.median(one[which] / other[which] for one, other in pairs)
