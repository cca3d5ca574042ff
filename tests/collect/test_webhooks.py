"""Webhooks of products, Falco's alerts and CloudEvents, sent as their own programs send them."""

import base64
import hmac
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from cloudevents.core.bindings import http as binding
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.collect.counter import TOKEN, Counter, bearer, client, feed, listening
from tests.conftest import program
from tocsin.collect import Receiver
from tocsin.collect.receivers.cloudevents import Cloudevents, CloudeventsFeed, CloudeventsSettings
from tocsin.collect.receivers.falco import Falco, FalcoSettings
from tocsin.collect.receivers.webhook import Webhook, WebhookFeed, WebhookSettings
from tocsin.errors import SettingsError
from tocsin.values import Secret

SECRET = "it is no secret"
BODY = b'{"action":"created","alert":{"number":1}}'
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = str(int(NOW.timestamp()))


@pytest.fixture
def counter() -> Counter:
    return Counter()


@contextmanager
def open_web(counter: Counter, receiver: Receiver) -> Iterator[httpx.Client]:
    with listening(counter, receiver) as url, client(url) as opened:
        yield opened


def signed(style: str, secret: str = SECRET, **more: object) -> WebhookFeed:
    return WebhookFeed(
        feed=style,
        source="github.audit",
        signature=style,
        signing_secret=Secret(secret),
        **more,
    )


STANDARD_SECRET = "whsec_" + base64.b64encode(SECRET.encode()).decode()


@pytest.fixture
def hooks(counter: Counter) -> Iterator[httpx.Client]:
    feeds = (
        feed("open", kind=WebhookFeed),
        *map(signed, ("github", "gitlab", "slack", "hmac")),
        signed("standard", STANDARD_SECRET),
    )
    with open_web(counter, Webhook(WebhookSettings(feeds), clock=lambda: NOW)) as opened:
        yield opened


def digest(content: bytes) -> bytes:
    return hmac.digest(SECRET.encode(), content, "sha256")


def headers_of(style: str, body: bytes = BODY, second: str = SECOND) -> dict[str, str]:
    """Return what a sender of a style shows."""
    of_slack = digest(b"v0:" + second.encode() + b":" + body).hex()
    of_standard = base64.b64encode(digest(f"m-1.{second}.".encode() + body)).decode()
    return {
        "github": {"X-Hub-Signature-256": f"sha256={digest(body).hex()}"},
        "gitlab": {"X-Gitlab-Token": SECRET},
        "slack": {"X-Slack-Request-Timestamp": second, "X-Slack-Signature": f"v0={of_slack}"},
        "hmac": {"X-Signature": base64.b64encode(digest(body)).decode()},
        "standard": {
            "webhook-id": "m-1",
            "webhook-timestamp": second,
            "webhook-signature": f"v1,{base64.b64encode(b'old').decode()} v1,{of_standard}",
        },
    }[style]


STYLES = ["github", "gitlab", "slack", "hmac", "standard"]


@pytest.mark.parametrize("style", STYLES)
def test_a_signed_request_is_taken_without_token(hooks, counter, style):
    answer = hooks.post(f"/webhook/{style}", content=BODY, headers=headers_of(style))

    assert answer.status_code == 200
    assert counter.raws == [BODY]


def test_a_signature_may_be_written_as_hex_with_its_name(hooks):
    headers = {"X-Signature": f"sha256={digest(BODY).hex().upper()}"}

    assert hooks.post("/webhook/hmac", content=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize("style", [style for style in STYLES if style != "gitlab"])
def test_a_changed_body_is_refused(hooks, counter, style):
    answer = hooks.post(f"/webhook/{style}", content=BODY + b" ", headers=headers_of(style))

    assert answer.status_code == 401
    assert counter.batches == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shown", ["", "sha256=", "zz", "v0=00", "v1,AAAA", "é"])
def test_no_other_signature_opens(hooks, counter, style, shown):
    headers = {
        name: value if "timestamp" in name.lower() or name == "webhook-id" else shown
        for name, value in headers_of(style).items()
    }
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answers = [
        hooks.post(f"/webhook/{style}", content=BODY, headers=each)
        for each in (encoded, {}, bearer())
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert counter.batches == []


@pytest.mark.parametrize("style", ["slack", "standard"])
@pytest.mark.parametrize("shift", [-301, 301, -(10**9)])
def test_a_replay_after_five_minutes_is_refused(hooks, counter, style, shift):
    second = str(int(SECOND) + shift)
    answer = hooks.post(f"/webhook/{style}", content=BODY, headers=headers_of(style, second=second))

    assert answer.status_code == 401
    assert counter.batches == []


@pytest.mark.parametrize("style", ["slack", "standard"])
def test_a_replay_within_five_minutes_has_the_same_place(hooks, counter, style):
    for _ in range(2):
        hooks.post(f"/webhook/{style}", content=BODY, headers=headers_of(style))

    origins = {row["origin"] for batch in counter.batches for row in batch.records.to_pylist()}
    assert len(origins) == 1


def test_a_token_may_come_in_a_header_of_its_own(hooks, counter):
    right = hooks.post("/webhook/open", content=BODY, headers={"X-Api-Key": TOKEN})
    wrong = hooks.post("/webhook/open", content=BODY, headers={"X-Api-Key": "no"})
    other = hooks.post("/webhook/nothing", content=BODY, headers={"X-Api-Key": TOKEN})

    assert [each.status_code for each in (right, wrong, other)] == [200, 401, 401]


def test_a_feed_that_anyone_could_send_to_is_refused_at_start():
    with pytest.raises(SettingsError, match="token"):
        WebhookFeed(feed="a", source="b")
    with pytest.raises(SettingsError, match="signing_secret"):
        feed(kind=WebhookFeed, signature="github")


ALERT = {
    "uuid": "f00",
    "output": "A shell was spawned",
    "priority": "Notice",
    "rule": "Terminal shell in container",
    "time": "2026-11-23T12:00:00Z",
    "output_fields": {"proc.name": "sh"},
    "source": "syscall",
    "tags": ["container"],
    "hostname": "node-1",
}


def test_falco_shows_its_token_in_the_address_through_its_own_library(counter):
    curl = program("curl")  # Falco sends with its library
    with listening(counter, Falco(FalcoSettings((feed(),)))) as url:
        host = url.removeprefix("http://").rstrip("/")
        command = [
            *(curl, "-s", "--noproxy", "*", "-H", "Content-Type: application/json"),
            *("-d", json.dumps(ALERT), f"http://falco:{TOKEN}@{host}/falco/trail"),
        ]
        answer = subprocess.run(command, capture_output=True, timeout=120, check=True)

    assert json.loads(answer.stdout) == {"accepted": 1, "rejected": 0}
    assert [json.loads(raw) for raw in counter.raws] == [ALERT]


def test_falcosidekick_shows_its_token_as_header(counter):
    with open_web(counter, Falco(FalcoSettings((feed(),)))) as web:
        answer = web.post("/falco/trail", json=ALERT, headers=bearer())

    assert answer.status_code == 200
    assert [json.loads(raw) for raw in counter.raws] == [ALERT]


@pytest.fixture
def events(counter: Counter) -> Iterator[httpx.Client]:
    feeds = (feed(kind=CloudeventsFeed), feed("whole", kind=CloudeventsFeed, record="event"))
    with open_web(counter, Cloudevents(CloudeventsSettings(feeds))) as opened:
        yield opened


def made(uid: str = "1", **more: object) -> CloudEvent:
    attributes = {
        "id": uid,
        "source": "https://falco.org",
        "type": "falco.rule.output.v1",
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "subject": "ä %",
    }
    return CloudEvent({**attributes, **more}, {"rule": "shell"})


@pytest.mark.parametrize("write", [binding.to_binary, binding.to_structured])
def test_both_modes_of_the_sdk_give_the_same(events, counter, write):
    message = write(made(), JSONFormat())
    for name in ("trail", "whole"):
        answer = events.post(
            f"/cloudevents/{name}",
            content=message.body,
            headers=dict(message.headers) | bearer(),
        )
        assert answer.status_code == 200

    data, event = map(json.loads, counter.raws)
    assert data == {"rule": "shell"}
    assert event.pop("data") == data
    assert event.pop("time")
    assert event == {
        "id": "1",
        "source": "https://falco.org",
        "type": "falco.rule.output.v1",
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "subject": "ä %",
    }


def test_data_that_is_no_json_is_kept_as_bytes(events, counter):
    event = {"id": "1", "source": "s", "type": "t", "specversion": "1.0"}
    kind = {"Content-Type": "application/cloudevents+json"}
    for more in ({"data": "a line"}, {"data_base64": base64.b64encode(b"\x00line").decode()}, {}):
        body = json.dumps(event | more)
        events.post("/cloudevents/trail", content=body, headers=bearer() | kind)

    assert counter.raws[:2] == [b"a line", b"\x00line"]
    assert json.loads(counter.raws[2]) == event


def test_the_neighbors_of_a_bad_event_in_a_batch_arrive(events, counter):
    good = {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": {"n": 1}}
    body = json.dumps([good, good | {"specversion": "7"}, good | {"id": ""}, {}, 3, good])
    answer = events.post(
        "/cloudevents/trail",
        content=body,
        headers=bearer() | {"Content-Type": "application/cloudevents-batch+json"},
    )

    assert answer.json() == {"accepted": 2, "rejected": 4}
    assert [json.loads(raw) for raw in counter.raws] == [{"n": 1}] * 2


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"{}", {"Content-Type": "application/cloudevents+json"}, 400),
        (b'{"data":' * 50_000, {"Content-Type": "application/cloudevents+json"}, 400),
        (b"{}", {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s"}, 400),
        (b"{}", {"ce-specversion": "1.0", "ce-id": "", "ce-source": "s", "ce-type": "t"}, 400),
        (
            b"[" + b"{}," * 60_000 + b"{}]",
            {"Content-Type": "application/cloudevents-batch+json"},
            413,
        ),
    ],
)
def test_what_is_no_event_is_refused(events, counter, body, headers, status):
    answer = events.post("/cloudevents/trail", content=body, headers=bearer() | headers)

    assert answer.status_code == status
    assert counter.batches == []


def test_fifty_thousand_tiny_events_are_taken_in_bounded_time(events, counter):
    one = '{"id":"%d","source":"s","type":"t","specversion":"1.0","data":{}}'
    body = "[" + ",".join(one % number for number in range(50_000)) + "]"
    began = time.process_time()
    answer = events.post(
        "/cloudevents/trail",
        content=body,
        headers=bearer() | {"Content-Type": "application/cloudevents-batch+json"},
    )

    assert answer.json() == {"accepted": 50_000, "rejected": 0}
    assert time.process_time() - began < 60
