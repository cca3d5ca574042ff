"""What people may do to an incident, and what they are told where they may not."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from tests.incidents.tables import NOON, incident
from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident, Status, Verdict, transition
from tocsin.incidents.lifecycle import ALLOWED

LATER = NOON + timedelta(minutes=5)
CLOSE = Change(status="Closed", verdict="True Positive", reason="The key was revoked.")


def in_status(status: Status) -> Incident:
    finished = status in ("Resolved", "Closed")
    return replace(incident(), status=status, verdict="Benign" if finished else None)


def test_a_new_incident_is_taken_and_moved_to_in_progress():
    changed = transition(incident(), Change(status="In Progress", assignee=" dana "), LATER)

    assert (changed.status, changed.assignee, changed.version) == ("In Progress", "dana", 2)
    assert changed.updated_time == LATER


def test_an_empty_name_takes_the_incident_from_everybody():
    taken = transition(incident(), Change(assignee="dana"), LATER)

    assert transition(taken, Change(assignee=""), LATER).assignee == ""


def test_closing_keeps_verdict_and_reason():
    closed = transition(incident(), CLOSE, LATER)

    assert (closed.status, closed.verdict) == ("Closed", "True Positive")
    assert closed.verdict_reason == "The key was revoked."


def test_a_resolved_incident_with_a_verdict_closes_without_another():
    resolved = transition(incident(), replace(CLOSE, status="Resolved"), LATER)

    closed = transition(resolved, Change(status="Closed"), LATER)

    assert closed.verdict == "True Positive"


def test_a_closed_incident_gets_another_verdict():
    closed = transition(incident(), CLOSE, LATER)

    amended = transition(closed, Change(verdict="Test", reason="It was a drill."), LATER)

    assert (amended.status, amended.verdict, amended.version) == ("Closed", "Test", 3)


def test_reopening_clears_the_verdict():
    closed = transition(incident(), CLOSE, LATER)

    reopened = transition(closed, Change(status="In Progress", reason="It goes on."), LATER)

    assert (reopened.verdict, reopened.verdict_reason) == (None, "")


def test_a_comment_alone_gives_a_new_version_only():
    before = incident()

    after = transition(before, Change(comment="Looked at it."), LATER)

    assert after == replace(before, version=2, updated_time=LATER)


@pytest.mark.parametrize("status", get_args(Status))
@pytest.mark.parametrize("target", get_args(Status))
def test_the_life_cycle_is_kept(status, target):
    change = Change(status=target, reason="Because.", verdict=None)

    if target in ALLOWED[status] and target != "Closed":
        assert transition(in_status(status), change, LATER).status == target
    elif target in ALLOWED[status] and status == "Resolved":
        assert transition(in_status(status), change, LATER).status == "Closed"
    else:
        with pytest.raises(UsageError):
            transition(in_status(status), change, LATER)


@pytest.mark.parametrize(
    ("status", "change", "remedy"),
    [
        ("New", Change(), "give a status"),
        ("New", Change(reason="Because."), "give a status"),
        ("New", Change(status="Closed"), "one of: False Positive, True Positive"),
        ("New", replace(CLOSE, reason=" "), "needs a reason"),
        ("New", Change(verdict="Benign", reason="Because."), "resolve or close it"),
        ("On Hold", Change(status="New"), "possible: In Progress, Resolved, Closed"),
        ("Closed", Change(status="In Progress"), "needs a reason"),
        ("New", Change(status="Closed", verdict="Nonsense", reason="x"), "possible: False"),
    ],
)
def test_what_is_not_possible_says_what_is(status, change, remedy):
    with pytest.raises(UsageError, match=remedy):
        transition(in_status(status), change, LATER)


def test_a_merged_incident_points_to_the_one_that_lives():
    merged = replace(incident(), merged_into="inc_older", status="Closed")

    with pytest.raises(UsageError, match="merged into inc_older: change that one"):
        transition(merged, Change(comment="?"), LATER)


def test_every_verdict_closes():
    for verdict in get_args(Verdict):
        assert transition(incident(), replace(CLOSE, verdict=verdict), LATER).verdict == verdict
