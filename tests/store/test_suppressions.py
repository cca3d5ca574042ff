"""Suppressions as the store keeps them: scopes, versions, changes, counts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.store.tables import NOON
from tocsin.conditions.suppression import EntityPattern, Suppression
from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import Store
from tocsin.store.suppressions import is_inside

ONE = Suppression(
    uid="one",
    rules=("rule-1", "rule-2"),
    reason="It is harmless.\nReally; \u202e'\"",
    owner="platform",
    created=NOON,
    expires=NOON + timedelta(days=30),
    origin="tests",
    entity=EntityPattern("user", "ci-*"),
    condition="a: b",
)
FIRST, BOTH = (Scope(accounts=frozenset(names)) for names in ({"1"}, {"1", "2"}))
DEV = Scope(namespaces=frozenset({"dev"}))


def put(store: Store, *new: Suppression, scope: Scope = EVERYTHING) -> list[str]:
    return [what for _, what in store.suppressions.put(new, "ada", NOON, scope)]


def uids(store: Store, scope: Scope = EVERYTHING) -> set[str]:
    return {kept.suppression.uid for kept in store.suppressions.list(scope)}


@pytest.mark.parametrize(
    "one",
    [
        ONE,
        replace(ONE, entity=None, condition=""),
        replace(ONE, limits=FIRST),
        replace(ONE, limits=DEV),
    ],
    ids=["all", "plain", "accounts", "namespaces"],
)
def test_it_comes_back_as_it_was_put(store: Store, one: Suppression) -> None:
    put(store, one)

    kept = store.suppressions.get("one", EVERYTHING)
    assert kept is not None and kept.suppression == one
    assert (kept.added_by, kept.ended, kept.findings, kept.last_hit) == ("ada", None, 0, None)
    assert store.suppressions.in_force(NOON) == (one,)


@pytest.mark.parametrize(
    ("limits", "scope", "expected"),
    [
        (EVERYTHING, EVERYTHING, True),
        (EVERYTHING, BOTH, False),
        (FIRST, EVERYTHING, True),
        (FIRST, BOTH, True),
        (FIRST, FIRST, True),
        (BOTH, FIRST, False),
        (DEV, FIRST, False),
        (FIRST, DEV, False),
        (Scope(FIRST.accounts, DEV.namespaces), FIRST, True),
    ],
)
def test_a_scope_sees_what_reaches_no_further(limits: Scope, scope: Scope, expected: bool) -> None:
    assert is_inside(limits, scope) is expected


def test_a_limited_person_sees_and_ends_their_own_only(store: Store) -> None:
    put(store, ONE, replace(ONE, uid="mine", limits=FIRST))

    assert uids(store, FIRST) == {"mine"}
    assert store.suppressions.get("one", FIRST) is None
    with pytest.raises(UsageError, match="there is no suppression one"):
        store.suppressions.end("one", "mine now", "eve", NOON, FIRST)
    with pytest.raises(UsageError, match="further than you may see"):
        put(store, replace(ONE, uid="two"), scope=FIRST)
    with pytest.raises(UsageError, match="is taken"):
        put(store, replace(ONE, limits=FIRST, reason="other"), scope=FIRST)
    assert uids(store) == {"one", "mine"}


def test_all_are_put_or_none(store: Store) -> None:
    put(store, ONE)
    store.suppressions.end("one", "over", "ada", NOON, EVERYTHING)

    with pytest.raises(UsageError, match="was ended by ada"):
        put(store, replace(ONE, uid="two"), replace(ONE, reason="another"))

    assert uids(store) == {"one"}


def test_a_change_keeps_its_beginning_and_is_audited(store: Store) -> None:
    put(store, ONE)
    later = NOON + timedelta(days=3)
    new = replace(ONE, created=later, reason="For another reason.")

    done = store.suppressions.put((new, new), "bob", later, EVERYTHING)

    kept = store.suppressions.get("one", EVERYTHING)
    assert [what for _, what in done] == ["changed", "unchanged"]
    assert kept is not None and kept.suppression == replace(new, created=NOON)
    rows = store.audit.list(EVERYTHING, object_="one").rows
    assert [(row.actor, row.action) for row in rows] == [
        ("bob", "suppression.change"),
        ("ada", "suppression.add"),
    ]
    assert rows[0].details == '{"reason":"For another reason."}'
    assert store.audit.verify().first_bad_seq is None


def test_every_change_of_any_process_is_seen(store: Store) -> None:
    with Store.open(store.folder) as other:
        seen = [store.suppressions.in_force(NOON)]
        put(other, ONE)
        seen.append(store.suppressions.in_force(NOON))
        put(other, replace(ONE, reason="changed"))
        seen.append(store.suppressions.in_force(NOON))
        other.suppressions.end("one", "over", "ada", NOON, EVERYTHING)
        seen.append(store.suppressions.in_force(NOON))

    assert seen == [(), (ONE,), (replace(ONE, reason="changed"),), ()]


def test_an_expired_one_is_not_ended(store: Store) -> None:
    put(store, ONE)

    with pytest.raises(UsageError, match="is expired already"):
        store.suppressions.end("one", "over", "ada", ONE.expires, EVERYTHING)
