"""What clouds push is taken from them alone: signatures, tokens, topics, handshakes, replays."""

import base64
import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import google.auth.crypt
import google.auth.jwt
import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from tests.collect import signers
from tests.collect.counter import TOKEN, Counter, bearer, client, feed, listening
from tests.collect.signers import OTHER_KEY, TOPIC, Served, pubsub_message, sns_message, web_token
from tocsin.collect import Outcome, PushFeed, Receiver
from tocsin.collect.receivers.event_grid import EventGrid, EventGridFeed, EventGridSettings
from tocsin.collect.receivers.eventbridge import Eventbridge, EventbridgeFeed, EventbridgeSettings
from tocsin.collect.receivers.firehose import Firehose, FirehoseSettings
from tocsin.collect.receivers.pubsub_push import PubsubPush, PubsubPushFeed, PubsubPushSettings
from tocsin.collect.receivers.sns import Sns, SnsFeed, SnsSettings
from tocsin.errors import SettingsError

RECORD = '{"eventID":"1"}'
ACCESS_KEY = {"X-Amz-Firehose-Access-Key": TOKEN}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def served() -> Served:
    return Served()


@contextmanager
def open_web(counter: Counter, receiver: Receiver) -> Iterator[httpx.Client]:
    with listening(counter, receiver) as url, client(url) as opened:
        yield opened


@pytest.fixture
def sns(counter: Counter, served: Served) -> Iterator[httpx.Client]:
    feeds = (
        SnsFeed(feed="trail", source="aws.cloudtrail", topics=(TOPIC,)),
        feed("locked", kind=SnsFeed, topics=(TOPIC,)),
    )
    with open_web(counter, Sns(SnsSettings(feeds), fetch=served)) as opened:
        yield opened


def notify(web: httpx.Client, message: dict[str, object], name: str = "trail", **headers: str):
    return web.post(f"/sns/{name}", json=message, headers=headers)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_of_either_signature_is_taken(sns, counter, version):
    answer = notify(sns, sns_message(RECORD, SignatureVersion=version, Subject="s"))

    assert answer.status_code == 200
    assert counter.raws == [RECORD.encode()]


def test_the_certificate_is_fetched_once_for_many_messages(sns, served):
    for number in range(3):
        assert notify(sns, sns_message(f'{{"id":{number}}}')).status_code == 200

    assert served.asked == [signers.CERTIFICATE]


@pytest.mark.parametrize(
    "change",
    [
        {"Message": '{"eventID":"forged"}'},
        {"MessageId": "another"},
        {"Subject": "added"},
        {"SignatureVersion": "1"},
        {"Signature": "AAAA"},
        {"Signature": "no base64"},
        {"Timestamp": datetime.now(UTC).isoformat()},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/", "Token": "t"},
    ],
    ids=lambda change: ",".join(change),
)
def test_what_is_changed_after_signing_is_refused(sns, counter, change):
    answer = notify(sns, sns_message(RECORD) | change)

    assert answer.status_code == 403
    assert counter.batches == []


def test_a_signature_by_another_key_is_refused(sns, counter):
    assert notify(sns, sns_message(RECORD, key=OTHER_KEY)).status_code == 403
    assert counter.batches == []


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-01234567.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example@sns.eu-west-1.amazonaws.com/SimpleNotificationService-01234567.pem",
        "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/bucket/mine.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?a=b",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_certificates_come_from_nowhere_but_sns_in_the_region_of_the_topic(
    sns, served, counter, address
):
    answer = notify(sns, sns_message(RECORD, SigningCertURL=address))

    assert answer.status_code == 403
    assert (served.asked, counter.batches) == ([], [])


@pytest.mark.parametrize(
    "certificate",
    [
        signers.certificate(name="sns.example.com"),
        signers.certificate(begins=datetime.now(UTC) - timedelta(days=20)),
        signers.certificate(begins=datetime.now(UTC) + timedelta(days=1)),
        signers.certificate(key=signers.rsa_key(1024)),
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"",
    ],
    ids=["name", "expired", "future", "weak", "broken", "empty"],
)
def test_a_certificate_that_is_not_that_of_sns_now_is_refused(sns, served, counter, certificate):
    served.contents[signers.CERTIFICATE] = certificate

    assert notify(sns, sns_message(RECORD)).status_code == 403
    assert counter.batches == []


@pytest.mark.parametrize("age", [timedelta(hours=3), timedelta(minutes=-20)])
def test_what_was_signed_long_ago_or_for_later_is_refused(sns, counter, age):
    stamp = (datetime.now(UTC) - age).isoformat()

    assert notify(sns, sns_message(RECORD, Timestamp=stamp)).status_code == 403
    assert counter.batches == []


def test_a_replay_has_the_place_of_the_first_delivery(sns, counter):
    message = sns_message(RECORD)
    for _ in range(2):
        notify(sns, message)

    places = [
        (row["origin"], row["position"])
        for batch in counter.batches
        for row in batch.records.to_pylist()
    ]
    assert len(places) == 2
    assert len(set(places)) == 1


def test_other_topics_are_not_listened_to(sns, served, counter):
    answer = notify(sns, sns_message(RECORD, TopicArn=TOPIC + "-2"))

    assert answer.status_code == 403
    assert (served.asked, counter.batches) == ([], [])


def test_a_subscription_is_confirmed_by_visiting_sns(sns, served, counter):
    message = signers.subscription()
    served.contents[str(message["SubscribeURL"])] = b"<ConfirmSubscriptionResponse/>"

    assert notify(sns, message).status_code == 200
    assert served.asked == [signers.CERTIFICATE, message["SubscribeURL"]]
    assert counter.batches == []


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        f"{signers.SNS_HOST}/?Action=DeleteTopic&TopicArn={TOPIC}&Token=t0k3n",
        f"{signers.SNS_HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}-2&Token=t0k3n",
        f"{signers.SNS_HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0k3n&x=y",
        f"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_no_other_address_is_ever_visited_even_if_signed(sns, served, address):
    answer = notify(sns, signers.subscription(SubscribeURL=address))

    assert answer.status_code == 403
    assert served.asked == [signers.CERTIFICATE]


def test_while_sns_cannot_be_asked_it_is_told_to_try_again(sns, served, counter):
    del served.contents[signers.CERTIFICATE]

    answers = [notify(sns, sns_message(RECORD)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503] * 3
    assert served.asked == [signers.CERTIFICATE]
    assert counter.batches == []


def test_forged_addresses_of_certificates_cannot_make_us_ask_without_end(sns, served):
    notify(sns, sns_message(RECORD))
    for number in range(30):
        address = f"{signers.SNS_HOST}/SimpleNotificationService-{number:016x}.pem"
        assert notify(sns, sns_message(RECORD, SigningCertURL=address)).status_code == 503

    assert notify(sns, sns_message(RECORD)).status_code == 200
    assert len(served.asked) <= 12


def test_raw_delivery_is_taken_with_a_token_only(sns, counter):
    headers = {
        "x-amz-sns-rawdelivery": "true",
        "x-amz-sns-topic-arn": TOPIC,
        "x-amz-sns-message-id": "m-1",
    }
    unlocked = sns.post("/sns/trail", content=RECORD, headers=headers)
    wrong = sns.post("/sns/locked", content=RECORD, headers=headers)
    other = sns.post(
        "/sns/locked",
        content=RECORD,
        headers=headers | bearer() | {"x-amz-sns-topic-arn": "arn:aws:sns:x"},
    )
    right = sns.post("/sns/locked", content=RECORD, headers=headers, auth=("sns", TOKEN))

    assert [each.status_code for each in (unlocked, wrong, other, right)] == [403, 401, 403, 200]
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")
    assert counter.raws == [RECORD.encode()]


@pytest.mark.parametrize("topics", [(), ("arn:aws:sqs:eu-west-1:111122223333:q",), ("*",)])
def test_a_feed_names_the_topics_that_it_hears(topics):
    with pytest.raises(SettingsError, match="topics"):
        SnsFeed(feed="a", source="b", topics=topics)


@pytest.fixture
def pubsub(counter: Counter, served: Served) -> Iterator[httpx.Client]:
    known = {"source": "gcp.audit", "audience": signers.AUDIENCE, "email": signers.ACCOUNT}
    feeds = (
        PubsubPushFeed(feed="trail", **known),
        PubsubPushFeed(feed="whole", record="message", **known),
        PubsubPushFeed(feed="plain", is_wrapped=False, **known),
    )
    with open_web(counter, PubsubPush(PubsubPushSettings(feeds), fetch=served)) as opened:
        yield opened


def push(web: httpx.Client, token: str, name: str = "trail", content: bytes | None = None):
    body = pubsub_message(RECORD.encode(), "7", zone="a") if content is None else content
    return web.post(f"/pubsub/{name}", content=body, headers=bearer(token))


def test_a_push_with_a_token_of_google_is_taken(pubsub, counter):
    assert push(pubsub, web_token()).status_code == 200
    assert counter.raws == [RECORD.encode()]


def test_a_token_that_googles_library_makes_is_understood(pubsub, counter):
    pem = signers.KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    signer = google.auth.crypt.RSASigner.from_string(pem, "key-1")
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com",
        "aud": signers.AUDIENCE,
        "email": signers.ACCOUNT,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    }

    assert push(pubsub, google.auth.jwt.encode(signer, claims).decode()).status_code == 200


def test_the_message_is_kept_where_the_feed_says_so(pubsub, counter):
    push(pubsub, web_token(), "whole")

    assert json.loads(counter.raws[0]) == {
        "attributes": {"zone": "a"},
        "messageId": "7",
        "publishTime": "2026-11-23T12:00:00Z",
        "subscription": "projects/p/subscriptions/s",
        "data": {"eventID": "1"},
    }


def test_messages_without_wrapping_are_bodies(pubsub, counter):
    assert push(pubsub, web_token(), "plain", RECORD.encode()).status_code == 200
    assert counter.raws == [RECORD.encode()]


def forged_tokens() -> dict[str, str]:
    now = int(time.time())
    head, claims, signature = web_token().split(".")
    other = web_token(email="evil@example.com").split(".")[1]
    nothing = signers.base64url(b'{"alg":"none","kid":"key-1"}')
    return {
        "another key": web_token(key=OTHER_KEY),
        "unknown key": web_token(head={"kid": "key-2"}),
        "no algorithm": f"{nothing}.{claims}.",
        "symmetric": web_token(head={"alg": "HS256"}),
        "critical": web_token(head={"crit": ["b64"]}),
        "other claims": f"{head}.{other}.{signature}",
        "issuer": web_token(iss="https://evil.example"),
        "audience": web_token(aud="https://other.example.org"),
        "audiences": web_token(aud=[signers.AUDIENCE, "other"]),
        "account": web_token(email="other@example.iam.gserviceaccount.com"),
        "not verified": web_token(email_verified=False),
        "no account": web_token(email=None),
        "expired": web_token(exp=now - 120),
        "of the future": web_token(iat=now + 600),
        "without end": web_token(exp=None),
        "two parts": f"{head}.{claims}",
        "huge": "a" * 20_000 + "..",
        "garbage": "!!.@@.##",
        "empty": "..",
    }


@pytest.mark.parametrize("forgery", forged_tokens())
def test_a_token_that_is_not_for_this_feed_is_refused(pubsub, counter, forgery):
    assert push(pubsub, forged_tokens()[forgery]).status_code == 401
    assert counter.batches == []


def test_a_new_key_of_google_is_fetched_when_it_is_first_seen(counter):
    now = [datetime.now(UTC)]
    served = Served()
    known = {"source": "gcp.audit", "audience": signers.AUDIENCE, "email": signers.ACCOUNT}
    settings = PubsubPushSettings((PubsubPushFeed(feed="trail", **known),))
    with open_web(counter, PubsubPush(settings, fetch=served, clock=lambda: now[0])) as web:
        first = push(web, web_token())
        served.contents[signers.GOOGLE_KEYS] = signers.key_set(OTHER_KEY, "key-2")
        too_soon = push(web, web_token(key=OTHER_KEY, head={"kid": "key-2"}))
        now[0] += timedelta(minutes=10)
        later = push(web, web_token(key=OTHER_KEY, head={"kid": "key-2"}))
        withdrawn = push(web, web_token())

    codes = [each.status_code for each in (first, too_soon, later, withdrawn)]
    assert codes == [200, 401, 200, 401]
    assert len(served.asked) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"message":{"data":"not base64!"}}', b'{"message":' * 50_000, b"\xff"],
)
def test_what_is_no_message_of_pubsub_is_refused(pubsub, counter, content):
    assert push(pubsub, web_token(), content=content).status_code == 400
    assert counter.batches == []


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
