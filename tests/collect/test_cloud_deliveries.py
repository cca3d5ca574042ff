"""What Firehose, EventBridge and Event Grid deliver: shapes, access keys, handshakes, replays."""

import base64
import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.collect.counter import TOKEN, Counter, bearer, client, feed, listening
from tocsin.collect import Outcome, PushFeed, Receiver
from tocsin.collect.receivers.event_grid import EventGrid, EventGridFeed, EventGridSettings
from tocsin.collect.receivers.eventbridge import Eventbridge, EventbridgeFeed, EventbridgeSettings
from tocsin.collect.receivers.firehose import Firehose, FirehoseSettings

RECORD = '{"eventID":"1"}'
ACCESS_KEY = {"X-Amz-Firehose-Access-Key": TOKEN}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@contextmanager
def open_web(counter: Counter, receiver: Receiver) -> Iterator[httpx.Client]:
    with listening(counter, receiver) as url, client(url) as opened:
        yield opened


@pytest.fixture
def firehose(counter: Counter) -> Iterator[httpx.Client]:
    with open_web(counter, Firehose(FirehoseSettings((feed(),)))) as opened:
        yield opened


def deliver(web: httpx.Client, *records: bytes, uid: str = "r-1", **headers: str):
    data = [{"data": base64.b64encode(record).decode()} for record in records]
    body = {"requestId": uid, "timestamp": 1_764_000_000_000, "records": data}
    return web.post(
        "/firehose/trail",
        json=body,
        headers={"X-Amz-Firehose-Request-Id": uid} | ACCESS_KEY | headers,
    )


def logs(*messages: str, kind: str = "DATA_MESSAGE") -> bytes:
    events = [{"id": str(at), "timestamp": 1, "message": text} for at, text in enumerate(messages)]
    return gzip.compress(
        json.dumps(
            {
                "messageType": kind,
                "owner": "111122223333",
                "logGroup": "trail",
                "logStream": "s",
                "subscriptionFilters": ["f"],
                "logEvents": events,
            }
        ).encode()
    )


def test_firehose_hears_its_own_request_id_and_a_time(firehose, counter):
    before = int(time.time() * 1000)
    answer = deliver(firehose, b'{"id":1}\n{"id":2}\n', b'{"id":3}')

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"requestId", "timestamp"}
    assert answer.json()["requestId"] == "r-1"
    assert before <= answer.json()["timestamp"] <= time.time() * 1000
    assert counter.raws == [b'{"id":1}', b'{"id":2}', b'{"id":3}']


def test_log_events_of_cloudwatch_are_records(firehose, counter):
    deliver(firehose, logs(RECORD, '{"id":2}'), logs("testing", kind="CONTROL_MESSAGE"))

    assert counter.raws == [RECORD.encode(), b'{"id":2}']


def test_other_gzip_is_a_payload_and_damage_a_reject(firehose, counter):
    answer = deliver(firehose, gzip.compress(b'{"id":1}'), logs(RECORD)[:-9], b'{"id":2}')

    assert answer.status_code == 200
    assert counter.raws == [b'{"id":1}', b'{"id":2}']
    assert [row["reason"].partition(":")[0] for row in counter.rejects] == ["truncated"]


def test_bombs_among_records_fill_nothing(firehose, counter, growth_mib):
    bombs = [gzip.compress(b" " * (200 << 20))] * 4
    with growth_mib() as grown:
        answer = deliver(firehose, *bombs, RECORD.encode())

    assert answer.status_code == 200
    assert {row["reason"].partition(":")[0] for row in counter.rejects} <= {"bomb", "too_large"}
    assert counter.raws == [RECORD.encode()]
    assert grown() < 400


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"X-Amz-Firehose-Access-Key": "wrong"}, b'{"records":[]}', 401),
        ({"X-Amz-Firehose-Access-Key": ""}, b'{"records":[]}', 401),
        (ACCESS_KEY, b"{}", 400),
        (ACCESS_KEY, b'{"requestId":"other","records":[]}', 400),
        (ACCESS_KEY, b'{"records":[{"data":7}]}', 400),
        (ACCESS_KEY, b'{"records":' + b"[" * 90_000, 400),
        (ACCESS_KEY, b'{"records":[' + b'{"data":""},' * 120_000 + b"]}", 413),
    ],
)
def test_refusals_have_the_shape_that_firehose_reads(firehose, counter, headers, body, status):
    answer = firehose.post(
        "/firehose/trail", content=body, headers={"X-Amz-Firehose-Request-Id": "r-2"} | headers
    )

    assert answer.status_code == status
    assert answer.json().keys() == {"requestId", "timestamp", "errorMessage"}
    assert answer.json()["requestId"] == "r-2"
    assert counter.batches == []


def test_a_delivery_again_has_the_same_places(firehose, counter):
    counter.answer = lambda batch: Outcome("failed")
    failed = deliver(firehose, b'{"id":1}', b'{"id":2}')
    counter.answer = lambda batch: Outcome("committed")
    for _ in range(2):
        deliver(firehose, b'{"id":1}', b'{"id":2}')

    first, second = [
        [(row["origin"], row["position"]) for row in batch.records.to_pylist()]
        for batch in counter.batches
    ]
    assert failed.status_code == 503
    assert first == second
    assert len(set(first)) == 2


def test_fifty_thousand_tiny_records_of_firehose_are_taken(firehose, counter):
    answer = deliver(firehose, *[b"{}"] * 50_000)

    assert answer.status_code == 200
    assert len(counter.raws) == 50_000


@pytest.fixture
def bus(counter: Counter) -> Iterator[httpx.Client]:
    feeds = (
        feed(kind=EventbridgeFeed),
        feed("whole", kind=EventbridgeFeed, record="event", key_header="Tocsin-Key"),
    )
    with open_web(counter, Eventbridge(EventbridgeSettings(feeds))) as opened:
        yield opened


EVENT = b'{"version":"0","id":"e-1","detail-type":"AWS API Call","detail":{"eventID":"1"}}'


def test_the_detail_of_an_event_is_the_record(bus, counter):
    answer = bus.post("/eventbridge/trail", content=EVENT, headers={"X-Api-Key": TOKEN})

    assert answer.status_code == 200
    assert counter.raws == [RECORD.encode()]


def test_the_whole_event_is_the_record_where_the_feed_says_so(bus, counter):
    own = bus.post("/eventbridge/whole", content=EVENT, headers={"Tocsin-Key": TOKEN})
    usual = bus.post("/eventbridge/whole", content=EVENT, headers={"X-Api-Key": TOKEN})
    basic = bus.post("/eventbridge/whole", content=EVENT, auth=("any", TOKEN))

    assert [each.status_code for each in (own, usual, basic)] == [200, 401, 200]
    assert counter.raws == [EVENT, EVENT]


def test_what_a_transformer_made_of_an_event_is_kept_as_it_is(bus, counter):
    for body in (b'{"eventID":"1"}', b'"text"', b'{"detail":null,"a":1}', b'{"detail":"line"}'):
        bus.post("/eventbridge/trail", content=body, headers={"X-Api-Key": TOKEN})

    assert counter.raws == [b'{"eventID":"1"}', b'"text"', b'{"detail":null,"a":1}', b"line"]


@pytest.fixture
def grid(counter: Counter) -> Iterator[httpx.Client]:
    feeds: tuple[PushFeed, ...] = (
        feed(kind=EventGridFeed),
        feed("whole", kind=EventGridFeed, record="event"),
    )
    with open_web(counter, EventGrid(EventGridSettings(feeds))) as opened:
        yield opened


GRID_EVENT = {
    "id": "g-1",
    "topic": "/subscriptions/1/resourceGroups/r",
    "subject": "s",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-23T12:00:00Z",
    "data": {"eventID": "1"},
    "dataVersion": "1",
}


def test_the_handshake_of_event_grid_gives_the_code_back_to_who_has_the_token(grid, counter):
    body = [
        GRID_EVENT
        | {
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "data": {"validationCode": "c0de", "validationUrl": "https://evil.example/"},
        }
    ]
    headers = {"aeg-event-type": "SubscriptionValidation"}
    right = grid.post(f"/event-grid/trail?code={TOKEN}", json=body, headers=headers)
    wrong = grid.post("/event-grid/trail?code=wrong", json=body, headers=headers)
    broken = grid.post("/event-grid/trail", json={}, headers=headers | bearer())

    assert (right.status_code, right.json()) == (200, {"validationResponse": "c0de"})
    assert (wrong.status_code, broken.status_code) == (401, 400)
    assert counter.batches == []


def test_the_handshake_of_cloudevents_allows_the_origin(grid):
    answer = grid.options(
        "/event-grid/trail", headers={"WebHook-Request-Origin": "eventgrid.azure.net"}
    )

    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"


def test_both_schemas_of_event_grid_are_read(grid, counter):
    cloud_event = {
        "specversion": "1.0",
        "id": "g-2",
        "source": "/subscriptions/1",
        "type": "t",
        "data": {"eventID": "2"},
    }
    kind = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    grid.post("/event-grid/trail", json=[GRID_EVENT], headers=bearer())
    grid.post("/event-grid/trail", json=cloud_event, headers=bearer() | kind)
    grid.post("/event-grid/whole", json=[GRID_EVENT], headers=bearer())

    assert counter.raws[:2] == [b'{"eventID":"1"}', b'{"eventID":"2"}']
    assert json.loads(counter.raws[2]) == GRID_EVENT
