"""Everything in one process, with real files, real listeners and real senders."""

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import elasticsearch
import httpx
import pytest
from elasticsearch.helpers import bulk

from tests.act.servers import serve
from tests.run.batches import batch
from tests.run.crank import NOW, call, counters, is_conserved, stopped_trail, stored, turned
from tocsin.errors import SettingsError
from tocsin.ocsf import EVERYTHING
from tocsin.run import Running, start
from tocsin.run.diagnosis import content_problems, diagnose
from tocsin.run.queue import Limits
from tocsin.run.tools import Tools
from tocsin.run.upkeep import Upkeep
from tocsin.settings import Settings, load
from tocsin.store import IncidentFilter, Store

TOKEN = "an-ingest-token-of-no-one-0123456789"
OTHER = "another-ingest-token-of-no-one-98765"
SETTINGS = """\
data: data
log_level: error
web: {port: 0}
receivers: {port: 0}
feeds:
  - {kind: file, name: trail, source: aws.cloudtrail, path: trail}
  - {kind: json_lines, name: pushed, source: aws.cloudtrail, token: {env: PUSH_TOKEN}}
  - {kind: elasticsearch, name: shipped, source: aws.cloudtrail, token: {env: SHIP_TOKEN}}
  - {kind: kubernetes_audit, name: cluster, token: {env: PUSH_TOKEN}}
"""


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Give the root logger back as it was: `start` takes it over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "trail").mkdir()
    (tmp_path / "tocsin.yaml").write_text(SETTINGS)
    return load(tmp_path / "tocsin.yaml", {"PUSH_TOKEN": TOKEN, "SHIP_TOKEN": OTHER})


def write(folder: Path, name: str, *records: object) -> None:
    (folder / "trail" / name).write_text("".join(json.dumps(one) + "\n" for one in records))


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something becomes true, and say so where it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def sender(running: Running, token: str = TOKEN) -> Iterator[httpx.Client]:
    address = running.receiver_address()
    assert address is not None
    with httpx.Client(
        base_url=address,
        timeout=30,
        trust_env=False,
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in records)


def threads_of_ours() -> set[str]:
    names = ("turns", "upkeep", "feed-", "listen-", "ack-")
    return {each.name for each in threading.enumerate() if each.name.startswith(names)}


def recent(user: str, operation: str = "DescribeInstances") -> dict[str, object]:
    return call(operation, user=user, at=datetime.now(UTC).replace(microsecond=0))


def test_records_of_every_feed_arrive_and_stop_leaves_nothing_behind(
    settings: Settings, tmp_path: Path
):
    write(tmp_path, "a.jsonl", recent("filed"))

    with start(settings) as running:
        with sender(running) as client:
            pushed = client.post("/ingest/pushed", content=lines(recent("pushed"), {"x": 1}))
        client_of_elastic = elasticsearch.Elasticsearch(
            running.receiver_address(), api_key=OTHER, request_timeout=30
        )
        with client_of_elastic:
            shipped, errors = bulk(
                client_of_elastic,
                [{"_index": "logs", **recent("shipped-1")}, {"_index": "logs", **recent("s-2")}],
            )
        until(lambda: counters(running.store, "trail")["events"] == 1)
        events = len(stored(running.store).events)
        every = [counters(running.store, feed) for feed in ("trail", "pushed", "shipped")]

    assert (pushed.status_code, shipped, errors) == (200, 2, [])
    assert events == 4
    assert every[1]["rejects"] == 1
    assert all(map(is_conserved, every))
    assert threads_of_ours() == set()


def test_what_was_acknowledged_is_on_disk(settings: Settings, tmp_path: Path):
    with start(settings) as running, sender(running) as client:
        answer = client.post("/ingest/pushed", content=lines(stopped_now()))

        # Another process would open the folder just so.
        with Store.open(settings.data) as other:
            seen = stored(other)

    assert answer.status_code == 200
    assert (len(seen.events), len(seen.findings), len(seen.incidents)) == (1, 1, 1)


def stopped_now() -> dict[str, object]:
    return stopped_trail(at=datetime.now(UTC).replace(microsecond=0))


def test_a_second_start_resumes_without_repeats(settings: Settings, tmp_path: Path):
    write(tmp_path, "a.jsonl", recent("one"), recent("two"))
    with start(settings) as running:
        until(lambda: counters(running.store, "trail")["events"] == 2)
    write(tmp_path, "b.jsonl", recent("three"))

    with start(settings) as running:
        until(lambda: counters(running.store, "trail")["events"] == 3)
        counts = counters(running.store, "trail")

    assert (counts["received"], counts["duplicates"]) == (3, 0)


def test_a_growing_file_is_followed(settings: Settings, tmp_path: Path):
    write(tmp_path, "a.jsonl", recent("one"))
    with start(settings) as running:
        until(lambda: counters(running.store, "trail")["events"] == 1)
        with (tmp_path / "trail" / "a.jsonl").open("a") as file:
            file.write(json.dumps(stopped_now()) + "\n")

        until(lambda: running.store.maintenance.figures().incidents == 1)
        (incident,) = running.store.incidents.list(IncidentFilter(), EVERYTHING).rows

    assert "eve" in {entity.name for entity in incident.entities}


def test_the_same_delivery_again_is_answered_and_counted_as_duplicates(settings: Settings):
    content = lines(recent("one"), recent("two"))
    with start(settings) as running, sender(running) as client:
        answers = [client.post("/ingest/pushed", content=content).status_code for _ in range(3)]
        counts = counters(running.store, "pushed")

    assert answers == [200, 200, 200]
    assert (counts["received"], counts["events"], counts["duplicates"]) == (6, 2, 4)


def test_a_compressed_audit_webhook_is_taken(settings: Settings):
    event = {
        "kind": "Event",
        "auditID": "6a1f0e2c-0000-4000-8000-000000000001",
        "stage": "ResponseComplete",
        "verb": "list",
        "requestURI": "/api/v1/pods",
        "user": {"username": "jane"},
        "stageTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    }
    content = json.dumps({"kind": "EventList", "items": [event, event | {"auditID": "2"}]})
    with start(settings) as running, sender(running) as client:
        answer = client.post(
            "/kubernetes/audit/cluster",
            content=gzip.compress(content.encode()),
            headers={"Content-Encoding": "gzip"},
        )
        counts = counters(running.store, "cluster")

    assert answer.status_code == 200
    assert counts["events"] == 2


def test_a_full_queue_is_told_and_counted(settings: Settings):
    with start(settings) as running, sender(running) as client:
        running.queue.limits = Limits(waiting_records=0)
        refused = client.post("/ingest/pushed", content=lines(recent("one")))
        running.queue.limits = Limits()
        taken = client.post("/ingest/pushed", content=lines(recent("one")))
        metrics = {metric.name: metric.value for metric in running.metrics()}

    assert (refused.status_code, taken.status_code) == (429, 200)
    assert int(refused.headers["Retry-After"]) >= 1
    assert metrics["tocsin_deliveries_refused_total"] == 1


@pytest.mark.parametrize("token", ["", "wrong", OTHER])
def test_a_sender_without_the_token_of_the_feed_is_refused(settings: Settings, token: str):
    with start(settings) as running, sender(running, token or "x") as client:
        answer = client.post("/ingest/pushed", content=lines(recent("one")))
        counts = counters(running.store, "pushed")

    assert answer.status_code in (401, 403)
    assert counts["received"] == 0


def test_a_store_that_fails_is_told_to_the_sender_and_heals(settings: Settings):
    with start(settings) as running, sender(running) as client:
        obstacle = running.store.folder / "lake" / "aws.cloudtrail"
        obstacle.write_text("a file where a folder should be")
        failed = client.post("/ingest/pushed", content=lines(recent("one")))
        unwell = running.health()
        obstacle.unlink()
        taken = client.post("/ingest/pushed", content=lines(recent("one")))
        until(lambda: running.health().is_ready)

    assert (failed.status_code, taken.status_code) == (503, 200)
    assert not unwell.is_ready
    assert any("turns store nothing" in problem for problem in unwell.problems)


def test_health_and_metrics_tell_that_turns_run(settings: Settings):
    with start(settings) as running, sender(running) as client:
        client.post("/ingest/pushed", content=lines(recent("one")))
        until(lambda: running.health().is_ready)
        health = running.health()
        names = {metric.name for metric in running.metrics()}

    assert health.problems == ()
    assert {"tocsin_turn_seconds_count", "tocsin_queue_records"} <= names


def test_a_feed_that_cannot_be_read_is_a_problem_and_stops_nobody(tmp_path: Path):
    # The folder that is to be read once is not there.
    (tmp_path / "tocsin.yaml").write_text(SETTINGS.replace("path: trail", "path: x, follow: false"))
    settings = load(tmp_path / "tocsin.yaml", {"PUSH_TOKEN": TOKEN, "SHIP_TOKEN": OTHER})

    with start(settings) as running, sender(running) as client:
        until(lambda: "feed trail: " in "".join(running.health().problems))
        answer = client.post("/ingest/pushed", content=lines(recent("one")))
        health = running.health()

    assert answer.status_code == 200
    assert health.is_ready
    assert health.problems == (f"feed trail: {tmp_path}/x: No such file or directory",)


def test_the_doctor_names_a_folder_that_is_not_there(tmp_path: Path):
    (tmp_path / "tocsin.yaml").write_text(SETTINGS)
    settings = load(tmp_path / "tocsin.yaml", {"PUSH_TOKEN": TOKEN, "SHIP_TOKEN": OTHER})

    unwell = [each for each in diagnose(settings) if not each.is_well]

    assert [each.name for each in unwell] == ["feed trail"]
    assert str(tmp_path / "trail") in unwell[0].message


def test_a_port_that_is_taken_is_one_error_and_leaves_no_thread(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "trail").mkdir()
        text = SETTINGS.replace("receivers: {port: 0}", f"receivers: {{port: {port}}}")
        (tmp_path / "tocsin.yaml").write_text(text)
        settings = load(tmp_path / "tocsin.yaml", {"PUSH_TOKEN": TOKEN, "SHIP_TOKEN": OTHER})

        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}"):
            start(settings)

    assert threads_of_ours() == set()


def test_the_doctor_finds_everything_well_beside_a_running_tocsin(settings: Settings):
    with start(settings) as running, sender(running) as client:
        client.post("/ingest/pushed", content=lines(recent("one")))
        checked = {each.name: each for each in diagnose(settings)}

    assert [each.message for each in checked.values() if not each.is_well] == []
    assert {"content", "data folder", "disk", "clock", "rule worker", "feed trail"} <= set(checked)


def test_sound_settings_and_content_have_no_problems(settings: Settings):
    assert list(content_problems(settings)) == []


def test_the_heartbeat_reaches_its_address_and_a_dead_one_is_a_problem(
    store: Store, tmp_path: Path
):
    with serve() as server:
        (tmp_path / "tocsin.yaml").write_text(
            "data: data\nheartbeat: {url: {env: URL}, every: 1m, allow_private: [127.0.0.0/8]}\n"
        )
        environ = {"URL": f"http://127.0.0.1:{server.port}/hunter2"}
        settings = load(tmp_path / "tocsin.yaml", environ)
        clock = [NOW]
        upkeep = Upkeep(settings, store, threading.Event(), lambda: clock[0])
        for minutes in (0, 0.5, 1, 1.5, 2):
            clock[0] = NOW + timedelta(minutes=minutes)
            upkeep.once()
        beats = [path for _, _, path, _ in server.seen]
        well = upkeep.problems()
        server.status = 500
        clock[0] = NOW + timedelta(minutes=3)
        upkeep.once()

    (problem,) = upkeep.problems()
    assert (beats, well) == (["/hunter2", "/hunter2"], ())
    assert problem.startswith("heartbeat: ")
    assert "hunter2" not in problem


def test_upkeep_compacts_and_retains(tools: Tools, store: Store, tmp_path: Path):
    for number in range(10):
        turned(tools, store, batch(call(user=f"user-{number}"), first=number))
    files = store.maintenance.figures().files
    (tmp_path / "tocsin.yaml").write_text("data: data\nretention: {days: 2}\n")
    settings = load(tmp_path / "tocsin.yaml", {})
    clock = [NOW]
    upkeep = Upkeep(settings, store, threading.Event(), lambda: clock[0])
    upkeep.once()

    clock[0] = NOW + timedelta(hours=3)
    upkeep.once()
    compacted = store.maintenance.figures()
    clock[0] = NOW + timedelta(days=4)
    upkeep.once()
    retained = store.maintenance.figures()

    assert upkeep.problems() == ()
    assert (files, compacted.files, compacted.events) == (10, 1, 10)
    assert (retained.files, retained.events) == (0, 0)


@pytest.mark.slow
def test_the_demo_opens_its_first_incident_and_takes_no_feeds(tmp_path: Path):
    settings = load(None, {"TOCSIN_DATA": str(tmp_path / "demo"), "TOCSIN_WEB__PORT": "0"})

    with start(settings, demo=True) as running:
        until(lambda: running.store.maintenance.figures().incidents >= 1)
        address = running.receiver_address()

    assert (running.is_demo, address) == (True, None)
