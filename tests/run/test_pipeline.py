"""One turn over the shipped content and a real store."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.rules import run_nothing
from tests.run.batches import batch
from tests.run.crank import NOW, call, counters, is_conserved, stopped_trail, stored, turned
from tocsin import normalize
from tocsin.detect import Verdict
from tocsin.errors import StoreError
from tocsin.ocsf import EVERYTHING, from_rows, schemas
from tocsin.run import content
from tocsin.run.pipeline import prepare, turn
from tocsin.run.tools import Tools
from tocsin.store import Store


def test_records_become_events_findings_and_an_incident(tools: Tools, store: Store):
    report = turned(tools, store, batch(call(), stopped_trail()))

    after = stored(store)
    (incident,) = report.changed
    assert (report.records, report.events, report.rejects) == (2, 2, 0)
    assert len(after.events) == 2
    assert [finding["severity_id"] for finding in after.findings] == [4]
    assert [one.uid for one in after.incidents] == [incident.uid]
    assert "eve" in {entity.name for entity in incident.entities}


@settings(max_examples=10)
@given(st.lists(st.sampled_from(["eve", "mallory", "trent"]), min_size=1, max_size=6))
def test_the_same_batch_again_changes_nothing(
    tools: Tools, tmp_path_factory: pytest.TempPathFactory, users: list[str]
):
    records = [
        stopped_trail(user, NOW + timedelta(seconds=place)) for place, user in enumerate(users)
    ]
    one = batch(*records, b"{broken")
    with Store.open(tmp_path_factory.mktemp("store") / "data") as store:
        turned(tools, store, one)
        before = stored(store)

        again = turned(tools, store, one, now=NOW + timedelta(minutes=5))

        assert stored(store) == before
        assert (again.events, again.findings, again.rejects) == (0, 0, 0)
        assert (again.duplicates, again.changed) == (len(records) + 1, ())


def test_a_record_that_cannot_be_read_is_a_reject_with_its_place(tools: Tools, store: Store):
    report = turned(tools, store, batch(call(), b'{"eventName": ', call(user="trent")))

    (reject,) = stored(store).rejects
    assert (report.events, report.rejects) == (2, 1)
    assert (reject["position"], reject["raw"]) == (1, b'{"eventName": ')
    assert report.outcomes[0].rejected == {("object-1", 1): reject["reason"]}


def test_every_sender_hears_of_its_own_records(tools: Tools, store: Store):
    first = batch(b"{", call(), feed="one", origin="receipt-1")
    second = batch(call(user="trent"), b"[", feed="two", origin="receipt-2")

    report = turned(tools, store, first, second)

    told = [sorted(outcome.rejected) for outcome in report.outcomes]
    assert told == [[("receipt-1", 0)], [("receipt-2", 1)]]
    assert {outcome.status for outcome in report.outcomes} == {"committed"}


def test_two_feeds_of_one_commit_each_count_what_is_theirs(tools: Tools, store: Store):
    same = call()

    turned(tools, store, batch(same, call(user="b"), feed="one"), batch(same, b"{", feed="two"))

    one, two = counters(store, "one"), counters(store, "two")
    assert (one["received"], one["events"], one["duplicates"]) == (2, 2, 0)
    assert (two["received"], two["duplicates"], two["rejects"]) == (2, 1, 1)


def test_history_makes_findings_and_no_incidents(tools: Tools, store: Store):
    old = stopped_trail(at=NOW - timedelta(days=3))

    report = turned(tools, store, batch(old))

    after = stored(store)
    assert report.changed == ()
    assert after.incidents == []
    assert [(finding["severity_id"], finding["is_alert"]) for finding in after.findings] == [
        (4, False)
    ]


def test_a_cursor_moves_without_records(tools: Tools, store: Store):
    turned(tools, store, batch(cursor="after-an-empty-object"))

    assert store.turns.cursor("feed") == "after-an-empty-object"


def test_a_turn_without_batches_stores_nothing(tools: Tools, store: Store):
    report = turn([], tools, store, NOW)

    assert (report.records, report.changed, stored(store).events) == (0, (), [])


def test_findings_about_tocsin_itself_open_incidents(tools: Tools, store: Store):
    turned(tools, store, batch(stopped_trail()))
    (finding,) = stored(store).findings
    known = {name: finding[name] for name in schemas.FINDINGS.names}
    own = known | {"uid": "fnd_own", "entity": {"type": "feed", "uid": "feed", "name": "feed"}}

    report = turn([], tools, store, NOW, from_rows([own], schemas.FINDINGS))

    (incident,) = report.changed
    assert report.findings == 1
    assert "feed" in {entity.name for entity in incident.entities}


@dataclass(frozen=True)
class Breaking:
    """A place for Python rules that breaks on one user: a fault of ours that no test has found."""

    user: str
    error: type[Exception]

    def __call__(self, rules: Mapping[str, str], records: Sequence[str]) -> Sequence[Verdict]:
        if any(self.user in record for record in records):
            raise self.error(self.user)
        return ()


def breaking(tools: Tools, user: str, error: type[Exception] = ZeroDivisionError) -> Tools:
    return replace(tools, run_python=Breaking(user, error))


def test_a_record_that_breaks_a_room_is_a_reject_and_its_neighbors_arrive(
    tools: Tools, store: Store
):
    users = ["a", "b", "faulty", "c", "d"]
    records = [
        call("AuthorizeSecurityGroupIngress", user=user, at=NOW + timedelta(seconds=place))
        for place, user in enumerate(users)
    ]

    report = turned(breaking(tools, "faulty"), store, batch(*records, cursor="end"))

    (reject,) = stored(store).rejects
    assert (report.events, report.rejects) == (4, 1)
    assert reject["reason"].startswith("internal_error: ZeroDivisionError")
    assert b'"faulty"' in reject["raw"]
    assert [list(outcome.rejected) for outcome in report.outcomes] == [[("object-1", 2)]]
    assert store.turns.cursor("feed") == "end"
    assert is_conserved(counters(store, "feed"))


def test_a_record_that_broke_a_room_is_replayed_once_the_fault_is_gone(tools: Tools, store: Store):
    record = call("AuthorizeSecurityGroupIngress", user="faulty")
    turned(breaking(tools, "faulty"), store, batch(record))

    (again,) = store.rejects.replay()
    report = turned(tools, store, again)

    assert report.events == 1
    assert stored(store).rejects == []
    assert is_conserved(counters(store, "feed"))


def test_a_fault_of_the_world_is_not_taken_for_a_fault_of_the_record(tools: Tools, store: Store):
    record = call("AuthorizeSecurityGroupIngress", user="faulty")

    with pytest.raises(StoreError):
        turned(breaking(tools, "faulty", StoreError), store, batch(record))

    assert stored(store).rejects == []


def test_a_store_that_cannot_write_keeps_nothing_of_the_turn(tools: Tools, store: Store):
    obstacle = store.folder / "lake" / "aws.cloudtrail"
    obstacle.write_text("a file where a folder should be")

    with pytest.raises(StoreError):
        turned(tools, store, batch(stopped_trail(), b"{", cursor="1"))

    after = stored(store)
    assert (after.findings, after.incidents, after.rejects) == ([], [], [])
    assert store.turns.cursor("feed") is None
    obstacle.unlink()
    assert turned(tools, store, batch(stopped_trail(), cursor="1")).events == 1


def test_preparing_needs_no_store(tools: Tools):
    prepared = prepare(batch(call()), tools)

    assert prepared.normalized.events.num_rows == 1


def test_rules_that_fail_are_counted_and_stop_nothing(tools: Tools, store: Store):
    report = turned(replace(tools, run_python=run_nothing), store, batch(call()))

    failures = store.sources.failures(NOW - timedelta(days=1), EVERYTHING)
    assert report.events == 1
    assert {reason for _, reason, _ in failures} == {"not_run: no worker"}


def test_rejects_are_replayed_after_their_mapping_is_mended(tools: Tools, store: Store):
    text = content.mapping_texts()["content/mappings/aws.cloudtrail.yaml"]
    narrow = re.sub(r"(?m)^accept: .*$", "accept: eventName = 'Nothing'", text)
    strict = normalize.load_mapping(narrow, "narrow.yaml", content.macros_text())
    broken = replace(tools, mappings={**tools.mappings, strict.source: strict})
    one = batch(call(), stopped_trail(), b"{never readable", cursor="end")
    turned(broken, store, one)
    before = counters(store, "feed")

    (again,) = store.rejects.replay()
    report = turned(tools, store, again)

    after = counters(store, "feed")
    assert (before["events"], before["rejects"]) == (0, 3)
    assert (report.events, report.findings, len(report.changed)) == (2, 1, 1)
    assert (after["received"], after["events"], after["rejects"]) == (3, 2, 1)
    assert is_conserved(after)
    assert len(stored(store).rejects) == 1


def test_two_processes_turn_one_after_the_other(tools: Tools, store: Store):
    records = [call(user=f"user-{number}") for number in range(8)]
    with Store.open(store.folder) as other, ThreadPoolExecutor(2) as pool:
        turns = [
            pool.submit(turned, tools, opened, batch(record, first=place, feed=opened_name))
            for place, record in enumerate(records)
            for opened, opened_name in ((store, "one"), (other, "two"))
        ]
        reports = [each.result(60) for each in turns]

    assert sum(report.events for report in reports) == 8
    assert sum(report.duplicates for report in reports) == 8
    assert len(stored(store).events) == 8
