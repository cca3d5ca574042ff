"""Merges and splits by people: carried out, followed by grouping, explained, taken back."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.store.tables import NOON, finding, naive, store_events
from tocsin.errors import UsageError
from tocsin.incidents import Change, Incident
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import FindingFilter, IncidentFilter, Store
from tocsin.store.answers import Decider, Once
from tocsin.store.tables import INCIDENT_FINDINGS, INCIDENTS

NAMES = ("alice", "bob", "carol")
LATER = NOON + timedelta(minutes=30)
CLOSE = Change(status="Closed", verdict="Benign", reason="planned")

Row = dict[str, Any]


def entity(text: str) -> dict[str, str]:
    kind, _, name = text.rpartition("/")
    return {"type": kind or "user", "uid": name, "name": name}


def about(name: str, number: int, minutes: int = 0, links: Sequence[str] = ()) -> Row:
    time = naive(NOON + timedelta(minutes=minutes))
    return finding(
        f"{name}{number}",
        entity=entity(name),
        links=[entity(link) for link in links],
        first_time=time,
        last_time=time,
        rule_uid=f"rule-{number % 3}",
    )


def tell(store: Store, *rows: Row, minutes: int = 0) -> list[Incident]:
    """Take one turn with these findings; return the incidents that it changed."""
    now = NOON + timedelta(minutes=minutes)
    return list(store_events(store, [], findings=rows, now=now).changed)


def decider(why: str = "The same person", minutes: int = 30) -> Decider:
    return Decider("ada", why, NOON + timedelta(minutes=minutes), EVERYTHING)


def got(store: Store, uid: str) -> Incident:
    found = [one for one in every(store) if one.uid == uid]
    return found[0]


def every(store: Store) -> tuple[Incident, ...]:
    which = IncidentFilter(updated_since=NOON - timedelta(days=365))
    return store.incidents.list(which, EVERYTHING, limit=1000).rows


def findings_of(store: Store, uid: str) -> set[str]:
    rows = store.findings.list(FindingFilter(incident_uid=uid), EVERYTHING, limit=1000).rows
    return set(rows.column("uid").to_pylist())


def alike(one: Incident, other: Incident) -> bool:
    """Say whether two states are the same but for when and how often they were written."""
    return replace(one, version=1, updated_time=NOON) == replace(
        other, version=1, updated_time=NOON
    )


@pytest.fixture
def pair(store: Store) -> tuple[Incident, Incident]:
    """One incident about alice, and a younger one about bob."""
    [alice] = tell(store, about("alice", 1))
    [bob] = tell(store, about("bob", 2, 1), minutes=1)
    return alice, bob


def test_a_merge_moves_findings_to_the_older_one_and_leaves_a_pointer(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair

    merged = store.decisions.merge([bob.uid, alice.uid], decider())

    assert merged.uid == alice.uid
    assert findings_of(store, alice.uid) == {*alice.finding_uids, *bob.finding_uids}
    assert store.incidents.get(bob.uid, EVERYTHING) == merged
    assert merged.finding_count == 2


def test_findings_about_the_merged_one_follow(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair
    store.decisions.merge([alice.uid, bob.uid], decider())

    changed = tell(store, about("bob", 5, 40), minutes=40)

    assert [one.uid for one in changed] == [alice.uid]
    assert changed[0].finding_count == 3


def test_findings_about_what_never_ties_follow_a_merge_too(store: Store) -> None:
    [bucket] = tell(store, about("bucket/reports", 1))
    [address] = tell(store, about("ip/198.51.100.9", 2), minutes=1)
    store.decisions.merge([bucket.uid, address.uid], decider())

    changed = tell(store, about("ip/198.51.100.9", 5, 40), minutes=40)

    assert [one.uid for one in changed] == [bucket.uid]


def test_a_merge_is_explained_in_both_timelines_and_in_the_audit_log(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair
    store.decisions.merge([alice.uid, bob.uid], decider())

    [decision] = store.decisions.list(alice.uid, EVERYTHING)
    told = [one for one in store.incidents.timeline(alice.uid, EVERYTHING) if one.actor == "ada"]
    rows = store.audit.list(EVERYTHING).rows
    assert (decision.kind, decision.actor, decision.reason, decision.findings) == (
        "merge", "ada", "The same person", 1,
    )  # fmt: skip
    assert [one.title for one in told] == [
        f"decision: {decision.uid}; reason: The same person; took over: {bob.uid}"
    ]
    assert [(row.action, row.object) for row in rows] == [
        ("incident.merge", bob.uid),
        ("incident.merge", alice.uid),
    ]
    assert store.audit.verify().first_bad_seq is None


def test_a_merge_that_is_taken_back_leaves_both_as_they_were(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair
    store.decisions.merge([alice.uid, bob.uid], decider())
    [decision] = store.decisions.list(alice.uid, EVERYTHING)

    store.decisions.undo(decision.uid, decider("A mistake", 31))

    assert alike(got(store, alice.uid), alice)
    assert alike(got(store, bob.uid), bob)
    assert findings_of(store, bob.uid) == set(bob.finding_uids)
    assert store.decisions.list(bob.uid, EVERYTHING)[0].undone_by == "ada"


def test_what_came_and_what_people_did_since_a_merge_survives_its_undoing(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair
    store.decisions.merge([alice.uid, bob.uid], decider())
    [decision] = store.decisions.list(alice.uid, EVERYTHING)
    tell(store, about("bob", 5, 40), about("alice", 6, 41), minutes=41)
    wish = Change(assignee="bo", add_tags=("apac",), add_task="Call")
    store.incidents.change(alice.uid, wish, "bo", LATER, EVERYTHING)

    store.decisions.undo(decision.uid, decider("A mistake", 50))

    kept, back = got(store, alice.uid), got(store, bob.uid)
    assert (kept.finding_count, back.finding_count) == (2, 2)
    assert (kept.assignee, kept.tags, len(kept.tasks)) == ("bo", ("apac",), 1)
    assert (back.assignee, back.status, back.merged_into) == ("", "New", "")
    assert [one.uid for one in kept.entities] == ["alice"]
    assert [one.uid for one in back.entities] == ["bob"]


def test_a_split_takes_chosen_entities_into_an_incident_of_its_own(store: Store) -> None:
    [one] = tell(store, about("alice", 1, 0, ["bob"]), about("bob", 2, 1), about("bob", 3, 2))

    new = store.decisions.split(one.uid, (), ("bob",), decider("Two people"))

    kept = got(store, one.uid)
    assert (kept.finding_count, new.finding_count) == (1, 2)
    assert [each.uid for each in new.entities] == ["bob"]
    assert new.rule_uids == ("rule-0", "rule-2")
    assert findings_of(store, new.uid).isdisjoint(findings_of(store, one.uid))


def test_grouping_keeps_apart_what_was_split(store: Store) -> None:
    [one] = tell(store, about("alice", 1, 0, ["bob"]), about("bob", 2, 1))
    new = store.decisions.split(one.uid, (), ("bob",), decider("Two people"))

    changed = tell(
        store, about("alice", 4, 32, ["bob"]), about("bob", 5, 33, ["alice"]), minutes=33
    )

    assert {each.uid: each.finding_count for each in changed} == {one.uid: 2, new.uid: 2}
    assert all(each.status != "Closed" for each in changed)


def test_what_was_split_stays_apart_after_both_were_closed(store: Store) -> None:
    [one] = tell(store, about("alice", 1, 0, ["bob"]), about("bob", 2, 1))
    new = store.decisions.split(one.uid, (), ("bob",), decider("Two people"))
    for uid in (one.uid, new.uid):
        store.incidents.change(uid, CLOSE, "ada", LATER, EVERYTHING)

    changed = tell(store, about("alice", 4, 40, ["bob"]), about("bob", 5, 41), minutes=41)

    assert [each.finding_count for each in changed] == [1, 1]


def test_findings_of_one_entity_are_split_and_later_matches_stay_where_they_are(
    store: Store,
) -> None:
    first, second = about("alice", 1), about("alice", 2, 1)
    [one] = tell(store, first, second)
    new = store.decisions.split(one.uid, (second["uid"],), (), decider("Two matters"))

    changed = tell(store, second, minutes=40)

    assert [each.uid for each in changed] == [new.uid]
    assert (changed[0].finding_count, changed[0].match_count) == (1, 2)


def test_a_split_that_is_taken_back_leaves_the_incident_as_it_was(store: Store) -> None:
    [one] = tell(store, about("alice", 1, 0, ["bob"]), about("bob", 2, 1))
    new = store.decisions.split(one.uid, (), ("bob",), decider("Two people"))
    store.incidents.change(new.uid, Change(add_tags=("seen",)), "bo", LATER, EVERYTHING)
    [decision] = store.decisions.list(new.uid, EVERYTHING)

    whole = store.decisions.undo(decision.uid, decider("One person", 31))

    assert alike(whole, replace(one, tags=("seen",)))
    assert store.incidents.get(new.uid, EVERYTHING) == whole
    [changed] = tell(store, about("bob", 5, 33), minutes=33)
    assert changed.uid == one.uid


def test_two_that_were_split_are_not_merged_again_but_by_taking_it_back(store: Store) -> None:
    [one] = tell(store, about("alice", 1, 0, ["bob"]), about("bob", 2, 1))
    new = store.decisions.split(one.uid, (), ("bob",), decider("Two people"))

    with pytest.raises(UsageError, match="undo that"):
        store.decisions.merge([one.uid, new.uid], decider())


def test_a_decision_is_taken_back_once(store: Store, pair: tuple[Incident, Incident]) -> None:
    alice, bob = pair
    store.decisions.merge([alice.uid, bob.uid], decider(minutes=31))
    [latest] = store.decisions.list(alice.uid, EVERYTHING)

    with pytest.raises(UsageError, match="no decision"):
        store.decisions.undo("dec_none", decider())
    store.decisions.undo(latest.uid, decider("A mistake", 32))
    with pytest.raises(UsageError, match="already"):
        store.decisions.undo(latest.uid, decider("A mistake", 33))


def test_a_merge_below_another_one_waits_for_it(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair
    [carol] = tell(store, about("carol", 3, 2), minutes=2)
    store.decisions.merge([bob.uid, carol.uid], decider(minutes=30))
    [below] = store.decisions.list(bob.uid, EVERYTHING)
    store.decisions.merge([alice.uid, bob.uid], decider(minutes=31))

    with pytest.raises(UsageError, match="merged on since"):
        store.decisions.undo(below.uid, decider("A mistake", 32))


@pytest.mark.parametrize(
    ("uids", "why"),
    [((), "2 to 50"), (("a",), "2 to 50"), (("a", "b"), "a reason"), (("x", "inc_none"), "no inc")],
)
def test_a_merge_that_is_not_possible_says_why(
    store: Store, pair: tuple[Incident, Incident], uids: tuple[str, ...], why: str
) -> None:
    who = replace(decider(), reason="" if why == "a reason" else "x")

    with pytest.raises(UsageError, match=why):
        store.decisions.merge([pair[0].uid if uid == "x" else uid for uid in uids], who)


def test_a_split_that_is_not_possible_says_why(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair

    for findings, entities, why in (
        ((), (), "findings that go"),
        ((), ("alice",), "findings that stay"),
        (bob.finding_uids, (), "not of this incident"),
        ((), ("bob",), "is about bob"),
    ):
        with pytest.raises(UsageError, match=why):
            store.decisions.split(alice.uid, findings, entities, decider())
    store.incidents.change(alice.uid, CLOSE, "ada", LATER, EVERYTHING)
    with pytest.raises(UsageError, match="reopen it first"):
        store.decisions.merge([alice.uid, bob.uid], decider())


def test_outside_the_scope_nothing_is_decided_or_told(
    store: Store, pair: tuple[Incident, Incident]
) -> None:
    alice, bob = pair
    store.decisions.merge([alice.uid, bob.uid], decider())
    [decision] = store.decisions.list(alice.uid, EVERYTHING)
    other = Scope(accounts=frozenset({"444455556666"}))
    eve = replace(decider(), name="eve", scope=other)

    assert store.decisions.list(alice.uid, other) == ()
    with pytest.raises(UsageError, match="no decision"):
        store.decisions.undo(decision.uid, eve)
    with pytest.raises(UsageError, match="no incident"):
        store.decisions.split(alice.uid, (), ("bob",), eve)


def test_a_repeated_request_decides_once(store: Store, pair: tuple[Incident, Incident]) -> None:
    uids, once = [one.uid for one in pair], Once.of("k", "merge")
    first = store.decisions.merge(uids, decider(), once=once)

    assert store.decisions.merge(uids, decider(), once=once) == first
    assert len(store.decisions.list(uids[0], EVERYTHING)) == 1


ROWS = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.integers(0, 50), st.lists(st.sampled_from(NAMES), max_size=1)
    ),
    min_size=2,
    max_size=8,
)


def rows_of(drawn: Sequence[tuple[str, int, list[str]]], start: int) -> list[Row]:
    return [
        about(name, start + number, minutes, [link for link in links if link != name])
        for number, (name, minutes, links) in enumerate(drawn)
    ]


def unmerged(store: Store) -> list[Incident]:
    return [one for one in every(store) if not one.merged_into]


def check(store: Store, told: set[str]) -> None:
    """No two incidents share a finding, none is lost, and each counts what it has."""
    with store._database.read() as connection:
        pairs = connection.execute(
            select(INCIDENT_FINDINGS.c.incident_uid, INCIDENT_FINDINGS.c.finding_uid)
        ).all()
        pointers = connection.execute(
            select(INCIDENTS.c.uid).where(INCIDENTS.c.merged_into != "")
        ).scalars()
        assert set(pointers).isdisjoint(incident for incident, _ in pairs)
    assert len(pairs) == len({uid for _, uid in pairs})
    assert {uid for _, uid in pairs} == told
    for one in unmerged(store):
        mine = {uid for incident, uid in pairs if incident == one.uid}
        assert set(one.finding_uids) == mine
        assert one.finding_count == len(mine)


@given(before=ROWS, after=ROWS, places=st.tuples(st.integers(0, 9), st.integers(0, 9)))
@settings(max_examples=12, deadline=None)
def test_whatever_people_decide_no_finding_is_shared_or_lost(
    before: Sequence[Any], after: Sequence[Any], places: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "data") as store:
        rows, more = rows_of(before, 0), rows_of(after, 100)
        tell(store, *rows, minutes=1)
        told = {row["uid"] for row in rows}
        check(store, told)
        start = {one.uid: one for one in every(store)}
        decided = _decide(store, places, 30)
        if decided:
            check(store, told)
            store.decisions.undo(decided, decider("A mistake", 31))
            check(store, told)
            for uid, incident in start.items():
                assert alike(got(store, uid), incident)
        again = _decide(store, places, 33)
        tell(store, *more, minutes=34)
        told |= {row["uid"] for row in more}
        check(store, told)
        _respects(store, again)


def _decide(store: Store, places: tuple[int, int], minutes: int) -> str | None:
    """Merge two incidents where there are two, else split one; return the decision."""
    open_ones = sorted(unmerged(store), key=lambda one: one.uid)
    first, second = (place % len(open_ones) for place in places)
    target = open_ones[first]
    if first != second:
        target = store.decisions.merge(
            [target.uid, open_ones[second].uid], decider(minutes=minutes)
        )
    else:
        cut = target.finding_uids[places[0] % len(target.finding_uids)]
        if len(target.finding_uids) < 2:
            return None
        store.decisions.split(target.uid, (cut,), (), decider(minutes=minutes))
    return store.decisions.list(target.uid, EVERYTHING)[0].uid


def _respects(store: Store, decision: str | None) -> None:
    """The merged one stays merged; the two sides of a split are still two incidents."""
    if decision is None:
        return
    row = next(
        each
        for one in every(store)
        for each in store.decisions.list(one.uid, EVERYTHING)
        if each.uid == decision
    )
    kept, other = (_end(store, uid) for uid in (row.kept_uid, row.other_uid))
    assert (kept == other) == (row.kind == "merge")


def _end(store: Store, uid: str) -> str:
    found = store.incidents.get(uid, EVERYTHING)
    assert found is not None
    return found.uid
