"""Every acknowledgement follows an fsync of the bytes that it covers, and the test would notice.

A kill leaves what the kernel has, so a Tocsin without any fsync passes `test_kills.py`: here strace
looks at the order of the system calls. The faults show that a missing fsync is seen.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from tests.collect.cloud import BUCKET, Cloud, announcement, cloud, serving
from tests.conftest import PROJECT
from tests.crash import traces
from tests.crash.feeder import TOKEN
from tests.crash.ledger import Ledger
from tests.crash.traces import Acknowledgement, Durability

TRACED = Path(__file__).parent / "rules"
PUSHES = 3
OBJECTS = 2
EACH = 4

pytestmark = pytest.mark.slow


@pytest.fixture
def aws() -> Iterator[Cloud]:
    """A queue for each Tocsin: the last wish of a killed one would take a message with it."""
    with serving() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        with cloud(url) as opened:
            yield opened


def test_every_acknowledgement_follows_an_fsync_of_what_it_covers(
    strace: str, aws: Cloud, tmp_path: Path
) -> None:
    assert problems_of(strace, aws, tmp_path, "none") == []


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("file", "renamed before its bytes were synced"),
        ("folder", "the state names it before its folder was synced"),
        ("state", "sent before the log that holds"),
    ],
)
def test_a_missing_fsync_is_seen(
    strace: str, aws: Cloud, tmp_path: Path, fault: str, problem: str
) -> None:
    found = problems_of(strace, aws, tmp_path, fault)

    assert any(problem in text for text in found), found


def problems_of(strace: str, aws: Cloud, folder: Path, fault: str) -> list[str]:
    """Run Tocsin under strace, feed it in three ways, and judge the trace."""
    ledger = Ledger(datetime.now(UTC).replace(microsecond=0))
    config, trace = settings(folder, aws), folder / "trace"
    with running(strace, config, trace, fault) as address:
        pushed = [push(address, ledger) for _ in range(PUSHES)]
        fetched = [announce(aws, ledger, f"{fault}-{number}") for number in range(OBJECTS)]
        followed = append(folder, ledger)
    calls = traces.read(trace)
    durability = Durability(calls, folder / "data")
    acks = acknowledgements("answer", traces.answers(calls, "HTTP/1.1 200 OK"), pushed)
    acks += acknowledgements("deletion", traces.answers(calls, "DeleteMessage"), fetched)
    places = stored(folder / "data")
    assert set(followed) <= set(places)
    assert len(durability.files()) >= PUSHES + OBJECTS + 1
    return list(durability.problems(places, acks))


def settings(folder: Path, aws: Cloud) -> Path:
    (folder / "log").mkdir()
    path = folder / "tocsin.yaml"
    path.write_text(
        f"""
data: {folder / "data"}
receivers: {{port: 0}}
rules: {{folders: [{TRACED}], with_builtin: false}}
feeds:
  - {{name: pushed, kind: json_lines, source: aws.cloudtrail, token: {{env: TOCSIN_CRASH_TOKEN}}}}
  - {{name: followed, kind: file, source: aws.cloudtrail, path: {folder / "log"}}}
  - name: fetched
    kind: s3
    source: aws.cloudtrail
    buckets: [{BUCKET}]
    queue_url: {aws.queue_url}
    region: eu-central-1
    endpoint_url: {aws.url}
"""
    )
    return path


@contextmanager
def running(strace: str, config: Path, trace: Path, fault: str) -> Iterator[str]:
    """Give the address of the receivers; at the end Tocsin is killed."""
    command = [strace, "-f", "-y", "-s", "8192", "-e", f"trace={traces.SYSCALLS}", "-o", str(trace)]
    command += [sys.executable, "-m", "tests.crash.traced", str(config), fault]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "TOCSIN_CRASH_TOKEN": TOKEN},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        word, _, address = process.stdout.readline().strip().partition(" ")
        assert word == "at", "Tocsin did not start under strace"
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=120)


def push(address: str, ledger: Ledger) -> list[str]:
    """Post some records and return their names once they are acknowledged."""
    names = ledger.make(EACH)
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=300)
    try:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        body = b"".join(map(ledger.line, names))
        connection.request("POST", "/ingest/pushed", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    finally:
        connection.close()
    return names


def announce(aws: Cloud, ledger: Ledger, name: str) -> list[str]:
    """Put one object, announce it, and return its records once the message is deleted."""
    names = ledger.make(EACH)
    aws.send(announcement(aws.put(f"{name}.json.gz", [ledger.line(each) for each in names])))
    wait_for(lambda: aws.waiting() == (0, 0), "the message is not deleted")
    return names


def append(folder: Path, ledger: Ledger) -> list[str]:
    """Write some records to the followed file and return their names once they are stored."""
    names = ledger.make(EACH)
    (folder / "log" / "trail.jsonl").write_bytes(b"".join(map(ledger.line, names)))
    wait_for(lambda: set(names) <= set(stored(folder / "data")), "the file is not followed")
    return names


def wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def stored(data: Path) -> dict[str, str]:
    """Return the event file of each record."""
    places = {}
    for path in (data / "lake").rglob("*.parquet"):
        for metadata in pq.read_table(path, columns=["metadata"]).column(0).to_pylist():
            places[metadata["original_event_uid"]] = str(path)
    return places


def acknowledgements(
    what: str, sent: list[traces.Call], records: list[list[str]]
) -> list[Acknowledgement]:
    """Return the nth call as the acknowledgement of the nth records: they were sent in turn."""
    assert len(sent) == len(records), f"{len(sent)} calls of {what}, {len(records)} expected"
    return [
        Acknowledgement(f"{what} {number}", call.start, tuple(names))
        for number, (call, names) in enumerate(zip(sent, records, strict=True), 1)
    ]
