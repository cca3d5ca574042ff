"""Proposals follow the trigger and stay within every limit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.tables import NOON, finding, incident
from tests.respond.test_playbooks import FULL
from tocsin.incidents import Incident
from tocsin.respond import Limits, parse_playbook, propose

WATCH = parse_playbook(FULL, "watch.yaml")
NO_LIMITS = Limits(most_per_hour=1000)


def about(entity: str, **changes) -> Incident:
    return replace(incident(finding(entity, severity=4)), **changes)


ALICE = about("user/alice")


def test_an_incident_that_fits_gives_exactly_these_requests():
    requests = propose([WATCH], [ALICE], NO_LIMITS, (), NOON)

    assert [(one.action, one.arguments, one.mode) for one in requests] == [
        ("watch_entity", '{"days":7}', "observe"),
        ("notify", "{}", "observe"),
    ]
    assert {one.target for one in requests} == {ALICE.entities[0]}
    assert requests[0].uid.startswith("req_")
    assert requests[0].reason == (
        "Watch an identity that made itself at home: Something happened: alice (risk 52)"
    )


def test_the_same_call_gives_the_same_identifiers():
    first = propose([WATCH], [ALICE], NO_LIMITS, (), NOON)

    assert propose([WATCH], [ALICE], NO_LIMITS, (), NOON) == first
    assert len({one.uid for one in first}) == 2


def test_a_request_of_before_is_not_made_again():
    before = propose([WATCH], [ALICE], NO_LIMITS, (), NOON)

    assert propose([WATCH], [ALICE], NO_LIMITS, before, NOON + timedelta(days=9)) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"severity_id": 3},
        {"tactics": ("exfiltration",)},
        {"status": "Resolved"},
        {"status": "Closed"},
        {"merged_into": "inc_older"},
    ],
)
def test_an_incident_that_does_not_fit_asks_for_nothing(changes):
    assert propose([WATCH], [replace(ALICE, **changes)], NO_LIMITS, (), NOON) == ()


def test_an_entity_of_another_type_is_not_touched():
    assert propose([WATCH], [about("pod/web-1")], NO_LIMITS, (), NOON) == ()


@pytest.mark.parametrize("name", ["user/alice", "alice"])
def test_who_is_never_touched_is_never_a_target(name):
    limits = Limits(never_touch=frozenset({name}))

    assert propose([WATCH], [ALICE], limits, (), NOON) == ()


def test_an_entity_is_left_alone_while_the_playbook_cools_down():
    before = propose([WATCH], [ALICE], NO_LIMITS, (), NOON)
    another = replace(ALICE, uid="inc_another")

    early = propose([WATCH], [another], NO_LIMITS, before, NOON + timedelta(minutes=29))
    late = propose([WATCH], [another], NO_LIMITS, before, NOON + timedelta(minutes=30))

    assert (len(early), len(late)) == (0, 2)


def test_the_cap_of_a_playbook_takes_the_riskiest_incidents():
    incidents = [about(f"user/{n}", risk_score=n) for n in range(10)]

    requests = propose([WATCH], incidents, NO_LIMITS, (), NOON)

    assert [one.target.name for one in requests if one.action == "notify"] == ["9", "8"]


def test_the_cap_counts_the_last_hour():
    before = propose([WATCH], [about("user/a"), about("user/b")], NO_LIMITS, (), NOON)

    within = propose([WATCH], [ALICE], NO_LIMITS, before, NOON + timedelta(minutes=59))
    after = propose([WATCH], [ALICE], NO_LIMITS, before, NOON + timedelta(minutes=60))

    assert (len(within), len(after)) == (0, 2)


def test_the_cap_over_all_playbooks_holds():
    others = [replace(WATCH, uid=f"other-{n}") for n in range(4)]

    requests = propose(others, [ALICE], Limits(most_per_hour=3), (), NOON)

    assert len({one.playbook_uid for one in requests}) == 3


@given(st.permutations([about(f"user/{n}", risk_score=n % 3) for n in range(5)]), st.booleans())
def test_the_order_of_incidents_and_playbooks_changes_nothing(incidents, is_reversed):
    books = [WATCH, replace(WATCH, uid="another")]
    ordered = sorted(incidents, key=lambda one: one.uid)

    shuffled = propose(books[::-1] if is_reversed else books, incidents, Limits(3), (), NOON)

    assert shuffled == propose(books, ordered, Limits(3), (), NOON)
