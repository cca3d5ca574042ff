"""Kill -9 at random moments under load: nothing acknowledged is lost, nothing is there twice.

A kill leaves what the kernel has; that the bytes are on disk before an acknowledgement is shown by
`test_fsync.py`.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conftest import PROJECT
from tests.crash.feeder import TOKEN, Feeder
from tests.crash.ledger import USERS, Ledger
from tests.store.tables import EVENTS, NOON, event, event_table, store_events, uid
from tocsin.ocsf import EVERYTHING
from tocsin.store import FindingFilter, IncidentFilter, SqlLimits, Store

RULES = Path(__file__).parent / "rules"
THRESHOLD = 5
"""Of the rule that counts; see rules/buckets_deleted.yml."""


class Lives:
    """The process that forks a Tocsin for each life."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._life = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.lives"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "TOCSIN_CRASH_TOKEN": TOKEN},
        )
        assert self._read() == "ready"

    def begin(self) -> None:
        """Start a life."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._config}\n")
        self._process.stdin.flush()
        word, pid = self._read().split()
        assert word == "pid"
        self._life = int(pid)

    def address(self) -> str:
        """Return the address of the present life, once it takes records."""
        word, value = self._read().split()
        assert word == "at", "Tocsin could not start from what the last kill left"
        return value

    def kill(self) -> None:
        """End the present life in the middle of whatever it does."""
        os.kill(self._life, signal.SIGKILL)
        while not self._read().startswith("gone"):
            pass

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate(timeout=120)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the process of the lives is gone"
        return line


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    path = tmp_path / "tocsin.yaml"
    path.write_text(
        f"""
data: {tmp_path / "data"}
receivers: {{port: 0}}
rules: {{folders: [{RULES}], with_builtin: false}}
incidents: {{gap: 7d, max_age: 30d}}
feeds:
  - {{name: pushed, kind: json_lines, source: aws.cloudtrail, token: {{env: TOCSIN_CRASH_TOKEN}}}}
  - {{name: followed, kind: file, source: aws.cloudtrail, path: {tmp_path / "log"}}}
"""
    )
    return path


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(config: Path, kills: int) -> None:
    ledger = Ledger(datetime.now(UTC).replace(microsecond=0))
    feeder = Feeder(ledger, config.parent / "log" / "trail.jsonl")
    chance = random.Random(20261123)
    lives = Lives(config)
    try:
        feeder.start()
        for number in range(kills):
            live_and_die(lives, feeder, chance, in_the_start=number % 4 == 0)
        lives.begin()
        feeder.arrive(lives.address())
        feeder.stop()
        wait_until_stored(config.parent / "data", ledger)
        lives.kill()
    finally:
        lives.close()

    assert set(feeder.refused) <= {429, 503}
    with Store.open(config.parent / "data") as store:
        assert_events(store, ledger)
        assert_findings(store, ledger)
        assert_incidents(store, ledger)
        assert_sound(store, ledger)


def live_and_die(
    lives: Lives, feeder: Feeder, chance: random.Random, *, in_the_start: bool
) -> None:
    """Live for a random moment; every fourth life ends while Tocsin still recovers."""
    lives.begin()
    if in_the_start:
        time.sleep(chance.uniform(0.0, 1.0))
        lives.kill()
        return
    feeder.arrive(lives.address())
    time.sleep(chance.uniform(0.0, 1.0))
    lives.kill()
    feeder.leave()


def wait_until_stored(data: Path, ledger: Ledger) -> None:
    """Wait for what is not acknowledged to anybody: the lines of the followed file."""
    deadline = time.monotonic() + 180.0
    with Store.open(data) as store:
        while store.events.count("", EVERYTHING) < len(ledger.sent):
            assert time.monotonic() < deadline, "the followed file is not read to its end"
            time.sleep(0.2)


def assert_events(store: Store, ledger: Ledger) -> None:
    query = "SELECT metadata.original_event_uid AS name FROM events"
    table = store.events.sql(query, EVERYTHING, SqlLimits(max_rows=10_000_000))
    stored = Counter(table.column("name").to_pylist())

    assert sorted(ledger.acknowledged - set(stored)) == [], "acknowledged and lost"
    assert sorted(set(ledger.sent) - set(stored)) == [], "written to the file and lost"
    assert [name for name, count in stored.items() if count > 1] == [], "stored twice"


def assert_findings(store: Store, ledger: Ledger) -> None:
    """One finding a rule and user, which counts each matching record once."""
    found = store.findings.list(FindingFilter(), EVERYTHING, limit=1000).rows.to_pylist()
    expected = {
        **{("Sigma", user): count for user, count in ledger.count_of("StopLogging").items()},
        **{
            ("Python", user): count
            for user, count in ledger.count_of("DeleteBucket").items()
            if count >= THRESHOLD
        },
    }

    assert len(found) == len(expected)
    assert {(row["rule_type"], name_of(row)): row["match_count"] for row in found} == expected
    for row in found:
        query = f"SELECT count(*) AS n FROM matches WHERE finding_uid = '{row['uid']}'"
        assert store.events.sql(query, EVERYTHING).column("n").to_pylist() == [row["match_count"]]


def assert_incidents(store: Store, ledger: Ledger) -> None:
    """One incident a user, which counts every match once."""
    incidents = store.incidents.list(IncidentFilter(), EVERYTHING, limit=1000).rows
    found = store.findings.list(FindingFilter(), EVERYTHING, limit=1000).rows.to_pylist()
    matches: Counter[str] = Counter()
    for row in found:
        matches[name_of(row)] += row["match_count"]

    counted = {incident.entities[0].name: incident.match_count for incident in incidents}
    assert sorted(counted) == sorted(USERS)
    assert counted == dict(matches)
    assert len(incidents) == len(USERS)


def assert_sound(store: Store, ledger: Ledger) -> None:
    for feed in store.sources.list(EVERYTHING, ledger.now):
        parts = feed.events + feed.findings + feed.resources + feed.duplicates + feed.rejects
        assert feed.received == parts, feed
    assert store.maintenance.fsck() == ()


def name_of(row: dict[str, Any]) -> str:
    return str(row["entity"]["name"])


def test_the_comparison_sees_what_is_lost_doubled_or_miscounted(tmp_path: Path) -> None:
    """The oracle is worth something only if it can say no."""
    ledger = Ledger(NOON)
    names = ledger.make(2)
    rows = [event(name) for name in names]
    for row, name in zip(rows, names, strict=True):
        row["metadata"] = {"uid": name, "original_event_uid": name}
    schema = EVENTS.set(
        EVENTS.get_field_index("metadata"),
        pa.field(
            "metadata", pa.struct([("uid", pa.string()), ("original_event_uid", pa.string())])
        ),
    )
    with Store.open(tmp_path / "data") as store:
        store_events(store, event_table(rows, schema))
        assert_events(store, ledger)

        double = {**rows[0], "event_uid": uid("another")}
        store_events(store, event_table([double], schema))
        with pytest.raises(AssertionError, match="stored twice"):
            assert_events(store, ledger)

        ledger.acknowledge(ledger.make(1))
        with pytest.raises(AssertionError, match="acknowledged and lost"):
            assert_events(store, ledger)

        ledger.make(5)
        with pytest.raises(AssertionError):
            assert_findings(store, ledger)
        with pytest.raises(AssertionError):
            assert_incidents(store, ledger)
