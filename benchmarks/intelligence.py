"""Ask millions of indicators about the values of batches; beside it a plain join in DuckDB.

    python benchmarks/intelligence.py 1000000

Prints the time to write a snapshot, its size, the peak of memory, and the time for 200 batches of
5,000 values of which one in a thousand is listed, ours and the join's.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from tocsin.intelligence import Indicator
from tocsin.store.indicators import Indicators

NOW = datetime.now(UTC)
UNTIL = NOW.replace(tzinfo=None) + timedelta(days=30)
BATCHES, VALUES = 200, 5_000


def listed(count: int) -> Iterator[Indicator]:
    for number in range(count):
        value = f"host{number}.example"
        yield Indicator("domain", value, f"domain:{value}", 60, UNTIL, labels=("list",))


def batch(seed: int, count: int) -> list[tuple[str, str]]:
    chosen = random.Random(seed)
    good = [("domain", f"www{chosen.randrange(10**9)}.test") for _ in range(VALUES - 5)]
    return good + [("domain", f"host{chosen.randrange(count)}.example") for _ in range(5)]


def peak_mebibytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        indicators = Indicators(Path(name) / "indicators")
        began = time.monotonic()
        with indicators.changing("list"):
            indicators.keep(indicators.write("list", listed(count)))
        written = time.monotonic() - began
        files = list((Path(name) / "indicators" / "list").iterdir())
        size = sum(each.stat().st_size for each in files) >> 20
        print(
            f"{count:,} indicators written in {written:.1f} s, {size} MiB, "
            f"peak memory {peak_mebibytes()} MiB"
        )
        batches = [batch(seed, count) for seed in range(BATCHES)]
        began = time.monotonic()
        found = sum(len(indicators.lookup(each, NOW)) for each in batches)
        ours = time.monotonic() - began
        print(
            f"ours: {BATCHES} batches of {VALUES:,} values in {ours:.2f} s, {found} found, "
            f"peak memory {peak_mebibytes()} MiB"
        )
        few = batches[: max(1, min(BATCHES, 20_000_000 // count))]
        parquet = next(each for each in files if each.suffix == ".parquet")
        connection = duckdb.connect(config={"threads": 2})
        began = time.monotonic()
        for each in few:
            asked = pa.table({"value": [value for _, value in each]})
            connection.register("asked", asked)
            connection.sql(
                f"SELECT l.* FROM asked JOIN read_parquet('{parquet}') l USING (value)"
            ).fetchall()
        plain = (time.monotonic() - began) / len(few) * BATCHES
        print(f"a plain join in DuckDB: {plain:.2f} s ({plain / ours:.1f} times ours)")


if __name__ == "__main__":
    main()
