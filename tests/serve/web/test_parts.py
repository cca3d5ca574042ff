"""The small thoughts behind the pages: story, charts, clauses, numbers, the exposition format."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.serve.web import seed
from tocsin.ocsf import EVERYTHING, Entity
from tocsin.serve.web import charts, life, names, ranges, rendering, story
from tocsin.serve.web.event_lines import at, fields
from tocsin.serve.web.queries import about, clause
from tocsin.store import FindingFilter, Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Moment:
    time: datetime
    kind: str
    uid: str
    title: str
    severity_id: int = 3
    actor: str = ""
    status: str = ""
    address: str = ""


def moment(minute: int, kind: str, title: str) -> Moment:
    return Moment(NOON + timedelta(minutes=minute), kind, f"{kind}-{minute}", title)


# --- story ----------------------------------------------------------------------------------------


def test_many_events_in_a_row_are_one_line() -> None:
    [day] = story.timeline([moment(minute, "event", "read") for minute in range(10)])

    [beat] = day.beats
    assert (beat.count, beat.last_time) == (10, NOON + timedelta(minutes=9))


def test_events_of_different_people_are_not_folded() -> None:
    who = ("alice", "bob") * 5
    moments = [
        replace(moment(minute, "event", "read"), actor=name) for minute, name in enumerate(who)
    ]

    [day] = story.timeline(moments)

    assert [beat.count for beat in day.beats] == [1] * 10


def test_few_events_keep_their_own_lines() -> None:
    [day] = story.timeline([moment(minute, "event", "read") for minute in range(3)])

    assert [beat.count for beat in day.beats] == [1, 1, 1]


def test_the_event_that_made_a_finding_is_not_told_twice() -> None:
    [day] = story.timeline([moment(0, "event", "a"), moment(0, "finding", "a")])

    assert [beat.first.kind for beat in day.beats] == ["finding"]


def test_days_are_parted() -> None:
    days = story.timeline([moment(0, "finding", "a"), moment(24 * 60, "finding", "b")])

    assert [day.day.day for day in days] == [23, 24]


# --- charts ---------------------------------------------------------------------------------------


def test_findings_stand_in_the_bar_of_their_time() -> None:
    span = ranges.parse("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", NOON)
    outside = NOON + timedelta(days=3)
    chart = charts.by_severity([(NOON, 5, 1), (NOON, 3, 2), (outside, 3, 9)], span, "/x")

    starts = chart["starts"]
    assert isinstance(starts, list)
    series = {each["name"]: each["values"] for each in chart["series"]}  # type: ignore[attr-defined]
    place = starts.index(int(NOON.timestamp() * 1000))
    assert {name: values[place] for name, values in series.items()} == {"Critical": 1, "Medium": 2}
    assert sum(map(sum, series.values())) == 3


def test_the_store_counts_in_the_bars_that_the_chart_has(tmp_path: Path) -> None:
    span = ranges.parse("24h", "", seed.NOW)
    width = charts.bar_width(span)
    with Store.open(tmp_path / "store") as store:
        seed.fill(store)
        which = FindingFilter(since=span.start)
        counts = store.findings.over_time(which, EVERYTHING, width)
        chart = charts.by_severity(counts, span, "/x")
        found = store.findings.count(which, EVERYTHING)

    series = [sum(each["values"]) for each in chart["series"]]  # type: ignore[attr-defined]
    assert sum(series) == found == 11
    assert [time.timestamp() % width.total_seconds() for time, _, _ in counts] == [0] * len(counts)


def test_hours_without_records_are_zero() -> None:
    counts = charts.hourly([(NOON, 4), (NOON - timedelta(hours=2), 1)], NOON, hours=4)

    assert counts == [0, 1, 0, 4]


def test_a_spark_line_stays_in_its_box() -> None:
    points = charts.spark_points([0, 5, 10])

    assert points == "0.0,26.0 60.0,14.0 120.0,2.0"


# --- clauses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "text", "exclude", "expected"),
    [
        ("a.b", "x", "", False, 'a.b:"x"'),
        ("a", "x", "b:1", False, 'b:1 AND a:"x"'),
        ("a", "x", "b:1 OR c:2", True, '(b:1 OR c:2) AND NOT a:"x"'),
        ("a", 'q"\\*', None, False, 'a:"q\\"\\\\*"'),
        ("a", True, "", False, 'a:"true"'),
    ],
)
def test_a_value_becomes_a_clause_that_means_itself(
    path: str, value: object, text: str | None, exclude: bool, expected: str
) -> None:
    assert clause(path, value, text, exclude) == expected


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (Entity("user", "arn:aws:iam::1:user/al", "al"), 'actor.user.name:"al"'),
        (Entity("user", "al"), 'actor.user.name:"al"'),
        (Entity("address", "192.0.2.1", "x"), 'src_endpoint.ip:"192.0.2.1"'),
        (Entity("pod", 'a "b"'), '"a \\"b\\""'),
    ],
)
def test_an_entity_leads_to_its_events(entity: Entity, expected: str) -> None:
    assert about(entity) == expected


# --- rows -----------------------------------------------------------------------------------------


def test_paths_reach_into_lists() -> None:
    row = {"a": [{"b": 1}, {"b": [2, 3]}, {"c": 4}], "d": None}

    assert list(at(row, "a.b")) == [1, 2, 3]
    assert list(at(row, "d.e")) == []


def test_fields_are_flat_and_sorted_and_leave_out_what_is_ours() -> None:
    row = {"b": {"c": 1, "d": None}, "a": ["x", "y"], "event_uid": "evt", "raw_data": "{}"}

    found = [(field.path, field.value) for field in fields(row)]

    assert found == [("a", "x"), ("a", "y"), ("b.c", 1)]


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (59.6, "1m"), (3600, "1h"), (3661, "1h 1m"), (93600, "1d 2h"), (None, "–")],
)
def test_lengths_of_time_are_short(seconds: float | None, expected: str) -> None:
    assert rendering.duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (9999, "9,999"), (12345, "12.3k"), (2_500_000, "2.5M"), (3e9, "3.0G")],
)
def test_large_numbers_are_compact(value: float, expected: str) -> None:
    assert rendering.compact(value) == expected


def test_addresses_leave_out_what_is_empty() -> None:
    assert rendering.url("/x y", {"a": "1", "b": ""}, a=None, c="&") == "/x%20y?c=%26"


def test_tactics_stand_in_the_order_of_an_attack() -> None:
    found = names.in_attack_order(["impact", "own-tactic", "discovery", "execution"])

    assert found == ["execution", "discovery", "impact", "own-tactic"]
    assert names.tactic("command-and-control") == "Command and control"


# --- exposition -----------------------------------------------------------------------------------


def test_samples_of_one_name_stand_together_under_one_head() -> None:
    lines = "".join(
        life.exposition(
            [
                life.Metric("a_total", "counter", "A.", 1, {"feed": 'x"\\\n'}),
                life.Metric("t_seconds_bucket", "histogram", "T.", 1, {"le": "0.5"}),
                life.Metric("b", "gauge", "B.", 0.5, {}),
                life.Metric("a_total", "counter", "A.", 2, {"feed": "y"}),
                life.Metric("t_seconds_sum", "histogram", "T.", 0.25, {}),
            ]
        )
    ).splitlines()

    assert lines == [
        "# HELP a_total A.", "# TYPE a_total counter",
        'a_total{feed="x\\"\\\\\\n"} 1', 'a_total{feed="y"} 2',
        "# HELP b B.", "# TYPE b gauge", "b 0.5",
        "# HELP t_seconds T.", "# TYPE t_seconds histogram",
        't_seconds_bucket{le="0.5"} 1', "t_seconds_sum 0.25",
    ]  # fmt: skip
