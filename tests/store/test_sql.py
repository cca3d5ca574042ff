"""What a person's SQL may do, and what it may not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.tables import (
    batch,
    event,
    finding,
    group,
    match,
    normalized,
    reject,
    store_events,
    turn,
    uid,
)
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import SqlLimits, Store

MINE = Scope(accounts=frozenset({"444455556666"}))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("sql") / "data") as store:
        found = finding("f", ["a"])
        store_events(
            store,
            [event("a", user="alice"), event("b", 1, user="bob", account="444455556666")],
            findings=[found],
            matches=[match(found, uid("a"))],
        )
        with store.turns.lock():
            windows = store.turns.windows()
            one = turn(store, batch(1), normalized([], [reject(1)]))
            store.turns.commit([one], windows, group)
        yield store


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("SELECT count(*) FROM events", 2),
        ("FROM events SELECT count(*)", 2),
        ("SELECT actor.user.name FROM events ORDER BY time LIMIT 1", "alice"),
        ("SELECT count(*) FROM \"aws.cloudtrail\" WHERE time > '2026-11-23 12:00:30'", 1),
        ("SELECT severity_id FROM findings", 4),
        ("SELECT status FROM incidents", "New"),
        ("SELECT reason FROM rejects", "not_json: expected a value"),
        ("SELECT received FROM sources", 3),
        ("SELECT count(*) FROM audit", 0),
        ("SELECT count(*) FROM failures", 0),
        ("SELECT e.metadata.uid FROM events e JOIN matches m USING (event_uid)", "a"),
        ("WITH recent AS (SELECT * FROM events) SELECT count(*) FROM recent", 2),
        ("SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 2)", 2),
        ("SELECT sum(n) FROM range(5) AS numbers(n)", 10),
        ("SELECT json_extract_string(entity, '$.uid') FROM findings", "alice"),
        ("VALUES (1)", 1),
    ],
)
def test_a_select_is_answered(stored: Store, statement: str, answer: object) -> None:
    table = stored.events.sql(statement, EVERYTHING)

    assert table.column(0).to_pylist() == [answer]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM events", "not a SELECT"),
        ("INSERT INTO events VALUES (1)", "not a SELECT"),
        ("CREATE TABLE t (a INT)", "not a SELECT"),
        ("COPY events TO '/tmp/stolen.csv'", "not a SELECT"),
        ("ATTACH 'other.db'", "not a SELECT"),
        ("INSTALL httpfs", "not a SELECT"),
        ("SET memory_limit = '1TB'", "not a SELECT"),
        ("PRAGMA database_list", "not a SELECT"),
        ("EXPLAIN SELECT 1", "not a SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("", "one SELECT"),
        ("DESCRIBE events", "only SELECT"),
        ("SHOW TABLES", "only SELECT"),
        ("SELECT * FROM nowhere", "there is no table nowhere"),
        ("SELECT * FROM '/etc/passwd'", "there is no table /etc/passwd"),
        ("SELECT * FROM aws.cloudtrail", "quote a source"),
        ("SELECT * FROM information_schema.tables", "quote a source"),
        ("SELECT * FROM read_text('/etc/passwd')", "read_text is not allowed"),
        ("SELECT * FROM read_parquet('lake/*')", "read_parquet is not allowed"),
        ("SELECT * FROM glob('/*')", "glob is not allowed"),
        ("SELECT * FROM duckdb_settings()", "duckdb_settings is not allowed"),
        ("SELECT * FROM query('SELECT 1')", "query is not allowed"),
        ("SELECT * FROM query_table('events')", "query_table is not allowed"),
        ("SELECT getenv('HOME')", "getenv is not allowed"),
        ("SELECT current_setting('home_directory')", "current_setting is not allowed"),
        ("SELECT main.getvariable('x')", "without schema"),
        ("SELECT repeat('x', 2000000000)", "repeat is not allowed"),
        ("SELECT (SELECT max(a) FROM read_csv('/etc/passwd') t(a))", "read_csv is not allowed"),
        ("SELECT 1 WHERE EXISTS (FROM read_blob('/etc/passwd'))", "read_blob is not allowed"),
        ("SELECT sleep_ms(100000)", "sleep_ms is not allowed"),
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
            "recursive",
        ),
        ("SELECT nothing FROM events", "the statement is wrong"),
        ("SELECT 1/", "not a SELECT"),
        ("SELECT ?", "the statement is wrong"),
        ("(" * 3000 + "1", "not a SELECT"),
        ("SELECT '" + "x" * 20_000 + "'", "longer than"),
    ],
)
def test_anything_else_is_refused(stored: Store, statement: str, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        stored.events.sql(statement, EVERYTHING)

    assert problem in str(error.value)


def test_a_name_of_a_subquery_opens_no_file_elsewhere(stored: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nswordfish\n")
    hidden = f'SELECT * FROM (WITH "{secret}" AS (SELECT 1) FROM "{secret}"), "{secret}"'

    with pytest.raises(UsageError, match="wrong"):
        stored.events.sql(hidden, EVERYTHING)


def test_time_is_limited(stored: Store) -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b"

    with pytest.raises(UsageError, match="stopped after 0.2 s"):
        stored.events.sql(endless, EVERYTHING, SqlLimits(timeout_seconds=0.2))


def test_rows_are_limited(stored: Store) -> None:
    with pytest.raises(UsageError, match="more than 10 rows"):
        stored.events.sql("FROM range(11)", EVERYTHING, SqlLimits(max_rows=10))

    assert stored.events.sql("FROM range(10)", EVERYTHING, SqlLimits(max_rows=10)).num_rows == 10


def test_memory_is_limited(stored: Store) -> None:
    greedy = "SELECT list(n) FROM range(100000000) t(n)"

    with pytest.raises(UsageError, match="needs more than 64MB"):
        stored.events.sql(greedy, EVERYTHING, SqlLimits(memory_limit="64MB"))


@pytest.mark.parametrize(
    ("view", "rows"),
    [
        ("events", 1),
        ("findings", 0),
        ("incidents", 0),
        ("matches", 0),
        ("rejects", 0),
        ("audit", 0),
    ],
)
def test_a_scope_limits_every_view(stored: Store, view: str, rows: int) -> None:
    assert stored.events.sql(f"SELECT * FROM {view}", MINE).num_rows == rows


def test_an_empty_store_has_its_views(store: Store) -> None:
    for view in ("events", "findings", "incidents", "matches", "rejects", "sources"):
        assert store.events.sql(f"SELECT * FROM {view}", EVERYTHING).num_rows == 0
