"""Who is told of which incident, and at which hour."""

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from tests.incidents.tables import NOON
from tests.respond.notifying.said import ALL, about, told
from tocsin.respond.notifying import Hours, Route, occasion_of

ALICE = about()
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_TO_FRIDAY = frozenset(range(5))


@pytest.mark.parametrize(
    ("before", "after", "stage"),
    [
        (None, ALICE, "opened"),
        (ALICE, replace(ALICE, severity_id=5), "grown"),
        (ALICE, replace(ALICE, finding_count=1000), None),
        (ALICE, replace(ALICE, status="In Progress"), None),
        (ALICE, replace(ALICE, status="Resolved"), "closed"),
        (ALICE, replace(ALICE, status="Closed"), "closed"),
        (replace(ALICE, status="Resolved"), replace(ALICE, status="Closed"), None),
        (replace(ALICE, status="Resolved"), ALICE, "reopened"),
        (ALICE, replace(ALICE, status="Closed", merged_into="inc_2"), None),
        (None, replace(ALICE, status="Closed"), None),
    ],
)
def test_what_happened_has_a_stage_or_is_no_news(before, after, stage):
    occasion = occasion_of(before, after)

    assert (occasion and occasion.stage) == stage


def test_the_same_change_is_the_same_occasion_and_the_next_is_another():
    again = replace(ALICE, version=7, finding_count=9)
    first, second = occasion_of(None, ALICE), occasion_of(None, again)
    grown = occasion_of(ALICE, replace(ALICE, severity_id=5))
    worse = occasion_of(ALICE, replace(ALICE, severity_id=6))

    assert first.uid == second.uid
    assert len({first.uid, grown.uid, worse.uid}) == 3


def test_incident_stage_and_route_make_the_key():
    keys = {
        each.uid
        for route in (ALL, replace(ALL, name="other"))
        for incident in (ALICE, about("user/bob"))
        for each in told(route, incident)
    }

    assert len(keys) == 4
    assert told(ALL, ALICE)[0].uid == told(ALL, ALICE)[0].uid


@pytest.mark.parametrize(
    ("route", "is_told"),
    [
        (Route("r", (), severity_id=4), True),
        (Route("r", (), severity_id=5), False),
        (Route("r", (), sources=("aws.*",)), True),
        (Route("r", (), sources=("gcp.*", "okta.*")), False),
        (Route("r", (), accounts=ALICE.accounts), True),
        (Route("r", (), accounts=("444455556666",)), False),
        (Route("r", (), entities=("user:*alice*",)), True),
        (Route("r", (), entities=("*alice",)), True),
        (Route("r", (), entities=("host:*",)), False),
        (Route("r", (), stages=frozenset({"closed"})), False),
        (Route("r", (), during=(Hours(UTC, time(9), time(17)),)), True),
        (Route("r", (), during=(Hours(UTC, time(17), time(9)),)), False),
    ],
)
def test_a_route_takes_what_all_its_conditions_fit(route, is_told):
    incident = replace(ALICE, accounts=("111122223333",))
    route = replace(route, accounts=route.accounts and ("111122223333",)) if is_told else route

    assert bool(told(route, incident)) == is_told


def test_whoever_was_never_told_hears_of_a_new_incident():
    grown = replace(ALICE, severity_id=5)
    critical = replace(ALL, severity_id=5)

    assert [each.stage for each in told(critical, grown, ALICE)] == ["opened"]
    assert [each.stage for each in told(critical, grown, ALICE, known=True)] == ["grown"]


def test_nobody_hears_twice_that_an_incident_is_new():
    assert told(ALL, ALICE, known=True) == []


def test_nobody_hears_the_end_of_what_they_never_heard_of():
    closed = replace(ALICE, status="Closed")

    assert told(ALL, closed, ALICE) == []
    assert [each.stage for each in told(ALL, closed, ALICE, known=True)] == ["closed"]


def test_what_is_critical_is_urgent_and_its_end_is_not():
    critical = about(severity=5)
    closed = replace(critical, status="Closed")

    assert [each.lane for each in told(ALL, critical)] == ["urgent"]
    assert [each.lane for each in told(ALL, closed, critical, known=True)] == ["normal"]


@pytest.mark.parametrize(
    ("moment", "is_inside"),
    [
        (datetime(2026, 11, 23, 21, 30, tzinfo=UTC), True),  # 22:30 in Berlin, Monday
        (datetime(2026, 11, 24, 5, 59, tzinfo=UTC), True),  # 06:59, still the night of Monday
        (datetime(2026, 11, 24, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 28, 3, 0, tzinfo=UTC), True),  # Saturday 04:00: the night of Friday
        (datetime(2026, 11, 28, 22, 0, tzinfo=UTC), False),  # Saturday 23:00
        (datetime(2026, 7, 6, 20, 30, tzinfo=UTC), True),  # 22:30 in summer time
        (datetime(2026, 7, 6, 19, 30, tzinfo=UTC), False),
    ],
)
def test_hours_are_of_their_zone_and_reach_over_midnight(moment, is_inside):
    night = Hours(BERLIN, time(22), time(7), MONDAY_TO_FRIDAY)

    assert night.holds(moment) == is_inside


def test_hours_that_end_where_they_begin_are_whole_days():
    monday = Hours(UTC, time(0), time(0), frozenset({0}))

    assert monday.holds(NOON) == (NOON.weekday() == 0)
    assert Hours(UTC, time(0), time(0)).holds(NOON)
