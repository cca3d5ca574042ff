"""Hold a rate through all receivers at once, and prove from the store that nothing was lost.

`make load-test`: a real `tocsin up` with 330 rules takes CloudTrail events by `_bulk`, JSON lines,
HEC and OTLP, and Kubernetes audit events by the webhook, on a fixed schedule. Times count from when
a request was due to its answer, which is sent once its events and their findings are committed. The
feeder keeps a ledger of what was acknowledged; at the end the store must hold exactly that.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import psutil
import yaml

from benchmarks import recorded
from benchmarks.detection import rule_sets
from benchmarks.latency import attack

RULES = 330
MOST_MIB = 1024
MOST_P99_SECONDS = 2.0
_TOKEN = "load-test-" + "0" * 32
_RECORDS = 100
ATTACK_EVERY = 1_000
TRAIL = "trail-of-the-load-test"
_FIELDS = {
    "aws.cloudtrail": ("eventID", "eventTime"),
    "kubernetes.audit": ("auditID", "stageTimestamp"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way in.

    Attributes:
        kind: of its feed.
        path: where its requests go.
        authorization: the header that shows the token.
        source: what its records are.
        wrap: puts records into a body.
        content_type: of the body.
    """

    kind: str
    path: str
    authorization: str
    source: str
    wrap: Callable[[list[bytes]], bytes]
    content_type: str = "application/json"


@dataclass(slots=True)
class Ledger:
    """What one way had acknowledged: records, attacks among them, seconds from due to answer."""

    records: int = 0
    attacks: int = 0
    refusals: int = 0
    seconds: list[float] = field(default_factory=list)


def _otlp(lines: list[bytes]) -> bytes:
    records = [{"body": {"stringValue": line.decode()}} for line in lines]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def _bulk(lines: list[bytes]) -> bytes:
    return b"".join(b'{"create":{"_index":"trail"}}\n' + line for line in lines)


def _event_list(lines: list[bytes]) -> bytes:
    opening = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":['
    return opening + b",".join(lines) + b"]}"


def _hec(lines: list[bytes]) -> bytes:
    return b"".join(b'{"event":' + line + b"}" for line in lines)


WAYS = {
    "bulk": Way(
        "elasticsearch", "/_bulk", f"ApiKey {_TOKEN}-bulk", "aws.cloudtrail", _bulk,
        "application/x-ndjson",
    ),
    "lines": Way(
        "json_lines", "/ingest/lines", f"Bearer {_TOKEN}-lines", "aws.cloudtrail", b"".join
    ),
    "hec": Way(
        "splunk_hec", "/services/collector/event", f"Splunk {_TOKEN}-hec", "aws.cloudtrail", _hec
    ),
    "otlp": Way("otlp", "/v1/logs", f"Bearer {_TOKEN}-otlp", "aws.cloudtrail", _otlp),
    "cluster": Way(
        "kubernetes_audit", "/kubernetes/audit/cluster", f"Bearer {_TOKEN}-cluster",
        "kubernetes.audit", _event_list,
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load_test", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument(
        "--rate", type=int, default=5_000, help="events a second, all ways together"
    )
    parser.add_argument("--rules", type=int, default=RULES)
    parser.add_argument("--folder", type=Path, help="where to work; needs 2 GiB")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-load-", dir=options.folder))
    try:
        figures = measured(folder, options.minutes * 60, options.rate, options.rules)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:28} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    if not figures["holds"]:
        raise SystemExit(1)


def measured(folder: Path, seconds: float, rate: int, rules: int) -> dict[str, object]:
    """Run the load and return what it showed."""
    write_settings(folder, rules)
    process, address = started(folder)
    memory = _Memory(process.pid)
    memory.start()
    began = time.monotonic()
    try:
        ledgers = asyncio.run(_feed(address, seconds, rate))
        took = time.monotonic() - began
    finally:
        memory.stopping.set()
        process.terminate()
        process.wait(60)
    return _figures(folder, ledgers, memory, took, rate)


def write_settings(folder: Path, rules: int) -> None:
    """Write a settings file with all ways in, and rules up to so many with those that ship."""
    feeds = [
        {"name": name, "kind": way.kind, "source": way.source, "token": {"env": _variable(name)}}
        for name, way in WAYS.items()
    ]
    more = max(rules - _builtin_rules(), 0)
    rule_sets.write(
        rule_sets.cloudtrail_documents(rule_sets.FEW + more)[rule_sets.FEW :], folder / "rules"
    )
    settings = {
        "data": f"{folder}/store",
        "web": {"port": 0},
        "receivers": {"port": 0},
        "rules": {"folders": [f"{folder}/rules"]},
        "feeds": feeds,
    }
    (folder / "tocsin.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def _builtin_rules() -> int:
    from tocsin.run import content

    return sum(1 for path in content.builtin_rules_folder().rglob("*.yaml"))


def _variable(way: str) -> str:
    return f"LOAD_TEST_{way.upper()}"


def started(folder: Path) -> tuple["subprocess.Popen[bytes]", str]:
    """Start Tocsin; return its process and where its receivers listen."""
    tokens = {_variable(name): f"{_TOKEN}-{name}" for name in WAYS}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", "up", "--config", str(folder / "tocsin.yaml")],
            stderr=log,
            env={**os.environ, **tokens},
        )
    while True:
        text = (folder / "log").read_text()
        for line in text.splitlines():
            if line.startswith("Receivers at"):
                return process, line.split()[-1]
        if process.poll() is not None:
            raise SystemExit(text)
        time.sleep(0.05)


async def _feed(address: str, seconds: float, rate: int) -> dict[str, Ledger]:
    ledgers = {name: Ledger() for name in WAYS}
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
        began = time.monotonic() + 0.5
        await asyncio.gather(
            *(
                _keep(client, name, ledgers[name], (began, seconds, rate / len(WAYS)))
                for name in WAYS
            )
        )
    return ledgers


async def _keep(
    client: httpx.AsyncClient, name: str, ledger: Ledger, schedule: tuple[float, float, float]
) -> None:
    """Send one way's requests when they are due, whether or not earlier ones were answered."""
    began, seconds, rate = schedule
    coming = records_of(name)
    sending: set[asyncio.Task[None]] = set()
    for number in range(int(seconds * rate / _RECORDS)):
        lines = [next(coming) for _ in range(_RECORDS)]
        due = began + number * _RECORDS / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(_send(client, WAYS[name], lines, ledger, due))
        sending.add(task)
        task.add_done_callback(sending.discard)
    await asyncio.gather(*sending)


async def _send(
    client: httpx.AsyncClient, way: Way, lines: list[bytes], ledger: Ledger, due: float
) -> None:
    body = way.wrap(lines)
    headers = {"Authorization": way.authorization, "Content-Type": way.content_type}
    while True:
        answer = await client.post(way.path, content=body, headers=headers)
        if answer.status_code == 200:
            break
        if answer.status_code not in (429, 503):
            raise SystemExit(f"{way.path}: {answer.status_code}: {answer.text[:300]}")
        ledger.refusals += 1
        await asyncio.sleep(float(answer.headers.get("retry-after", 0.2)))
    ledger.seconds.append(time.monotonic() - due)
    ledger.records += len(lines)
    ledger.attacks += sum(TRAIL.encode() in line for line in lines)


def records_of(name: str) -> Iterator[bytes]:
    """Yield records that no other way sends, as JSON lines, without end.

    They are those of the benign day over and over, now and with identifiers of their own: what most
    of a company's events are. Every thousandth stops a trail.
    """
    source = WAYS[name].source
    uid_field, time_field = _FIELDS[source]
    halves = [recorded.split(record, uid_field, time_field) for record in _benign_day(source)]
    is_trail = source == "aws.cloudtrail"
    for number in count():
        if is_trail and number % ATTACK_EVERY == ATTACK_EVERY - 1:
            yield _attack(f"{name}-{number}")
            continue
        before, middle, after = halves[number % len(halves)]
        uid = recorded.uuid(number, name).encode()
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        yield b"".join((before, uid, middle, moment, after, b"\n"))


def _benign_day(source: str) -> Iterator[dict[str, object]]:
    from tocsin.collect import demo_story
    from tocsin.run import content

    folder = content.drill_folder()
    company = content.read_text(folder / "company.yaml")
    text = content.read_text(folder / "benign_day.yaml")
    story = demo_story.load_story(text, "benign_day.yaml", company)
    for record in story.told(source, datetime.now(UTC)):
        # A later stage has a time of its own, which would tell the age of the event.
        yield {key: value for key, value in record.items() if key != "requestReceivedTimestamp"}


def _attack(name: str) -> bytes:
    made = attack(name, datetime.now(UTC), f"{TRAIL}-{name}")
    return json.dumps(made).encode() + b"\n"


class _Memory(threading.Thread):
    """Adds up the memory of the process and its children each second.

    Proportional set size: pages that parent and children share count once.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self.stopping = threading.Event()
        self.mib: list[float] = []
        self.cpu_seconds = 0.0

    def run(self) -> None:
        while not self.stopping.wait(1):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
                self.mib.append(sum(each.memory_full_info().pss for each in tree) / 2**20)
                times = [each.cpu_times() for each in tree]
                self.cpu_seconds = sum(each.user + each.system for each in times)
            except psutil.Error:
                continue


def _figures(
    folder: Path, ledgers: dict[str, Ledger], memory: _Memory, took: float, rate: int
) -> dict[str, object]:
    sent = sum(ledger.records for ledger in ledgers.values())
    attacks = sum(ledger.attacks for ledger in ledgers.values())
    kept, distinct, found = stored(folder)
    times = sorted(seconds for ledger in ledgers.values() for seconds in ledger.seconds)
    p99 = times[int(len(times) * 0.99)]
    peak = max(memory.mib)
    # What the first seconds need is no growth: half of the time against the last quarter.
    half, last = len(memory.mib) // 2, len(memory.mib) * 3 // 4
    middle = max(memory.mib[:half] or [0.0])
    growth = max(memory.mib[last:] or [0.0]) / middle - 1 if middle else 0.0
    is_lossless = sent == kept == distinct and attacks == found
    held = sent / took
    return {
        "machine": f"{os.cpu_count()} cores",
        "events_acknowledged": sent,
        "events_per_second": round(held),
        "events_stored": kept,
        "distinct_identifiers": distinct,
        "attacks_acknowledged": attacks,
        "attacks_found": found,
        "refused_for_a_while": sum(ledger.refusals for ledger in ledgers.values()),
        "p50_seconds": round(times[len(times) // 2], 3),
        "p99_seconds": round(p99, 3),
        "worst_seconds": round(times[-1], 3),
        "peak_mib": round(peak),
        "growth_of_memory": f"{growth:+.0%}",
        "cpu_seconds_per_second": round(memory.cpu_seconds / took, 2),
        "is_lossless": is_lossless,
        "holds": is_lossless
        and held > 0.97 * rate
        and p99 < MOST_P99_SECONDS
        and peak <= MOST_MIB
        and growth < 0.1,
    }


def stored(folder: Path) -> tuple[int, int, int]:
    """Return events, distinct native identifiers and matches of attacks in the store."""
    from tocsin.ocsf import EVERYTHING
    from tocsin.store import FindingFilter, Store

    with Store.open(folder / "store") as store:
        stored = store.events.count("", EVERYTHING)
        answer = store.events.sql(
            "SELECT count(DISTINCT metadata.original_event_uid) AS uids FROM events", EVERYTHING
        )
        distinct = int(answer.column("uids")[0].as_py())
        which = FindingFilter(text="CloudTrail logging is stopped")
        found = sum(
            row["match_count"] for row in store.findings.list(which, EVERYTHING).rows.to_pylist()
        )
    return stored, distinct, found


if __name__ == "__main__":
    main()
