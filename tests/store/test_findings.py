"""Lists of findings: filters, pages, groups, scopes."""

from datetime import timedelta
from typing import Any

import pytest

from tests.store.tables import NOON, event, finding, match, naive, store_events, uid
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import FindingFilter, Store

ALL = FindingFilter()


def at(minutes: float) -> dict[str, Any]:
    time = naive(NOON + timedelta(minutes=minutes))
    return {"first_time": time, "last_time": time, "period_start": time}


@pytest.fixture
def stored(store: Store) -> Store:
    key = {"type": "access_key", "uid": "AKIAIOSFODNN7EXAMPLE", "name": ""}
    pod = {"uid": "pod", "namespace": "prod"}
    store_events(
        store,
        [event("a", resources=[pod])],
        findings=[
            finding("low", severity_id=2, rule_uid="r-1", is_alert=False, **at(0)),
            finding("key", rule_uid="r-2", links=[key], title="A key of 100% risk", **at(1)),
            finding("pod", ["a"], severity_id=5, rule_uid="r-2", account=None, **at(2)),
        ],
    )
    return store


def found(store: Store, which: FindingFilter, scope: Scope = EVERYTHING) -> list[str]:
    known = {finding(name)["uid"]: name for name in ("low", "key", "pod")}
    table = store.findings.list(which, scope).rows
    assert store.findings.count(which, scope) == table.num_rows
    return [known[uid] for uid in table.column("uid").to_pylist()]


@pytest.mark.parametrize(
    ("which", "names"),
    [
        (ALL, ["pod", "key", "low"]),
        (FindingFilter(min_severity_id=4), ["pod", "key"]),
        (FindingFilter(rule_uid="r-1"), ["low"]),
        (FindingFilter(entity="alice"), ["pod", "key", "low"]),
        (FindingFilter(entity="AKIAIOSFODNN7EXAMPLE"), ["key"]),
        (FindingFilter(is_alert=False), ["low"]),
        (FindingFilter(account="111122223333"), ["key", "low"]),
        (FindingFilter(since=NOON + timedelta(minutes=1)), ["pod", "key"]),
        (FindingFilter(until=NOON + timedelta(minutes=1)), ["low"]),
        (FindingFilter(text="100% RISK"), ["key"]),
        (FindingFilter(text="%"), ["key"]),
        (FindingFilter(incident_uid="inc_none"), []),
    ],
)
def test_a_filter_lets_pass(stored: Store, which: FindingFilter, names: list[str]) -> None:
    assert found(stored, which) == names


def test_a_finding_knows_its_incident(stored: Store) -> None:
    row = stored.findings.get(finding("pod")["uid"], EVERYTHING).to_pylist()[0]

    assert row["incident_uid"].startswith("inc_")
    assert found(stored, FindingFilter(incident_uid=row["incident_uid"])) == ["pod", "key", "low"]


def test_scopes_hide_findings(stored: Store) -> None:
    assert found(stored, ALL, Scope(accounts=frozenset({"111122223333"}))) == ["key", "low"]
    assert found(stored, ALL, Scope(namespaces=frozenset({"prod"}))) == ["pod"]
    assert found(stored, ALL, Scope(accounts=frozenset())) == []
    hidden = Scope(namespaces=frozenset({"dev"}))
    assert stored.findings.get(finding("pod")["uid"], hidden).num_rows == 0
    assert stored.findings.matches(finding("pod")["uid"], hidden).rows.num_rows == 0
    assert stored.findings.by_rule(ALL, hidden) == ()


def test_pages_hold_every_finding_once(store: Store) -> None:
    store_events(
        store, [], findings=[finding(str(number), **at(number % 3)) for number in range(9)]
    )

    seen: list[str] = []
    cursor = None
    while True:
        page = store.findings.list(ALL, EVERYTHING, limit=4, cursor=cursor)
        seen += page.rows.column("uid").to_pylist()
        cursor = page.cursor
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 9


def test_a_cursor_of_another_filter_is_refused(stored: Store) -> None:
    cursor = stored.findings.list(ALL, EVERYTHING, limit=1).cursor

    with pytest.raises(UsageError, match="another query"):
        stored.findings.list(FindingFilter(rule_uid="r-1"), EVERYTHING, cursor=cursor)


def test_rules_are_counted_worst_first(stored: Store) -> None:
    counts = stored.findings.by_rule(ALL, EVERYTHING)

    assert [(one.rule_uid, one.severity_id, one.findings) for one in counts] == [
        ("r-2", 5, 2),
        ("r-1", 2, 1),
    ]
    assert counts[0].last_time == NOON + timedelta(minutes=2)
    assert stored.findings.by_severity(ALL, EVERYTHING) == {2: 1, 4: 1, 5: 1}


def test_matches_come_newest_first_in_pages(store: Store) -> None:
    one = finding("f", ["a", "b", "c"])
    matches = [match(one, uid(name), minute) for minute, name in enumerate("abc")]
    store_events(store, [], findings=[one], matches=matches)

    first = store.findings.matches(one["uid"], EVERYTHING, limit=2)
    second = store.findings.matches(one["uid"], EVERYTHING, limit=2, cursor=first.cursor)

    seen = [
        *first.rows.column("event_uid").to_pylist(),
        *second.rows.column("event_uid").to_pylist(),
    ]
    assert seen == [uid("c"), uid("b"), uid("a")]
    assert second.cursor is None


def test_each_of_a_list_has_the_newest_of_its_own_events(store: Store) -> None:
    many = [f"m{number:03}" for number in range(130)]
    large, small = finding("large", many), finding("small", ["a", "b"])
    matches = [match(large, uid(name), minute) for minute, name in enumerate(many)]
    matches += [match(small, uid(name), minute) for minute, name in enumerate("ab")]
    store_events(store, [], findings=[large, small, finding("none")], matches=matches)

    rows = store.findings.list(ALL, EVERYTHING).rows.to_pylist()

    events = {row["uid"]: row["event_uids"] for row in rows}
    assert events[large["uid"]] == [uid(name) for name in reversed(many[30:])]
    assert events[small["uid"]] == [uid("b"), uid("a")]
    assert events[finding("none")["uid"]] == []
    assert len({row["incident_uid"] for row in rows}) == 1
