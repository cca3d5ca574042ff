"""The thread that turns: outcomes, failures, and findings about Tocsin itself."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tests.run.batches import batch
from tests.run.crank import NOW, call, settings_in, stopped_trail, stored, turned
from tocsin.ocsf import EVERYTHING, RawBatch, schemas
from tocsin.run.health import SILENCE_RULE, SilenceWatch
from tocsin.run.metrics import Meter
from tocsin.run.queue import TurnQueue
from tocsin.run.tools import Tools
from tocsin.run.turning import Turner
from tocsin.store import IncidentFilter, Store


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def nothing(now: datetime) -> pa.Table:
    return schemas.FINDINGS.empty_table()


def turner(
    tools: Tools,
    store: Store,
    clock: Clock,
    own_findings: Callable[[datetime], pa.Table] = nothing,
) -> Turner:
    stopping = threading.Event()
    stopping.set()  # Pauses after a failure cost no time.
    return Turner(TurnQueue(), store, lambda: tools, clock, own_findings, Meter(), stopping)


def sample(one: Turner, name: str) -> float:
    samples = one.meter.samples(*one.queue.depth())
    return next(metric.value for metric in samples if metric.name == name and not metric.labels)


def test_who_waits_hears_of_the_commit(tools: Tools, store: Store):
    one = turner(tools, store, Clock())
    first = one.queue.offer(batch(call(), feed="one"))
    second = one.queue.offer(batch(b"{", feed="two"))

    assert one.once(0)

    assert first is not None and first.result(0).status == "committed"
    assert second is not None and len(second.result(0).rejected) == 1
    assert sample(one, "tocsin_records_turned_total") == 2


def test_a_store_that_fails_fails_the_batch_and_the_next_try_stores_it(tools: Tools, store: Store):
    one = turner(tools, store, Clock())
    obstacle = store.folder / "lake" / "aws.cloudtrail"
    obstacle.write_text("a file where a folder should be")
    failed = one.queue.offer(batch(call()))

    one.once(0)
    problem = one.problem
    obstacle.unlink()
    again = one.queue.offer(batch(call()))
    one.once(0)

    assert failed is not None and failed.result(0).status == "failed"
    assert again is not None and again.result(0).status == "committed"
    assert (bool(problem), one.problem) == (True, "")
    assert sample(one, "tocsin_turns_failed_total") == 1
    assert len(stored(store).events) == 1


def test_a_sender_that_leaves_disturbs_nobody(tools: Tools, store: Store):
    one = turner(tools, store, Clock())
    left = one.queue.offer(batch(call(user="left"), feed="one"))
    stays = one.queue.offer(batch(call(user="stays"), feed="two"))
    assert left is not None and stays is not None

    left.cancel()
    one.once(0)

    assert stays.result(0).status == "committed"
    assert len(stored(store).events) == 2


def test_a_fault_of_ours_in_a_clock_turn_leaves_the_thread_alive(tools: Tools, store: Store):
    def broken(now: datetime) -> pa.Table:
        raise ZeroDivisionError

    one = turner(tools, store, Clock(), broken)

    one.once(0)

    assert "ZeroDivisionError" in one.problem


@dataclass
class Watched:
    """A store with one feed that came every minute and then no more."""

    store: Store
    clock: Clock
    watch: SilenceWatch
    turner: Turner

    def after(self, span: timedelta) -> int:
        """Return how many findings a clock turn at that moment stores."""
        self.clock.now = NOW + span
        before = self.turner.store.maintenance.figures().findings
        self.turner.once(0)
        return self.turner.store.maintenance.figures().findings - before


def received(at: datetime, one: RawBatch) -> RawBatch:
    """Return the batch as if it had come at that moment."""
    place = one.records.schema.get_field_index("received_time")
    times = pa.array([at.replace(tzinfo=None)] * one.records.num_rows, schemas.TIME)
    records = one.records.set_column(place, one.records.schema.field(place), times)
    return replace(one, records=records)


@pytest.fixture
def watched(tools: Tools, store: Store, tmp_path: Path) -> Watched:
    for minute in range(3):
        one = batch(call(user=f"user-{minute}"), first=minute)
        turned(tools, store, received(NOW + timedelta(minutes=minute), one))
    clock = Clock()
    watch = SilenceWatch(settings_in(tmp_path), store)
    return Watched(store, clock, watch, turner(tools, store, clock, watch.findings))


def test_a_silent_feed_raises_one_finding_and_one_incident(watched: Watched):
    counts = [watched.after(timedelta(minutes=minutes)) for minutes in (5, 60, 61, 90)]

    (incident,) = watched.store.incidents.list(IncidentFilter(), EVERYTHING).rows
    assert counts == [0, 1, 0, 0]
    assert incident.rule_uids == (SILENCE_RULE,)
    assert "feed" in {entity.name for entity in incident.entities}


def test_a_restart_does_not_raise_a_silence_again(watched: Watched, tmp_path: Path):
    watched.after(timedelta(minutes=60))

    watched.turner.own_findings = SilenceWatch(settings_in(tmp_path), watched.store).findings

    assert watched.after(timedelta(minutes=61)) == 0


def test_a_silence_that_could_not_be_stored_is_raised_again(watched: Watched):
    lost = watched.watch.findings(NOW + timedelta(minutes=60))

    again = watched.watch.findings(NOW + timedelta(minutes=60))

    assert (lost.num_rows, again.num_rows) == (1, 1)
    assert lost["uid"] == again["uid"]


def test_the_next_silence_is_another_finding(watched: Watched, tools: Tools):
    watched.after(timedelta(minutes=60))
    one = batch(call(user="back"), first=9)
    turned(tools, watched.store, received(NOW + timedelta(minutes=70), one))

    assert watched.after(timedelta(minutes=75)) == 0
    assert watched.after(timedelta(days=2)) == 1


def test_findings_of_records_and_of_tocsin_share_no_turn_that_loses_one(watched: Watched):
    watched.clock.now = NOW + timedelta(minutes=60)
    waiting = watched.turner.queue.offer(batch(stopped_trail(at=NOW), feed="other"))

    watched.turner.once(0)

    assert waiting is not None and waiting.result(0).status == "committed"
    assert watched.store.maintenance.figures().findings == 2


def test_the_feed_of_a_single_command_does_not_fall_silent(
    tools: Tools, store: Store, tmp_path: Path
):
    for minute in range(3):
        one = replace(
            batch(call(user=f"user-{minute}"), first=minute), feed="files-aws.cloudtrail-1"
        )
        turned(tools, store, received(NOW + timedelta(minutes=minute), one))

    found = SilenceWatch(settings_in(tmp_path), store).findings(NOW + timedelta(hours=2))

    assert found.num_rows == 0
