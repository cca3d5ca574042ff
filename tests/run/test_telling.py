"""What playbooks tell: tickets, messages and marks, once for an incident, committed with it."""

from datetime import timedelta

import pytest

from tests.run.batches import batch
from tests.run.crank import NOW, stopped_trail, turned
from tests.run.proposals import key_playbook, with_playbooks
from tocsin.ocsf import EVERYTHING
from tocsin.respond.notifying import Route
from tocsin.respond.notifying.tickets import TicketPolicy
from tocsin.run.playbook_files import load_playbooks
from tocsin.run.rehearsing import ledger, rehearse
from tocsin.run.tools import Tools
from tocsin.store import Store

LATER = NOW + timedelta(hours=1)
SINCE = NOW - timedelta(days=30)
WAR_ROOM = Route("war-room", ("chat",), severity_id=6)
"""Takes nothing by itself."""

EVERYTHING_TOLD = [
    {"tell": "ticket", "with": {"systems": ["jira"]}},
    {"tell": "message", "with": {"routes": ["war-room"]}},
    {"tell": "comment", "with": {"text": "The war room is open."}},
    {"tell": "tags", "with": {"tags": ["war-room"]}},
    {"tell": "assignee", "with": {"name": "olga"}},
    {"tell": "tasks", "with": {"tasks": ["Name who leads", "Keep the evidence"]}},
]


def telling(mode: str = "propose", **more: object) -> dict[str, object]:
    return key_playbook(mode, **({"steps": EVERYTHING_TOLD} | more))


def of_user(name: str, **more: object) -> dict[str, object]:
    record = stopped_trail(user=name, **more)
    record["userIdentity"] = {**record["userIdentity"], "accessKeyId": f"AKIA{name.upper()}"}
    return record | {"requestParameters": {"name": f"trail-of-{name}"}}


def test_an_incident_is_told_and_marked_in_the_same_turn(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, telling())

    (changed,) = turned(armed, store, batch(stopped_trail())).changed

    incident = store.incidents.get(changed.uid, EVERYTHING)
    assert (incident.tags, incident.assignee) == (("war-room",), "olga")
    assert [task.text for task in incident.tasks] == ["Name who leads", "Keep the evidence"]
    (ticket,) = store.tickets.list("jira")
    assert (ticket.incident_uid, ticket.state) == (changed.uid, "waiting")
    store.outbox.route([WAR_ROOM], LATER)
    store.outbox.bundle([WAR_ROOM], LATER)
    (message,) = store.outbox.list()
    assert (message.target, message.incident_uid) == ("chat", changed.uid)
    assert store.requests.list(EVERYTHING) == ()


def test_its_ticket_is_opened_by_the_system_that_would_not_have_chosen_it(tools, store, tmp_path):
    armed = with_playbooks(tools, tmp_path, telling())
    store.tickets.register(["jira"])
    (changed,) = turned(armed, store, batch(stopped_trail())).changed
    policy = TicketPolicy(Route("jira", ("jira",), severity_id=6), timedelta(hours=1))
    store.tickets.mark_due({"jira": policy}, LATER)

    work = store.tickets.lease("jira", timedelta(hours=1), LATER, timedelta(minutes=5))

    assert (work.step, work.incident.uid) == ("open", changed.uid)


def test_nothing_is_told_twice(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, telling())
    (changed,) = turned(armed, store, batch(stopped_trail())).changed
    first = store.incidents.get(changed.uid, EVERYTHING)

    turned(armed, store, batch(stopped_trail()))
    turned(armed, store, batch(stopped_trail(at=NOW + timedelta(minutes=3)), first=9))

    incident = store.incidents.get(changed.uid, EVERYTHING)
    assert incident.match_count > first.match_count
    assert len(incident.tasks) == 2
    store.outbox.bundle([WAR_ROOM], LATER)
    assert store.outbox.held() == {"war-room": 0} or len(store.outbox.list()) == 1


def test_who_observes_tells_nobody_and_writes_it_down(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, telling("observe"))

    (changed,) = turned(armed, store, batch(stopped_trail())).changed

    incident = store.incidents.get(changed.uid, EVERYTHING)
    assert (incident.tags, incident.assignee, incident.tasks) == ((), "", ())
    assert store.tickets.list("jira") == ()
    assert store.outbox.held() == {}
    settings = armed.proposing._settings
    (told,) = ledger(settings, store, SINCE)
    assert (told.actions, told.told, told.incidents) == (0, len(EVERYTHING_TOLD), 1)
    assert rehearse(settings, store, EVERYTHING, SINCE, LATER)[0].told == len(EVERYTHING_TOLD)


def test_a_playbook_that_told_nobody_tells_once_it_may(tools: Tools, store: Store, tmp_path):
    watching = with_playbooks(tools, tmp_path, telling("observe"))
    (changed,) = turned(watching, store, batch(stopped_trail())).changed
    armed = with_playbooks(tools, tmp_path, telling("propose"))

    turned(armed, store, batch(stopped_trail(at=NOW + timedelta(minutes=3)), first=9))

    assert store.incidents.get(changed.uid, EVERYTHING).tags == ("war-room",)


def test_a_flood_of_incidents_opens_no_flood_of_tickets(tools: Tools, store: Store, tmp_path):
    armed = with_playbooks(tools, tmp_path, telling(limits={"per_ten_minutes": 2}))

    turned(armed, store, batch(*map(of_user, ("ann", "ben", "cid"))))

    assert store.tickets.list("jira") == ()
    (stop,) = store.playbooks.stops()
    assert "3 incidents to be told in ten minutes" in stop.reason


@pytest.mark.parametrize("kind", ["ticket", "message"])
def test_what_the_settings_do_not_have_is_said_when_playbooks_are_read(tools, tmp_path, kind):
    name = {"ticket": "systems", "message": "routes"}[kind]
    steps = [{"tell": kind, "with": {name: ["nowhere"]}}]
    armed = with_playbooks(tools, tmp_path, telling(steps=steps))

    problems = load_playbooks(armed.proposing._settings).problems

    assert len(problems) == 1
    assert "'nowhere'" in problems[0].message
