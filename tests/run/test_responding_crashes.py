"""A process that dies at any point of a response leaves nothing done twice and no way back lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.run.response_stage import NOON, aws, cloud, moto_url, stage
from tocsin.errors import StoreError
from tocsin.store.request_work import RequestWork

__all__ = ["aws", "cloud", "moto_url", "stage"]

WRITES = ("begin", "begin_call", "end_call", "end", "begin_undo", "move", "planned", "settle")


class Died(BaseException):
    """In place of a kill: nothing of ours catches it."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", WRITES)
def test_a_death_at_any_write_repeats_nothing_and_keeps_the_way_back(
    stage, monkeypatch, name, number, when
):
    was = stage.keys()
    real, count = getattr(RequestWork, name), 0

    def dying(self, *args, **values):
        nonlocal count
        count += 1
        if count == number and when == "before":
            raise Died
        result = real(self, *args, **values)
        if count == number:
            raise Died
        return result

    monkeypatch.setattr(RequestWork, name, dying)
    uid = stage.put()
    driven(stage, uid, "active")
    assert stage.status() == "Inactive"
    stage.undo(uid)
    driven(stage, uid, "reverted")

    assert stage.keys() == was
    assert [call.parameters["Status"] for call in stage.callers.sent] == ["Inactive", "Active"]


def driven(stage, uid: str, goal: str) -> None:
    """Look until the request is there, each time as a new process after a death."""
    for _ in range(12):
        kept = stage.kept(uid)
        if kept.request.state == goal:
            return
        if kept.request.state == "proposed" and kept.digest:
            stage.approve(uid)
        try:
            stage.turn()
        except (Died, StoreError):
            stage.later(minutes=4)
            stage.runner()
    raise AssertionError(f"{stage.kept(uid)} does not become {goal}")


CHILD = """
import sys, threading
from datetime import datetime, UTC
from pathlib import Path
from tocsin.run.responding_work import responding
from tocsin.settings import load
from tocsin.store import Store
settings = load(Path(sys.argv[1]), {"HOME": "/"})
with Store.open(settings.data) as store:
    runner = responding(settings, store, threading.Event(), lambda: datetime.now(UTC))
    print("ready", flush=True)
    while True:
        runner.once()
"""


def test_kills_at_random_moments_repeat_nothing_and_leave_no_orphan(stage):
    """The cloud's own state is the ledger: every key ends as it began, each call counted once."""
    chance, kills, uid = random.Random(5), 0, ""
    config = stage.store.folder.parent / "tocsin.yaml"
    rounds = int(os.environ.get("TOCSIN_RESPONSE_KILLS", "6"))
    while kills < rounds:
        stage.now = NOON.now(NOON.tzinfo)
        if uid == "" or stage.state(uid) == "reverted":
            uid = stage.put(playbook_uid=f"round{kills}", mode="automatic", needed_approvals=0)
        elif stage.state(uid) == "active" and not stage.kept(uid).undo_by:
            stage.undo(uid)
        child = started(config)
        time.sleep(chance.uniform(0.0, 0.25))
        child.send_signal(signal.SIGKILL)
        child.wait()
        kills += 1
    child = started(config)
    try:
        finish(stage, uid)
    finally:
        child.kill()
        child.wait()

    assert stage.status() == "Active"
    for request in {one.request.uid for one in stage.store.requests.list(_everything())}:
        done = [one.phase for one in stage.store.requests.calls(request) if one.outcome == "done"]
        assert len(done) == len(set(done)), stage.store.requests.calls(request)
        assert stage.state(request) == "reverted"


def started(config: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(config)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout as out:
        assert out.readline() == "ready\n"
    return child


def finish(stage, uid: str) -> None:
    deadline = time.monotonic() + 60
    while stage.state(uid) != "reverted":
        assert time.monotonic() < deadline, stage.kept(uid)
        if stage.state(uid) == "active" and not stage.kept(uid).undo_by:
            stage.now = NOON.now(NOON.tzinfo)
            stage.undo(uid)
        time.sleep(0.05)


def _everything():
    from tocsin.ocsf import EVERYTHING

    return EVERYTHING
