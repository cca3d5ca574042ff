"""Counters, rhythm, lag and silence of feeds; rejects and their replay."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.tables import (
    NOON,
    batch,
    event,
    group,
    naive,
    normalized,
    reject,
    store_events,
    turn,
)
from tocsin.errors import UsageError
from tocsin.normalize import Normalized
from tocsin.ocsf import EVERYTHING, RawBatch, Scope
from tocsin.store import Store
from tocsin.store.sources import FeedHealth

MINE = Scope(accounts=frozenset({"111122223333"}))


def health(store: Store, now: datetime = NOON) -> FeedHealth:
    found = store.sources.get("trail", EVERYTHING, now)
    assert found is not None
    return found


def commit(store: Store, raw: RawBatch, result: Normalized, now: datetime = NOON) -> None:
    with store.turns.lock():
        windows = store.turns.windows()
        store.turns.commit([turn(store, raw, result, now=now)], windows, group)


def pulse(store: Store, number: int, pause: timedelta) -> datetime:
    """Commit one event for each pause since noon; return the time of the last."""
    now = NOON
    for each in range(number):
        now = NOON + each * pause
        store_events(store, [event(f"{each}", time=now, received_time=naive(now))], now=now)
    return now


def test_a_feed_counts_what_it_received(store: Store) -> None:
    commit(store, batch(4), normalized([event("a"), event("a"), event("b")], [reject(1)]))

    found = health(store)
    assert (found.received, found.events, found.duplicates, found.rejects) == (4, 2, 1, 1)
    assert [one.feed for one in store.sources.list(EVERYTHING, NOON)] == ["trail"]
    assert store.sources.get("other", EVERYTHING, NOON) is None


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=6), max_size=5))
def test_received_is_always_the_sum_of_the_parts(
    store: Store, batches: list[list[tuple[bool, int]]]
) -> None:
    for records in batches:
        events = [event(str(number)) for is_event, number in records if is_event]
        rejects = [reject(number) for is_event, number in records if not is_event]
        commit(store, batch(len(records)), normalized(events, rejects))

    for found in store.sources.list(EVERYTHING, NOON):
        parts = found.events + found.findings + found.resources + found.duplicates + found.rejects
        assert found.received == parts
    assert store.maintenance.fsck() == ()


def test_lag_is_the_age_of_the_newest_event_at_receipt(store: Store) -> None:
    store_events(store, [event("a", minutes=-7), event("b", minutes=-3)])

    found = health(store)
    assert found.lag == timedelta(minutes=3)
    assert found.last_event_time == NOON - timedelta(minutes=3)
    assert found.last_received_time == NOON


def test_an_event_with_a_forged_time_says_nothing_about_lag(store: Store) -> None:
    store_events(store, [event("a", minutes=-3), event("b", minutes=60 * 24 * 365, skewed=True)])

    assert health(store).last_event_time == NOON - timedelta(minutes=3)


def test_a_feed_that_keeps_its_rhythm_is_not_silent(store: Store) -> None:
    last = pulse(store, 4, timedelta(minutes=30))

    found = health(store, last + timedelta(minutes=45))
    assert found.rhythm == timedelta(minutes=30)
    assert not found.is_silent


def test_a_feed_is_silent_when_it_misses_its_rhythm_twice(store: Store) -> None:
    last = pulse(store, 4, timedelta(minutes=30))

    assert health(store, last + timedelta(minutes=61)).is_silent


def test_a_quick_feed_is_not_silent_for_minutes(store: Store) -> None:
    last = pulse(store, 4, timedelta(seconds=1))

    assert not health(store, last + timedelta(minutes=14)).is_silent
    assert health(store, last + timedelta(minutes=16)).is_silent


def test_one_outage_does_not_become_the_rhythm(store: Store) -> None:
    last = pulse(store, 4, timedelta(minutes=1))
    after = last + timedelta(days=3)
    store_events(store, [event("late", time=after, received_time=naive(after))], now=after)

    assert health(store, after + timedelta(hours=3)).is_silent


def test_a_feed_that_spoke_once_has_no_rhythm_and_is_not_silent(store: Store) -> None:
    store_events(store, [event("a")])

    found = health(store, NOON + timedelta(days=30))
    assert found.rhythm is None
    assert not found.is_silent


def test_volumes_are_counted_by_the_hour_of_receipt(store: Store) -> None:
    for minutes in (0, 59, 60):
        now = NOON + timedelta(minutes=minutes)
        commit(store, batch(2), normalized([event(str(minutes))], [reject(minutes)]), now)

    rows = store.sources.volumes(NOON, EVERYTHING)
    assert [(row.hour, row.received, row.events, row.rejects) for row in rows] == [
        (NOON, 4, 2, 2),
        (NOON + timedelta(hours=1), 2, 1, 1),
    ]
    assert store.sources.volumes(NOON, EVERYTHING, feed="other") == ()


def test_rejects_are_listed_newest_first_in_pages(store: Store) -> None:
    rows = [reject(n, received_time=naive(NOON + timedelta(minutes=n % 2))) for n in range(5)]
    commit(store, batch(5), normalized([], rows))

    first = store.rejects.list(EVERYTHING, limit=3)
    second = store.rejects.list(EVERYTHING, limit=3, cursor=first.cursor)

    times = [*first.rows.column("received_time").to_pylist()]
    times += second.rows.column("received_time").to_pylist()
    assert times == sorted(times, reverse=True)
    assert len(times) == 5
    assert second.cursor is None


def test_a_list_of_rejects_shows_their_heads_only(store: Store) -> None:
    commit(store, batch(1), normalized([], [reject(1, raw=b"x" * 60_000)]))

    row = store.rejects.list(EVERYTHING).rows.to_pylist()[0]
    assert len(row["raw"]) == 4096
    assert store.rejects.get(row["uid"], EVERYTHING).to_pylist()[0]["raw"] == b"x" * 60_000


def test_reasons_are_counted_by_their_code(store: Store) -> None:
    rows = [reject(1), reject(2, "not_json: other words"), reject(3, "too_deep")]
    commit(store, batch(3), normalized([], rows))

    assert store.rejects.by_reason(EVERYTHING) == (
        ("trail", "not_json", 2),
        ("trail", "too_deep", 1),
    )
    assert store.rejects.by_reason(EVERYTHING, "other") == ()


def test_a_limited_scope_sees_no_rejects(store: Store) -> None:
    commit(store, batch(1), normalized([], [reject(1)]))

    uid = store.rejects.list(EVERYTHING).rows.column("uid")[0].as_py()
    assert store.rejects.list(MINE).rows.num_rows == 0
    assert store.rejects.get(uid, MINE).num_rows == 0
    assert store.rejects.by_reason(MINE) == ()


def test_a_cursor_of_another_feed_is_refused(store: Store) -> None:
    commit(store, batch(2), normalized([], [reject(1), reject(2)]))
    cursor = store.rejects.list(EVERYTHING, limit=1).cursor

    with pytest.raises(UsageError, match="another query"):
        store.rejects.list(EVERYTHING, feed="other", cursor=cursor)


def test_a_mended_mapping_turns_rejects_into_events(store: Store) -> None:
    commit(store, batch(2), normalized([], [reject(1), reject(2, raw=b"{other")]))

    for again in store.rejects.replay():
        assert sorted(again.records.column("raw").to_pylist()) == [b"{broken", b"{other"]
        still = [reject(2, "too_deep: still bad", raw=b"{other")]
        commit(store, again, normalized([event("a")], still))

    found = health(store)
    assert (found.received, found.events, found.rejects, found.duplicates) == (2, 1, 1, 0)
    assert store.rejects.list(EVERYTHING).rows.column("reason").to_pylist() == [
        "too_deep: still bad"
    ]
    assert store.events.count("", EVERYTHING) == 1
    assert store.maintenance.fsck() == ()


def test_a_replay_that_is_cut_in_two_loses_nothing(store: Store) -> None:
    commit(store, batch(2), normalized([], [reject(1), reject(2)]))

    again = next(store.rejects.replay())
    for place in range(2):
        half = replace(again, records=again.records.slice(place, 1))
        commit(store, half, normalized([event(f"e{place}")]))

    found = health(store)
    assert (found.events, found.rejects) == (2, 0)
    assert store.maintenance.fsck() == ()


def test_a_replay_that_came_too_late_counts_nothing(store: Store) -> None:
    commit(store, batch(1), normalized([], [reject(1)]))
    first, second = next(store.rejects.replay()), next(store.rejects.replay())

    commit(store, first, normalized([event("a")]))
    commit(store, second, normalized([event("a")]))

    found = health(store)
    assert (found.events, found.rejects, found.duplicates) == (1, 0, 0)
    assert store.maintenance.fsck() == ()


def test_what_cannot_be_replayed_stays(store: Store) -> None:
    commit(store, batch(1), normalized([], [reject(1, is_replayable=False)]))

    assert list(store.rejects.replay()) == []


def test_a_replay_covers_every_feed_in_batches(store: Store) -> None:
    for feed in ("one", "two"):
        rows = [reject(n, origin=feed) for n in range(3)]
        commit(store, batch(3, feed=feed), normalized([], rows))

    sizes = [(each.feed, each.records.num_rows) for each in store.rejects.replay(max_records=2)]
    assert sizes == [("one", 2), ("one", 1), ("two", 2), ("two", 1)]
    assert [each.feed for each in store.rejects.replay(feed="two")] == ["two"]


def test_a_limited_scope_sees_the_health_of_every_feed(store: Store) -> None:
    commit(store, batch(2), normalized([event("1")], [reject(1)]))

    assert store.sources.list(MINE, NOON) == store.sources.list(EVERYTHING, NOON)
    assert store.sources.get("trail", MINE, NOON) == store.sources.get("trail", EVERYTHING, NOON)
    assert store.sources.volumes(NOON, MINE) == store.sources.volumes(NOON, EVERYTHING)
