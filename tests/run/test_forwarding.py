"""Forwarders at work: at least once, the same identifiers, and nobody waits for anybody."""

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.collect.counter import Counter, feed, listening
from tests.store.tables import NOON, event, finding, match, store_events, uid
from tocsin.act import Record, RecordsRefused
from tocsin.collect.hec import SplunkHecFeed
from tocsin.collect.receivers.splunk_hec import SplunkHec, SplunkHecSettings
from tocsin.errors import ActionError, SettingsError
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING
from tocsin.run import forwarding_work
from tocsin.run.forwarding import ForwardWork, works
from tocsin.settings import Settings, load
from tocsin.store import FindingFilter, IncidentFilter, Store

TOKEN = "a-secret-of-no-one-0123456789"


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Give the root logger back as it was: `start` takes it over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Target:
    """A forwarder that takes records into a list, unless a test says otherwise."""

    kinds = frozenset({"finding", "incident", "event"})
    target = None
    most = 100

    def __init__(self, answer: Callable[[Sequence[Record]], None] = lambda found: None) -> None:
        self.answer = answer
        self.taken: list[Record] = []
        self.calls = 0

    def forward(self, records: Sequence[Record]) -> None:
        self.calls += 1
        self.answer(records)
        self.taken += records

    @property
    def keys(self) -> list[tuple[str, str]]:
        return [(each.kind, each.uid) for each in self.taken]


@pytest.fixture
def clock() -> list[datetime]:
    return [NOON]


def settings_for(folder: Path, target: str, **more: object) -> Settings:
    forwarder = {
        "kind": "splunk_hec",
        "name": "siem",
        "url": target,
        "token": {"env": "SIEM_TOKEN"},
        "allow_private": ["127.0.0.0/8"],
    } | more
    lines = f"data: data\nlog_level: error\nforwarders:\n  - {json.dumps(forwarder)}\n"
    (folder / "tocsin.yaml").write_text(lines)
    return load(folder / "tocsin.yaml", {"SIEM_TOKEN": TOKEN})


def work_in(store: Store, folder: Path, clock: list[datetime], **more: object) -> ForwardWork:
    settings = settings_for(folder, "http://127.0.0.1:9", **more)
    made = works(settings, store, threading.Event(), lambda: clock[0], frozenset)
    return made[0]


@contextmanager
def collector(counter: Counter) -> Iterator[str]:
    hec = SplunkHecFeed
    mine = feed(token=TOKEN, kind=hec, unwrap=None, sourcetypes=("tocsin:*",), record="envelope")
    with listening(counter, SplunkHec(SplunkHecSettings((mine,)))) as url:
        yield url


def found(store: Store, name: str, *events: str, now: datetime = NOON, **more: object) -> str:
    one = finding(name, events, **more)
    rows = [match(one, uid(each)) for each in events]
    store_events(store, [event(each) for each in events], findings=[one], matches=rows, now=now)
    return str(one["uid"])


def run_dry(work: ForwardWork) -> None:
    while work.once() == 0.0:
        pass


def test_what_is_found_leaves_once_with_its_incident(store, tmp_path, clock):
    work, target = work_in(store, tmp_path, clock, events="matched"), Target()
    work.forwarder = target
    one = found(store, "f", "a")

    run_dry(work)
    run_dry(work)

    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]
    expected = [("event", uid("a")), ("finding", one), ("incident", incident.uid)]
    assert sorted(target.keys) == expected
    by_kind = {record.kind: record.content for record in target.taken}
    assert by_kind["finding"]["metadata"]["uid"] == one
    assert by_kind["finding"]["finding_info"]["related_events"][0]["uid"] == uid("a")
    assert by_kind["event"]["metadata"]["uid"] == uid("a")
    assert [by_kind[kind]["class_uid"] for kind in ("finding", "incident")] == [2004, 2005]


def test_growth_and_changes_by_people_leave_again(store, tmp_path, clock):
    work, target = work_in(store, tmp_path, clock), Target()
    work.forwarder = target
    one = found(store, "f", "a")
    run_dry(work)
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]
    target.taken.clear()

    found(store, "f", "b")
    change = Change(status="In Progress")
    store.incidents.change(incident.uid, change, "alice", NOON, EVERYTHING)
    run_dry(work)

    last = {record.kind: record.content for record in target.taken}
    assert target.keys == [("finding", one), ("incident", incident.uid)]
    assert last["finding"]["count"] == 2
    assert last["incident"]["status"] == "In Progress"


def test_a_search_chooses_the_events(store, tmp_path, clock):
    query = "api.operation:PutObject"
    chosen = {"events": query, "findings": False, "incidents": False, "batch": 2}
    work, target = work_in(store, tmp_path, clock, **chosen), Target()
    work.forwarder = target
    puts = [event(f"p{number}", operation="PutObject") for number in range(5)]

    store_events(store, [event("a"), *puts])
    run_dry(work)
    store_events(store, [event("late", minutes=-9999, operation="PutObject")])
    run_dry(work)

    wanted = [uid(f"p{number}") for number in range(5)] + [uid("late")]
    assert sorted(key[1] for key in target.keys) == sorted(wanted)
    assert work.store.forwarding.window("siem") is None


def test_events_begin_when_the_settings_first_want_them(store, tmp_path, clock):
    work_in(store, tmp_path, clock)
    store_events(store, [event("before")])
    work, target = work_in(store, tmp_path, clock, events="source:aws.cloudtrail"), Target()
    work.forwarder = target

    store_events(store, [event("after")])
    run_dry(work)

    assert target.keys == [("event", uid("after"))]


def test_severity_limits_findings_and_incidents_not_events(store, tmp_path, clock):
    work = work_in(store, tmp_path, clock, min_severity="critical", events="matched")
    target = work.forwarder = Target()
    found(store, "f", "a")
    worse = found(store, "g", "b", severity_id=5)

    run_dry(work)

    kinds = [kind for kind, _ in target.keys]
    assert ("finding", worse) in target.keys
    assert (kinds.count("finding"), kinds.count("event")) == (1, 2)


def test_a_dead_target_loses_nothing_and_is_asked_ever_more_seldom(store, tmp_path, clock):
    def dead(records: Sequence[Record]) -> None:
        raise ActionError("siem.example.org does not answer")

    work = work_in(store, tmp_path, clock)
    work.forwarder = Target(dead)
    one = found(store, "f", "a")

    waits = [work.once() for _ in range(12)]

    state = store.forwarding.states()[0]
    assert (state.problem, state.parked) == ("siem.example.org does not answer", 0)
    assert list(forwarding_work.problems(store)) == [f"forwarder siem: {state.problem}"]
    assert waits[0] <= 5 < waits[4] < waits[7]
    assert max(waits) <= 300
    target = work.forwarder = Target()
    run_dry(work)
    assert ("finding", one) in target.keys
    assert store.forwarding.states()[0].problem == ""


def test_a_dead_target_holds_up_no_other(store, tmp_path, clock):
    def dead(records: Sequence[Record]) -> None:
        raise ActionError("gone")

    both = settings_for(tmp_path, "http://127.0.0.1:9")
    second = both.forwarders[0].model_copy(update={"name": "second"})
    settings = both.model_copy(update={"forwarders": (*both.forwarders, second)})
    one, other = works(settings, store, threading.Event(), lambda: clock[0], frozenset)
    one.forwarder, other.forwarder = Target(dead), Target()
    found(store, "f", "a")

    one.once()
    run_dry(other)

    assert len(other.forwarder.taken) == 2
    assert [state.waiting for state in store.forwarding.states()] == [0, 3]


def test_poison_is_parked_after_five_tries_and_all_else_passes(store, tmp_path, clock):
    poison = uid("p3")

    def picky(records: Sequence[Record]) -> None:
        if any(record.uid == poison for record in records):
            raise RecordsRefused("status 400: bad")

    work = work_in(store, tmp_path, clock, events="matched", incidents=False)
    target = work.forwarder = Target(picky)
    one = found(store, "f", *(f"p{number}" for number in range(9)))
    for _ in range(8):
        run_dry(work)
        clock[0] += timedelta(hours=1)

    state = store.forwarding.states()[0]
    assert sorted(target.keys) == sorted(
        [("finding", one), *(("event", uid(f"p{number}")) for number in range(9) if number != 3)]
    )
    assert (state.parked, state.again, state.reasons) == (1, 0, ("status 400: bad",))
    assert "1 records are refused and parked" in next(forwarding_work.problems(store))

    target.answer = lambda records: None
    settings = settings_for(tmp_path, "http://127.0.0.1:9")
    assert forwarding_work.replay("siem", settings, store, None, ("alice", clock[0])) == 1
    run_dry(work)
    assert target.keys[-1] == ("event", poison)


def test_a_forwarder_that_stumbles_over_a_record_goes_on(store, tmp_path, clock):
    def stumble(records: Sequence[Record]) -> None:
        if any(record.uid == uid("a") for record in records):
            raise ZeroDivisionError

    work = work_in(store, tmp_path, clock, events="matched")
    target = work.forwarder = Target(stumble)
    found(store, "f", "a", "b")

    run_dry(work)

    assert ("event", uid("b")) in target.keys
    assert store.forwarding.states()[0].again == 1


KILLED = """
import os, signal, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from tocsin.run.forwarding import works
from tocsin.settings import load
from tocsin.store import Store

settings = load(Path(sys.argv[1]), os.environ)
with Store.open(settings.data) as store:
    work = works(settings, store, threading.Event(), lambda: datetime.now(UTC), frozenset)[0]
    real = work.forwarder.forward
    def forward(records):
        real(records)
        if sys.argv[2] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
    work.forwarder.forward = forward
    while not work.once():
        pass
"""


def test_killed_between_sending_and_storing_the_same_records_leave_again(tmp_path):
    counter = Counter()
    with collector(counter) as url:
        settings = settings_for(tmp_path, url)
        with Store.open(settings.data) as store:
            works(settings, store, threading.Event(), lambda: NOON, frozenset)
            one = found(store, "f", "a")
        codes = [forwarding_process(tmp_path, how) for how in ("kill", "kill", "live", "live")]

    sent = [json.loads(raw)["fields"]["tocsin_uid"] for raw in counter.raws]
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]
    assert sent.count(one) == 3
    assert len(sent) == 6
    assert len(set(sent)) == 2


def forwarding_process(folder: Path, how: str) -> int:
    arguments = [sys.executable, "-c", KILLED, str(folder / "tocsin.yaml"), how]
    done = subprocess.run(
        arguments, env={"SIEM_TOKEN": TOKEN, "PATH": ""}, cwd=Path.cwd(), timeout=300, check=False
    )
    return done.returncode


def test_what_comes_back_by_another_way_is_not_sent_again(store, tmp_path, clock):
    work = work_in(store, tmp_path, clock, events="source:aws.cloudtrail OR source:ocsf.finding")
    target = work.forwarder = Target()
    found(store, "f", "a")
    run_dry(work)
    sent = len(target.taken)

    for number, record in enumerate(list(target.taken)):
        back = f"back-{number}"
        one = finding(back, [back])
        raw = event(back, raw_data=json.dumps(record.content))
        rows = [match(one, uid(back))]
        later = NOON + timedelta(minutes=1 + number)
        store_events(store, [raw], findings=[one], matches=rows, now=later)
        run_dry(work)

    assert sent == 3
    assert len(target.taken) == sent
    incident = store.incidents.list(IncidentFilter(), EVERYTHING).rows[0]
    later = NOON + timedelta(hours=1)
    store.incidents.change(incident.uid, Change(assignee="alice"), "alice", later, EVERYTHING)
    run_dry(work)
    assert target.keys[sent:] == [("incident", incident.uid)]


def test_forwarders_are_listed_also_those_that_never_ran(store, tmp_path, clock):
    settings = settings_for(tmp_path, "http://127.0.0.1:9")
    before = forwarding_work.list_forwarders(settings, store)
    work_in(store, tmp_path, clock)

    after = forwarding_work.list_forwarders(settings, store)

    assert [(each.name, each.does) for each in (*before, *after)] == [
        ("siem", "never run"),
        ("siem", "sending"),
    ]


def test_a_test_sends_one_finding_that_is_valid(tmp_path):
    counter = Counter()
    with collector(counter) as url:
        settings = settings_for(tmp_path, url)
        sent = forwarding_work.test("siem", settings, NOON)

    got = [json.loads(raw) for raw in counter.raws]
    assert [one["fields"]["tocsin_uid"] for one in got] == [sent]
    assert got[0]["event"]["class_uid"] == 2004


def test_replay_sends_findings_since_a_time_again(store, tmp_path, clock):
    work = work_in(store, tmp_path, clock)
    target = work.forwarder = Target()
    found(store, "old", "a", now=NOON - timedelta(days=3))
    run_dry(work)
    new = found(store, "new", "b", now=NOON)
    run_dry(work)
    target.taken.clear()

    settings = settings_for(tmp_path, "http://127.0.0.1:9")
    since = NOON - timedelta(days=1)
    count = forwarding_work.replay("siem", settings, store, since, ("alice", NOON))
    run_dry(work)

    assert count == len(target.taken) == 2
    assert ("finding", new) in target.keys
    assert store.findings.count(FindingFilter(), EVERYTHING) == 2
    assert store.audit.list(EVERYTHING, limit=5).rows[0].action == "forwarder.replay"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"events": "(source:a"}, "`events`"),
        ({"url": "ftp://siem"}, "`url`"),
        ({"kind": "splunk"}, "did you mean"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(store, tmp_path, clock, more, message):
    with pytest.raises(SettingsError, match=message):
        work_in(store, tmp_path, clock, **more)
