"""Requests are stored once, move as states allow, and only for the one who holds the lease."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.errors import StoreError, UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.respond.actions import Call, Change, Made, Plan, Target
from tocsin.respond.requests import ActionRequest
from tocsin.store import Store, request_documents
from tocsin.store.answers import RequestMoment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TARGET = Target("access_key", "AKIAIOSFODNN7EXAMPLE", "", "aws", "111122223333")
PLAN = Plan((Call("iam", "update_access_key", {"Status": "Inactive"}),), (Change("key", "a", "b"),))
REQUEST = ActionRequest(
    uid="req_1",
    run_uid="req_run",
    playbook_uid="leaked_access_key",
    step=0,
    incident_uid="inc_1",
    action="aws_disable_access_key",
    target=TARGET,
    arguments="{}",
    mode="approve",
    state="proposed",
    author="playbook:leaked_access_key",
    reason="the key leaked",
    requested_time=NOON,
    lasts=None,
    needed_approvals=1,
)


def added(store: Store, request: ActionRequest = REQUEST) -> ActionRequest:
    store.requests.put(request, request.author, NOON)
    return request


def test_a_request_is_read_as_it_was_written(store):
    added(store, replace(REQUEST, lasts=timedelta(minutes=90)))

    kept = store.requests.get("req_1", EVERYTHING)
    assert kept.request == replace(REQUEST, lasts=timedelta(minutes=90))
    assert (kept.plan, kept.digest, kept.before) == (None, "", None)


def test_the_same_request_is_stored_once(store):
    added(store)
    added(store, replace(REQUEST, reason="again"))

    assert [each.request.reason for each in store.requests.list(EVERYTHING)] == ["the key leaked"]
    assert len(store.requests.history("req_1")) == 1


def test_requests_of_other_accounts_are_not_seen(store):
    added(store)
    theirs = Scope(accounts=frozenset({"444455556666"}))

    assert store.requests.list(theirs) == ()
    assert store.requests.get("req_1", theirs) is None
    with pytest.raises(UsageError, match="no request"):
        store.requests.refuse("req_1", "eve", "", NOON, theirs)


def test_a_plan_is_read_as_it_was_written():
    plan = Plan(
        (
            Call("ec2", "create_security_group", {"GroupName": "x", "Tags": [{"Key": "a"}]}),
            Call(
                "ec2",
                "modify_network_interface_attribute",
                {"Groups": [Made(0, "GroupId")], "Deep": {"in": Made(0, "a.b")}},
                "eu-west-1",
                frozenset({"Groups"}),
            ),
        ),
        (Change("groups", "sg-1", "sg-2"),),
        ("flows go on",),
    )

    read = request_documents.plan(request_documents.plan_text(plan))

    assert read == plan
    assert read.digest(TARGET) == plan.digest(TARGET)


@pytest.fixture
def other(tmp_path: Path, store: Store) -> Iterator[Store]:
    """Another process with the same folder."""
    with Store.open(tmp_path / "data") as opened:
        yield opened


def test_one_runner_at_a_time_holds_the_lease(store, other):
    mine = store.request_work.lease("one", NOON)

    assert other.request_work.lease("two", NOON) is None
    store.request_work.release(mine, NOON)
    assert other.request_work.lease("two", NOON).fence == mine.fence + 1


def test_the_lease_of_a_dead_one_is_free_at_once(store, other):
    store.request_work.lease("one", NOON)

    assert other.request_work.lease("two", NOON, lambda holder: holder == "one") is not None


def test_a_frozen_runner_that_wakes_up_stores_and_begins_nothing(store, other):
    request = added(store)
    frozen = store.request_work.lease("one", NOON)
    later = NOON + timedelta(minutes=4)
    other.request_work.lease("two", later)
    attempts = (
        lambda: store.request_work.planned(frozen, request, PLAN, 1, later),
        lambda: store.request_work.begin(frozen, request, {}, later),
        lambda: store.request_work.begin_call(frozen, "req_1", "apply", (0, PLAN.calls[0]), later),
        lambda: store.request_work.end_call(frozen, 1, "done", "", later),
        lambda: store.request_work.renew(frozen, later),
        lambda: store.request_work.settle(frozen, "req_1", later, None),
        lambda: store.request_work.postpone(frozen, request, "", later, later),
        lambda: store.request_work.move(
            frozen, request, RequestMoment(later, "failed", "tocsin", "")
        ),
    )

    for attempt in attempts:
        with pytest.raises(StoreError, match="another Tocsin"):
            attempt()

    assert store.requests.get("req_1", EVERYTHING).request.state == "proposed"
    assert store.requests.calls("req_1") == ()


def test_a_lease_whose_time_is_up_is_refused_though_nobody_else_came(store):
    request = added(store)
    lease = store.request_work.lease("one", NOON)

    with pytest.raises(StoreError, match="another Tocsin"):
        store.request_work.begin(lease, request, {}, NOON + timedelta(minutes=3))


def test_every_change_is_in_the_history_and_what_people_do_in_the_audit_log(store):
    request = added(store)
    lease = store.request_work.lease("one", NOON)
    store.request_work.planned(lease, request, PLAN, 1, NOON)
    digest = PLAN.digest(TARGET)

    store.requests.approve("req_1", digest, "alice", NOON, EVERYTHING)
    store.request_work.begin(lease, request, {"status": "Active"}, NOON)
    store.request_work.end(
        lease, request, {"status": "Inactive"}, RequestMoment(NOON, "active", "tocsin", "done")
    )

    states = [moment.state for moment in store.requests.history("req_1")]
    assert states == ["proposed", "proposed", "approved", "applying", "active"]
    rows = store.audit.list(EVERYTHING).rows
    assert [(row.actor, row.action) for row in rows][0] == ("alice", "respond.approve")
    assert store.audit.verify().problem == ""


def test_a_state_that_is_over_stays(store):
    request = added(store)
    store.requests.refuse("req_1", "alice", "a drill", NOON, EVERYTHING)
    lease = store.request_work.lease("one", NOON)

    with pytest.raises(UsageError, match="is refused; it cannot"):
        store.request_work.begin(lease, request, {}, NOON)


def test_the_switch_stops_and_stays_and_says_who(tmp_path, store, other):
    store.response_stop.set("alice", "a mistake", NOON)

    assert other.response_stop.is_set
    found = other.response_stop.read()
    assert (found.who, found.reason, found.time) == ("alice", "a mistake", NOON)
    assert other.response_stop.clear()
    assert not store.response_stop.is_set
    assert not store.response_stop.clear()


def test_a_switch_made_by_hand_stops_too(tmp_path, store):
    (tmp_path / "data" / "respond.stop").write_text("")

    assert store.response_stop.is_set
    assert store.response_stop.read().who == ""
