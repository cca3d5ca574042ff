"""Events a second of every mapping, beside DuckDB's `from_json` alone on the same structure.

The records are the mapping's own samples, again and again, each a little different. Sides take
turns within one run; what is compared is their ratio. Mappings with a reader are measured with the
lines of their samples as well.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime

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
    for _ in range(_ROUNDS):
        alone.append(_seconds(lambda: _from_json(batch.records, structure)))
        ours.append(_seconds(lambda: normalize.apply(mapping, batch)))
    ratio = statistics.median(one / other for one, other in zip(alone, ours, strict=True))
    yield (
        f"  {source:32} {records / min(ours):10,.0f} events/s   from_json"
        f" {records / min(alone):10,.0f}/s   {ratio:5.0%}"
    )
    texts = [sample.raw.rstrip("\n").encode() for sample in mapping.samples if sample.raw]
    if texts:
        lines = _batch(source, [texts[number % len(texts)] for number in range(records)])
        seconds = min(_seconds(lambda: normalize.apply(mapping, lines)) for _ in range(_ROUNDS))
        yield f"  {source:32} {records / seconds:10,.0f} events/s   from its text"


def _batch(source: str, raws: list[bytes]) -> RawBatch:
    rows: list[dict[str, object]] = [
        {"raw": raw, "origin": "benchmark", "position": place, "received_time": _RECEIVED}
        for place, raw in enumerate(raws)
    ]
    records = from_rows(rows, schemas.RAW)
    return RawBatch(source, "benchmark", records, None, None, schemas.REJECTS.empty_table())


def _from_json(records: pa.Table, structure: str) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("feed", pa.table({"raw": records.column("raw").cast(pa.string())}))
        connection.sql(f"SELECT from_json(raw, '{structure}') AS r FROM feed").to_arrow_table()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
