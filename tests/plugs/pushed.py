"""Cases of the receivers that clouds, sensors and shippers push to: framing, keys, signatures."""

import base64
import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.collect.counter import TOKEN, bearer
from tests.collect.signers import (
    ACCOUNT,
    AUDIENCE,
    TOPIC,
    Served,
    pubsub_message,
    sns_message,
    web_token,
)
from tests.plugs.case import Case, lines
from tocsin.collect.hec import SplunkHecFeed
from tocsin.collect.otlp_logs import OtlpFeed
from tocsin.collect.receivers.cloudevents import Cloudevents, CloudeventsFeed, CloudeventsSettings
from tocsin.collect.receivers.event_grid import EventGrid, EventGridFeed, EventGridSettings
from tocsin.collect.receivers.eventbridge import Eventbridge, EventbridgeFeed, EventbridgeSettings
from tocsin.collect.receivers.falco import Falco, FalcoSettings
from tocsin.collect.receivers.firehose import Firehose, FirehoseSettings
from tocsin.collect.receivers.otlp import Otlp, OtlpSettings
from tocsin.collect.receivers.pubsub_push import PubsubPush, PubsubPushFeed, PubsubPushSettings
from tocsin.collect.receivers.sns import Sns, SnsFeed, SnsSettings
from tocsin.collect.receivers.splunk_hec import SplunkHec, SplunkHecSettings
from tocsin.collect.receivers.webhook import Webhook, WebhookFeed, WebhookSettings

_numbers = count()
"""Senders name each message anew."""


def hec_events(records: Sequence[bytes]) -> bytes:
    return b"".join(b'{"time":1,"event":' + record + b"}" for record in records)


def log_records(records: Sequence[bytes]) -> bytes:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add().log_records
    for record in records:
        logs.add().body.string_value = record.decode()
    return request.SerializeToString()


def named(head: Callable[[int], dict[str, Any]], key: str) -> Callable[[Sequence[bytes]], bytes]:
    """Put each record below `key` of an object that has a head of its own; all in an array."""

    def frame(records: Sequence[bytes]) -> bytes:
        framed = [
            json.dumps(head(next(_numbers)))[:-1].encode() + b',"%s":%s}' % (key.encode(), record)
            for record in records
        ]
        return b"[" + b",".join(framed) + b"]"

    return frame


def cloud_event(number: int) -> dict[str, Any]:
    return {"id": str(number), "specversion": "1.0", "source": "test", "type": "record"}


def grid_event(number: int) -> dict[str, Any]:
    return {"id": str(number), "topic": "/subscriptions/1", "eventType": "record"}


def bus_event(number: int) -> dict[str, Any]:
    return {"id": str(number), "version": "0", "detail-type": "record"}


def firehose_request(records: Sequence[bytes]) -> bytes:
    data = [{"data": base64.b64encode(record).decode()} for record in records]
    request = {"requestId": f"request-{next(_numbers)}", "timestamp": 1, "records": data}
    return json.dumps(request).encode()


def notification(records: Sequence[bytes]) -> bytes:
    return json.dumps(sns_message(lines(records).decode())).encode()


def pushed(records: Sequence[bytes]) -> bytes:
    return pubsub_message(lines(records), str(next(_numbers)))


def typed(kind: str) -> Callable[[], dict[str, str]]:
    return lambda: bearer() | {"Content-Type": kind}


CASES = {
    "cloudevents": Case(
        lambda feeds: Cloudevents(CloudeventsSettings(feeds)),
        "/cloudevents/trail",
        named(cloud_event, "data"),
        kind=CloudeventsFeed,
        headers=typed("application/cloudevents-batch+json"),
    ),
    "event_grid": Case(
        lambda feeds: EventGrid(EventGridSettings(feeds)),
        "/event-grid/trail",
        named(grid_event, "data"),
        kind=EventGridFeed,
    ),
    "eventbridge": Case(
        lambda feeds: Eventbridge(EventbridgeSettings(feeds)),
        "/eventbridge/trail",
        named(bus_event, "detail"),
        kind=EventbridgeFeed,
    ),
    "falco": Case(lambda feeds: Falco(FalcoSettings(feeds)), "/falco/trail", lines),
    "firehose": Case(
        lambda feeds: Firehose(FirehoseSettings(feeds)),
        "/firehose/trail",
        firehose_request,
    ),
    "otlp": Case(
        lambda feeds: Otlp(OtlpSettings(feeds)),
        "/v1/logs",
        log_records,
        kind=OtlpFeed,
        headers=typed("application/x-protobuf"),
    ),
    "pubsub_push": Case(
        lambda feeds: PubsubPush(PubsubPushSettings(feeds), fetch=Served()),
        "/pubsub/trail",
        pushed,
        kind=PubsubPushFeed,
        settings={"audience": AUDIENCE, "email": ACCOUNT},
        headers=lambda: bearer(web_token()),
    ),
    "sns": Case(
        lambda feeds: Sns(SnsSettings(feeds), fetch=Served()),
        "/sns/trail",
        notification,
        kind=SnsFeed,
        settings={"topics": (TOPIC,)},
    ),
    "splunk_hec": Case(
        lambda feeds: SplunkHec(SplunkHecSettings(feeds)),
        "/services/collector/event",
        hec_events,
        kind=SplunkHecFeed,
        headers=lambda: {"Authorization": f"Splunk {TOKEN}"},
        refused=(401, 403),
        busy=503,
        broken=400,
    ),
    "webhook": Case(
        lambda feeds: Webhook(WebhookSettings(feeds)), "/webhook/trail", lines, kind=WebhookFeed
    ),
}
