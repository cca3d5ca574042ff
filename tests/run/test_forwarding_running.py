"""Two running Tocsins, one of which forwards to the other, or to itself."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.run.crank import stopped_trail, stored
from tests.run.test_embedded import until
from tocsin.ocsf import EVERYTHING
from tocsin.run import start
from tocsin.settings import Settings, load

TOKEN = "a-secret-of-no-one-0123456789"


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Give the root logger back as it was: `start` takes it over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


RECEIVING = """\
data: received
log_level: error
web: {port: 0}
receivers: {port: 0}
feeds:
  - kind: splunk_hec
    name: first
    source: ocsf.finding
    token: {env: SIEM_TOKEN}
    sourcetypes: ["tocsin:finding"]
"""
SENDING = """\
data: sent
log_level: error
web: {port: 0}
receivers: {port: 0}
feeds:
  - {kind: json_lines, name: pushed, source: aws.cloudtrail, token: {env: SIEM_TOKEN}}
forwarders:
  - kind: splunk_hec
    name: second
    url: URL
    token: {env: SIEM_TOKEN}
    allow_private: [127.0.0.0/8]
    incidents: false
"""


def settings_of(folder: Path, name: str, text: str) -> Settings:
    (folder / name).write_text(text)
    return load(folder / name, {"SIEM_TOKEN": TOKEN})


def push(url: str, *records: object) -> None:
    import httpx

    body = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=url, timeout=30, trust_env=False, headers=headers) as web:
        assert web.post("/ingest/pushed", content=body).status_code == 200


def test_a_second_tocsin_gets_each_finding_with_its_identifier(tmp_path):
    now = datetime.now(UTC).replace(microsecond=0)
    receiving = settings_of(tmp_path, "receiving.yaml", RECEIVING)
    with start(receiving) as second:
        text = SENDING.replace("URL", str(second.receiver_address()))
        with start(settings_of(tmp_path, "sending.yaml", text)) as first:
            trails = [{"requestParameters": {"name": f"trail-{n}"}} for n in range(3)]
            push(
                str(first.receiver_address()),
                *(
                    stopped_trail(at=now) | each | {"eventID": f"e{n}"}
                    for n, each in enumerate(trails)
                ),
            )
            made = stored(first.store).findings
            until(lambda: first.store.forwarding.states()[0].sent >= len(made))
            metrics = {metric.name: metric.value for metric in first.metrics()}
        events = second.store.events.search("", EVERYTHING, limit=100).rows.to_pylist()

    told = [json.loads(row["raw_data"])["metadata"]["uid"] for row in events]
    assert len(made) >= 3
    assert sorted(set(told)) == sorted({row["uid"] for row in made})
    assert len(told) == len(set(told))
    assert metrics["tocsin_forwarded_records_total"] == len(made)


def test_a_target_that_is_this_tocsin_gets_nothing(tmp_path):
    text = SENDING.replace("port: 0}\nfeeds", "port: 18701}\nfeeds").replace(
        "URL", "http://localhost:18701"
    )
    with start(settings_of(tmp_path, "self.yaml", text)) as running:
        push(str(running.receiver_address()), stopped_trail("eve", datetime.now(UTC)))
        until(lambda: bool(running.store.forwarding.states()[0].problem))
        state = running.store.forwarding.states()[0]
        problems = running.health().problems

    assert state.sent == 0
    assert "is this Tocsin itself" in state.problem
    assert any("is this Tocsin itself" in problem for problem in problems)
