"""Correlations over turns, a real store and restarts: findings of several turns, and of silence."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.run.batches import batch
from tests.run.correlated import MANY, STOPPED, correlated_tools
from tests.run.crank import NOW, call, stored, turned
from tocsin.isolate import RuleWorker
from tocsin.ocsf import EVERYTHING
from tocsin.run.pipeline import turn
from tocsin.run.tools import Tools
from tocsin.store import Store

MINUTE = timedelta(minutes=1)


@pytest.fixture
def correlated(tmp_path: Path) -> Iterator[Tools]:
    with RuleWorker() as worker:
        yield correlated_tools(tmp_path, worker)


def deleted(number: int, user: str = "eve") -> dict[str, object]:
    return call("DeleteVolume", user=user, at=NOW + number * MINUTE)


def snapshot() -> dict[str, object]:
    return call("CreateSnapshot", user="backup", at=NOW)


def test_events_of_several_turns_are_one_finding_with_all_of_them(correlated: Tools, store: Store):
    for number in range(5):
        turned(correlated, store, batch(deleted(number), first=number), now=NOW + 6 * MINUTE)

    (finding,) = stored(store).findings
    context = json.loads(finding["context"])
    assert (finding["rule_uid"], finding["rule_type"]) == (MANY, "Correlation")
    assert (finding["match_count"], len(finding["event_uids"])) == (5, 5)
    assert finding["entity"]["name"] == "eve"
    assert (context["value"], context["condition"]) == (5, "gte 3")


def test_the_timeline_tells_what_events_of_earlier_turns_did(correlated: Tools, store: Store):
    for number in range(3):
        turned(correlated, store, batch(deleted(number), first=number), now=NOW + 6 * MINUTE)

    (incident,) = stored(store).incidents
    told = store.incidents.timeline(incident.uid, EVERYTHING)
    events = [moment for moment in told if moment.kind == "event"]
    assert [(each.title, each.actor) for each in events] == [("DeleteVolume", "eve")] * 3


def test_turns_in_any_order_store_the_same(correlated: Tools, tmp_path: Path):
    seen = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [3, 3, 4, 0, 0, 1, 2, 2]):
        with Store.open(tmp_path / f"data-{len(seen)}") as store:
            for number in order:
                turned(
                    correlated, store, batch(deleted(number), first=number), now=NOW + 6 * MINUTE
                )
            (finding,) = stored(store).findings
            names = ("uid", "match_count", "first_time", "last_time", "entity", "severity_id")
            seen.append([finding[name] for name in names] + [sorted(finding["event_uids"])])

    assert seen[0] == seen[1] == seen[2]


def test_windows_survive_a_restart(correlated: Tools, tmp_path: Path):
    for number in range(3):
        with Store.open(tmp_path / "data") as store:
            turned(correlated, store, batch(deleted(number), first=number), now=NOW + 3 * MINUTE)
            findings = stored(store).findings

    assert [finding["match_count"] for finding in findings] == [3]


def test_the_rules_of_a_correlation_make_no_findings_of_their_own(correlated: Tools, store: Store):
    turned(correlated, store, batch(deleted(0), deleted(1)))

    assert stored(store).findings == []


def test_silence_is_found_by_the_clock_alone(correlated: Tools, store: Store):
    turned(correlated, store, batch(snapshot()), now=NOW + MINUTE)
    reports = []
    for hours in (1, 24, 24.2, 24.3, 30):
        reports.append(turn([], correlated, store, NOW + timedelta(hours=hours)))

    assert [report.findings for report in reports] == [0, 0, 0, 1, 0]
    (finding,) = stored(store).findings
    assert (finding["rule_uid"], finding["match_count"]) == (STOPPED, 1)


def test_what_waits_while_tocsin_is_stopped_is_not_missed(correlated: Tools, tmp_path: Path):
    day = timedelta(days=1)
    with Store.open(tmp_path / "data") as store:
        turned(correlated, store, batch(snapshot()), now=NOW + MINUTE)
    with Store.open(tmp_path / "data") as store:
        began = NOW + 2 * day
        # The clock turns before the source has delivered what it kept for us.
        assert turn([], correlated, store, began).findings == 0
        nightly = call("CreateSnapshot", user="backup", at=NOW + 0.9 * day)
        last = call("CreateSnapshot", user="backup", at=NOW + 1.8 * day)
        turned(correlated, store, batch(nightly, last, first=1), now=began + MINUTE)
        later = turn([], correlated, store, began + 0.5 * day)

    assert later.findings == 0


def test_a_turn_of_the_clock_with_nothing_due_writes_nothing(correlated: Tools, store: Store):
    turned(correlated, store, batch(snapshot(), deleted(0)), now=NOW + MINUTE)
    before = store.turns.windows()

    for seconds in range(5):
        turn([], correlated, store, NOW + MINUTE + timedelta(seconds=seconds))

    assert store.turns.windows() is before


def test_a_turn_writes_only_the_rows_that_it_changed(correlated: Tools, store: Store):
    for number in range(20):
        one = batch(deleted(0, f"user{number}"), first=number)
        turned(correlated, store, one, now=NOW + MINUTE)
    before = store.turns.windows()
    turned(correlated, store, batch(deleted(1, "user7"), first=30), now=NOW + 2 * MINUTE)

    written, gone = store.turns.windows().changes(before)

    # For each of two correlations the group and what is new of it, and the time of the source.
    assert len(written) <= 6
    assert gone == []
