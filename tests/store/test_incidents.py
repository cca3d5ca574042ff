"""Lists and stories of incidents, and what people do to them."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from tests.store.tables import NOON, event, finding, match, store_events, uid
from tocsin.errors import StoreError, UsageError
from tocsin.incidents import Change, Incident
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import IncidentFilter, Store, matches
from tocsin.store import incidents as room

LATER = NOON + timedelta(minutes=5)
ALL = IncidentFilter()


def someone(name: str) -> dict[str, str]:
    return {"type": "user", "uid": name, "name": name}


@pytest.fixture
def incident(store: Store) -> Incident:
    """One incident about alice in account 111122223333."""
    one = finding("f", ["a"])
    committed = store_events(store, [event("a")], findings=[one], matches=[match(one, uid("a"))])
    found: Incident = committed.changed[0]
    return found


def test_an_incident_is_got_as_it_was_grouped(store: Store, incident: Incident) -> None:
    assert store.incidents.get(incident.uid, EVERYTHING) == incident
    assert store.incidents.get("inc_none", EVERYTHING) is None


def test_a_change_is_kept_with_its_audit_row(store: Store, incident: Incident) -> None:
    wish = Change(status="In Progress", assignee="ada", comment="mine")
    changed = store.incidents.change(incident.uid, wish, "ada", LATER, EVERYTHING)

    row = store.audit.list(EVERYTHING, object_=incident.uid).rows[0]
    assert store.incidents.get(incident.uid, EVERYTHING) == changed
    assert (row.actor, row.action) == ("ada", "incident.change")
    assert row.details == '{"assignee":"ada","comment":"mine","status":"In Progress"}'


def test_a_change_against_the_life_cycle_changes_nothing(store: Store, incident: Incident) -> None:
    with pytest.raises(UsageError, match="verdict"):
        store.incidents.change(incident.uid, Change(status="Closed"), "ada", LATER, EVERYTHING)

    assert store.incidents.get(incident.uid, EVERYTHING) == incident
    assert store.audit.list(EVERYTHING).rows == ()


def test_an_incident_outside_the_scope_cannot_be_seen_or_changed(
    store: Store, incident: Incident
) -> None:
    other = Scope(accounts=frozenset({"444455556666"}))

    assert store.incidents.get(incident.uid, other) is None
    assert store.incidents.list(ALL, other).rows == ()
    assert store.incidents.timeline(incident.uid, other) == ()
    assert store.incidents.by_status(other) == {}
    with pytest.raises(UsageError, match="there is no incident"):
        store.incidents.change(incident.uid, Change(assignee="eve"), "eve", LATER, other)


def test_an_incident_inside_the_scope_is_seen(store: Store, incident: Incident) -> None:
    mine = Scope(accounts=frozenset({"111122223333"}))

    assert store.incidents.get(incident.uid, mine) == incident


def test_the_timeline_tells_events_findings_and_changes_in_order(
    store: Store, incident: Incident
) -> None:
    store.incidents.change(incident.uid, Change(assignee="ada"), "ada", LATER, EVERYTHING)

    moments = store.incidents.timeline(incident.uid, EVERYTHING)

    assert [(one.kind, one.title) for one in moments] == [
        ("event", "GetObject"),
        ("change", "Opened"),
        ("finding", "Something happened"),
        ("change", "assignee: ada"),
    ]


def test_an_event_of_the_timeline_says_what_was_done_and_by_whom(
    store: Store, incident: Incident
) -> None:
    moments = store.incidents.timeline(incident.uid, EVERYTHING)

    [told] = [one for one in moments if one.kind == "event"]
    assert (told.title, told.actor, told.address) == ("GetObject", "alice", "198.51.100.7")


def test_an_event_stored_by_an_older_tocsin_has_the_title_of_its_finding(
    store: Store, incident: Incident
) -> None:
    with sqlite3.connect(store.folder / "state.sqlite") as connection:
        connection.execute("UPDATE matches SET operation = '', actor = '', address = ''")
    connection.close()

    moments = store.incidents.timeline(incident.uid, EVERYTHING)

    [told] = [one for one in moments if one.kind == "event"]
    assert (told.title, told.actor, told.address) == ("Something happened", "alice", "")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"api": {"operation": "GetSecretValue"}}, "GetSecretValue"),
        (
            {"api": {"operation": "create"}, "resources": [{"type": "clusterrolebindings"}]},
            "create clusterrolebindings",
        ),
        ({"api": {"operation": "create"}, "resources": []}, "create"),
        ({"api": {"operation": None}, "activity_name": "Logon"}, "Logon"),
        ({"api": {"operation": 7}}, ""),
        ({"api": {"operation": "x" * 10_000}, "resources": None}, "x" * 200),
        ({}, ""),
    ],
)
def test_a_deed_is_named_by_its_operation(row: dict[str, Any], told: str) -> None:
    [deed] = matches.deeds(pa.Table.from_pylist([{"event_uid": "evt_1", **row}]))

    assert deed.operation == told


@pytest.mark.parametrize(
    ("which", "count"),
    [
        (ALL, 1),
        (IncidentFilter(status=("New", "In Progress")), 1),
        (IncidentFilter(status=("Closed",)), 0),
        (IncidentFilter(min_severity_id=5), 0),
        (IncidentFilter(entity="alice"), 1),
        (IncidentFilter(entity="bob"), 0),
        (IncidentFilter(assignee=""), 1),
        (IncidentFilter(assignee="ada"), 0),
        (IncidentFilter(text="SOMETHING"), 1),
        (IncidentFilter(since=LATER), 0),
        (IncidentFilter(until=NOON), 0),
        (IncidentFilter(updated_since=NOON), 1),
        (IncidentFilter(updated_since=LATER), 0),
    ],
)
def test_a_filter_lets_pass(
    store: Store, incident: Incident, which: IncidentFilter, count: int
) -> None:
    assert len(store.incidents.list(which, EVERYTHING).rows) == count


def test_incidents_that_are_tied_become_one(store: Store, incident: Incident) -> None:
    other = finding("bob", ["b"], entity=someone("bob"))
    second = store_events(store, [event("b")], findings=[other], now=LATER).changed[0]

    tie = finding("tie", ["c"], links=[someone("bob")])
    store_events(store, [event("c")], findings=[tie], now=LATER)

    survivor = store.incidents.get(second.uid, EVERYTHING)
    assert survivor is not None
    assert survivor.uid == incident.uid
    assert survivor.finding_count == 3
    assert [one.uid for one in store.incidents.list(ALL, EVERYTHING).rows] == [incident.uid]
    told = store.incidents.timeline(second.uid, EVERYTHING)
    assert any(one.title.startswith("Took over") for one in told)
    assert store.incidents.by_status(EVERYTHING) == {"New": 1}
    owner = store.findings.get(other["uid"], EVERYTHING).to_pylist()[0]["incident_uid"]
    assert owner == incident.uid


def test_a_closed_incident_is_not_joined(store: Store, incident: Incident) -> None:
    closing = Change(status="Closed", verdict="Benign", reason="a drill")
    store.incidents.change(incident.uid, closing, "ada", LATER, EVERYTHING)

    committed = store_events(store, [event("b")], findings=[finding("g", ["b"])])

    assert [one.uid != incident.uid for one in committed.changed] == [True]


def test_a_version_that_is_stored_is_refused(store: Store, incident: Incident) -> None:
    with (
        pytest.raises(StoreError, match="version 1 already"),
        store.incidents._database.write() as connection,
    ):
        room.record(connection, [replace(incident, title="stale")])


def test_pages_and_polls_hold_every_incident_once(store: Store) -> None:
    for number in range(7):
        one = finding(str(number), [str(number)], entity=someone(str(number)))
        store_events(store, [event(str(number))], findings=[one], now=NOON)

    for which in (ALL, IncidentFilter(updated_since=NOON)):
        seen: list[str] = []
        cursor = None
        while True:
            page = store.incidents.list(which, EVERYTHING, limit=3, cursor=cursor)
            seen += [one.uid for one in page.rows]
            cursor = page.cursor
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 7


def test_open_incidents_are_counted_by_severity(store: Store, incident: Incident) -> None:
    assert store.incidents.open_by_severity(EVERYTHING) == {4: 1}

    closing = Change(status="Closed", verdict="Benign", reason="a drill")
    store.incidents.change(incident.uid, closing, "ada", LATER, EVERYTHING)
    assert store.incidents.open_by_severity(EVERYTHING) == {}
    assert store.incidents.by_status(EVERYTHING) == {"Closed": 1}
