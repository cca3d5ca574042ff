"""Kafka: offsets follow our commit, whatever a group goes through; odd messages are rejects."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from tests.collect.brokers import Cluster, numbered, serving
from tocsin.collect import streams
from tocsin.collect.sources.event_hubs import EventHubs, EventHubsSettings
from tocsin.collect.sources.kafka import Kafka, KafkaSettings
from tocsin.errors import SettingsError, SourceError
from tocsin.ocsf import RawBatch
from tocsin.values import Secret


@pytest.fixture(scope="module")
def brokers() -> Iterator[Cluster]:
    with serving() as opened:
        yield opened


@pytest.fixture
def cluster(brokers: Cluster) -> Cluster:
    return Cluster(brokers.address, brokers.producer)


def source(cluster: Cluster, stop: threading.Event, **more: Any) -> Kafka:
    given = {
        "feed": "hub",
        "source": "azure.activity",
        "brokers": (cluster.address,),
        "topics": (cluster.name,),
        "group": f"g-{cluster.name}",
        "security": "plain",
        "properties": {"session.timeout.ms": "45000", "fetch.wait.max.ms": "50"},
    }
    return Kafka(KafkaSettings(**(given | more)), pause=stop.wait)


def read(cluster: Cluster, wanted: int, *, keep: bool = False, **more: Any) -> list[RawBatch]:
    """Read until so many records and rejects came; acknowledge each batch unless told to keep."""
    stop = threading.Event()
    reading = source(cluster, stop, **more)
    batches: list[RawBatch] = []
    deadline = threading.Timer(180, stop.set)
    deadline.start()
    for batch in reading.read(None):
        batches.append(batch)
        if not keep:
            reading.acknowledge(batch)
        if sum(b.records.num_rows + b.rejects.num_rows for b in batches) >= wanted:
            stop.set()
    deadline.cancel()
    return batches


def places(batches: list[RawBatch]) -> list[tuple[str, int, bytes]]:
    rows = [row for batch in batches for row in batch.records.to_pylist()]
    return [(row["origin"], row["position"], row["raw"]) for row in rows]


def test_offsets_are_committed_once_the_batch_is(cluster, monkeypatch):
    monkeypatch.setattr(streams, "_PARTING_SECONDS", 0.1)
    expected = numbered(*range(30))
    cluster.send(*expected)

    kept = read(cluster, 30, keep=True)
    before = cluster.committed()
    batches = read(cluster, 30)

    origin = f"kafka://{cluster.name}/0"
    assert places(batches) == [(origin, n, raw) for n, raw in enumerate(expected)]
    assert places(kept) == places(batches)
    assert before < 0
    assert cluster.committed() == 30


def test_an_acknowledgment_does_not_wait_for_the_end_of_reading(cluster):
    cluster.send(*numbered(1))
    stop = threading.Event()
    reading = source(cluster, stop)
    came: Future[RawBatch] = Future()

    def read_on() -> None:
        for batch in reading.read(None):
            came.set_result(batch)

    thread = threading.Thread(target=read_on)
    thread.start()
    batch = came.result(180)
    # By now the reading thread asks for more.
    time.sleep(0.2)
    began = time.monotonic()
    ender = threading.Timer(90, stop.set)
    ender.start()
    reading.acknowledge(batch)
    took = time.monotonic() - began
    ender.cancel()
    stop.set()
    thread.join()

    assert took < 60
    assert cluster.committed() == 1


def test_reading_goes_on_behind_what_was_acknowledged(cluster):
    cluster.send(*numbered(*range(5)))
    read(cluster, 5)
    cluster.send(*numbered(*range(5, 9)))

    assert [position for _, position, _ in places(read(cluster, 4))] == [5, 6, 7, 8]


def test_messages_of_many_records_are_committed_as_a_whole(cluster):
    records = [{"n": n} for n in range(4)]
    cluster.send(
        json.dumps({"records": records[:2]}).encode(), b'{"records": [{"n": 2}, {"n": 3}]}'
    )

    batches = read(cluster, 4, unwrap="records")

    assert [json.loads(raw) for _, _, raw in places(batches)] == records
    assert [position for _, position, _ in places(batches)] == [0, 1, 0, 1]
    assert cluster.committed() == 2


def test_poison_becomes_rejects_and_stops_nothing(cluster, monkeypatch):
    monkeypatch.setattr(streams, "_MOST_RECORDS_PER_MESSAGE", 10)
    good = numbered(1, 2)
    cluster.send(good[0], None, b"  ", b"{}\n" * 11, gzip.compress(b"{}"), good[1])

    batches = read(cluster, 6)

    reasons = [r.partition(":")[0] for b in batches for r in b.rejects["reason"].to_pylist()]
    assert reasons == ["empty", "empty", "too_many"]
    raws = [raw for _, _, raw in places(batches)]
    assert raws[0] == good[0] and raws[-1] == good[1]
    assert cluster.committed() == 6


def test_a_member_that_comes_later_loses_and_doubles_no_commit(cluster):
    for partition in (0, 1):
        cluster.send(*numbered(*range(50)), partition=partition)
    stops = [threading.Event(), threading.Event()]
    found: list[tuple[str, int, bytes]] = []
    errors: list[SourceError] = []

    def run(stop: threading.Event) -> None:
        reading = source(cluster, stop)
        for batch in reading.read(None):
            found.extend(places([batch]))
            try:
                reading.acknowledge(batch)
            except SourceError as error:
                errors.append(error)

    threads = [threading.Thread(target=run, args=(stop,)) for stop in stops]
    threads[0].start()
    wait_until(lambda: len(found) >= 100)
    threads[1].start()
    for turn in range(4):
        time.sleep(0.5)
        for partition in (0, 1):
            cluster.send(*numbered(*range(50 + turn * 5, 55 + turn * 5)), partition=partition)
    wait_until(lambda: len(set(found)) >= 140)
    stops[0].set()
    threads[0].join()
    cluster.send(*numbered(*range(70, 75)), partition=1)
    wait_until(lambda: len(set(found)) >= 145)
    stops[1].set()
    threads[1].join()

    assert {(origin[-1], position) for origin, position, _ in found} == {
        *(("0", n) for n in range(70)),
        *(("1", n) for n in range(75)),
    }
    assert cluster.committed(1) == 75


def wait_until(holds: Any, seconds: float = 120.0) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "it never came"
        time.sleep(0.05)


def test_the_lag_is_counted(cluster, monkeypatch):
    monkeypatch.setattr(streams, "_LAG_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(streams, "_MOST_MESSAGES", 10)
    monkeypatch.setattr(streams, "HISTORY", replace(streams.HISTORY, max_records=10))
    cluster.send(*numbered(*range(100)))
    stop = threading.Event()
    reading = source(cluster, stop)
    lags = []
    for batch in reading.read(None):
        reading.acknowledge(batch)
        lags.append(reading.counts["lag"])
        if batch.records["position"].to_pylist()[-1] == 99:
            break
    stop.set()

    assert cluster.committed() == 100
    assert 0 < max(lags) <= 100


def test_what_comes_after_leaving_is_not_committed(cluster, monkeypatch):
    monkeypatch.setattr(streams, "_PARTING_SECONDS", 0.05)
    cluster.send(*numbered(1))
    stop = threading.Event()
    reading = source(cluster, stop)
    batches = reading.read(None)
    batch = next(batches)
    batches.close()

    with pytest.raises(SourceError, match="records come again"):
        reading.acknowledge(batch)
    assert cluster.committed() < 0


def test_leaving_waits_a_moment_for_what_is_being_committed(cluster, monkeypatch):
    monkeypatch.setattr(streams, "_PARTING_SECONDS", 120.0)
    cluster.send(*numbered(1))
    reading = source(cluster, threading.Event())
    batches = reading.read(None)
    batch = next(batches)
    later = threading.Timer(0.3, reading.acknowledge, [batch])
    later.start()

    batches.close()
    later.join()

    assert cluster.committed() == 1


def test_brokers_that_do_not_answer_are_a_typed_error(cluster, monkeypatch):
    monkeypatch.setattr(streams, "_PATIENCE_SECONDS", 0.5)
    gone = source(cluster, threading.Event(), brokers=("127.0.0.1:1",))

    with pytest.raises(SourceError, match="no broker answers"):
        next(gone.read(None))
    with pytest.raises(SourceError, match="do not answer"):
        gone.examine()


def test_the_doctor_looks_for_the_topics(cluster):
    cluster.send(b"{}")

    assert "brokers answer" in source(cluster, threading.Event()).examine()


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"password": Secret("x")}, "password"),
        ({"mechanism": "PLAIN"}, "password"),
        ({"mechanism": "PLAIN", "password": Secret("x"), "security": "plain"}, "TLS"),
        ({"properties": {"group.id": "x"}}, "group.id"),
    ],
)
def test_settings_that_do_not_fit_are_refused(more, named):
    with pytest.raises(SettingsError, match=named):
        KafkaSettings(feed="f", source="s", brokers=("b:1",), topics=("t",), **more)


def hubs(**more: Any) -> EventHubs:
    given = {"feed": "f", "source": "s", "namespace": "x.servicebus.windows.net", "hubs": ("a",)}
    return EventHubs(
        EventHubsSettings(**(given | more)), tokens=lambda name: ("t", time.time() + 60)
    )


def test_event_hubs_are_asked_by_identity_unless_a_key_is_given():
    ours = hubs()._stream
    keyed = hubs(connection_string=Secret("Endpoint=sb://x/;SharedAccessKey=none"))._stream

    assert ours.properties["bootstrap.servers"] == "x.servicebus.windows.net:9093"
    assert ours.properties["sasl.mechanism"] == "OAUTHBEARER" and ours.tokens is not None
    assert keyed.properties["sasl.username"] == "$ConnectionString" and keyed.tokens is None
    assert {stream.properties["security.protocol"] for stream in (ours, keyed)} == {"SASL_SSL"}
