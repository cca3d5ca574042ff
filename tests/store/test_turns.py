"""What a commit holds, and that a repeated batch changes nothing."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tests.store.tables import (
    NOON,
    batch,
    event,
    finding,
    group,
    match,
    normalized,
    reject,
    store_events,
    turn,
    uid,
)
from tocsin.detect import Windows
from tocsin.detect.windows import Counted, Window
from tocsin.errors import StoreError
from tocsin.incidents import Change
from tocsin.ocsf import EVERYTHING, Scope, schemas
from tocsin.store import FindingFilter, IncidentFilter, Store


def names(table: pa.Table) -> list[str]:
    return [row["uid"] for row in table.column("metadata").to_pylist()]


def test_a_committed_event_is_found(store: Store) -> None:
    store_events(store, [event("a")])

    assert names(store.events.search("", EVERYTHING).rows) == ["a"]


def test_a_repeated_batch_stores_nothing_and_counts_duplicates(store: Store) -> None:
    store_events(store, [event("a"), event("b")])

    committed = store_events(store, [event("b"), event("c"), event("c")])

    assert (committed.events, committed.duplicates) == (1, 2)
    assert sorted(names(store.events.search("", EVERYTHING).rows)) == ["a", "b", "c"]


def test_a_record_without_a_time_is_known_again_at_another_time_of_receipt(store: Store) -> None:
    store_events(store, [event("a", flags=["no_time"])])

    committed = store_events(store, [event("a", minutes=600, flags=["no_time"])])

    assert (committed.events, committed.duplicates) == (0, 1)


def test_an_event_without_a_time_is_found_by_its_identifier(store: Store) -> None:
    store_events(store, [event("a", flags=["no_time"])])

    assert names(store.events.get(uid("a"), EVERYTHING)) == ["a"]


def test_batches_of_one_commit_know_each_other(store: Store) -> None:
    with store.turns.lock():
        windows = store.turns.windows()
        first = turn(store, batch(1), normalized([event("a")]))
        second = turn(store, batch(2, feed="other"), normalized([event("a"), event("b")]))
        committed = store.turns.commit([first, second], windows, group)

    assert (committed.events, committed.duplicates) == (2, 1)
    assert store.maintenance.fsck() == ()


def test_what_was_in_flight_is_new_again_after_the_lock_is_given_up(store: Store) -> None:
    with store.turns.lock():
        store.turns.unseen(batch(1), normalized([event("a")]))

    committed = store_events(store, [event("a")])

    assert committed.events == 1


def test_a_turn_that_counted_on_a_failed_one_is_refused(store: Store) -> None:
    with store.turns.lock():
        windows = store.turns.windows()
        first = turn(store, batch(1), normalized([event("a")]), findings=[finding("f")])
        second = turn(store, batch(1), normalized([event("a")]))
        with pytest.raises(ZeroDivisionError):
            store.turns.commit([first], windows, lambda *_, **__: 1 / 0)
        with pytest.raises(StoreError, match="read the batches after it again"):
            store.turns.commit([second], windows, group)


def test_a_commit_that_fails_leaves_nothing(store: Store) -> None:
    with store.turns.lock(), pytest.raises(ZeroDivisionError):
        windows = store.turns.windows()
        one = turn(store, batch(1, cursor="c"), normalized([event("a")]), findings=[finding("f")])
        store.turns.commit([one], windows, lambda *_, **__: 1 / 0)

    assert store.events.search("", EVERYTHING).rows.num_rows == 0
    assert store.turns.cursor("trail") is None
    assert not list((store.folder / "lake").rglob("*.parquet*"))


def test_a_turn_outside_the_lock_is_refused(store: Store) -> None:
    with pytest.raises(RuntimeError, match="turn lock"):
        store.turns.unseen(batch(), normalized())


def test_the_lock_keeps_a_second_process_out(store: Store) -> None:
    with (
        Store.open(store.folder) as other,
        store.turns.lock(),
        pytest.raises(StoreError, match="held by another process"),
        other.turns.lock(timeout_seconds=0.05),
    ):
        pass


def test_the_cursor_moves_with_the_commit_and_stays_without_one(store: Store) -> None:
    store_events(store, [event("a")], cursor="one")
    store_events(store, [event("b")])

    assert store.turns.cursor("trail") == "one"


def test_an_empty_turn_writes_nothing(store: Store) -> None:
    store_events(store, [event("a")])
    before = store.maintenance.figures()

    store_events(store, [])

    after = store.maintenance.figures()
    assert replace(after, free_bytes=0) == replace(before, free_bytes=0)


def test_matches_of_a_finding_add_up_over_turns(store: Store) -> None:
    for minute, name in enumerate("ab"):
        one = finding(
            "f", [name], last_time=(NOON + timedelta(minutes=minute)).replace(tzinfo=None)
        )
        store_events(
            store, [event(name, minute)], findings=[one], matches=[match(one, uid(name), minute)]
        )

    row = store.findings.list(FindingFilter(), EVERYTHING).rows.to_pylist()[0]
    assert row["match_count"] == 2
    assert row["event_uids"] == [uid("b"), uid("a")]
    assert row["last_time"] == (NOON + timedelta(minutes=1)).replace(tzinfo=None)


def test_evidence_that_no_rule_of_the_turn_matched_is_kept_once(store: Store) -> None:
    fired = finding("f", ["a", "b"])
    store_events(store, [event("b")], findings=[fired])
    store_events(store, [event("c")], findings=[fired])

    found = store.findings.matches(fired["uid"], EVERYTHING).rows.column("event_uid").to_pylist()
    assert sorted(found) == sorted([uid("a"), uid("b")])


def test_links_of_a_finding_are_joined(store: Store) -> None:
    for name in ("key-1", "key-2", "key-1"):
        link = {"type": "access_key", "uid": name, "name": ""}
        store_events(store, [], findings=[finding("f", links=[link])])

    row = store.findings.list(FindingFilter(entity="key-1"), EVERYTHING).rows.to_pylist()[0]
    assert [link["uid"] for link in row["links"]] == ["key-1", "key-2"]


def test_a_finding_opens_an_incident_and_a_second_joins_it(store: Store) -> None:
    store_events(store, [event("a")], findings=[finding("one", ["a"])])
    store_events(store, [event("b")], findings=[finding("two", ["b"], rule_uid="rule-2")])

    page = store.incidents.list(IncidentFilter(), EVERYTHING)
    assert [(one.finding_count, one.version) for one in page.rows] == [(2, 2)]


def test_an_analysts_change_between_read_and_commit_is_kept(store: Store) -> None:
    first = store_events(store, [event("a")], findings=[finding("one", ["a"])])
    incident = first.changed[0].uid

    with store.turns.lock():
        windows = store.turns.windows()
        late = turn(store, batch(1), normalized([event("b")]), findings=[finding("two", ["b"])])
        store.incidents.change(incident, Change(assignee="ada"), "ada", NOON, EVERYTHING)
        store.turns.commit([late], windows, group)

    kept = store.incidents.get(incident, EVERYTHING)
    assert kept is not None
    assert (kept.assignee, kept.finding_count) == ("ada", 2)


def test_windows_are_read_as_they_were_written(store: Store) -> None:
    key_1 = Window(2**50, (Counted("evt_1", 5),))
    key_2 = Window(2**50, is_open=True)
    with store.turns.lock():
        store.turns.windows()
        store.turns.commit([], Windows({"a": key_1, "b": key_2}), group)
        store.turns.commit([], Windows({"b": key_1}), group)

    with Store.open(store.folder) as other, other.turns.lock():
        assert other.turns.windows() == Windows({"b": key_1})


def test_a_turn_after_another_process_committed_must_read_its_windows(store: Store) -> None:
    with Store.open(store.folder) as other:
        store_events(other, [event("a")])

    with store.turns.lock(), pytest.raises(RuntimeError, match="turns.windows"):
        one = turn(store, batch(1), normalized([event("b")]))
        store.turns.commit([one], Windows(), group)


def test_rejects_of_reader_and_mapping_are_counted_once(store: Store) -> None:
    shared, own = reject(1), reject(2)
    raw = batch(2, rejects=[shared])
    with store.turns.lock():
        windows = store.turns.windows()
        one = turn(store, raw, normalized([event("a")], [own]))
        committed = store.turns.commit([one], windows, group)

    feed = store.sources.get("trail", EVERYTHING, NOON)
    assert feed is not None
    assert committed.rejects == 2
    assert (feed.received, feed.events, feed.rejects, feed.duplicates) == (3, 1, 2, 0)


def test_a_reject_that_comes_again_is_a_duplicate(store: Store) -> None:
    for _ in range(2):
        with store.turns.lock():
            windows = store.turns.windows()
            one = turn(store, batch(1), normalized([], [reject(1)]))
            committed = store.turns.commit([one], windows, group)

    assert (committed.rejects, committed.duplicates) == (0, 1)
    assert store.maintenance.fsck() == ()


def test_events_of_several_days_go_to_the_folders_of_their_days(store: Store) -> None:
    store_events(store, [event("a"), event("b", minutes=-60 * 24), event("c", minutes=-60 * 24)])

    folders = sorted(path.parent.name for path in (store.folder / "lake").rglob("*.parquet"))
    assert folders == ["day=2026-11-22", "day=2026-11-23"]


def test_a_source_with_a_strange_name_stays_inside_the_lake(store: Store, tmp_path: Path) -> None:
    for source in ("../../etc", "..", ".", "a/b", "*", ""):
        raw = replace(batch(1), source=source)
        with store.turns.lock():
            windows = store.turns.windows()
            one = turn(store, raw, normalized([event(source, source=source)]))
            store.turns.commit([one], windows, group)

    files = list(tmp_path.rglob("*.parquet"))
    assert len(files) == 6
    assert all(path.resolve().is_relative_to(store.folder / "lake") for path in files)
    assert store.events.count("", EVERYTHING) == 6


def test_failures_are_summed(store: Store) -> None:
    failure = {"rule_uid": "r", "reason": "broken", "event_uid": None, "count": 2}
    for _ in range(2):
        with store.turns.lock():
            windows = store.turns.windows()
            one = turn(store, batch(), normalized(), failures=[failure])
            store.turns.commit([one], windows, group)

    assert store.sources.failures(NOON - timedelta(days=1), EVERYTHING) == (("r", "broken", 4),)


def test_a_limited_scope_reads_no_reason_of_a_failure(store: Store) -> None:
    reasons = [("r", "cannot read arn:aws:iam::444455556666:user/eve"), ("r", "broken")]
    failures = [
        {"rule_uid": rule, "reason": reason, "event_uid": None, "count": 2}
        for rule, reason in reasons
    ]
    with store.turns.lock():
        one = turn(store, batch(), normalized(), failures=failures)
        store.turns.commit([one], store.turns.windows(), group)

    mine = Scope(accounts=frozenset({"111122223333"}))
    assert store.sources.failures(NOON - timedelta(days=1), mine) == (("r", "", 4),)


def test_readers_see_whole_turns_while_another_thread_commits(store: Store) -> None:
    seen: set[int] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(store.events.count("", EVERYTHING))

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(10):
        store_events(store, [event(f"{number}-{each}") for each in range(5)])
    stop.set()
    thread.join()

    assert {count % 5 for count in seen} == {0}


def test_other_tools_findings_and_resources_are_stored_once(store: Store) -> None:
    result = normalized()
    result = replace(
        result,
        findings=pa.Table.from_pylist([finding("theirs")], schema=schemas.FINDINGS),
        resources=pa.Table.from_pylist(
            [
                {
                    "uid": "arn:aws:s3:::logs",
                    "type": "bucket",
                    "name": "logs",
                    "account": None,
                    "region": None,
                    "observed_time": NOON.replace(tzinfo=None),
                    "configuration": "{}",
                }
            ],
            schema=schemas.RESOURCES,
        ),
    )
    counts = []
    for _ in range(2):
        with store.turns.lock():
            windows = store.turns.windows()
            one = turn(store, batch(2), result)
            counts.append(store.turns.commit([one], windows, group).duplicates)

    feed = store.sources.get("trail", EVERYTHING, NOON)
    assert feed is not None
    assert counts == [0, 2]
    assert (feed.received, feed.findings, feed.resources, feed.duplicates) == (4, 1, 1, 2)
    assert store.maintenance.fsck() == ()
