"""Tags, tasks, references and the mark *reportable*: what people may attach, and what not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.incidents.tables import NOON, finding, grouped, incident
from tocsin.errors import UsageError
from tocsin.incidents import Change, transition

LATER = NOON + timedelta(minutes=5)
OTHER = "inc_" + "0" * 32


def changed(*changes: Change):
    one = incident()
    for change in changes:
        one = transition(one, change, LATER)
    return one


def test_tags_are_lower_case_sorted_and_there_once():
    one = changed(Change(add_tags=("Phishing", "apac")), Change(add_tags=("phishing ",)))

    assert one.tags == ("apac", "phishing")


def test_a_tag_is_taken_off():
    one = changed(Change(add_tags=("a", "b")), Change(remove_tags=("A",)))

    assert one.tags == ("b",)


@pytest.mark.parametrize("tag", ["", "two words", "<b>", "x" * 51, "a,b", "a\nb"])
def test_what_is_no_word_is_no_tag(tag):
    with pytest.raises(UsageError, match="no tag"):
        changed(Change(add_tags=(tag,)))


def test_too_many_tags_are_refused():
    with pytest.raises(UsageError, match="at most"):
        changed(Change(add_tags=tuple(f"t{number}" for number in range(51))))


def test_tasks_are_numbered_given_and_done():
    one = changed(
        Change(add_task="Revoke the key", owner="ada"),
        Change(add_task="Call the team"),
        Change(task=1, is_done=True),
        Change(task=2, owner="bo"),
    )

    told = [(task.number, task.text, task.owner, task.is_done) for task in one.tasks]
    assert told == [(1, "Revoke the key", "ada", True), (2, "Call the team", "bo", False)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change(task=7, is_done=True), "no task 7"),
        (Change(task=1), "say who"),
        (Change(add_task="  "), "a text"),
        (Change(add_task="x" * 501), "a text"),
        (Change(add_task="x", task=1, is_done=True), "not both"),
        (Change(is_done=True), "nothing to change"),
    ],
)
def test_a_task_that_cannot_be_changed_says_why(change, why):
    with pytest.raises(UsageError, match=why):
        changed(change)


def test_references_name_incidents_and_addresses():
    address = "https://wiki.example.org/runbook?a=1"
    one = changed(
        Change(add_link=OTHER, link_note="same key"),
        Change(add_link=address),
        Change(remove_link=OTHER),
    )

    assert [each.target for each in one.references] == [address]


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)", "http://example.org", "https://", "https://u:p@example.org",
        "https://[", "inc_short", "https://example.org/a b", "https://example.org/\u202e",
        "https://example.org/" + "x" * 2000, "//example.org",
    ],
)  # fmt: skip
def test_only_incidents_and_plain_https_addresses_are_linked(target):
    with pytest.raises(UsageError, match="https address"):
        changed(Change(add_link=target))


def test_an_incident_does_not_refer_to_itself():
    with pytest.raises(UsageError, match="itself"):
        transition(incident(), Change(add_link=incident().uid), LATER)


def test_a_reportable_incident_is_reported():
    one = changed(Change(report="needed", reason="Personal data"), Change(report="sent"))

    assert one.report is not None
    assert (one.report.since, one.report.reason, one.report.sent) == (LATER, "Personal data", LATER)


@pytest.mark.parametrize(
    "steps",
    [
        ("needed", "needed"),
        ("sent",),
        ("not needed",),
        ("needed", "sent", "sent"),
    ],
)
def test_steps_of_reporting_come_in_order(steps):
    with pytest.raises(UsageError, match="report"):
        changed(*(Change(report=step, reason="why") for step in steps))


@pytest.mark.parametrize("step", ["needed", "not needed"])
def test_the_mark_is_not_set_or_taken_off_without_a_reason(step):
    one = changed(*[Change(report="needed", reason="x")] if step == "not needed" else [])

    with pytest.raises(UsageError, match="reason"):
        transition(one, Change(report=step), LATER)


def test_nothing_that_is_attached_is_lost_when_findings_tie_incidents_together():
    alice = transition(
        incident(finding("user/alice")), Change(add_tags=("a",), add_task="one"), LATER
    )
    key = transition(incident(finding("access_key/K", 1)), Change(add_task="two"), LATER)
    key = transition(key, Change(add_tags=("b",), add_link=alice.uid), LATER)
    key = transition(key, Change(report="needed", reason="x"), LATER)
    key = replace(key, opened_time=LATER)

    survivor = grouped(
        finding(minute=2, links=["access_key/K"]), known=[alice, key], now=LATER
    ).open[0]

    assert survivor.uid == alice.uid
    assert survivor.tags == ("a", "b")
    assert [(task.number, task.text) for task in survivor.tasks] == [(1, "one"), (2, "two")]
    assert survivor.references == ()
    assert survivor.report == key.report
