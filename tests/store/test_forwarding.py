"""What is queued for forwarders: each change once, in the order of commits, nothing forgotten."""

from datetime import timedelta

import pytest

from tests.store.tables import NOON, event, finding, match, store_events, uid
from tocsin.errors import UsageError
from tocsin.incidents import Change as IncidentChange
from tocsin.ocsf import EVERYTHING
from tocsin.store import IncidentFilter, Store
from tocsin.store.forwarding import Window

ALL = ("finding", "incident", "event")


def found(store: Store, name: str, *events: str, now=NOON) -> str:
    one = finding(name, events)
    rows = [match(one, uid(each)) for each in events]
    store_events(store, [event(each) for each in events], findings=[one], matches=rows, now=now)
    return one["uid"]


def keys(store: Store, name: str = "siem", kinds=ALL) -> list[tuple[str, str]]:
    return [change.key for change in store.forwarding.changes(name, kinds, 100)[0]]


def move_on(store: Store, name: str = "siem") -> None:
    last = store.forwarding.changes(name, ALL, 100)[1]
    store.forwarding.sent(name, NOON, change_seq=last)


def queued(store: Store) -> int:
    with store._database.read() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM changes").scalar_one()


def test_without_a_forwarder_nothing_is_queued(store):
    found(store, "f", "a")

    assert queued(store) == 0


def test_a_new_forwarder_begins_with_what_comes_then(store):
    found(store, "before", "a")
    store.forwarding.register(["siem"])
    later = found(store, "after", "b")

    assert ("finding", later) in keys(store)
    assert len([key for key in keys(store) if key[0] == "finding"]) == 1
    assert ("event", uid("b")) in keys(store)
    assert store.forwarding.window("siem") == Window(1, 2)


def test_what_changes_again_is_sent_again_at_its_new_place(store):
    store.forwarding.register(["siem"])
    one = found(store, "f", "a")
    other = found(store, "g", "b")
    found(store, "f", "c")

    assert keys(store, kinds=["finding"]) == [("finding", other), ("finding", one)]


def test_a_change_by_a_person_leaves_too(store):
    store.forwarding.register(["siem"])
    found(store, "f", "a")
    move_on(store)
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]

    # Its time lies before that of the turn: only the order of commits counts.
    change = IncidentChange(status="In Progress")
    store.incidents.change(incident.uid, change, "alice", NOON - timedelta(days=1), EVERYTHING)

    assert keys(store) == [("incident", incident.uid)]


def test_the_slowest_forwarder_keeps_the_queue(store):
    store.forwarding.register(["fast", "slow"])
    found(store, "f", "a")
    move_on(store, "fast")

    assert keys(store, "fast") == []
    assert len(keys(store, "slow")) == 3
    move_on(store, "slow")
    assert queued(store) == 0


def test_a_forwarder_that_left_the_settings_holds_nothing_up(store):
    store.forwarding.register(["siem", "gone"])
    found(store, "f", "a")
    move_on(store)

    store.forwarding.register(["siem"])

    assert queued(store) == 0
    assert [state.name for state in store.forwarding.states()] == ["siem"]


def test_a_refused_record_is_tried_five_times_then_parked(store):
    store.forwarding.register(["siem"])
    key = ("finding", found(store, "f", "a"))
    now = NOON
    for tries in range(5):
        assert store.forwarding.due("siem", now, 10) == ([key] if tries else [])
        store.forwarding.sent("siem", now, refused={key: "mapping conflict"})
        assert store.forwarding.due("siem", now, 10) == []
        now += timedelta(hours=1)

    state = store.forwarding.states()[0]
    assert (state.again, state.parked, state.reasons) == (0, 1, ("mapping conflict",))
    assert store.forwarding.due("siem", now, 10) == []
    assert store.forwarding.unpark("siem", "alice", now) == 1
    assert store.forwarding.due("siem", now, 10) == [key]


def test_what_is_taken_at_last_is_no_longer_due(store):
    store.forwarding.register(["siem"])
    key = ("finding", found(store, "f", "a"))
    store.forwarding.sent("siem", NOON, refused={key: "no"})

    store.forwarding.sent("siem", NOON, taken=[key])

    state = store.forwarding.states()[0]
    assert (state.sent, state.again, state.sent_time) == (1, 0, NOON)


def test_events_of_a_search_come_by_turns_each_once(store):
    store.forwarding.register(["siem"])
    store_events(store, [event("a"), event("b", operation="PutObject"), event("c")])
    store_events(store, [event("d", minutes=-600)])
    window = store.forwarding.window("siem")
    wanted = "api.operation:GetObject"

    first, place = store.forwarding.events(wanted, window, None, 2)
    second, end = store.forwarding.events(wanted, window, place, 2)

    seen = [*first.column("event_uid").to_pylist(), *second.column("event_uid").to_pylist()]
    assert sorted(seen) == sorted([uid("a"), uid("c"), uid("d")])
    assert end is None
    store.forwarding.sent("siem", NOON, turn_id=window.until)
    assert store.forwarding.window("siem") is None


def test_compaction_neither_hides_events_nor_brings_sent_ones_back(store):
    store.forwarding.register(["siem"])
    for number in range(12):
        store_events(store, [event(f"e{number}")])
    until = store.forwarding.window("siem").until
    store.forwarding.sent("siem", NOON, turn_id=until)
    store_events(store, [event("new")])

    assert store.maintenance.compact(NOON + timedelta(days=2)) > 0

    window = store.forwarding.window("siem")
    seen = store.forwarding.events("", window, None, 100)[0].column("event_uid").to_pylist()
    assert uid("new") in seen
    store.forwarding.sent("siem", NOON, turn_id=window.until)
    assert store.maintenance.compact(NOON + timedelta(days=2)) == 0
    assert store.forwarding.window("siem") is None


def test_replay_brings_back_what_changed_since(store):
    store.forwarding.register(["siem"])
    found(store, "old", "a", now=NOON - timedelta(days=3))
    new = found(store, "new", "b", now=NOON)
    move_on(store)
    store.forwarding.sent("siem", NOON, turn_id=2)

    since = NOON - timedelta(days=1)
    count = store.forwarding.replay("siem", ["finding"], since, "alice", NOON, events=True)

    assert count == 1
    assert store.forwarding.due("siem", NOON, 10) == [("finding", new)]
    assert store.forwarding.window("siem") == Window(1, 2)


def test_replay_of_an_unknown_forwarder_says_which_there_are(store):
    store.forwarding.register(["siem"])

    with pytest.raises(UsageError, match="there are: siem"):
        store.forwarding.replay("other", ALL, NOON, "alice", NOON, events=False)


def test_marks_are_kept_over_restarts_and_differ(store):
    first = store.forwarding.register(["a", "b"])

    assert store.forwarding.register(["b", "a"]) == first
    assert len(first) == 2
