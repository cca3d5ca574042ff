"""Objects of Cloud Storage: listed by name or announced by Pub/Sub, on fake-gcs-server."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.collect import fake_gcs, pubsub_server
from tests.collect.cloud import records
from tests.collect.fake_gcs import BUCKET, Storage
from tests.collect.pubsub_server import NAME, Subscription
from tests.plugs.world import looks
from tocsin.collect import google_storage
from tocsin.collect.sources.gcs import Gcs, GcsSettings
from tocsin.errors import SettingsError, SourceError
from tocsin.ocsf import RawBatch

FOLDER = "cloudaudit.googleapis.com/activity/2026/11/23/"


@pytest.fixture(scope="module")
def server() -> Iterator[Storage]:
    with fake_gcs.serving() as opened:
        yield opened


@pytest.fixture
def storage(server: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield server
    server.empty()


@pytest.fixture
def subscription(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subscription]:
    with pubsub_server.serving() as opened:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", opened.address)
        yield opened


def source(pause: Any = None, **more: Any) -> Gcs:
    given = {"feed": "audit", "source": "gcp.audit", "buckets": (BUCKET,), "follow": False}
    settings = GcsSettings(**(given | more))
    return Gcs(settings, **({"pause": pause} if pause else {}))


def announced(pulls: int = 1, **more: Any) -> Gcs:
    return source(looks(pulls), subscription=NAME, **more)


def lines(*numbers: int) -> bytes:
    return b"".join(raw + b"\n" for raw in records(*numbers))


def notice(name: str, event: str = "OBJECT_FINALIZE", bucket: str = BUCKET) -> dict[str, str]:
    return {"eventType": event, "bucketId": bucket, "objectId": name}


def announce(subscription: Subscription, name: str, **more: str) -> None:
    said = notice(name, **more)
    subscription.publish(json.dumps({"kind": "storage#object", "name": name}).encode(), **said)


def raws(batches: list[RawBatch]) -> list[bytes]:
    return [raw for batch in batches for raw in batch.records["raw"].to_pylist()]


def rejects(batches: list[RawBatch]) -> list[dict]:
    return [row for batch in batches for row in batch.rejects.to_pylist()]


def read(reading: Gcs) -> list[RawBatch]:
    batches = []
    for batch in reading.read(None):
        batches.append(batch)
        reading.acknowledge(batch)
    return batches


def test_objects_are_read_in_order_of_their_names_and_named_by_bucket(storage):
    storage.put(FOLDER + "11:00:00_11:59:59_S0.json", lines(3))
    storage.put(FOLDER + "10:00:00_10:59:59_S0.json", lines(1, 2))
    storage.put("elsewhere/10:00:00.json", lines(9))

    batches = list(source(prefix="cloudaudit.googleapis.com/").read(None))

    assert raws(batches) == records(1, 2, 3)
    origin = f"gs://{BUCKET}/{FOLDER}10:00:00_10:59:59_S0.json"
    assert batches[0].records["origin"].to_pylist()[:2] == [origin] * 2


def test_what_came_late_is_read_by_the_next_pass_and_nothing_twice(storage):
    storage.put("b.json", lines(2))
    reading = source(looks(1), follow=True).read(None)
    first = next(reading)
    storage.put("a.json", lines(1))
    storage.put("c.json", lines(3))
    rest = list(reading)

    assert (raws([first]), raws(rest)) == (records(2), records(1, 3))
    assert raws(list(source().read(rest[-1].cursor))) == []


def test_pages_of_a_listing_follow_each_other(storage, monkeypatch):
    monkeypatch.setattr(google_storage, "_FIELDS", f"{google_storage._FIELDS}&maxResults=2")
    monkeypatch.setattr(
        google_storage,
        "urlencode",
        lambda asked: "&".join(f"{name}={value}" for name, value in asked.items()),
    )
    for number in range(5):
        storage.put(f"{number}.json", lines(number))

    assert raws(list(source().read(None))) == records(*range(5))


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_gzip_is_inflated_by_us_however_it_is_stored(storage, encoding):
    storage.put("a.json.gz", gzip.compress(lines(1, 2)), encoding)

    batches = list(source().read(None))

    assert raws(batches) == records(1, 2)
    assert batches[0].records["position"].to_pylist() == [0, len(lines(1))]


@pytest.mark.parametrize(
    "name", ["a b+c.json", "ä/ö.json", "a%2Fb?alt=x#y.json", "q&startOffset=z"]
)
def test_any_name_is_asked_for_as_it_is(storage, name):
    storage.put(name, lines(1))

    batches = list(source().read(None))

    assert raws(batches) == records(1)
    assert batches[0].records["origin"].to_pylist() == [f"gs://{BUCKET}/{name}"]


def test_an_object_that_is_gone_is_counted_and_holds_up_nothing(storage, monkeypatch):
    storage.put("a.json", lines(1))
    storage.put("b.json", lines(2))
    reading = source()
    listed = reading._objects.listed

    def vanishing(*asked: str) -> Iterator[Any]:
        for each in list(listed(*asked)):
            if each.reference.key == "a.json":
                storage.delete("a.json")
            yield each

    monkeypatch.setattr(reading._objects, "listed", vanishing)

    assert raws(list(reading.read(None))) == records(2)
    assert reading.counts == {"missing_objects": 1}


def test_reading_resumes_inside_an_object(storage):
    storage.put("a.json", lines(*range(45_000)))
    first, *rest = source().read(None)

    assert raws([first, *rest]) == records(*range(45_000))
    assert raws(list(source().read(first.cursor))) == raws(rest)


def test_a_bucket_that_is_not_there_is_a_typed_error(storage):
    with pytest.raises(SourceError, match="gs://no-such-bucket/ cannot be listed: .* answers 404"):
        list(source(buckets=("no-such-bucket",)).read(None))
    with pytest.raises(SourceError, match="no-such-bucket"):
        source(buckets=("no-such-bucket",)).examine()


def test_examining_asks_every_bucket(storage):
    assert source().examine() == "1 buckets answer"


def test_an_unreachable_cloud_is_a_typed_error(monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:9")

    with pytest.raises(SourceError, match="cannot be listed"):
        list(source().read(None))


def test_no_bucket_is_a_mistake_in_the_settings():
    with pytest.raises(SettingsError, match="buckets"):
        source(buckets=())


def test_announced_objects_are_acknowledged_after_the_commit(storage, subscription):
    storage.put("a.json", lines(1, 2))
    announce(subscription, "a.json")
    reading = announced()
    batches = list(reading.read(None))
    before = list(subscription.acknowledged)
    for batch in batches:
        reading.acknowledge(batch)

    assert raws(batches) == records(1, 2)
    assert (before, len(subscription.acknowledged)) == ([], 1)
    assert subscription.waiting == {}
    assert batches[0].cursor is None


def test_what_is_not_acknowledged_comes_again_in_the_same_places(storage, subscription):
    storage.put("a.json", lines(1, 2))
    announce(subscription, "a.json")
    first = list(announced(lease_seconds=0).read(None))
    again = read(announced())

    columns = ["raw", "origin", "position"]
    assert first[0].records.select(columns).equals(again[0].records.select(columns))


@pytest.mark.parametrize("event", ["OBJECT_DELETE", "OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE"])
def test_other_events_are_acknowledged_and_counted(storage, subscription, event):
    storage.put("a.json", lines(1))
    announce(subscription, "a.json", event=event)
    reading = announced()

    assert raws(read(reading)) == []
    assert reading.counts == {"messages_without_objects": 1}
    assert subscription.waiting == {}


def test_a_forged_message_cannot_make_us_read_elsewhere(storage, subscription):
    storage.create("somebody-elses")
    storage.put("x.json", lines(9), bucket="somebody-elses")
    storage.put("private/x.json", lines(8))
    announce(subscription, "x.json", bucket="somebody-elses")
    announce(subscription, "private/x.json")
    subscription.publish(b"no notice")

    batches = read(announced(prefix="cloudaudit"))

    assert raws(batches) == []
    assert sorted(row["reason"].partition(":")[0] for row in rejects(batches)) == [
        "not_a_notification",
        "object_not_allowed",
        "object_not_allowed",
    ]
    assert subscription.waiting == {}


def test_an_announced_object_that_is_gone_becomes_a_reject_at_once(storage, subscription):
    storage.put("b.json", lines(2))
    announce(subscription, "gone.json")
    announce(subscription, "b.json")

    batches = read(announced())

    assert raws(batches) == records(2)
    assert rejects(batches)[0]["reason"].startswith(f"object_missing: gs://{BUCKET}/gone.json")
    assert subscription.waiting == {}


def test_a_message_about_what_cannot_be_read_now_stays(storage, subscription, monkeypatch):
    announce(subscription, "a.json")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:9")
    reading = announced()

    with pytest.raises(SourceError, match="unreachable"):
        list(reading.read(None))

    assert reading.counts == {"unread_objects.unreachable": 1}
    assert len(subscription.waiting) == 1


def test_a_subscription_that_may_not_be_read_is_a_typed_error(subscription):
    subscription.fault = grpc.StatusCode.PERMISSION_DENIED

    with pytest.raises(SourceError, match="cannot be read"):
        list(announced().read(None))


def test_examining_a_subscription_takes_nothing(subscription):
    announce(subscription, "a.json")

    assert announced().examine() == "the subscription answers"
    assert not any(held.deliveries for held in subscription.waiting.values())
