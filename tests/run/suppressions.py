"""Suppressions for tests of the crank, and both sides of what a store holds."""

from datetime import timedelta
from typing import Any

from tests.run.crank import NOW
from tocsin.conditions.suppression import Suppression
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.run import suppressing
from tocsin.store import FindingFilter, Store

TRAIL_RULE = "caa8cff9-4518-46e6-857b-b41630ef9d68"


def suppression(
    *rules: str,
    entity: str = "",
    condition: str = "",
    expires: str = "30d",
    limits: Scope = EVERYTHING,
    uid: str = "",
) -> Suppression:
    written = suppressing.Written(
        rules=rules,
        reason="a test",
        owner="tests",
        expires=expires,
        origin="tests",
        entity=entity,
        condition=condition,
        uid=uid,
    )
    return suppressing.read(written, NOW - timedelta(days=1), limits)


def put(store: Store, *suppressions: Suppression) -> None:
    store.suppressions.put(suppressions, "ada", NOW - timedelta(days=1), EVERYTHING)


def findings(store: Store, *, hidden: bool) -> list[dict[str, Any]]:
    which = FindingFilter(is_suppressed=hidden)
    return store.findings.list(which, EVERYTHING, limit=1_000).rows.to_pylist()


def matched(store: Store, *, hidden: bool) -> list[tuple[str, str]]:
    """Return rule and event of each match that is stored on one side."""
    pairs = []
    for row in findings(store, hidden=hidden):
        rows = store.findings.matches(row["uid"], EVERYTHING, limit=1_000).rows.to_pylist()
        assert len(rows) == row["match_count"]
        pairs += [(row["rule_uid"], each["event_uid"]) for each in rows]
    return sorted(pairs)
