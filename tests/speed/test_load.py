"""A short load through all ways in at once, and a kill in the middle of it: nothing is lost.

No time is held against anything: `make load-test` does that for ten minutes at 5,000 events/s.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest

from benchmarks import load_test
from benchmarks.load_test import WAYS, Ledger, records_of, started, stored, write_settings

EACH = 100
"""Records that each way has acknowledged in a life before it ends."""

_RECORDS = 20
_PAUSE_SECONDS = 0.05


class Shipper:
    """Sends by one way, one request after the other; sends again what was not acknowledged."""

    def __init__(self, name: str) -> None:
        self.ledger = Ledger()
        self._way = WAYS[name]
        self._coming: Iterator[bytes] = records_of(name)
        self._waiting: list[bytes] = []

    async def ship(self, client: httpx.AsyncClient, over: asyncio.Event) -> None:
        """Ship until it is over and everything is acknowledged, or nobody is there."""
        while self._waiting or not over.is_set():
            self._waiting = self._waiting or list(islice(self._coming, _RECORDS))
            way, body = self._way, self._way.wrap(self._waiting)
            headers = {"Authorization": way.authorization, "Content-Type": way.content_type}
            try:
                answer = await client.post(way.path, content=body, headers=headers)
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                self.ledger.records += len(self._waiting)
                self.ledger.attacks += sum(load_test.TRAIL.encode() in x for x in self._waiting)
                self._waiting = []
            else:
                assert answer.status_code in (429, 503), answer.text
            await asyncio.sleep(_PAUSE_SECONDS)


async def ship_all(shippers: list[Shipper], address: str, pid: int | None) -> None:
    """Let all ship; then kill the process under load, or let them come to an end."""
    over = asyncio.Event()
    wanted = [shipper.ledger.records + EACH for shipper in shippers]
    async with httpx.AsyncClient(base_url=address, timeout=300, trust_env=False) as client:
        shipping = [asyncio.create_task(shipper.ship(client, over)) for shipper in shippers]
        while any(each.ledger.records < many for each, many in zip(shippers, wanted, strict=True)):
            assert not all(task.done() for task in shipping), "nobody takes what is shipped"
            await asyncio.sleep(_PAUSE_SECONDS)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        over.set()
        await asyncio.gather(*shipping)


def live(folder: Path, shippers: list[Shipper], *, is_killed: bool) -> None:
    """Run Tocsin until each way has had its share; end it as one does, or by a kill."""
    process, address = started(folder)
    try:
        asyncio.run(ship_all(shippers, address, process.pid if is_killed else None))
    finally:
        process.terminate()
        code = process.wait(180)
    assert code == (-signal.SIGKILL if is_killed else 0)


def test_all_ways_in_under_load_lose_nothing_through_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(load_test, "ATTACK_EVERY", 50)
    write_settings(tmp_path, 0)
    shippers = [Shipper(name) for name in WAYS]

    live(tmp_path, shippers, is_killed=True)
    live(tmp_path, shippers, is_killed=False)

    sent = sum(shipper.ledger.records for shipper in shippers)
    attacks = sum(shipper.ledger.attacks for shipper in shippers)
    assert attacks > 0
    assert stored(tmp_path) == (sent, sent, attacks)
