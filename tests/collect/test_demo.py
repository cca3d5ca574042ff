"""The demo's source: hours in a minute, then a quiet background, never a record twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.collect.sources.demo import DemoSettings, DemoSource
from tocsin.ocsf import RawBatch

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STORY = (Path(__file__).parents[2] / "content" / "demo" / "story.yaml").read_text()
SOURCES = ("aws.cloudtrail", "kubernetes.audit")


class Clock:
    """A clock that pauses move on; a pause after `end` ends the reading."""

    def __init__(self, start: datetime, seconds: float) -> None:
        self.time = start
        self.end = start + timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self.time

    def pause(self, seconds: float) -> bool:
        self.time += timedelta(seconds=seconds)
        return self.time > self.end


def play(
    seconds: float, source: str = "aws.cloudtrail", cursor: str | None = None, at: datetime = NOON
) -> Iterator[tuple[datetime, RawBatch]]:
    clock = Clock(at, seconds)
    demo = DemoSource(DemoSettings("demo", source, STORY), now=clock.now, pause=clock.pause)
    for batch in demo.read(cursor):
        yield clock.time, batch


def records(batch: RawBatch) -> list[dict]:
    return [json.loads(raw) for raw in batch.records.column("raw").to_pylist()]


@pytest.mark.parametrize("source", SOURCES)
def test_the_whole_story_is_told_within_ninety_seconds(source):
    batches = [batch for time, batch in play(90, source) if time - NOON <= timedelta(seconds=75)]
    told = sum(batch.records.num_rows for batch in batches)

    assert told > 2_000
    assert {batch.source for batch in batches} == {source}


def test_the_intruder_comes_within_twenty_seconds():
    first = next(
        time
        for time, batch in play(90)
        for record in records(batch)
        if record["sourceIPAddress"] == "203.0.113.66"
    )

    assert first - NOON <= timedelta(seconds=20)


def test_the_story_ends_now_and_nothing_lies_in_the_future():
    for time, batch in play(100):
        for record in records(batch):
            happened = datetime.fromisoformat(record["eventTime"])
            assert NOON - timedelta(hours=3) <= happened <= time


def test_afterwards_a_few_records_a_second_go_on_happening_now():
    late = [(time, batch) for time, batch in play(300) if time - NOON > timedelta(seconds=100)]

    count = sum(batch.records.num_rows for _, batch in late)
    assert 150 <= count <= 600
    for time, batch in late:
        for record in records(batch):
            assert time - datetime.fromisoformat(record["eventTime"]) < timedelta(seconds=2)


@pytest.mark.parametrize("seconds", [3.0, 11.0, 40.0, 110.0])
def test_a_restart_goes_on_where_it_stopped(seconds):
    before = [batch for _, batch in play(seconds)]
    later = NOON + timedelta(hours=1)
    after = [batch for _, batch in play(20, cursor=before[-1].cursor, at=later)]

    positions = [
        position
        for batch in before + after
        for position in batch.records.column("position").to_pylist()
    ]
    assert positions == list(range(len(positions)))
    assert {*before[0].records.column("origin").to_pylist()} == {
        *after[-1].records.column("origin").to_pylist()
    }


def test_a_restart_tells_the_rest_of_the_story_in_its_own_time():
    cursor = [batch for _, batch in play(30)][-1].cursor
    resumed = next(iter(play(5, cursor=cursor, at=NOON + timedelta(hours=1))))[1]

    happened = datetime.fromisoformat(records(resumed)[0]["eventTime"])

    assert happened < NOON
