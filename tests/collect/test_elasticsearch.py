"""The official client ships to the receiver over TLS, as shippers do."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch, helpers

from tests.collect.counter import TOKEN, Counter, bearer, client, feed, listening
from tocsin.collect import Outcome, Tls
from tocsin.collect.receivers.elasticsearch import Elasticsearch as Receiver
from tocsin.collect.receivers.elasticsearch import ElasticsearchFeed, ElasticsearchSettings

EVENTS = [{"eventID": str(number), "eventName": "GetObject"} for number in range(700)]


indexed = partial(feed, kind=ElasticsearchFeed)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def url(counter: Counter, tls: Tls) -> Iterator[str]:
    feeds = (
        indexed("trail", indices=("cloudtrail-*",)),
        indexed("audit", indices=("k8s-*", "audit")),
    )
    with listening(counter, Receiver(ElasticsearchSettings(feeds)), tls=tls) as address:
        yield address


@pytest.fixture(
    params=[
        {"basic_auth": ("shipper", TOKEN)},
        {"api_key": ("an-id", TOKEN)},
        {"api_key": base64.b64encode(f"an-id:{TOKEN}".encode()).decode()},
        {"api_key": TOKEN},
        {"bearer_auth": TOKEN},
    ],
    ids=["basic", "api key pair", "api key encoded", "api key bare", "bearer"],
)
def shipper(request: pytest.FixtureRequest, url: str, trusted: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, ca_certs=trusted, http_compress=True, **request.param) as opened:
        yield opened


@pytest.fixture
def basic(url: str, trusted: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(
        url, ca_certs=trusted, basic_auth=("shipper", TOKEN), retry_on_timeout=False
    ) as opened:
        yield opened


def actions(events: list[dict[str, Any]], **more: object) -> Iterator[dict[str, Any]]:
    for event in events:
        yield {"_op_type": "create", "_index": "cloudtrail-2026", "_source": event} | more


def test_helpers_bulk_ships_everything_with_each_kind_of_credentials(shipper, counter):
    created, errors = helpers.bulk(shipper, actions(EVENTS))

    assert (created, errors) == (len(EVENTS), [])
    assert [json.loads(raw) for raw in counter.raws] == EVENTS
    assert {batch.feed for batch in counter.batches} == {"trail"}


def test_a_wrong_token_is_an_authentication_error(url, trusted, counter):
    with (
        Elasticsearch(url, ca_certs=trusted, api_key="wrong") as wrong,
        pytest.raises(ApiError) as raised,
    ):
        helpers.bulk(wrong, actions(EVENTS[:1]))

    assert raised.value.status_code == 401
    assert counter.batches == []


def test_probes_of_shippers_are_answered(basic):
    assert basic.ping()
    assert basic.info()["version"]["number"].count(".") == 2
    assert basic.license.get()["license"]["status"] == "active"
    assert basic.cluster.health()["status"] == "green"
    assert basic.indices.put_index_template(name="logs", index_patterns=["logs-*"])["acknowledged"]
    assert basic.ilm.put_lifecycle(name="logs", policy={"phases": {}})["acknowledged"]
    assert basic.ingest.put_pipeline(id="logs", processors=[])["acknowledged"]


def test_what_shippers_set_up_before_they_ship_is_agreed_to(basic):
    streams = basic.indices.create_data_stream(name="cloudtrail-default")
    index = basic.indices.create(index="cloudtrail-000001")

    assert streams["acknowledged"]
    assert index["index"] == "cloudtrail-000001"
    assert basic.indices.exists(index="cloudtrail-1")
    assert not basic.indices.exists(index="unknown")
    assert basic.indices.exists_index_template(name="logs")
    assert basic.indices.exists_alias(name="logs")
    assert basic.xpack.info()["features"]["ilm"] == {"available": True, "enabled": True}
    assert basic.cluster.health(index="cloudtrail-1")["status"] == "green"
    assert basic.indices.refresh(index="cloudtrail-1")["_shards"]["failed"] == 0


def test_the_handshake_of_beats_is_answered_at_every_step(counter):
    steps = [
        ("HEAD", "/"),
        ("GET", "/"),
        ("GET", "/_license?human=false"),
        ("GET", "/_cluster/health"),
        ("GET", "/_ilm/policy/filebeat"),
        ("PUT", "/_ilm/policy/filebeat"),
        ("HEAD", "/_index_template/filebeat-8.19.0"),
        ("PUT", "/_index_template/filebeat-8.19.0"),
        ("HEAD", "/_template/filebeat"),
        ("PUT", "/_component_template/logs"),
        ("PUT", "/_data_stream/filebeat-8.19.0"),
        ("GET", "/_ingest/pipeline"),
        ("PUT", "/_ingest/pipeline/filebeat-8.19.0-aws-cloudtrail-pipeline"),
        ("GET", "/_alias/filebeat"),
        ("PUT", "/%3Cfilebeat-000001%3E"),
    ]
    with (
        listening(counter, Receiver(ElasticsearchSettings((feed(kind=ElasticsearchFeed),)))) as url,
        client(url) as web,
    ):
        answers = {
            step: web.request(*step, headers=bearer() | {"Content-Type": "application/json"})
            for step in steps
        }
        closed = {step: web.request(*step) for step in steps}

    assert {step: answer.status_code for step, answer in answers.items()} == dict.fromkeys(
        steps, 200
    )
    assert {answer.headers["X-Elastic-Product"] for answer in answers.values()} == {"Elasticsearch"}
    assert {answer.status_code for answer in closed.values()} == {401}


def test_the_index_chooses_the_feed(basic, counter):
    helpers.bulk(basic, [*actions(EVENTS[:2]), *actions(EVENTS[2:3], _index="k8s-audit")])

    assert {batch.feed: batch.records.num_rows for batch in counter.batches} == {
        "trail": 2,
        "audit": 1,
    }


def test_an_index_of_no_feed_fails_alone(basic, counter):
    created, errors = helpers.bulk(
        basic,
        [*actions(EVENTS[:1]), *actions(EVENTS[1:2], _index="unknown")],
        raise_on_error=False,
    )

    assert created == 1
    assert errors[0]["create"]["status"] == 400
    assert "no feed" in errors[0]["create"]["error"]["reason"]
    assert len(counter.raws) == 1


@pytest.mark.parametrize("operation", ["delete", "update"])
def test_what_would_change_records_is_refused_alone(basic, counter, operation):
    change = {"_op_type": operation, "_index": "cloudtrail-2026", "_id": "1"}
    created, errors = helpers.bulk(
        basic, [change | {"doc": {"a": 1}}, *actions(EVENTS[:1])], raise_on_error=False
    )

    assert created == 1
    assert errors[0][operation]["status"] == 400
    assert [json.loads(raw) for raw in counter.raws] == EVENTS[:1]


def test_a_record_that_became_a_reject_answers_400_with_its_reason(basic, counter):
    def answer(batch):
        row = batch.records.to_pylist()[1]
        return Outcome("committed", {(row["origin"], row["position"]): "bad_time: eventTime"})

    counter.answer = answer

    created, errors = helpers.bulk(basic, actions(EVENTS[:3]), raise_on_error=False)

    assert created == 2
    (error,) = errors
    assert error["create"]["status"] == 400
    assert error["create"]["error"]["reason"] == "bad_time: eventTime"


def test_under_pressure_the_client_waits_and_loses_nothing(basic, counter):
    refusals = iter(["busy", "busy"])

    def answer(batch):
        return Outcome(next(refusals, "committed"))

    counter.answer = answer
    shipped = helpers.bulk(
        basic, actions(EVENTS[:3]), max_retries=3, initial_backoff=0.01, max_backoff=0.01
    )

    assert shipped == (3, [])
    assert [json.loads(raw) for raw in counter.raws] == EVENTS[:3]


def test_a_busy_feed_does_not_hold_up_the_other(basic, counter):
    counter.answer = lambda batch: Outcome("busy" if batch.feed == "audit" else "committed")

    created, errors = helpers.bulk(
        basic,
        [*actions(EVENTS[:1]), *actions(EVENTS[1:2], _index="audit")],
        raise_on_error=False,
    )

    assert created == 1
    assert errors[0]["create"]["status"] == 429


def test_a_document_sent_again_has_the_same_place(basic, counter):
    for _ in range(2):
        helpers.bulk(basic, actions(EVENTS[:1], _id="doc-1"))

    places = [row for batch in counter.batches for row in batch.records.to_pylist()]
    assert [place["origin"] for place in places] == [places[0]["origin"]] * 2
    assert [place["position"] for place in places] == [0, 0]


def test_single_documents_are_taken_with_and_without_identifier(basic, counter):
    named = basic.index(index="cloudtrail-1", id="mine", document=EVENTS[0])
    unnamed = basic.index(index="cloudtrail-1", document=EVENTS[1])

    assert (named["_id"], named["result"]) == ("mine", "created")
    assert unnamed["_id"]
    assert [json.loads(raw) for raw in counter.raws] == EVENTS[:2]


def test_the_record_may_lie_in_a_field_of_the_document(counter):
    feeds = (indexed("trail", record_field="message"),)
    wrapped = {"@timestamp": "2026-11-23T07:00:00Z", "message": '{"eventID":"7"}'}
    body = b'{"index":{}}\n' + json.dumps(wrapped).encode() + b"\n"

    with (
        listening(counter, Receiver(ElasticsearchSettings(feeds))) as address,
        client(address) as web,
    ):
        web.put("/logs/_bulk", content=body, headers=bearer())

    assert counter.raws == [b'{"eventID":"7"}']


@pytest.mark.parametrize(
    "body",
    [
        b"[]\n{}\n",
        b'{"index":{}}',
        b'{"index":{},"create":{}}\n{}\n',
        b'{"drop":{}}\n{}\n',
        b'{"index":{"_index":7}}\n{}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_body_that_is_no_bulk_request_names_the_line(counter, body):
    with (
        listening(counter, Receiver(ElasticsearchSettings((indexed(),)))) as address,
        client(address) as web,
    ):
        response = web.post("/_bulk", content=body, headers=bearer())

    assert response.status_code == 400
    assert "line" in response.json()["error"]["reason"]
    assert counter.batches == []


def test_the_feed_of_the_client_keeps_no_token():
    assert TOKEN not in repr(ElasticsearchFeed("a", "b", token_hash=b"secret"))
    assert "secret" not in repr(ElasticsearchFeed("a", "b", token_hash=b"secret"))
