"""Reading events in the order of their time: all, each once, few at a time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.tables import NOON, event, store_events
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import Span, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as opened:
        yield opened


def read(store: Store, span: Span | None = None, rows: int = 3, **more) -> list[list[str]]:
    """Return the names of the events, table by table."""
    tables = store.events.in_order(
        more.get("query", ""), more.get("scope", EVERYTHING), span or Span(), rows=rows
    )
    return [[row["uid"] for row in table["metadata"].to_pylist()] for table in tables]


def test_events_come_by_time_whatever_turn_stored_them(store: Store):
    for name, minutes in (("c", 300), ("a", 0), ("d", 4000), ("b", 1)):
        store_events(store, [event(name, minutes)])

    assert [name for table in read(store) for name in table] == ["a", "b", "c", "d"]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seconds=st.lists(
        st.one_of(st.integers(0, 3), st.integers(0, 200_000), st.floats(0, 1)), max_size=40
    ),
    rows=st.integers(1, 7),
)
def test_every_event_comes_once_in_tables_of_few(tmp_path_factory, seconds, rows):
    times = {f"{number}": NOON + timedelta(seconds=each) for number, each in enumerate(seconds)}
    with Store.open(tmp_path_factory.mktemp("ordered") / "data") as opened:
        for part in range(3):
            mine = [event(name, time=times[name]) for name in times if int(name) % 3 == part]
            if mine:
                store_events(opened, mine)
        tables = read(opened, rows=rows)

    names = [name for table in tables for name in table]
    assert sorted(names) == sorted(times)
    assert [times[name] for name in names] == sorted(times.values())
    for table in tables:
        assert len(table) <= rows or len({times[name] for name in table}) == 1


def test_the_span_the_query_and_the_scope_limit_what_comes(store: Store):
    store_events(
        store, [event("a", 0), event("b", 10, user="bob"), event("c", 20, account="444455556666")]
    )
    minutes = lambda number: NOON + timedelta(minutes=number)  # noqa: E731 - two uses

    assert read(store, Span(minutes(10), minutes(20))) == [["b"]]
    assert read(store, query="actor.user.name:bob") == [["b"]]
    assert read(store, scope=Scope(accounts=frozenset({"444455556666"}))) == [["c"]]
    with pytest.raises(UsageError):
        read(store, query="actor.user.name:")


def test_an_empty_store_gives_nothing(store: Store):
    assert read(store) == []
