"""OpenTelemetry's own exporter sends; the messages are those of its published protocol."""

import gzip
import json
import warnings
from collections.abc import Iterator

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from tests.collect.counter import TOKEN, Counter, bearer, client, feed, listening
from tocsin.collect import Outcome
from tocsin.collect.otlp_logs import OtlpFeed
from tocsin.collect.receivers.otlp import Otlp, OtlpSettings

WHOLE_TOKEN = "the-token-of-the-feed-of-whole-records"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def url(counter: Counter) -> Iterator[str]:
    feeds = (feed(kind=OtlpFeed), feed("whole", WHOLE_TOKEN, kind=OtlpFeed, record="record"))
    with listening(counter, Otlp(OtlpSettings(feeds))) as address:
        yield address


@pytest.fixture
def web(url: str) -> Iterator[httpx.Client]:
    with client(url) as opened:
        yield opened


def request_of(*bodies: object) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add().log_records
    for body in bodies:
        record = logs.add()
        if isinstance(body, str):
            record.body.string_value = body
    return request


def full_request() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    attribute = resource_logs.resource.attributes.add(key="service.name")
    attribute.value.string_value = "billing"
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name, scope_logs.scope.version = "reader", "1.2"
    record = scope_logs.log_records.add(
        time_unix_nano=1_764_000_000_123_456_789,
        severity_number=9,
        severity_text="INFO",
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        flags=1,
        event_name="login",
    )
    entries = record.body.kvlist_value.values
    entries.add(key="n").value.int_value = -(2**63)
    entries.add(key="list").value.array_value.values.add().bool_value = True
    entries.add(key="bytes").value.bytes_value = b"\x00\xff"
    entries.add(key="nan").value.double_value = float("nan")
    record.attributes.add(key="user.id").value.double_value = 0.5
    return request


FULL = {
    "time": "2025-11-24T16:00:00.123456Z",
    "resource": {"service.name": "billing"},
    "scope": {"name": "reader", "version": "1.2"},
    "timeUnixNano": "1764000000123456789",
    "severityNumber": 9,
    "severityText": "INFO",
    "eventName": "login",
    "attributes": {"user.id": 0.5},
    "traceId": "000102030405060708090a0b0c0d0e0f",
    "spanId": "0001020304050607",
    "flags": 1,
    "body": {"n": -(2**63), "list": [True], "bytes": "AP8=", "nan": "nan"},
}


def test_the_exporter_of_the_sdk_is_understood(url, counter):
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    exporter = OTLPLogExporter(
        endpoint=f"{url.rstrip('/')}/v1/logs",
        headers={"authorization": f"Bearer {WHOLE_TOKEN}"},
        compression=Compression.Gzip,
    )
    provider = LoggerProvider(Resource({"service.name": "billing"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    from opentelemetry._logs import LogRecord, SeverityNumber

    provider.get_logger("reader", "1.2").emit(
        LogRecord(
            timestamp=1_764_000_000_000_000_000,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body={"user": "eve"},
            attributes={"n": 1},
        )
    )
    provider.shutdown()

    (record,) = map(json.loads, counter.raws)
    assert record["body"] == {"user": "eve"}
    assert (record["severityText"], record["attributes"]) == ("WARN", {"n": 1})
    assert record["resource"]["service.name"] == "billing"
    assert record["scope"]["name"] == "reader"


def test_a_whole_record_holds_all_that_was_sent(web, counter):
    content = full_request().SerializeToString()
    response = web.post("/v1/logs", content=content, headers=bearer(WHOLE_TOKEN) | PROTOBUF)

    assert response.status_code == 200
    assert ExportLogsServiceResponse.FromString(response.content) == ExportLogsServiceResponse()
    assert json.loads(counter.raws[0]) == FULL


def test_json_gives_the_same_record_as_protobuf(web, counter):
    written = {
        "resourceLogs": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "billing"}}]
                },
                "scopeLogs": [
                    {
                        "scope": {"name": "reader", "version": "1.2"},
                        "logRecords": [
                            {
                                "timeUnixNano": "1764000000123456789",
                                "severityNumber": 9,
                                "severityText": "INFO",
                                "eventName": "login",
                                "traceId": "000102030405060708090a0b0c0d0e0f",
                                "spanId": "0001020304050607",
                                "flags": 1,
                                "attributes": [{"key": "user.id", "value": {"doubleValue": 0.5}}],
                                "body": {
                                    "kvlistValue": {
                                        "values": [
                                            {"key": "n", "value": {"intValue": str(-(2**63))}},
                                            {
                                                "key": "list",
                                                "value": {
                                                    "arrayValue": {"values": [{"boolValue": True}]}
                                                },
                                            },
                                            {"key": "bytes", "value": {"bytesValue": "AP8="}},
                                            {"key": "nan", "value": {"doubleValue": "nan"}},
                                        ]
                                    }
                                },
                            }
                        ],
                    }
                ],
            }
        ]
    }
    response = web.post("/v1/logs", json=written, headers=bearer(WHOLE_TOKEN))

    assert (response.status_code, response.json()) == (200, {})
    assert json.loads(counter.raws[0]) == FULL


def test_a_record_without_body_is_a_partial_success(web, counter):
    counter.answer = lambda batch: Outcome("committed")
    content = request_of('{"id":1}', None, '{"id":2}').SerializeToString()
    response = web.post("/v1/logs", content=content, headers=bearer() | PROTOBUF)

    partial = ExportLogsServiceResponse.FromString(response.content).partial_success
    assert (response.status_code, partial.rejected_log_records) == (200, 1)
    assert partial.error_message.startswith("no_body: ")
    assert counter.raws == [b'{"id":1}', b'{"id":2}']


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [(Outcome("busy", retry_after_seconds=3), 429, 8), (Outcome("failed"), 503, 14)],
)
def test_pressure_is_a_status_in_the_encoding_of_the_request(web, counter, outcome, status, code):
    counter.answer = lambda batch: outcome
    content = request_of("a").SerializeToString()
    binary = web.post("/v1/logs", content=content, headers=bearer() | PROTOBUF)
    written = web.post("/v1/logs", json={"resourceLogs": [{"scopeLogs": []}]}, headers=bearer())

    assert (binary.status_code, written.status_code) == (status, status)
    assert Status.FromString(binary.content).code == written.json()["code"] == code
    assert Status.FromString(binary.content).message == written.json()["message"] != ""
    assert int(binary.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff\xff", PROTOBUF, 400),
        (request_of("a").SerializeToString()[:-1], PROTOBUF, 400),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", PROTOBUF, 400),
        (b"\x0a" + b"\xff" * 11, PROTOBUF, 400),
        (b"\x0b\x0c", PROTOBUF, 400),
        (b"{}", JSON, 400),
        (b'{"resourceLogs":{}}', JSON, 400),
        (b'{"resourceLogs":' + b"[" * 100_000, JSON, 400),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (gzip.compress(b"\0" * (60 << 20)), PROTOBUF | {"Content-Encoding": "gzip"}, 413),
        (request_of(*[None] * 50_001).SerializeToString(), PROTOBUF, 413),
    ],
)
def test_what_is_no_request_is_refused_whole(web, counter, content, headers, status):
    response = web.post("/v1/logs", content=content, headers=bearer() | headers)

    assert response.status_code == status
    assert counter.batches == []


def test_a_broken_record_does_not_take_its_neighbors_along(web, counter):
    # A body (field 5) that is no message, between two that are.
    broken = b"\x2a\x03\xff\xff\xff"
    logs = b"".join(
        b"\x12" + bytes([len(record)]) + record
        for record in [
            request_of(text).resource_logs[0].scope_logs[0].log_records[0].SerializeToString()
            for text in ("a", "b")
        ]
    )
    logs += b"\x12" + bytes([len(broken)]) + broken
    scope_logs = b"\x12" + bytes([len(logs)]) + logs
    content = b"\x0a" + bytes([len(scope_logs)]) + scope_logs
    response = web.post("/v1/logs", content=content, headers=bearer() | PROTOBUF)

    partial = ExportLogsServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_log_records == 1
    assert counter.raws == [b"a", b"b"]
    assert counter.rejects[0]["raw"] == broken


def test_a_large_resource_cannot_be_multiplied_without_bound(web, counter):
    request = request_of(*["x"] * 5_000)
    attribute = request.resource_logs[0].resource.attributes.add(key="k")
    attribute.value.string_value = "v" * 100_000
    content = request.SerializeToString()
    response = web.post("/v1/logs", content=content, headers=bearer(WHOLE_TOKEN) | PROTOBUF)

    assert response.status_code == 413
    assert counter.batches == []


def test_millions_of_empty_records_cost_little(web, counter, growth_mib):
    # 16 million log records of two bytes each.
    logs = b"\x12\x00" * (8 << 20)
    head = b"\x12\x80\x80\x80\x08"
    scope_logs = head + logs
    content = b"\x0a\x85\x80\x80\x08" + scope_logs
    with growth_mib() as grown:
        response = web.post("/v1/logs", content=content, headers=bearer() | PROTOBUF)

    assert response.status_code == 413
    assert grown() < 300


def test_fifty_thousand_tiny_records_are_taken(web, counter):
    content = request_of(*["x"] * 50_000).SerializeToString()
    response = web.post("/v1/logs", content=content, headers=bearer() | PROTOBUF)

    assert response.status_code == 200
    assert len(counter.raws) == 50_000


def test_the_token_of_another_feed_sends_to_that_feed_only(web, counter):
    content = request_of("a").SerializeToString()
    answers = [
        web.post("/v1/logs", content=content, headers=bearer(token) | PROTOBUF).status_code
        for token in (TOKEN, WHOLE_TOKEN, "wrong")
    ]

    assert answers == [200, 200, 401]
    assert [batch.feed for batch in counter.batches] == ["trail", "whole"]
