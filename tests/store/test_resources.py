"""What was described, since when it is so, and who may see it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from tests.store.tables import batch, event, group, normalized, turn
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope, schemas
from tocsin.store import Store
from tocsin.store.resources import record

NOON = datetime(2026, 11, 3, 12)  # noqa: DTZ001 (the lake keeps UTC without zone)


def observation(uid="logs", hour=0, configuration="{}", **more):
    row = {
        "uid": uid,
        "type": "bucket",
        "name": uid.title(),
        "account": "111122223333",
        "region": None,
        "observed_time": NOON + timedelta(hours=hour),
        "configuration": configuration,
        "event_uid": None,
    }
    return {**row, **more}


def put(store, *rows):
    for row in rows:
        with store._database.write() as connection:
            record(connection, pa.Table.from_pylist([row], schema=schemas.RESOURCES))


def uids(page):
    return page.rows.column("uid").to_pylist()


def test_the_last_observation_of_each_thing_is_listed_newest_first(store: Store):
    put(store, observation(), observation(hour=2, configuration='{"a":1}'), observation("web", 1))

    page = store.resources.list(EVERYTHING)

    assert uids(page) == ["logs", "web"]
    assert page.rows.column("configuration").to_pylist() == ['{"a":1}', "{}"]
    assert page.cursor is None


def test_pages_follow_each_other(store: Store):
    put(store, *(observation(f"b{number}", number) for number in range(5)))
    found, cursor = [], None
    while True:
        page = store.resources.list(EVERYTHING, limit=2, cursor=cursor)
        found += uids(page)
        cursor = page.cursor
        if cursor is None:
            break

    assert found == ["b4", "b3", "b2", "b1", "b0"]
    with pytest.raises(UsageError):
        first = store.resources.list(EVERYTHING, limit=2).cursor
        store.resources.list(EVERYTHING, limit=2, type="pod", cursor=first)


def test_things_are_chosen_by_type_text_and_whether_they_are_gone(store: Store):
    put(
        store,
        observation(),
        observation("web", type="pod"),
        observation("old", configuration="null"),
    )

    assert uids(store.resources.list(EVERYTHING, type="pod")) == ["web"]
    assert uids(store.resources.list(EVERYTHING, text="LOG")) == ["logs"]
    assert uids(store.resources.list(EVERYTHING, text="%")) == []
    assert sorted(uids(store.resources.list(EVERYTHING, gone=True))) == ["logs", "old", "web"]
    assert sorted(uids(store.resources.list(EVERYTHING))) == ["logs", "web"]


def test_history_keeps_every_change_and_of_a_quiet_time_its_ends(store: Store):
    quiet = [observation(hour=hour) for hour in range(10)]
    changed = [observation(hour=hour, configuration='{"a":1}') for hour in (10, 11, 12)]
    put(store, *quiet, *changed, observation(hour=13))

    history = store.resources.history("logs", EVERYTHING)

    times = history.column("observed_time").to_pylist()
    assert history.column("configuration").to_pylist() == ["{}", '{"a":1}', '{"a":1}', "{}", "{}"]
    assert [(each - NOON) // timedelta(hours=1) for each in times] == [13, 12, 10, 9, 0]


def test_what_comes_late_does_not_change_the_end(store: Store):
    put(store, observation(hour=5), observation(hour=7), observation(hour=6))

    history = store.resources.history("logs", EVERYTHING)

    assert [each.hour for each in history.column("observed_time").to_pylist()] == [19, 18, 17]


def test_people_see_the_things_of_their_accounts(store: Store):
    put(store, observation(), observation("theirs", account="444455556666"))
    mine = Scope(accounts=frozenset({"111122223333"}))

    assert uids(store.resources.list(mine)) == ["logs"]
    assert store.resources.history("theirs", mine).num_rows == 0
    assert uids(store.resources.list(Scope(namespaces=frozenset({"shop"})))) == []


def test_an_observation_that_rests_on_its_event_is_counted_once(store: Store):
    made = normalized([event("a"), event("b")])
    uid = made.events.column("event_uid")[0].as_py()
    seen = pa.Table.from_pylist([observation(event_uid=uid)], schema=schemas.RESOURCES)
    made = replace(made, resources=seen)
    for _ in range(2):
        with store.turns.lock():
            windows = store.turns.windows()
            one = turn(store, batch(2), made)
            store.turns.commit([one], windows, group)

    feed = store.sources.get("trail", EVERYTHING, NOON.astimezone())
    assert feed is not None
    told = (feed.received, feed.events, feed.resources, feed.duplicates, feed.rejects)
    assert told == (4, 2, 0, 2, 0)
    assert store.resources.history("logs", EVERYTHING).num_rows == 1
    assert store.maintenance.fsck() == ()
