"""An incident has one ticket, whatever answers were lost, and both tell the same in the end."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.act.tickets.fakes import FAKES, Fake, running
from tests.run.batches import batch
from tests.run.crank import NOW, stopped_trail, turned
from tocsin.errors import ActionError, SettingsError, UsageError
from tocsin.incidents import Change, Incident
from tocsin.ocsf import EVERYTHING
from tocsin.run import start, ticket_work
from tocsin.run.pipeline import prepare, turn
from tocsin.run.ticketing import TicketLoop, ticketing
from tocsin.run.tools import Tools
from tocsin.settings import Settings, load
from tocsin.store import Store
from tocsin.store.answers import Asking

SECRETS = {"TOKEN": "hunter2"}


class Clock:
    """A clock that the test turns."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **length: float) -> None:
        self.now += timedelta(**length)


@pytest.fixture(params=sorted(FAKES))
def fake(request: pytest.FixtureRequest) -> Iterator[Fake]:
    with running(request.param) as found:
        yield found


@pytest.fixture
def jira() -> Iterator[Fake]:
    with running("jira") as found:
        yield found


def written(folder: Path, fake: Fake, **more: object) -> Settings:
    given = {
        name: {"env": "TOKEN"} if name in ("token", "secret") else value
        for name, value in fake.settings().items()
    }
    entry = {
        "name": "desk",
        "kind": fake.kind,
        "allow_private": ["127.0.0.0/8"],
        "timeout_seconds": 5,
        **given,
        **more,
    }
    content = {
        "data": str(folder / "lake"),
        "log_level": "error",
        "web": {"port": 0, "public_url": "https://tocsin.example.org"},
        "receivers": {"port": 0},
        "tickets": [entry],
    }
    (folder / "tocsin.yaml").write_text(yaml.safe_dump(content))
    return load(folder / "tocsin.yaml", SECRETS)


def loop_of(settings: Settings, store: Store, clock: Clock) -> TicketLoop:
    return ticketing(settings, store, threading.Event(), clock)


def act(loop: TicketLoop) -> None:
    loop.once()
    for each in loop.systems:
        while each.once():
            pass


def attacked(
    tools: Tools, store: Store, clock: Clock, user: str = "eve", **more: object
) -> Incident:
    trail = stopped_trail(user, clock.now) | more
    report = turned(tools, store, batch(trail), now=clock.now + timedelta(seconds=1))
    return report.changed[0]


def changed(store: Store, incident: Incident, change: Change, clock: Clock) -> Incident:
    return store.incidents.change(incident.uid, change, "local:ada", clock.now, EVERYTHING)


def timeline(store: Store, incident: Incident) -> list[str]:
    moments = store.incidents.timeline(incident.uid, EVERYTHING)
    return [each.title for each in moments if each.kind == "change"]


def test_one_ticket_follows_its_incident_from_start_to_end(
    tools: Tools, store: Store, tmp_path: Path, fake: Fake
):
    clock, settings = Clock(), written(tmp_path, fake)
    loop = loop_of(settings, store, clock)
    incident = attacked(tools, store, clock)
    act(loop)

    ((uid, ticket),) = fake.tickets.items()
    assert incident.uid in ticket["text"]
    assert f"https://tocsin.example.org/incidents/{incident.uid}" in ticket["text"]
    assert ticket["title"].startswith("[High]")
    (kept,) = store.tickets.of_incident(incident.uid)
    assert any(f"ticket: {kept.key}" in line for line in timeline(store, incident))
    act(loop)
    assert fake.comments(uid) == []

    clock.pass_(minutes=70)
    attacked(tools, store, clock)
    act(loop)
    assert len(fake.comments(uid)) == 1
    assert "1 new" in fake.comments(uid)[0]

    change = Change(status="Closed", verdict="Benign", reason="A drill.")
    changed(store, incident, change, clock)
    act(loop)
    assert not fake.is_open(uid)
    assert "Verdict: Benign" in fake.comments(uid)[1]

    changed(store, incident, Change(status="In Progress", reason="It goes on."), clock)
    act(loop)
    assert fake.is_open(uid)
    assert len(fake.tickets) == 1
    assert list(loop.problems()) == []


def test_a_storm_of_changes_is_one_comment_in_a_quarter_of_an_hour(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    clock = Clock()
    loop = loop_of(written(tmp_path, jira), store, clock)
    attacked(tools, store, clock)
    act(loop)
    for number in range(40):
        clock.pass_(minutes=1)
        attacked(tools, store, clock, requestParameters={"name": f"trail-{number}"})
        act(loop)

    assert len(jira.comments("10000")) == 2


@pytest.mark.parametrize("fault", ["+500", "+cut", "500", "429", "400"])
def test_an_answer_that_was_lost_never_makes_two_tickets(
    tools: Tools, store: Store, tmp_path: Path, fake: Fake, fault: str
):
    clock = Clock()
    loop = loop_of(written(tmp_path, fake), store, clock)
    attacked(tools, store, clock)
    fake.faults = [fault]
    act(loop)
    assert loop.systems[0].problem != ""

    for _ in range(30):
        clock.pass_(seconds=10)
        act(loop)

    assert len(fake.tickets) == 1
    assert store.tickets.list()[0].state == "settled"
    assert list(loop.problems()) == []


@pytest.mark.parametrize("fault", ["+500", "+cut", "500", "429", "400"])
@pytest.mark.parametrize("step", ["comment", "close"])
def test_an_answer_that_was_lost_never_makes_two_comments(
    tools: Tools, store: Store, tmp_path: Path, fake: Fake, fault: str, step: str
):
    clock = Clock()
    loop = loop_of(written(tmp_path, fake), store, clock)
    incident = attacked(tools, store, clock)
    act(loop)
    clock.pass_(minutes=70)
    if step == "close":
        changed(
            store, incident, Change(status="Closed", verdict="Benign", reason="A drill."), clock
        )
        fake.faults = [fault, fault]
    else:
        attacked(tools, store, clock)
        fake.faults = [fault]
    act(loop)

    for _ in range(40):
        clock.pass_(seconds=10)
        act(loop)

    ((uid, _),) = fake.tickets.items()
    assert len(fake.comments(uid)) == 1
    assert fake.is_open(uid) is (step == "comment")


def test_a_search_that_lags_behind_is_waited_for(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    clock = Clock()
    loop = loop_of(written(tmp_path, jira), store, clock)
    attacked(tools, store, clock)
    jira.faults = ["+cut"]
    jira.is_hidden = True
    act(loop)
    for _ in range(5):
        clock.pass_(seconds=11)
        act(loop)
    jira.is_hidden = False
    clock.pass_(seconds=60)
    act(loop)

    assert len(jira.tickets) == 1
    assert store.tickets.list()[0].key == "SEC-1"


def test_an_incident_that_ended_before_its_ticket_was_found_leaves_none_open(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    clock = Clock()
    loop = loop_of(written(tmp_path, jira), store, clock)
    incident = attacked(tools, store, clock)
    jira.faults = ["+cut"]
    act(loop)
    changed(store, incident, Change(status="Resolved"), clock)
    for _ in range(10):
        clock.pass_(seconds=30)
        act(loop)

    assert [jira.is_open(uid) for uid in jira.tickets] == [False]


@pytest.mark.parametrize("mode", ["note", "resolve"])
def test_what_people_do_over_there_is_told_here(
    tools: Tools, store: Store, tmp_path: Path, fake: Fake, mode: str
):
    clock = Clock()
    loop = loop_of(written(tmp_path, fake, on_close=mode), store, clock)
    incident = attacked(tools, store, clock)
    act(loop)
    ((uid, _),) = fake.tickets.items()
    (key,) = [each.key for each in store.tickets.list()]

    fake.set_open(uid, is_open=False)
    clock.pass_(minutes=6)
    assert loop.systems[0].sync() == 1
    clock.pass_(minutes=6)
    assert loop.systems[0].sync() == 0
    assert f"ticket: {key} was closed over there" in timeline(store, incident)
    found = store.incidents.get(incident.uid, EVERYTHING)
    assert found is not None
    assert found.status == ("Resolved" if mode == "resolve" else "New")

    act(loop)
    assert fake.comments(uid) == []
    assert not fake.is_open(uid)

    fake.set_open(uid, is_open=True)
    clock.pass_(minutes=70)
    loop.systems[0].sync()
    found = store.incidents.get(incident.uid, EVERYTHING)
    assert found is not None
    assert found.status == ("In Progress" if mode == "resolve" else "New")
    act(loop)
    assert fake.is_open(uid)


def test_a_ticket_that_was_deleted_is_told_once_and_not_made_again(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    clock = Clock()
    loop = loop_of(written(tmp_path, jira), store, clock)
    incident = attacked(tools, store, clock)
    act(loop)
    jira.tickets.clear()
    for _ in range(3):
        clock.pass_(minutes=6)
        loop.systems[0].sync(clock.now)

    gone = [line for line in timeline(store, incident) if "not there any more" in line]
    assert len(gone) == 1
    assert any("SEC-1 is not there any more" in each for each in loop.problems())


def test_an_incident_that_was_merged_closes_its_ticket(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    clock = Clock()
    loop = loop_of(written(tmp_path, jira), store, clock)
    someone = {"type": "IAMUser", "userName": "bob", "arn": "arn:aws:iam::111122223333:user/bob"}
    one = attacked(tools, store, clock)
    other = attacked(
        tools, store, clock, "bob", userIdentity=someone, sourceIPAddress="198.51.100.7"
    )
    act(loop)
    assert len(jira.tickets) == 2
    kept = store.decisions.merge([one.uid, other.uid], decider(clock))
    act(loop)

    assert sorted(jira.is_open(uid) for uid in jira.tickets) == [False, True]
    said = [line for uid in jira.tickets for line in jira.comments(uid)]
    assert any(f"merged into {kept.uid}" in line for line in said)


def decider(clock: Clock):
    from tocsin.store.answers import Decider

    return Decider("local:ada", "One attack.", clock.now, EVERYTHING)


def test_what_the_settings_leave_out_gets_no_ticket(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    for more in (
        {"min_severity": "critical"},
        {"sources": ["gcp.*"]},
        {"accounts": ["999999999999"]},
        {"entities": ["user:*-admin"]},
    ):
        loop = loop_of(written(tmp_path, jira, **more), store, Clock())
        attacked(tools, store, Clock(), f"user-{min(more)}")
        act(loop)

    assert jira.tickets == {}


def test_a_demo_opens_no_tickets(tools: Tools, store: Store, tmp_path: Path, jira: Fake):
    settings = written(tmp_path, jira)
    attacked(tools, store, Clock())
    act(ticketing(settings, store, threading.Event(), Clock(), is_silent=True))
    act(loop_of(settings, store, Clock()))

    assert jira.tickets == {}


def test_what_is_refused_for_good_is_parked_and_can_be_tried_again(
    tools: Tools, store: Store, tmp_path: Path, jira: Fake
):
    clock = Clock()
    loop = loop_of(written(tmp_path, jira), store, clock)
    attacked(tools, store, clock)
    jira.faults = ["400"] * 5
    for _ in range(30):
        clock.pass_(minutes=1)
        act(loop)

    assert store.tickets.list()[0].state == "parked"
    assert any("wait for a person: 127.0.0.1 answers with status 400" in p for p in loop.problems())
    assert store.leaving.retry_tickets(Asking("local:ada", clock.now)) == 1
    act(loop)
    assert len(jira.tickets) == 1


def test_a_store_of_before_finds_the_ticket_that_is_there(tools: Tools, tmp_path: Path, fake: Fake):
    settings = written(tmp_path, fake)
    for folder in ("one", "other"):
        with Store.open(tmp_path / folder) as store:
            loop = loop_of(settings, store, Clock())
            attacked(tools, store, Clock())
            act(loop)
            assert len(store.tickets.list()) == 1

    assert len(fake.tickets) == 1


def test_a_running_tocsin_opens_a_ticket_within_seconds(tools: Tools, tmp_path: Path, jira: Fake):
    with start(written(tmp_path, jira)) as running_:
        now = datetime.now(UTC)
        records = batch(stopped_trail("eve", now))
        turn([prepare(records, running_.tools)], running_.tools, running_.store, now)
        end = time.monotonic() + 60
        while not jira.tickets and time.monotonic() < end:
            time.sleep(0.05)
        names = {thread.name for thread in threading.enumerate()}

    assert len(jira.tickets) == 1
    assert {"tickets", "ticket-desk"} <= names


def test_a_test_ticket_is_opened_found_and_closed(tmp_path: Path, fake: Fake):
    settings = written(tmp_path, fake)
    ticket_work.test("desk", settings, NOW)

    assert [fake.is_open(uid) for uid in fake.tickets] == [False]
    with pytest.raises(UsageError, match="there are: desk"):
        ticket_work.test("lost", settings, NOW)
    fake.faults = ["400"]
    with pytest.raises(ActionError, match="status 400"):
        ticket_work.test("desk", settings, NOW)


def test_settings_that_can_never_work_are_refused_with_their_line(tmp_path: Path, jira: Fake):
    with pytest.raises(SettingsError, match="a key such as SEC"):
        written(tmp_path, jira, project="sec urity")
    with pytest.raises(SettingsError, match="`url`"):
        written(tmp_path, jira, url="ftp://a.example")
