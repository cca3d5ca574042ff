"""Clocks of incidents and mean times."""

from datetime import timedelta

from tests.incidents.tables import HOUR, NOON, finding, grouped, incident
from tocsin.incidents import Change, transition
from tocsin.incidents.clocks import Targets, clocks_of, means_of

TARGETS = Targets(acknowledge={3: HOUR}, close={3: 4 * HOUR}, report=72 * HOUR)
CLOSE = Change(status="Closed", verdict="Benign", reason="planned")


def test_a_new_incident_waits_to_be_taken_and_closed():
    clocks = clocks_of(incident(), TARGETS)

    assert [(one.name, one.due - NOON, one.ended) for one in clocks] == [
        ("acknowledge", HOUR, None),
        ("close", 4 * HOUR, None),
    ]


def test_a_clock_is_late_only_behind_its_time():
    clock = clocks_of(incident(), TARGETS)[0]

    assert not clock.is_late(NOON + HOUR)
    assert clock.is_late(NOON + HOUR + timedelta(seconds=1))


def test_a_clock_that_was_met_never_gets_late():
    taken = transition(incident(), Change(assignee="ada"), NOON + HOUR)

    clock = clocks_of(taken, TARGETS)[0]

    assert clock.ended == NOON + HOUR
    assert not clock.is_late(NOON + 99 * HOUR)


def test_a_severity_without_a_target_has_no_clock():
    assert clocks_of(incident(finding(severity=5)), TARGETS) == ()


def test_a_reportable_incident_has_a_clock_of_its_own():
    marked = transition(incident(), Change(report="needed", reason="x"), NOON + HOUR)

    clocks = clocks_of(marked, TARGETS)

    assert [(one.name, one.due) for one in clocks][-1] == ("report", NOON + 73 * HOUR)


def test_reopening_starts_the_clock_of_closing_again():
    closed = transition(incident(), CLOSE, NOON + HOUR)
    opened = transition(closed, Change(status="In Progress", reason="again"), NOON + 2 * HOUR)

    assert closed.finished_time == NOON + HOUR
    assert opened.finished_time is None
    assert opened.acknowledged_time == NOON + HOUR


def test_findings_that_wake_a_resolved_incident_start_its_clock_again():
    resolved = transition(incident(), Change(status="Resolved"), NOON)

    woken = grouped(finding(minute=20, uid="new"), known=[resolved]).changed[0]

    assert (woken.status, woken.finished_time) == ("New", None)


def test_means_are_from_first_event_to_opening_and_from_there_to_the_end():
    one = transition(incident(finding(minute=-60)), CLOSE, NOON + 2 * HOUR)
    other = transition(incident(finding(minute=-180)), CLOSE, NOON + 4 * HOUR)

    means = means_of([one, other])

    assert (means.incidents, means.detect, means.resolve) == (2, 2 * HOUR, 3 * HOUR)


def test_means_of_nothing_are_unknown():
    means = means_of([])

    assert (means.incidents, means.detect, means.acknowledge, means.resolve) == (
        0,
        None,
        None,
        None,
    )
