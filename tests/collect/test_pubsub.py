"""Pub/Sub: acknowledged after the commit, kept in hand meanwhile, dead messages are rejects."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from tests.collect.cloud import records
from tests.collect.pubsub_server import NAME, Subscription, serving
from tests.plugs.world import looks
from tocsin.collect import passes
from tocsin.collect.sources import pubsub
from tocsin.collect.sources.pubsub import Pubsub, PubsubSettings
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch


@pytest.fixture
def subscription(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subscription]:
    with serving() as opened:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", opened.address)
        yield opened


def source(pulls: int = 2, **more: Any) -> Pubsub:
    given = {"feed": "audit", "source": "gcp.audit", "subscription": NAME, "lease_seconds": 30}
    return Pubsub(PubsubSettings(**(given | more)), pause=looks(pulls))


def raws(batches: list[RawBatch]) -> list[bytes]:
    return [raw for batch in batches for raw in batch.records["raw"].to_pylist()]


def read(reading: Pubsub) -> list[RawBatch]:
    batches = []
    for batch in reading.read(None):
        batches.append(batch)
        reading.acknowledge(batch)
    return batches


def test_messages_are_acknowledged_after_the_commit(subscription):
    subscription.publish(*records(*range(2_500)))
    reading = source(4)
    batches = reading.read(None)

    first = next(batches)
    assert subscription.acknowledged == []
    reading.acknowledge(first)
    kept = [first, *batches]
    for batch in kept[1:]:
        reading.acknowledge(batch)

    assert raws(kept) == records(*range(2_500))
    assert len(set(subscription.acknowledged)) == 2_500
    assert subscription.waiting == {}


def test_what_is_not_acknowledged_comes_again_with_the_same_origin(subscription):
    subscription.publish(*records(1, 2))
    first = list(source(1, lease_seconds=0).read(None))
    again = read(source())

    assert [b.records["origin"].to_pylist() for b in first] == [
        b.records["origin"].to_pylist() for b in again
    ]
    assert subscription.waiting == {}


def test_reading_again_lets_go_of_what_was_in_hand(subscription):
    subscription.lease_seconds = 0.1
    subscription.publish(*records(1))
    reading = Pubsub(
        PubsubSettings(feed="f", source="s", subscription=NAME, lease_seconds=1),
        pause=looks(40),
    )
    lost = reading.read(None)
    next(lost)
    lost.close()

    again = next(reading.read(None))

    assert raws([again]) == records(1)


def test_messages_in_hand_are_kept_from_others_while_the_store_is_slow(subscription):
    subscription.lease_seconds, subscription.patience = 0.2, 60
    subscription.publish(*records(1))
    reading = source(3, lease_seconds=1)
    batches = reading.read(None)

    batch = next(batches)
    end = time.monotonic() + 120
    while len(subscription.extended) < 3:
        assert time.monotonic() < end, "it was not extended"
        time.sleep(0.02)
    others = list(source(1, lease_seconds=1).read(None))
    reading.acknowledge(batch)

    assert others == []
    assert list(batches) == []
    assert subscription.waiting == {}


def test_a_message_of_many_records_is_acknowledged_with_its_last(subscription, monkeypatch):
    monkeypatch.setattr(passes, "HISTORY", replace(passes.HISTORY, max_records=2))
    rows = [{"insertId": f"i{n}"} for n in range(5)]
    subscription.publish(json.dumps({"entries": rows}).encode())
    reading = source(unwrap="entries")
    acknowledged = []
    batches = []
    for batch in reading.read(None):
        reading.acknowledge(batch)
        batches.append(batch)
        acknowledged.append(len(subscription.acknowledged))

    assert [json.loads(raw) for raw in raws(batches)] == rows
    assert acknowledged == [0, 0, 1]


def test_dead_messages_become_rejects_and_are_acknowledged(subscription, monkeypatch):
    monkeypatch.setattr(pubsub, "_MOST_RECORDS", 3)
    subscription.publish(b"", b"{}\n" * 4, b'{"a": "' + b"x" * (1 << 20) + b'"}', b'{"a": 1}')

    batches = read(source())

    reasons = [r.partition(":")[0] for b in batches for r in b.rejects["reason"].to_pylist()]
    assert reasons == ["empty", "too_many", "too_long"]
    assert raws(batches) == [b'{"a": 1}']
    assert subscription.waiting == {}


@pytest.mark.parametrize(
    "status",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND],
)
def test_a_subscription_that_cannot_be_read_is_a_typed_error(subscription, status):
    subscription.fault = status

    with pytest.raises(SourceError, match="cannot be read"):
        read(source())


def test_the_doctor_asks_for_the_right_to_read(subscription):
    subscription.publish(*records(1))

    assert source().examine() == "the subscription answers"
    with pytest.raises(SourceError, match=r"roles/pubsub\.subscriber"):
        source(subscription="projects/example/subscriptions/other").examine()
    assert next(iter(subscription.waiting.values())).deliveries == 0
