"""Noise by rule and entity, and what people made of the incidents."""

from datetime import timedelta
from typing import Any

import pytest

from tests.store.tables import NOON, event, finding, naive, store_events
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING, Entity, Scope
from tocsin.store import IncidentFilter, Store
from tocsin.store.answers import RuleNoise

LONG_AGO = NOON - timedelta(days=365)


def about(name: str, rule: str, user: str, minutes: float = 0, **more: Any) -> dict[str, Any]:
    time = naive(NOON + timedelta(minutes=minutes))
    times = {"first_time": time, "last_time": time, "period_start": time}
    entity = {"type": "user", "uid": user, "name": user.title()}
    return finding(name, rule_uid=rule, entity=entity, **(times | more))


@pytest.fixture
def noisy(store: Store) -> Store:
    """Rule `loud` fires on alice thrice and bob once; `odd` on bob too, in the same incident."""
    store_events(
        store,
        [event("a")],
        findings=[
            about("1", "loud", "alice", match_count=5),
            about("2", "loud", "alice", 1),
            about("3", "loud", "alice", 2),
            about("4", "loud", "bob", 3),
            about("5", "odd", "bob", 4),
            about("6", "loud", "carol", -60 * 24 * 40),
        ],
    )
    return store


def by_rule(store: Store, **more: Any) -> dict[str, RuleNoise]:
    found = store.tuning.noise(more.get("since", LONG_AGO), more.get("scope", EVERYTHING))
    return {each.rule_uid: each for each in found}


def test_findings_matches_and_entities_are_counted_by_rule_and_entity(noisy: Store) -> None:
    loud = by_rule(noisy)["loud"]

    assert (loud.findings, loud.matches, loud.entities) == (5, 9, 3)
    assert [(each.entity, each.findings, each.matches) for each in loud.loudest] == [
        (Entity("user", "alice", "Alice"), 3, 7),
        (Entity("user", "bob", "Bob"), 1, 1),
        (Entity("user", "carol", "Carol"), 1, 1),
    ]


def test_the_loudest_rule_comes_first_and_old_findings_do_not_count(noisy: Store) -> None:
    found = noisy.tuning.noise(NOON - timedelta(days=1), EVERYTHING)

    assert [(each.rule_uid, each.findings) for each in found] == [("loud", 4), ("odd", 1)]


def test_incidents_of_one_rule_alone_are_told_from_the_others(noisy: Store) -> None:
    found = by_rule(noisy, since=NOON - timedelta(days=1))

    assert (found["loud"].incidents, found["loud"].alone) == (2, 1)
    assert (found["odd"].incidents, found["odd"].alone) == (1, 0)
    assert (found["loud"].judged, found["loud"].false_positives) == (0, 0)


@pytest.mark.parametrize(
    ("verdict", "wrong"), [("False Positive", 1), ("True Positive", 0), ("Benign", 0)]
)
def test_verdicts_of_people_are_counted(noisy: Store, verdict: Any, wrong: int) -> None:
    incidents = noisy.incidents.list(IncidentFilter(entity="bob"), EVERYTHING).rows
    (incident,) = incidents
    change = Change(status="Closed", verdict=verdict, reason="looked at it")
    noisy.incidents.change(incident.uid, change, "alice", NOON, EVERYTHING)

    found = by_rule(noisy)

    for rule in ("loud", "odd"):
        assert (found[rule].judged, found[rule].false_positives) == (1, wrong)


def test_a_scope_sees_only_its_own(noisy: Store) -> None:
    elsewhere = Scope(accounts=frozenset({"444455556666"}))

    assert by_rule(noisy, scope=elsewhere) == {}
    assert by_rule(noisy, scope=Scope(accounts=frozenset({"111122223333"}))) == by_rule(noisy)
