"""Every way to push, from `tocsin.yaml` to the event in the store."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.collect import signers
from tests.plugs import pushed
from tests.run.crank import call, stored
from tocsin.collect.receivers import pubsub_push, sns
from tocsin.errors import SettingsError
from tocsin.run import start
from tocsin.settings import Settings, load

TOKEN = "an-ingest-token-of-no-one-0123456789"
KINDS = sorted(pushed.CASES)
FEEDS = """\
data: data
log_level: error
web: {port: 0}
receivers: {port: 0}
feeds:
"""
MORE = {
    "sns": {"topics": [signers.TOPIC]},
    "pubsub_push": {"audience": signers.AUDIENCE, "email": signers.ACCOUNT, "token": None},
    "splunk_hec": {"sourcetypes": ["", "aws:*"], "indices": ["*"], "record": "event"},
    "webhook": {"signature": "none", "token_header": "x-token"},
}


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Give the root logger back as it was: `start` takes it over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def settings_with(folder: Path, *feeds: dict[str, object]) -> Settings:
    lines = "".join(f"  - {json.dumps(feed)}\n" for feed in feeds)
    (folder / "tocsin.yaml").write_text(FEEDS + lines)
    return load(folder / "tocsin.yaml", {"PUSH_TOKEN": TOKEN})


def feed_of(kind: str) -> dict[str, object]:
    feed: dict[str, object] = {"kind": kind, "name": "trail", "source": "aws.cloudtrail"}
    feed |= {"token": {"env": "PUSH_TOKEN"}} | MORE.get(kind, {})
    return {key: value for key, value in feed.items() if value is not None}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_pushed_is_an_event_when_it_is_answered(kind, tmp_path, monkeypatch):
    # The clouds themselves cannot be asked here: their certificates and keys are ours.
    for module in (sns, pubsub_push):
        monkeypatch.setattr(module, "Fetcher", lambda is_allowed: signers.Served())
    case = pushed.CASES[kind]
    records = [
        json.dumps(call(operation, at=datetime.now(UTC).replace(microsecond=0))).encode()
        for operation in ("DescribeInstances", "DescribeVolumes")
    ]
    headers = case.headers()

    with (
        start(settings_with(tmp_path, feed_of(kind))) as running,
        httpx.Client(base_url=str(running.receiver_address()), trust_env=False) as web,
    ):
        answer = web.post(case.path, content=case.frame(records), headers=headers, timeout=120)
        events = stored(running.store).events

    assert answer.status_code == 200
    assert len(events) == 2


@pytest.mark.parametrize(
    ("kind", "change", "problem"),
    [
        ("sns", {"topics": ["arn:aws:sqs:eu-west-1:111122223333:q"]}, "topics"),
        ("sns", {"topics": None}, "topics"),
        ("pubsub_push", {"email": None}, "email"),
        ("pubsub_push", {"token": {"env": "PUSH_TOKEN"}}, "token"),
        ("webhook", {"token": None}, "token"),
        ("webhook", {"signature": "github"}, "signing_secret"),
        ("webhook", {"signature": "md5"}, "signature"),
        ("splunk_hec", {"record": "fields"}, "record"),
        ("firehose", {"token": None}, "token"),
        ("otlp", {"topics": ["a"]}, "topics"),
    ],
)
def test_a_wrong_key_is_told_with_its_line(kind, change, problem, tmp_path):
    feed = {key: value for key, value in (feed_of(kind) | change).items() if value is not None}

    with pytest.raises(SettingsError, match=problem) as raised:
        settings_with(tmp_path, feed)

    assert "tocsin.yaml:6" in str(raised.value)


def test_a_signed_webhook_needs_no_token(tmp_path):
    feed = {"kind": "webhook", "name": "hook", "source": "aws.cloudtrail", "signature": "github"}
    secret = {"signing_secret": {"env": "PUSH_TOKEN"}}

    assert "hook" in [feed.name for feed in settings_with(tmp_path, feed | secret).feeds]


def test_no_secret_of_a_feed_is_ever_printed(tmp_path):
    feed = {"signature": "hmac", "signing_secret": {"env": "PUSH_TOKEN"}}
    settings = settings_with(tmp_path, feed_of("webhook") | feed)

    assert TOKEN not in repr(settings)
