"""Messages leave at least once under one key, and one dead receiver holds up nobody."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.act.servers import Server, serve
from tests.run.batches import batch
from tests.run.crank import NOW, stopped_trail, turned
from tocsin.errors import ActionError, SettingsError, UsageError
from tocsin.run import start
from tocsin.run.notify_work import list_notifiers, send_test
from tocsin.run.notifying import Notifying, notifying, page_of, routes_of
from tocsin.run.pipeline import prepare, turn
from tocsin.run.tools import Tools
from tocsin.settings import Settings, load
from tocsin.store import Store
from tocsin.store.answers import Asking

FILE = """\
data: data
log_level: error
web: {{port: 0, public_url: "https://tocsin.example.org"}}
receivers: {{port: 0}}
notifiers:
  - {{name: good, kind: webhook, url: {{env: GOOD}}, allow_private: [127.0.0.0/8]}}
  - {{name: bad, kind: webhook, url: {{env: BAD}}, allow_private: [127.0.0.0/8]}}
{routes}
"""


class Clock:
    """A clock that the test turns."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def good() -> Iterator[Server]:
    with serve() as found:
        yield found


@pytest.fixture
def bad() -> Iterator[Server]:
    with serve() as found:
        found.status = 400
        yield found


@pytest.fixture
def settings(tmp_path: Path, good: Server, bad: Server) -> Settings:
    return written(tmp_path, good, bad)


def written(folder: Path, good: Server, bad: Server, routes: str = "") -> Settings:
    (folder / "tocsin.yaml").write_text(FILE.format(routes=routes))
    environ = {
        "GOOD": f"http://127.0.0.1:{good.port}/hunter2",
        "BAD": f"http://127.0.0.1:{bad.port}/hunter2",
    }
    return load(folder / "tocsin.yaml", environ)


def acting(settings: Settings, store: Store, clock: Clock) -> Notifying:
    return notifying(settings, store, threading.Event(), clock)


def act(loop: Notifying) -> None:
    loop.writing.once()
    for each in loop.sending:
        while each.once():
            pass


def test_a_poisoned_receiver_is_parked_and_others_flow(
    tools: Tools, store: Store, settings: Settings, good: Server, bad: Server
):
    clock = Clock()
    loop = acting(settings, store, clock)
    turned(tools, store, batch(stopped_trail("eve")))

    for minute in range(20):
        clock.now = NOW + timedelta(minutes=minute)
        act(loop)

    assert len(good.seen) == 1
    assert len(bad.seen) == 5
    (parked,) = store.outbox.list("parked")
    assert (parked.target, parked.attempts) == ("bad", 5)
    assert parked.problem == "the webhook was not taken: status 400"
    assert "notifier bad: 1 messages are parked; see `tocsin notify outbox`" in loop.problems()

    clock.now = NOW + timedelta(hours=10)
    turned(tools, store, batch(stopped_trail("mallory", clock.now)), now=clock.now)
    act(loop)
    assert len(good.seen) == 2

    bad.status = 200
    store.leaving.retry_messages(Asking("local:bob", clock()))
    clock.now += timedelta(minutes=5)
    act(loop)
    assert len(store.outbox.list("sent")) == 4
    assert store.outbox.list("parked") == ()
    assert loop.problems() == ()


def test_every_message_leads_to_its_incident(
    tools: Tools, store: Store, settings: Settings, good: Server
):
    report = turned(tools, store, batch(stopped_trail("eve")))
    act(acting(settings, store, Clock()))

    (incident,) = report.changed
    assert f"https://tocsin.example.org/incidents/{incident.uid}".encode() in good.seen[0][3]
    assert page_of(settings, "") == "https://tocsin.example.org/incidents"


def test_loaded_history_and_old_events_are_told_to_nobody(
    tools: Tools, store: Store, settings: Settings, good: Server
):
    turned(replace(tools, is_told=False), store, batch(stopped_trail("eve")))
    turned(tools, store, batch(stopped_trail("mallory", NOW - timedelta(days=3))))
    act(acting(settings, store, Clock()))

    assert good.seen == []


def test_a_demo_tells_nobody_and_nothing_piles_up(
    tools: Tools, store: Store, settings: Settings, good: Server
):
    turned(tools, store, batch(stopped_trail("eve")))
    act(notifying(settings, store, threading.Event(), Clock(), is_silent=True))
    act(acting(settings, store, Clock()))

    assert good.seen == []


KILLED = """
import os, signal, sys, threading
from datetime import datetime
from pathlib import Path
from tocsin.run.notifying import notifying
from tocsin.settings import load
from tocsin.store import Store
from tocsin.store.answers import Asking

now = datetime.fromisoformat(sys.argv[2])
settings = load(Path(sys.argv[1]), os.environ)
loop = notifying(settings, Store.open(Path(sys.argv[3])), threading.Event(), lambda: now)
loop.writing.once()
sending = loop.sending[0]
send = sending.notifier.send

class Dying:
    def send(self, message):
        send(message)
        os.kill(os.getpid(), signal.SIGKILL)

sending.notifier = Dying()
sending.once()
"""


def test_a_kill_between_sending_and_marking_sends_again_under_the_same_key(
    tools: Tools, tmp_path: Path, settings: Settings, good: Server, bad: Server
):
    with Store.open(tmp_path / "lake") as store:
        turned(tools, store, batch(stopped_trail("eve")))
    environ = {
        **os.environ,
        "GOOD": f"http://127.0.0.1:{good.port}/",
        "BAD": f"http://127.0.0.1:{bad.port}/",
    }
    arguments = (str(tmp_path / "tocsin.yaml"), NOW.isoformat(), str(tmp_path / "lake"))
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(good.seen) == 1

    clock = Clock(NOW + timedelta(minutes=5))
    with Store.open(tmp_path / "lake") as store:
        act(acting(settings, store, clock))
        act(acting(settings, store, clock))

        (first, again) = good.seen
        assert first[3] == again[3]
        assert [each.attempts for each in store.outbox.list("sent")] == [2]


def test_a_running_tocsin_tells_within_seconds(
    tools: Tools, settings: Settings, good: Server, bad: Server
):
    with start(settings) as running:
        now = datetime.now(UTC)
        records = batch(stopped_trail("eve", now))
        turn([prepare(records, running.tools)], running.tools, running.store, now)
        end = time.monotonic() + 60
        while not good.seen and time.monotonic() < end:
            time.sleep(0.05)
        assert len(good.seen) == 1
        assert b"eve" in good.seen[0][3]
        names = {thread.name for thread in threading.enumerate()}
        assert {"messages", "notify-good", "notify-bad"} <= names


def test_a_test_message_goes_out_at_once_and_says_what_is_wrong(settings: Settings, good: Server):
    send_test("good", settings, NOW)
    assert b"Test message of Tocsin" in good.seen[0][3]

    with pytest.raises(ActionError, match="status 400"):
        send_test("bad", settings, NOW)
    with pytest.raises(UsageError, match="choose one of good, bad"):
        send_test("lost", settings, NOW)


def test_the_list_says_who_tells_what(tools: Tools, store: Store, settings: Settings, good: Server):
    turned(tools, store, batch(stopped_trail("eve")))
    acting(settings, store, Clock()).writing.once()

    (first, second) = list_notifiers(settings, store)
    assert (first.name, first.kind, first.waiting) == ("good", "webhook", 1)
    assert second.routes == ("all (severity 4 or worse)",)


def test_routes_of_the_settings_choose(
    tools: Tools, store: Store, tmp_path: Path, good: Server, bad: Server
):
    routes = """
routes:
  - name: night
    notifiers: [good]
    min_severity: high
    sources: [aws.*]
    digest: 1h
    quiet: [{start: "22:00", end: "07:00", zone: Europe/Berlin, weekdays: [mon, tue]}]
  - {name: page, notifiers: [bad], min_severity: critical, stages: [opened]}
"""
    settings = written(tmp_path, good, bad, routes)
    clock = Clock()
    turned(tools, store, batch(stopped_trail("eve")))
    act(acting(settings, store, clock))
    assert good.seen == []

    clock.now = NOW + timedelta(minutes=62)
    act(acting(settings, store, clock))
    assert len(good.seen) == 1
    assert bad.seen == []
    assert [route.name for route in routes_of(settings)] == ["night", "page"]


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        ("routes: [{name: a, notifiers: [lost]}]", "no notifier is called 'lost'"),
        ("routes: [{name: a, notifiers: []}]", "at least"),
        (
            "routes: [{name: a, notifiers: [good]}, {name: a, notifiers: [good]}]",
            "is there twice",
        ),
        (
            "routes: [{name: a, notifiers: [good], quiet: [{start: '1', end: '07:00'}]}]",
            "expected a time",
        ),
        (
            "routes: [{name: a, notifiers: [good],"
            " quiet: [{start: '22:00', end: '07:00', zone: Mars/Base}]}]",
            "time zone of IANA",
        ),
    ],
)
def test_routes_that_cannot_be_used_are_found_at_the_start(
    routes: str, problem: str, tmp_path: Path, good: Server, bad: Server
):
    with pytest.raises(SettingsError, match=problem):
        written(tmp_path, good, bad, routes)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{name: a, kind: carrier_pigeon}", "is no kind"),
        ("{name: a, kind: heartbeat, url: x}", "is no kind"),
        ("{name: a, kind: webhook, url: https://a.example/hunter2}", "a secret does not stand"),
        ("{name: a, kind: webhook, url: {env: WRONG}}", "`url`"),
        ("{name: a, kind: apprise, url: {env: WRONG}}", "no service whose host is known"),
    ],
)
def test_notifiers_that_cannot_be_used_are_found_at_the_start(
    entry: str, problem: str, tmp_path: Path
):
    (tmp_path / "tocsin.yaml").write_text(f"notifiers:\n  - {entry}\n")

    with pytest.raises(SettingsError, match=problem) as caught:
        load(tmp_path / "tocsin.yaml", {"WRONG": "ftp://hunter2.example/"})
    assert "hunter2" not in str(caught.value)
