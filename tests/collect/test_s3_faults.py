"""What networks and clouds do to answers: typed errors, nothing lost, nothing twice."""

from collections.abc import Iterator

import pytest

from tests.collect.cloud import Cloud, announcement, records
from tests.collect.faulty import Faulty, cut_short, denied, faulty, passed, reset, throttled
from tests.collect.test_s3 import raws, rounds
from tocsin.collect import arrivals
from tocsin.collect.sources.s3 import S3
from tocsin.errors import SourceError


@pytest.fixture
def proxy(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    monkeypatch.setattr(arrivals, "_FIRST_RETRY_SECONDS", 0)
    # The SDK tries again by itself; once is enough to see both.
    monkeypatch.setattr("tocsin.collect.buckets._ATTEMPTS", 2)
    with faulty(cloud.url) as opened:
        yield opened


def through(cloud: Cloud, proxy: Faulty, **more) -> S3:
    queue_url = proxy.url + cloud.queue_url.removeprefix(cloud.url)
    settings = cloud.settings(endpoint_url=proxy.url, queue_url=queue_url, **more)
    return S3(settings, pause=rounds(1))


FAULTS = {
    "cut short": (cut_short, "ResponseStreamingError|IncompleteRead|IncompleteBody|Connection"),
    "reset": (reset, "Connection"),
    "throttled": (throttled, "SlowDown"),
    "denied": (denied, "AccessDenied"),
}


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
def test_an_object_that_cannot_be_read_now_is_read_later(cloud, proxy, fault, code):
    expected = records(*range(20_000))
    key = cloud.put("big.json.gz", expected)
    cloud.send(announcement(key))
    proxy.where, proxy.fault = key.encode(), fault
    source = through(cloud, proxy)

    with pytest.raises(SourceError, match=code):
        for batch in source.read(None):
            source.acknowledge(batch)
    kept = sum(cloud.waiting())
    proxy.fault = passed
    again = through(cloud, proxy)
    batches = []
    for batch in again.read(None):
        again.acknowledge(batch)
        batches.append(batch)

    assert kept == 1
    assert proxy.times
    assert [name for name in source.counts if name.startswith("unread_objects.")]
    assert raws(batches) == expected
    assert cloud.waiting() == (0, 0)


@pytest.mark.parametrize("fault", [reset, throttled, denied], ids=["reset", "throttled", "denied"])
def test_a_listing_that_fails_moves_no_cursor(cloud, proxy, fault):
    cloud.put("a.json.gz", records(1))
    proxy.where, proxy.fault = b"list-type=2", fault
    source = S3(cloud.settings(endpoint_url=proxy.url))

    with pytest.raises(SourceError, match="cannot be listed"):
        list(source.read(None))
    proxy.fault = passed

    assert raws(list(source.read(None))) == records(1)


def test_a_listing_goes_on_where_an_object_failed(cloud, proxy):
    for number in range(3):
        cloud.put(f"{number}.json.gz", records(number))
    proxy.where, proxy.fault = b"/1.json.gz", denied
    settings = cloud.settings(endpoint_url=proxy.url)
    first = []

    with pytest.raises(SourceError, match="AccessDenied"):
        first.extend(S3(settings).read(None))
    proxy.fault = passed
    rest = list(S3(settings).read(first[-1].cursor if first else None))

    assert raws([*first, *rest]) == records(0, 1, 2)


@pytest.mark.parametrize("fault", [reset, throttled], ids=["reset", "throttled"])
def test_a_deletion_whose_answer_is_lost_is_a_typed_error(cloud, proxy, fault):
    cloud.send(announcement(cloud.put("a.json.gz", records(1))))
    source = through(cloud, proxy)
    (batch,) = source.read(None)
    proxy.fault = fault

    with pytest.raises(SourceError, match="cannot delete"):
        source.acknowledge(batch)
