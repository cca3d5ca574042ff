"""A process that dies between sending and marking makes no ticket and no comment twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.act.tickets.fakes import Fake
from tests.run.test_ticketing import SECRETS, Clock, act, attacked, changed, loop_of, written
from tests.run.test_ticketing import fake as fake  # a fixture
from tocsin.incidents import Change
from tocsin.run.tools import Tools
from tocsin.store import Store

KILLED = """
import os, signal, sys, threading
from datetime import datetime
from pathlib import Path
from tocsin.run.ticketing import ticketing
from tocsin.settings import load
from tocsin.store import Store

now = datetime.fromisoformat(sys.argv[2])
settings = load(Path(sys.argv[1]), os.environ)
loop = ticketing(settings, Store.open(Path(sys.argv[3])), threading.Event(), lambda: now)
loop.once()
(each,) = loop.systems
plug, step = each.system, sys.argv[4]

class Dying:
    target, settle_seconds = plug.target, plug.settle_seconds
    def __getattr__(self, name):
        if name != step:
            return getattr(plug, name)
        def last(*arguments):
            getattr(plug, name)(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return last

each.system = Dying()
while each.once():
    pass
"""


@pytest.mark.parametrize("step", ["open", "comment", "close"])
def test_a_kill_between_sending_and_marking_makes_nothing_twice(
    tools: Tools, tmp_path: Path, fake: Fake, step: str
):
    clock, settings = Clock(), written(tmp_path, fake)
    with Store.open(settings.data) as store:
        loop = loop_of(settings, store, clock)
        incident = attacked(tools, store, clock)
        if step != "open":
            act(loop)
            clock.pass_(minutes=70)
            attacked(tools, store, clock)
        if step == "close":
            act(loop)
            changed(
                store, incident, Change(status="Closed", verdict="Benign", reason="Over."), clock
            )
    arguments = (str(tmp_path / "tocsin.yaml"), clock.now.isoformat(), str(settings.data), step)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=os.environ | SECRETS, check=False
    )
    assert ended.returncode == -signal.SIGKILL

    with Store.open(settings.data) as store:
        loop = loop_of(settings, store, clock)
        for _ in range(10):
            clock.pass_(minutes=2)
            act(loop)
        assert store.tickets.list()[0].state == "settled"

    ((uid, _),) = fake.tickets.items()
    assert len(fake.comments(uid)) == {"open": 0, "comment": 1, "close": 2}[step]
    assert fake.is_open(uid) is (step != "close")
