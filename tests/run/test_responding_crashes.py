"""A process that dies at any point of a response leaves nothing done twice and no way back lost."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.act.faults import faulty
from tests.plugs.test_actions import BUILDERS
from tests.run.response_ledger import Ledger
from tests.run.response_stage import NOON, aws, cloud, moto_url, opened, settings_in, stage
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
import sys, threading, time
from datetime import datetime, UTC
from pathlib import Path
from tocsin.run.responding_work import responding
from tocsin.settings import load
from tocsin.store import Store
settings = load(Path(sys.argv[1]), {"HOME": "/"})
with Store.open(settings.data) as store:
    runner = responding(settings, store, threading.Event(), lambda: datetime.now(UTC))
    runner.wait = lambda seconds: time.sleep(seconds / 100)
    print("ready", flush=True)
    while True:
        runner.once()
"""


@dataclass(frozen=True)
class Part:
    """One action of the play, and what it must leave behind."""

    values: dict[str, object]
    look: Callable[[], object]


@pytest.fixture
def ledgered(moto_url, tmp_path):
    """A stage whose processes reach moto through the ledger only."""
    folder = tmp_path / "data"
    ledger = Ledger(tmp_path / "ledger.jsonl", folder / "data" / "state.sqlite")
    with faulty(moto_url, ledger) as url, opened(folder, moto_url) as made:
        settings_in(folder, url)
        yield made, ledger


def parts(stage, url: str) -> list[Part]:
    found = [Part({"action": "aws_disable_access_key"}, stage.keys)]
    for action, arguments in (
        ("aws_isolate_instance", "{}"),
        ("aws_revoke_security_group_rule", '{"port": 22}'),
    ):
        built = BUILDERS[action](url)
        values = {"action": action, "arguments": arguments, "target": built.target}
        found.append(Part(values, built.snapshot))
    return found


def test_kills_at_random_moments_repeat_nothing_and_leave_no_orphan(ledgered, moto_url):
    """The ledger alone judges: of each request every change once, and a way back before each."""
    stage, ledger = ledgered
    chance, requests = random.Random(5), []
    config = stage.store.folder.parent / "tocsin.yaml"
    play = parts(stage, moto_url)
    was = [unordered(part.look()) for part in play]
    rounds, kills = int(os.environ.get("TOCSIN_RESPONSE_KILLS", "6")), 0
    while kills < rounds or not is_over(stage, requests):
        if is_over(stage, requests):
            values = {"lasts": None, **play[len(requests) % len(play)].values}
            name = f"round{len(requests)}"
            uid = stage.put(playbook_uid=name, mode="automatic", needed_approvals=0, **values)
            requests.append(uid)
            ledger.request_uid = uid
        kills += lived(stage, ledger, config, chance, is_last=kills >= rounds)
        assert ledger.twice() == []
        assert ledger.orphans() == []

    assert [unordered(part.look()) for part in play] == was
    changed = {one["request"] for one in ledger.calls()}
    assert changed == set(requests)
    told = Counter(one["operation"] for one in ledger.calls())
    sys.stdout.write(f"{kills} kills, {len(requests)} requests, changes: {dict(told)}\n")


def unordered(value):
    """Return a description without the order of its lists: what is put back stands at the end."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict):
        return {key: unordered(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return sorted(map(unordered, value), key=lambda each: json.dumps(each, default=str))
    return value


def is_over(stage, requests: list[str]) -> bool:
    return not requests or stage.state(requests[-1]) == "reverted"


def lived(stage, ledger, config, chance, *, is_last: bool) -> bool:
    """Let one process live until it is killed or the request is over; say whether it was killed."""
    uid = ledger.request_uid
    child = started(config)
    until = time.monotonic() + 60
    if not is_last and chance.random() < 0.7:
        ledger.aim(chance, child.kill, most=8)
    elif not is_last:
        until = time.monotonic() + chance.uniform(0.0, 0.4)
    while child.poll() is None and stage.state(uid) != "reverted" and time.monotonic() < until:
        kept = stage.kept(uid)
        assert kept.request.state not in ("superseded", "refused"), kept
        if kept.request.state in ("active", "failed") and not kept.undo_by:
            stage.now = NOON.now(NOON.tzinfo)
            stage.undo(uid)
        time.sleep(0.01)
    was_killed = stage.state(uid) != "reverted"
    ledger.left = -1
    child.kill()
    child.wait()
    assert not (was_killed and is_last), stage.kept(uid)
    return was_killed


def started(config: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(config)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout as out:
        assert out.readline() == "ready\n"
    return child
