"""What correlations remember is bounded, counted where it overflows, and cheap to keep."""

import pytest

from tests.detect.correlations.oracle import Asked, Happening
from tests.detect.correlations.running import BEGIN, MINUTE, UID, Runner, definition
from tocsin.detect.correlations import running
from tocsin.detect.correlations.running import Correlator
from tocsin.detect.correlations.state import Group, Head, Memory, group_key
from tocsin.detect.windows import Windows

THREE = Asked("event_count", ("a",), 10, (("gte", 3),), lateness=3)


def event(number, minute, group="g", fields=()):
    return Happening(f"evt_{number:06}", minute, group, frozenset("a"), fields)


def counted(windows):
    return sum(memory.count for memory in windows.memories.values())


def rows(windows):
    return sum(memory.size for memory in windows.memories.values())


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(running, "MAX_GROUPS", 50)
    monkeypatch.setattr(running, "MAX_SIGHTINGS", 20)
    monkeypatch.setattr(running, "MAX_VALUES", 15)
    monkeypatch.setattr(running, "MAX_ROWS", 400)


def test_a_flood_of_groups_leaves_a_bounded_number(small):
    runner = Runner([definition(THREE)])
    for turn in range(40):
        flood = [event(turn * 100 + at, turn / 100, f"g{turn}-{at}") for at in range(100)]
        runner.turn(flood, turn / 100)

    assert counted(runner.windows) == 50
    assert runner.lost[UID] == 40 * 100 - 50


def test_those_seen_longest_ago_go_first(small):
    runner = Runner([definition(THREE)])
    runner.turn([event(at, at / 100, f"g{at}") for at in range(60)], 1)
    kept = {
        group.head.values[0] for m in runner.windows.memories.values() for _, group in m.items()
    }

    assert kept == {f"g{at}" for at in range(10, 60)}


def test_a_busy_group_keeps_a_bounded_number_of_events_and_loses_no_match(small):
    runner = Runner([definition(THREE)])
    for number in range(200):
        runner.turn([event(number, number / 100)], number / 100)

    assert rows(runner.windows) == 21
    assert not runner.lost
    assert len(runner.findings()["g", 0]) == 200


def test_events_that_still_counted_are_counted_when_they_go(small):
    distinct = Asked("value_count", ("a",), 10, (("gte", 3),), lateness=3)
    runner = Runner([definition(distinct, fields=("field0",))])
    runner.turn([event(number, number / 100, fields=(("x",),)) for number in range(30)], 1)

    assert runner.lost[UID] == 10


def test_a_group_remembers_enough_for_what_it_counts_to(small):
    many = Asked("event_count", ("a",), 10, (("gte", 60),), lateness=3)
    runner = Runner([definition(many)])
    for number in range(60):
        runner.turn([event(number, number / 100)], number / 100)

    assert len(runner.findings()["g", 0]) == 60


def test_values_of_a_group_are_bounded(small):
    new = Asked("new_value", ("a",), 100, lateness=3, learning=10)
    runner = Runner([definition(new, fields=("field0",))])
    for number in range(100):
        runner.turn([event(number, number / 100, fields=((str(number),),))], number / 100)

    assert rows(runner.windows) <= 15 + 2
    assert runner.lost[UID] == 100 - 15


def test_everything_together_is_bounded(small):
    definitions = []
    for number in range(5):
        one = definition(THREE)
        definitions.append(type(one)(f"c{number}", one.correlation, one.period))
    runner = Runner(definitions)
    for turn in range(10):
        events = [event(turn * 40 + at, turn / 100, f"g{at}") for at in range(40)]
        runner.turn(events, turn / 100)

    assert rows(runner.windows) <= 400


def test_what_is_past_is_forgotten():
    runner = Runner([definition(THREE)])
    runner.turn([event(0, 0)], 0)
    runner.turn([event(1, 12.9, "other")], 12.9)
    assert counted(runner.windows) == 2
    runner.turn([event(2, 15, "other")], 15)

    assert counted(runner.windows) == 1


@pytest.mark.parametrize("kind", ["absence", "event_count", "sequence", "new_value", "rate"])
def test_nothing_stays_for_ever(kind):
    asked = {
        "absence": Asked("absence", ("a",), 10, lateness=3),
        "event_count": Asked("event_count", ("a",), 10, (("lt", 3),), lateness=3),
        "sequence": Asked("sequence", ("a", "b"), 10, without=("c",), lateness=3),
        "new_value": Asked("new_value", ("a",), 10, lateness=3, learning=4),
        "rate": Asked("rate", ("a",), 5, history=20, learning=5, times=2, at_least=2, lateness=3),
    }[kind]
    fields = {"fields": ("field0",)} if kind == "new_value" else {}
    runner = Runner([definition(asked, **fields)])
    runner.turn([event(0, 0, fields=(("x",),))], 0)
    runner.finish(100)

    assert runner.windows.memories == {}


def test_history_beside_live_events_is_kept_for_a_while():
    runner = Runner([definition(THREE)])
    runner.turn([event(0, 10_000, "live")], 10_000)
    for number in range(1, 4):
        runner.turn([event(number, number)], 10_000 + number)

    assert len(runner.findings()["g", 0]) == 3


def test_a_clock_that_is_ahead_keeps_nothing_alive():
    runner = Runner([definition(THREE)])
    runner.turn([event(0, 10_000_000)], 0)
    runner.turn([event(1, 40, "other")], 40)

    assert counted(runner.windows) == 1


def test_nothing_due_changes_nothing():
    runner = Runner([definition(THREE)])
    runner.turn([event(0, 0)], 0)
    before = runner.windows
    for second in range(30):
        runner.turn([], second / 60)

    assert runner.windows is before


def test_groups_that_are_not_touched_are_not_copied():
    runner = Runner([definition(THREE)])
    runner.turn([event(at, 0, f"g{at}") for at in range(300)], 0)
    (before,) = runner.windows.memories.values()
    runner.turn([event(301, 1, "g7")], 1)
    (after,) = runner.windows.memories.values()

    changed = [
        one for one, other in zip(before.shards, after.shards, strict=True) if one is not other
    ]
    assert len(changed) == 1


def test_rows_of_a_change_are_those_that_changed():
    runner = Runner([definition(THREE)])
    runner.turn([event(at, 0, f"g{at % 3}") for at in range(3)], 0)
    before = runner.windows
    runner.turn([event(3, 1, "g1")], 1)
    written, gone = runner.windows.changes(before)

    parts = {key.rsplit("/", 1)[1] for key, _, _ in written}
    assert parts == {"h", "sevt_000003", "aws.cloudtrail"}
    assert gone == []


def test_rows_of_what_is_forgotten_are_removed():
    runner = Runner([definition(THREE)])
    runner.turn([event(0, 0)], 0)
    before = runner.windows
    runner.finish(1_000)
    _, gone = runner.windows.changes(before)

    kept = {key for key, _, _ in before.to_rows()} - set(gone)
    assert {key.partition("/")[0] for key in kept} == {"clock"}


def test_the_memory_of_a_rule_that_is_gone_is_kept_for_a_month():
    month = 31 * 24 * 60
    now_us = (BEGIN + month) * MINUTE
    old = Memory().changed({group_key("x"): Group(Head(last_us=(BEGIN - 1) * MINUTE))})
    young = Memory().changed({group_key("x"): Group(Head(last_us=(BEGIN + 1) * MINUTE))})

    assert set(Correlator(()).kept({"old": old, "young": young}, now_us)) == {"young"}


def test_windows_of_an_older_version_are_read():
    windows = Windows.from_rows(
        [("fnd_x", b"\x83\xa9expiry_us\x05\xa7waiting\x90\xa7is_open\xc2", 0)]
    )

    assert windows.by_key["fnd_x"].expiry_us == 5
    assert windows.memories == {}
