"""Changes of many incidents, requests that count once, tags and links in the store."""

from datetime import timedelta

import pytest

from tests.store.tables import NOON, event, finding, match, store_events, uid
from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import IncidentFilter, Store
from tocsin.store.answers import Once
from tocsin.store.once import KEPT_FOR

LATER = NOON + timedelta(minutes=5)
TAKE = Change(assignee="ada")


def someone(name: str) -> dict[str, str]:
    return {"type": "user", "uid": name, "name": name}


@pytest.fixture
def incidents(store: Store) -> tuple[Incident, Incident]:
    """One incident about alice, one about bob."""
    rows = [finding(name, [name], entity=someone(name)) for name in ("alice", "bob")]
    matches = [match(row, uid(name)) for row, name in zip(rows, ("alice", "bob"), strict=True)]
    committed = store_events(store, [event("alice"), event("bob")], findings=rows, matches=matches)
    first, second = committed.changed
    return first, second


def audited(store: Store) -> int:
    return len(store.audit.list(EVERYTHING).rows)


def test_many_are_changed_and_one_that_refuses_keeps_nobody_back(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    alice, bob = incidents
    close = Change(status="Closed", verdict="Benign", reason="planned")
    store.incidents.change(alice.uid, close, "ada", LATER, EVERYTHING)

    done = store.incidents.change_many(
        [alice.uid, bob.uid, "inc_none", bob.uid], close, "ada", LATER, EVERYTHING
    )

    assert [(each.uid, bool(each.problem)) for each in done] == [
        (alice.uid, True),
        (bob.uid, False),
        ("inc_none", True),
    ]
    assert store.incidents.by_status(EVERYTHING) == {"Closed": 2}
    assert audited(store) == 2


@pytest.mark.parametrize("uids", [[], [f"inc_{number}" for number in range(501)]])
def test_none_and_too_many_are_refused(store: Store, uids: list[str]) -> None:
    with pytest.raises(UsageError, match="1 to 500"):
        store.incidents.change_many(uids, TAKE, "ada", LATER, EVERYTHING)


def test_a_repeated_request_changes_nothing_and_gets_the_first_answer(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    one, once = incidents[0], Once.of("k1", "take")
    first = store.incidents.change(one.uid, TAKE, "ada", LATER, EVERYTHING, once=once)
    store.incidents.change(one.uid, Change(assignee="bo"), "bo", LATER, EVERYTHING)

    again = store.incidents.change(one.uid, TAKE, "ada", LATER, EVERYTHING, once=once)

    assert again == first
    assert store.incidents.get(one.uid, EVERYTHING).assignee == "bo"  # type: ignore[union-attr]
    assert audited(store) == 2


def test_a_repeated_change_of_many_gets_the_first_answer(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    uids, once = [each.uid for each in incidents], Once.of("k1", "many")
    first = store.incidents.change_many(uids, TAKE, "ada", LATER, EVERYTHING, once=once)

    again = store.incidents.change_many(uids, TAKE, "ada", LATER, EVERYTHING, once=once)

    assert again == first
    assert audited(store) == 2


def test_a_key_of_another_request_is_refused_and_keys_are_everybodys_own(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    one = incidents[0].uid
    store.incidents.change(one, TAKE, "ada", LATER, EVERYTHING, once=Once.of("k1", "a"))

    with pytest.raises(UsageError, match="another request"):
        store.incidents.change(one, TAKE, "ada", LATER, EVERYTHING, once=Once.of("k1", "b"))
    store.incidents.change(one, TAKE, "bo", LATER, EVERYTHING, once=Once.of("k1", "b"))

    assert audited(store) == 2


def test_a_refused_request_keeps_no_answer(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    one, once = incidents[0].uid, Once.of("k1", "x")
    with pytest.raises(UsageError):
        store.incidents.change(one, Change(status="Closed"), "a", LATER, EVERYTHING, once=once)

    changed = store.incidents.change(one, TAKE, "a", LATER, EVERYTHING, once=once)

    assert changed.assignee == "ada"


def test_a_key_is_forgotten_after_a_week(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    one, much_later = incidents[0].uid, LATER + KEPT_FOR + timedelta(seconds=1)
    store.incidents.change(one, TAKE, "a", LATER, EVERYTHING, once=Once.of("k1", "x"))
    store.incidents.change(one, TAKE, "a", much_later, EVERYTHING, once=Once.of("k2", "x"))

    store.incidents.change(one, TAKE, "a", much_later, EVERYTHING, once=Once.of("k1", "other"))

    assert audited(store) == 3


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "é", "a\n"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="idempotency key"):
        Once.of(key, "x")


def test_incidents_are_found_by_tag(store: Store, incidents: tuple[Incident, Incident]) -> None:
    store.incidents.change(incidents[1].uid, Change(add_tags=("apac",)), "ada", LATER, EVERYTHING)

    found = store.incidents.list(IncidentFilter(tag="apac"), EVERYTHING).rows

    assert [each.uid for each in found] == [incidents[1].uid]
    assert store.incidents.list(IncidentFilter(tag="apa"), EVERYTHING).rows == ()


def test_a_link_names_an_incident_that_the_person_sees(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    alice, bob = incidents
    store.incidents.change(alice.uid, Change(add_link=bob.uid), "ada", LATER, EVERYTHING)

    with pytest.raises(UsageError, match="to refer to"):
        nobody = Change(add_link="inc_" + "0" * 32)
        store.incidents.change(alice.uid, nobody, "ada", LATER, EVERYTHING)
    with pytest.raises(UsageError, match="there is no incident"):
        other = Scope(accounts=frozenset({"444455556666"}))
        store.incidents.change(alice.uid, Change(add_link=bob.uid), "eve", LATER, other)


def test_the_timeline_says_what_was_attached(
    store: Store, incidents: tuple[Incident, Incident]
) -> None:
    wish = Change(add_tags=("a", "b"), add_task="Call", owner="bo")
    store.incidents.change(incidents[0].uid, wish, "ada", LATER, EVERYTHING)

    moments = store.incidents.timeline(incidents[0].uid, EVERYTHING)

    assert moments[-1].title == "tags: a, b; new task: Call; owner: bo"
