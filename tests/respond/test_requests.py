"""Who must agree to what, and every way to reuse an agreement that must not count."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.errors import UsageError
from tocsin.respond.actions import ActionFacts, Target
from tocsin.respond.requests import (
    ALLOWED,
    ActionRequest,
    Approval,
    agreement,
    check_approval,
    check_transition,
    may_follow,
    needed_approvals,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLAN, OTHER = "a" * 32, "b" * 32
BY_PLAYBOOK = ActionRequest(
    uid="req_1",
    run_uid="req_run",
    playbook_uid="leaked_access_key",
    step=0,
    incident_uid="inc_1",
    action="aws_disable_access_key",
    target=Target("access_key", "AKIAIOSFODNN7EXAMPLE", "", "aws", "111122223333"),
    arguments="{}",
    mode="approve",
    state="proposed",
    author="playbook:leaked_access_key",
    reason="it leaked",
    requested_time=NOON,
    lasts=None,
    needed_approvals=1,
)
BY_ALICE = replace(BY_PLAYBOOK, playbook_uid="", author="alice")
DESTRUCTIVE = replace(BY_PLAYBOOK, needed_approvals=2)
DESTRUCTIVE_BY_ALICE = replace(BY_ALICE, needed_approvals=2)


def word(who: str, digest: str = PLAN, minutes: float = 0) -> Approval:
    return Approval(digest, who, NOON + minutes * MINUTE)


NOT_ENOUGH = {
    "nobody": (BY_PLAYBOOK, [], 0),
    "another plan": (BY_PLAYBOOK, [word("bob", OTHER)], 0),
    "no plan": (BY_PLAYBOOK, [word("bob", "")], 0),
    "the plan before it was changed back and forth": (BY_PLAYBOOK, [word("bob", OTHER, -1)], 0),
    "30 minutes ago": (BY_PLAYBOOK, [word("bob")], 30),
    "31 minutes ago": (BY_PLAYBOOK, [word("bob")], 31),
    "a day ago": (BY_PLAYBOOK, [word("bob")], 1440),
    "from the future": (BY_PLAYBOOK, [word("bob", minutes=1)], 0),
    "the author": (BY_ALICE, [word("alice")], 0),
    "the author at the keyboard": (BY_ALICE, [word("local:alice")], 0),
    "the author in capitals": (BY_ALICE, [word("ALICE")], 0),
    "the author with a blank": (BY_ALICE, [word(" alice ")], 0),
    "the author twice": (BY_ALICE, [word("alice"), word("local:alice", minutes=1)], 2),
    "the author and another plan": (BY_ALICE, [word("alice"), word("bob", OTHER)], 0),
    "one of two": (DESTRUCTIVE, [word("bob")], 0),
    "one twice": (DESTRUCTIVE, [word("bob"), word("bob", minutes=1)], 2),
    "one by two names": (DESTRUCTIVE, [word("bob"), word("local:bob", minutes=1)], 2),
    "one in two spellings": (DESTRUCTIVE, [word("bob"), word("Bob", minutes=1)], 2),
    "two, one too old": (DESTRUCTIVE, [word("bob"), word("eve", minutes=29)], 30),
    "two, both too old": (DESTRUCTIVE, [word("bob"), word("eve")], 30),
    "two plans": (DESTRUCTIVE, [word("bob"), word("eve", OTHER)], 0),
    "author and one": (DESTRUCTIVE_BY_ALICE, [word("alice"), word("bob")], 0),
    "author, one, one too old": (
        DESTRUCTIVE_BY_ALICE,
        [word("alice", minutes=20), word("bob", minutes=20), word("eve")],
        30,
    ),
    "observed": (replace(BY_PLAYBOOK, mode="observe"), [word("bob"), word("eve")], 0),
    "observed, nobody needed": (replace(BY_PLAYBOOK, mode="observe", needed_approvals=0), [], 0),
}


@pytest.mark.parametrize("name", NOT_ENOUGH)
def test_it_is_not_agreed(name):
    request, approvals, minutes = NOT_ENOUGH[name]

    assert not agreement(request, PLAN, approvals, NOON + minutes * MINUTE, None).is_given


ENOUGH = {
    "one": (BY_PLAYBOOK, [word("bob")], 0),
    "one, 29 minutes ago": (BY_PLAYBOOK, [word("bob")], 29),
    "another than the author": (BY_ALICE, [word("bob")], 0),
    "two": (DESTRUCTIVE, [word("bob"), word("eve")], 0),
    "two others": (DESTRUCTIVE_BY_ALICE, [word("alice"), word("bob"), word("eve")], 0),
    "nobody needed": (replace(BY_PLAYBOOK, needed_approvals=0), [], 0),
}


@pytest.mark.parametrize("name", ENOUGH)
def test_it_is_agreed(name):
    request, approvals, minutes = ENOUGH[name]

    assert agreement(request, PLAN, approvals, NOON + minutes * MINUTE, None).is_given


@pytest.mark.parametrize("request_", [BY_ALICE, DESTRUCTIVE, DESTRUCTIVE_BY_ALICE])
def test_a_delay_takes_the_place_of_one_person(request_):
    approvals, delay = [word("alice")], 10 * MINUTE

    early = agreement(request_, PLAN, approvals, NOON + 9 * MINUTE, delay)
    late = agreement(request_, PLAN, approvals, NOON + 10 * MINUTE, delay)

    assert (early.is_given, early.due, early.is_lone) == (False, NOON + delay, True)
    assert (late.is_given, late.is_lone) == (True, True)


LONE_NOT_ENOUGH = {
    "nobody": ([], 20),
    "another plan": ([word("alice", OTHER)], 20),
    "after the delay and 30 minutes": ([word("alice")], 40),
}


@pytest.mark.parametrize("name", LONE_NOT_ENOUGH)
@pytest.mark.parametrize("request_", [BY_ALICE, DESTRUCTIVE])
def test_a_delay_takes_nobody_elses_place(name, request_):
    approvals, minutes = LONE_NOT_ENOUGH[name]
    now = NOON + minutes * MINUTE

    assert not agreement(request_, PLAN, approvals, now, 10 * MINUTE).is_given


REFUSED = {
    "another plan": (BY_PLAYBOOK, PLAN, word("bob", OTHER), ()),
    "no plan yet": (BY_PLAYBOOK, "", word("bob", ""), ()),
    "an empty plan": (BY_PLAYBOOK, PLAN, word("bob", ""), ()),
    "the beginning of a plan": (BY_PLAYBOOK, PLAN, word("bob", PLAN[:8]), ()),
    "the author": (BY_ALICE, PLAN, word("alice"), ()),
    "the author at the keyboard": (BY_ALICE, PLAN, word("local:alice"), ()),
    "once more": (DESTRUCTIVE, PLAN, word("bob", minutes=1), (word("bob"),)),
    "once more by another name": (DESTRUCTIVE, PLAN, word("local:bob"), (word("bob"),)),
    **{
        state: (replace(BY_PLAYBOOK, state=state), PLAN, word("bob"), ())
        for state in ALLOWED
        if state not in ("proposed", "approved")
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_approval_is_refused(name):
    request, digest, approval, earlier = REFUSED[name]

    with pytest.raises(UsageError):
        check_approval(request, digest, approval, None, earlier)


def test_at_least_forty_ways_to_reuse_an_approval_are_refused():
    assert len(NOT_ENOUGH) + 2 * len(LONE_NOT_ENOUGH) + len(REFUSED) >= 40


def facts(category="reversible", level=2, **values) -> ActionFacts:
    return ActionFacts(
        title="Do",
        provider="aws",
        targets=frozenset({"access_key"}),
        category=category,
        level=level,
        needs=(),
        **values,
    )


@pytest.mark.parametrize(
    ("given", "mode", "by_person", "needed"),
    [
        (facts(), "automatic", False, 0),
        (facts(), "automatic", True, 1),
        (facts(), "approve", False, 1),
        (facts(), "propose", False, 1),
        (facts(), "observe", False, 1),
        (facts(level=3), "automatic", False, 1),
        (facts(category="compensable"), "automatic", False, 1),
        (facts(category="compensable", level=1), "automatic", False, 0),
        (facts("destructive", 4), "automatic", False, 2),
        (facts("destructive", 4, restores_safety=True), "automatic", False, 2),
        (facts(level=3, restores_safety=True), "propose", False, 0),
        (facts(level=3, restores_safety=True), "observe", False, 1),
    ],
)
def test_how_many_must_agree(given, mode, by_person, needed):
    assert needed_approvals(given, mode, by_person=by_person) == needed


@pytest.mark.parametrize("state", ["observed", "refused", "lapsed", "reverted", "superseded"])
def test_what_is_over_stays_over(state):
    for following in ALLOWED:
        with pytest.raises(UsageError, match="it is over"):
            check_transition(state, following)


def test_a_step_waits_for_the_earlier_ones_and_may_be_stopped_by_them():
    active, failed = replace(BY_PLAYBOOK, state="active"), replace(BY_PLAYBOOK, state="failed")

    assert may_follow([]) is True
    assert may_follow([active]) is True
    assert may_follow([active, BY_PLAYBOOK]) is False
    assert may_follow([failed]) is None
    assert may_follow([replace(failed, on_failure="continue")]) is True
