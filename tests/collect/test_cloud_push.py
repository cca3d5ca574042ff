"""What clouds push is taken from them alone: signatures, tokens, topics, handshakes, replays."""

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
from tocsin.collect import Receiver
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
