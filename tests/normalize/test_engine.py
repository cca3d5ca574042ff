"""The database behind a mapping sees nothing but the batch, and is planned once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from tests.normalize.records import normalized
from tocsin.normalize.engine import FEED, Engine

GOOD = {"id": "a1", "seen": "2026-11-03T11:00:00Z", "name": "getIt"}


def feed(*texts):
    numbers = pa.array(range(len(texts)), pa.int32())
    times = pa.array([datetime(2026, 11, 3)] * len(texts), pa.timestamp("us"))
    return pa.table([numbers, times, pa.array(texts, pa.string())], schema=FEED)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "COPY feed TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '10GB'",
        "SET lock_configuration = false",
    ],
)
def test_the_database_reaches_nothing_outside(sql):
    engine = Engine("SELECT * FROM feed", (), threads=1)

    with pytest.raises(duckdb.Error):
        engine._connection.execute(sql).fetchall()


def test_each_run_sees_its_own_rows():
    engine = Engine('SELECT upper("raw text") AS text FROM feed', (), threads=1)

    assert engine.run(feed("a", "b")).column("text").to_pylist() == ["A", "B"]
    assert engine.run(feed("c")).column("text").to_pylist() == ["C"]
    assert engine.run(feed()).num_rows == 0


def test_a_failed_run_does_not_spoil_the_next():
    engine = Engine('SELECT "raw text"::INTEGER AS number FROM feed', (), threads=1)

    with pytest.raises(duckdb.Error):
        engine.run(feed("1", "x"))

    assert engine.run(feed("2")).column("number").to_pylist() == [2]


def test_threads_share_a_mapping_without_mixing_their_records(tiny):
    def names(letter):
        records = [{**GOOD, "name": f"get{letter}{n}"} for n in range(50)]
        found = normalized(tiny, *records).events.column("api").to_pylist()
        return [api["operation"] for api in found] == [record["name"] for record in records]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(names, "abcdefgh"))
