"""Step: from a shipper's request to the committed finding, at a fixed rate through `_bulk`.

A finding is committed in the transaction of its event, and the answer is sent after it: the time of
a request is the time to its findings. Requests go out on a fixed schedule, whether or not earlier
ones were answered, and times count from when a request was due. At the end the store is asked
whether every attack that was sent has its finding.

With the rate 0, events go out as fast as they are taken for that many seconds, several requests at
once, and the rate is what comes out.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import httpx

from benchmarks import recorded

_TOKEN = "benchmark-" + "0" * 32
_DOCUMENTS = 100
_SENDERS = 16
_MOST_PER_SECOND = 10_000
_STOPS = frozenset({"StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors"})


def main(folder: str, rate: str = "1000", seconds: str = "60") -> None:
    data = Path(folder)
    documents = _documents((int(rate) or _MOST_PER_SECOND) * int(seconds))
    process, address = _started(data)
    began = time.monotonic()
    try:
        times = asyncio.run(_ship(address, documents, int(rate), int(seconds)))
    finally:
        took = time.monotonic() - began
        process.terminate()
        process.wait(30)
    sent = len(times) * _DOCUMENTS
    print(json.dumps({"events_per_second": round(sent / took), **_figures(times, data, sent)}))


def _documents(count: int) -> list[bytes]:
    """Return `_bulk` pairs; every thousandth stops a trail of its own."""
    moment = datetime.now(UTC)
    made = []
    for number, line in enumerate(recorded.lines(count, since=moment, without=_STOPS)):
        if number % 1000 == 0:
            line = json.dumps(attack(str(number), moment, f"trail-{number}")).encode() + b"\n"
        made.append(b'{"create":{"_index":"trail"}}\n' + line)
    return made


def attack(name: str, moment: datetime, trail: str) -> dict[str, object]:
    """Return an event that stops a trail; `name` tells it from others."""
    event = dict(recorded.templates()[0])
    return event | {
        "eventID": f"attack-{name}",
        "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "StopLogging",
        "errorCode": None,
        "errorMessage": None,
        "requestParameters": {"name": trail},
    }


def _started(data: Path) -> tuple[subprocess.Popen[bytes], str]:
    data.mkdir(parents=True, exist_ok=True)
    (data / "tocsin.yaml").write_text(
        f"data: {data}/store\nweb: {{port: 0}}\nreceivers: {{port: 0}}\n"
        "feeds:\n  - {name: trail, kind: elasticsearch, source: aws.cloudtrail,"
        " token: {env: TOCSIN_TEST_TOKEN}}\n"
    )
    log = (data / "log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "up", "--config", str(data / "tocsin.yaml")],
        stderr=log,
        env={**os.environ, "TOCSIN_TEST_TOKEN": _TOKEN},
    )
    while True:
        text = (data / "log").read_text()
        for line in text.splitlines():
            if line.startswith("Receivers at"):
                return process, line.split()[-1]
        if process.poll() is not None:
            raise SystemExit(text)
        time.sleep(0.05)


async def _ship(address: str, documents: list[bytes], rate: int, seconds: int) -> list[float]:
    bodies = [
        b"".join(documents[start : start + _DOCUMENTS])
        for start in range(0, len(documents), _DOCUMENTS)
    ]
    headers = {"Authorization": f"ApiKey {_TOKEN}", "Content-Type": "application/x-ndjson"}
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(
        base_url=address, headers=headers, limits=limits, timeout=60
    ) as client:
        began = time.monotonic() + 0.5
        if not rate:
            return await _ship_all(client, bodies, time.monotonic() + seconds)
        interval = _DOCUMENTS / rate
        sending = [
            _send(client, body, began + number * interval) for number, body in enumerate(bodies)
        ]
        return await asyncio.gather(*sending)


async def _ship_all(client: httpx.AsyncClient, bodies: list[bytes], until: float) -> list[float]:
    """Send a body as soon as one of a few senders is free, until a moment."""
    waiting = takewhile(lambda body: time.monotonic() < until, bodies)

    async def sender() -> list[float]:
        return [await _send(client, body, time.monotonic()) for body in waiting]

    taken = await asyncio.gather(*(sender() for _ in range(_SENDERS)))
    return [seconds for each in taken for seconds in each]


async def _send(client: httpx.AsyncClient, body: bytes, due: float) -> float:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    while True:
        answer = await client.post("/_bulk", content=body)
        if answer.status_code == 200:
            return time.monotonic() - due
        if answer.status_code != 429:
            raise SystemExit(f"{answer.status_code}: {answer.text[:300]}")
        await asyncio.sleep(0.2)


def _figures(times: list[float], data: Path, sent: int) -> dict[str, object]:
    from tocsin.ocsf import EVERYTHING
    from tocsin.store import FindingFilter, Store

    with Store.open(data / "store") as store:
        stored = store.events.count("", EVERYTHING)
        which = FindingFilter(text="CloudTrail logging is stopped")
        found = sum(
            row["match_count"] for row in store.findings.list(which, EVERYTHING).rows.to_pylist()
        )
    ordered = sorted(times)
    return {
        "sent": sent,
        "stored": stored,
        "attacks_sent": -(-sent // 1000),
        "attack_matches": found,
        "p50_seconds": round(ordered[len(ordered) // 2], 3),
        "p99_seconds": round(ordered[int(len(ordered) * 0.99)], 3),
        "worst_seconds": round(ordered[-1], 3),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
