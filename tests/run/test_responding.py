"""Requests are planned, approved, carried out, read back, and taken back on time or on demand."""

from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest

from tests.run.response_stage import (
    ACCOUNT,
    WatchedCallers,
    aws,
    cloud,
    moto_url,
    refused,
    settings_in,
    stage,
)
from tocsin.errors import CallRefusedError, StoreError, UsageError
from tocsin.ocsf import EVERYTHING
from tocsin.respond.actions import Target
from tocsin.run.responding import Responding
from tocsin.store import Store

__all__ = ["aws", "cloud", "moto_url", "stage"]


def test_a_leaked_key_is_disabled_once_approved_and_enabled_again_by_undo(stage):
    was = stage.keys()
    uid = stage.put()

    stage.turn(3)
    assert (stage.state(uid), stage.status()) == ("proposed", "Active")
    stage.approve(uid)
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")
    stage.undo(uid)
    stage.turn()

    assert stage.state(uid) == "reverted"
    assert stage.keys() == was
    states = [moment.state for moment in stage.store.requests.history(uid)]
    assert states == [
        *("proposed", "proposed", "approved", "applying"),
        *("active", "active", "reverting", "reverted"),
    ]


def test_every_call_is_written_down_with_its_outcome(stage):
    uid = stage.carried_out()
    stage.undo(uid)
    stage.turn()

    calls = stage.store.requests.calls(uid)
    assert [(one.phase, one.call.operation, one.outcome) for one in calls] == [
        ("apply", "update_access_key", "done"),
        ("undo", "update_access_key", "done"),
    ]
    assert [call.digest() for call in stage.callers.sent] == [one.call.digest() for one in calls]


def test_what_was_before_and_when_it_ends_is_stored_before_the_first_call(stage):
    seen = []
    uid = stage.put(lasts=None)
    stage.turn()
    stage.approve(uid)
    stage.callers.before = lambda call: seen.append(stage.kept(uid))

    stage.turn()

    assert seen[0].request.state == "applying"
    assert seen[0].before == {"user": "mallory", "status": "Active"}
    assert stage.store.requests.calls(uid)[0].begun_time == stage.now


def test_a_block_expires_by_itself(stage):
    uid = stage.carried_out(lasts=timedelta(hours=1))

    stage.later(minutes=59)
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")
    stage.later(minutes=1)
    stage.turn()

    assert (stage.state(uid), stage.status()) == ("reverted", "Active")


def test_what_has_no_expiry_stays(stage):
    uid = stage.carried_out()

    stage.later(days=400)
    stage.turn(3)

    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_observe_plans_and_does_nothing(stage):
    uid = stage.put(mode="observe", state="observed")
    stage.callers.read = lambda: pytest.fail("the cloud was asked")

    stage.turn(3)

    assert stage.state(uid) == "observed"
    with pytest.raises(UsageError, match="nothing to approve"):
        stage.approve(uid)


def test_observe_does_nothing_even_where_a_request_says_proposed(stage):
    uid = stage.put(mode="observe", needed_approvals=0)

    stage.turn(3)
    stage.approve(uid)
    stage.turn(3)

    assert stage.status() == "Active"


def test_automatic_carries_out_what_is_narrow_and_can_be_undone(stage):
    uid = stage.put(mode="automatic", needed_approvals=0)

    stage.turn(3)

    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_a_request_that_asks_for_fewer_approvals_than_its_action_needs_waits(stage):
    uid = stage.put(mode="approve", needed_approvals=0)

    stage.turn(3)

    assert (stage.state(uid), stage.status()) == ("proposed", "Active")


def test_a_fresh_install_without_accounts_says_what_is_missing(stage):
    stage.callers = WatchedCallers(
        stage.settings.model_copy(
            update={"response": stage.settings.response.model_copy(update={"accounts": ()})}
        )
    )
    uid = stage.put()

    stage.turn()

    assert stage.state(uid) == "failed"
    assert "no account '123456789012' of aws" in stage.kept(uid).problem


def test_what_nobody_approves_lapses(stage):
    uid = stage.put()
    stage.turn()

    stage.later(days=1)
    stage.turn()

    assert stage.state(uid) == "lapsed"
    with pytest.raises(UsageError, match="nothing to approve"):
        stage.approve(uid)


def test_what_somebody_changed_since_is_not_taken_back(stage):
    uid = stage.carried_out()
    stage.iam.delete_access_key(UserName="mallory", AccessKeyId=stage.key)

    stage.undo(uid)
    stage.turn()

    assert stage.state(uid) == "superseded"
    assert "not taken back" in stage.kept(uid).problem
    assert len(stage.callers.sent) == 1


def test_what_is_so_already_is_left_alone_for_good(stage):
    stage.iam.update_access_key(UserName="mallory", AccessKeyId=stage.key, Status="Inactive")
    uid = stage.put()

    stage.turn(2)

    assert stage.state(uid) == "verified"
    assert stage.callers.sent == []


def test_a_target_that_is_not_there_is_said(stage):
    gone = Target("access_key", "AKIAIOSFODNN7EXAMPLE", "", "aws", ACCOUNT)
    uid = stage.put(target=gone)

    stage.turn()

    assert stage.state(uid) == "superseded"
    assert "there is no such target" in stage.kept(uid).problem


def test_a_target_that_goes_between_plan_and_deed_is_said(stage):
    uid = stage.put()
    stage.turn()
    stage.approve(uid)
    stage.iam.delete_access_key(UserName="mallory", AccessKeyId=stage.key)

    stage.turn()

    assert stage.state(uid) == "superseded"
    assert stage.callers.sent == []


def test_a_missing_right_is_named_and_nothing_is_half_done(stage):
    def refuse(call):
        raise CallRefusedError("AccessDenied; it needs iam:UpdateAccessKey")

    uid = stage.put()
    stage.turn()
    stage.approve(uid)
    stage.callers.before = refuse

    stage.turn()

    assert stage.state(uid) == "failed"
    assert "iam:UpdateAccessKey" in stage.kept(uid).problem
    assert stage.status() == "Active"


def test_a_target_of_another_kind_is_refused(stage):
    uid = stage.put(target=Target("bucket", "arn:aws:s3:::x", "x", "aws", ACCOUNT))

    stage.turn()

    assert stage.state(uid) == "failed"
    assert "is for access_key of aws, not for bucket" in stage.kept(uid).problem


def test_unknown_actions_and_arguments_are_said(stage):
    one = stage.put(action="aws_disable_acess_key", playbook_uid="a", uid="req_a")
    other = stage.put(arguments='{"force": true}', playbook_uid="b", uid="req_b")

    stage.turn()

    assert "did you mean 'aws_disable_access_key'?" in stage.kept(one).problem
    assert "`force` is no setting" in stage.kept(other).problem


def test_steps_of_a_run_happen_in_order(stage):
    second = stage.put(step=1)
    first = stage.put(step=0)
    stage.turn()
    stage.approve(second)

    stage.turn(2)
    assert stage.state(second) == "approved"
    stage.approve(first)
    stage.turn(2)

    assert stage.state(first) == "active"
    assert stage.state(second) == "verified"


@pytest.mark.parametrize(("on_failure", "state"), [("stop", "superseded"), ("continue", "active")])
def test_a_step_that_is_refused_stops_the_run_or_not(stage, on_failure, state):
    first = stage.put(step=0, on_failure=on_failure)
    second = stage.put(step=1)
    stage.turn()
    stage.approve(second)

    stage.store.requests.refuse(first, "bob", "no", stage.now, EVERYTHING)
    stage.turn(2)

    assert stage.state(second) == state


def test_the_switch_stops_before_the_next_call_and_lets_it_go_on_later(stage):
    uid = stage.put()
    stage.turn()
    stage.approve(uid)
    stage.store.response_stop.set("alice", "a test", stage.now)

    stage.turn(3)
    assert (stage.state(uid), stage.status()) == ("approved", "Active")
    stage.store.response_stop.clear()
    stage.turn()

    assert stage.status() == "Inactive"


def test_the_switch_is_asked_between_plan_and_call(stage):
    uid = stage.put()
    stage.turn()
    stage.approve(uid)
    reads = []

    def stop():
        reads.append(1)
        stage.store.response_stop.set("alice", "a test", stage.now)

    stage.callers.read = stop
    stage.turn()

    assert stage.status() == "Active"
    assert stage.state(uid) == "applying"
    assert "switched off" in stage.kept(uid).problem
    stage.callers.read = lambda: None
    stage.store.response_stop.clear()
    stage.later(seconds=5)
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_a_step_that_fails_for_a_while_is_tried_again(stage):
    uid = stage.carried_out()
    stage.callers.before = refused
    stage.undo(uid)
    stage.turn()
    assert stage.state(uid) == "reverting"
    assert "refused by the test" in stage.kept(uid).problem

    stage.callers.before = lambda call: None
    stage.later(seconds=30)
    stage.turn()

    assert (stage.state(uid), stage.status()) == ("reverted", "Active")


def test_one_request_at_fault_does_not_hold_up_the_others(stage):
    stage.put(arguments="[", playbook_uid="broken", uid="req_0")
    uid = stage.put(mode="automatic", needed_approvals=0)

    stage.turn(3)

    assert stage.state(uid) == "active"


def test_only_one_of_two_runners_carries_out(stage, tmp_path):
    uid = stage.put()
    with Store.open(stage.store.folder) as other:
        second = stage.runner(other)
        first = stage.runner()
        first.once()
        assert second.once() == 0
        stage.approve(uid)
        second.once()
        assert stage.status() == "Active"
        first.release()
        second.once()

    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_a_runner_that_was_frozen_calls_nothing_when_it_wakes_up(stage):
    uid = stage.put()
    stage.turn()
    stage.approve(uid)
    with Store.open(stage.store.folder) as other:
        late = stage.runner(other)

        def freeze():
            # While it looks at the target, its time passes and another one takes over.
            stage.callers.read = lambda: None
            stage.later(minutes=4)
            late.once()

        stage.callers.read = freeze
        with pytest.raises(StoreError, match="another Tocsin"):
            stage.runners[0].once()

    assert stage.status() == "Inactive"
    assert len(stage.callers.sent) == 1


def test_people_are_asked_to_approve_once_for_each_plan(stage):
    stage.settings = stage.settings.model_copy(
        update={"response": stage.settings.response.model_copy(update={"ask": ("chat",)})}
    )
    uid = stage.put()

    stage.turn(3)

    (message,) = stage.store.outbox.list()
    assert message.title.startswith("Approval needed: Disable an access key")
    assert f"tocsin respond approve {uid}" in message.body
    assert "Active → Inactive" in message.body


def test_proposing_asks_nobody(stage):
    stage.settings = stage.settings.model_copy(
        update={"response": stage.settings.response.model_copy(update={"ask": ("chat",)})}
    )
    stage.put(mode="propose")

    stage.turn(2)

    assert stage.store.outbox.list() == ()


def test_health_says_that_responding_is_stopped(stage):
    runner = Responding(
        settings_in(stage.store.folder.parent, "http://127.0.0.1:1"),
        stage.store,
        stage.callers,
        Event(),
        lambda: stage.now,
    )
    assert runner.problems() == ()

    stage.store.response_stop.set("alice", "x", stage.now)

    assert runner.problems() == (
        "responding is stopped by alice: `tocsin respond resume` lets it go on",
    )


def test_a_new_request_of_the_same_step_is_the_old_one(stage):
    uid = stage.carried_out()
    again = replace(stage.request(), reason="found again")

    stage.store.requests.put(again, again.author, stage.now)
    stage.turn()

    assert stage.state(uid) == "active"
    assert len(stage.callers.sent) == 1
