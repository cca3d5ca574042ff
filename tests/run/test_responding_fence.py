"""Who lost the lease, or was stopped, before a call that is written down sends nothing."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.run.response_stage import aws, cloud, moto_url, stage
from tocsin.errors import StoreError
from tocsin.respond.actions import Call
from tocsin.run import brokering, responding_fence
from tocsin.run.brokering import BrokeredCaller, NotSentError, opened
from tocsin.run.responding_accounts import BrokeredCallers
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.request_work import LEASE, RequestWork

__all__ = ["aws", "cloud", "moto_url", "stage"]


def approved(stage, **values) -> str:
    uid = stage.put(**values)
    stage.turn()
    stage.approve(uid)
    return uid


def once_written_down(monkeypatch, then) -> None:
    """Do something when the first call is written down and not yet sent."""
    real, calls = RequestWork.begin_call, []

    def begin_call(self, *given):
        found = real(self, *given)
        calls.append(found)
        if len(calls) == 1:
            then()
        return found

    monkeypatch.setattr(RequestWork, "begin_call", begin_call)


def test_who_is_paused_before_the_call_and_loses_the_lease_sends_nothing(stage, monkeypatch):
    uid = approved(stage)
    with Store.open(stage.store.folder) as other:
        late = stage.runner(other)

        def pause():
            stage.later(minutes=4)
            late.once()

        once_written_down(monkeypatch, pause)
        with pytest.raises(StoreError, match="another Tocsin"):
            stage.runners[0].once()

    assert stage.state(uid) == "active"
    assert [call.parameters["Status"] for call in stage.callers.sent] == ["Inactive"]


def test_who_is_paused_before_the_call_sends_nothing_though_nobody_came(stage, monkeypatch):
    uid = approved(stage)
    once_written_down(monkeypatch, lambda: stage.later(minutes=4))

    with pytest.raises(StoreError, match="another Tocsin"):
        stage.turn()

    assert (stage.state(uid), stage.callers.sent) == ("applying", [])
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_a_call_that_was_written_down_long_ago_is_not_sent(stage, monkeypatch):
    uid = approved(stage)
    late = []
    real = brokering.boot_seconds
    monkeypatch.setattr(brokering, "boot_seconds", lambda: real() + sum(late))
    once_written_down(monkeypatch, lambda: late.append(60.0))

    stage.turn()

    assert (stage.state(uid), stage.callers.sent) == ("applying", [])
    assert "too much time passed" in stage.kept(uid).problem
    late.clear()
    stage.later(seconds=5)
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")


def test_no_call_outlives_the_lease_under_which_it_was_sent():
    longest = responding_fence.SEND_WITHIN_SECONDS + brokering.CALL_SECONDS

    assert longest < LEASE.total_seconds()


def test_the_switch_holds_back_a_call_that_is_written_down_already(stage, monkeypatch):
    uid = approved(stage)
    once_written_down(
        monkeypatch, lambda: stage.store.response_stop.set("alice", "a test", stage.now)
    )

    stage.turn()

    assert (stage.state(uid), stage.callers.sent) == ("applying", [])
    (call,) = stage.store.requests.calls(uid)
    assert (call.outcome, call.detail) == ("failed", brokering.STOPPED)


@dataclass(frozen=True)
class Frozen:
    """Callers behind a broker that is frozen as soon as it is to change something."""

    settings: Settings
    broker: brokering.Broker
    at_call: threading.Event

    def caller(self, request, facts):
        found = BrokeredCallers(self.settings, self.broker).caller(request, facts)
        return FrozenCaller(found, self.freeze)

    def freeze(self) -> None:
        os.kill(self.broker.process_id, signal.SIGSTOP)
        self.at_call.set()


@dataclass(frozen=True)
class FrozenCaller:
    caller: BrokeredCaller
    freeze: object

    def bounded(self, deadline, stop_file):
        return FrozenCaller(self.caller.bounded(deadline, stop_file), self.freeze)

    def call(self, call):
        if not call.is_reading:
            self.freeze()
        return self.caller.call(call)


@contextmanager
def frozen(stage) -> Iterator[Frozen]:
    config = stage.store.folder.parent / "tocsin.yaml"
    with opened(config, dict(os.environ)) as broker:
        yield Frozen(stage.settings, broker, threading.Event())


def test_a_broker_that_hung_sends_nothing_once_responding_is_stopped(stage):
    with frozen(stage) as callers:
        stage.callers = callers
        uid = approved(stage)
        runner = threading.Thread(target=stage.turn)
        runner.start()
        assert callers.at_call.wait(60)
        # The broker hangs with the call before it: the switch works all the same.
        stage.store.response_stop.set("alice", "a test", stage.now)
        os.kill(callers.broker.process_id, signal.SIGCONT)
        runner.join(60)

    assert not runner.is_alive()
    assert stage.status() == "Active"
    assert stage.state(uid) == "applying"
    assert [one.detail for one in stage.store.requests.calls(uid)] == [brokering.STOPPED]


def test_a_broker_that_woke_up_too_late_sends_nothing(stage):
    with frozen(stage) as callers:
        caller = callers.caller(stage.request(), brokered_facts())
        late = caller.caller.bounded(brokering.boot_seconds() - 1, "")
        key = {"UserName": "mallory", "AccessKeyId": stage.key, "Status": "Inactive"}
        with pytest.raises(NotSentError, match="too much time passed"):
            late.call(Call("iam", "update_access_key", key))

    assert stage.status() == "Active"


def brokered_facts():
    from tocsin.run.responding_accounts import facts_of

    return facts_of("aws_disable_access_key")


CHILD = """
import os, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from tocsin.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
Store.switch(Path(sys.argv[1])).set("alice", "a test", datetime.now(UTC))
"""


def test_the_switch_works_on_a_disk_without_any_space(stage):
    uid = approved(stage)
    subprocess.run([sys.executable, "-c", CHILD, str(stage.store.folder)], check=True, timeout=300)

    stage.turn()

    assert stage.store.response_stop.is_set
    assert (stage.state(uid), stage.status()) == ("approved", "Active")


def test_what_cannot_be_written_down_is_not_sent(stage, monkeypatch):
    uid = approved(stage)

    def full(self, *given):
        raise StoreError("the disk is full")

    real = RequestWork.begin_call
    monkeypatch.setattr(RequestWork, "begin_call", full)
    with pytest.raises(StoreError, match="full"):
        stage.turn()

    assert (stage.status(), stage.callers.sent) == ("Active", [])
    monkeypatch.setattr(RequestWork, "begin_call", real)
    stage.turn()
    assert (stage.state(uid), stage.status()) == ("active", "Inactive")
