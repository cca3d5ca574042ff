"""Kill a store at its nth system call that changes something, go on, and find everything whole."""

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.crash.steps import EACH, FINDINGS, TURNS, names, play
from tests.store.tables import NOON
from tocsin.ocsf import EVERYTHING
from tocsin.store import FindingFilter, IncidentFilter, SqlLimits, Store

CHANGING = (
    "write,pwrite64,writev,fsync,fdatasync,ftruncate,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir"
)


Point = tuple[str, int]
"""The nth call of one kind: strace counts each kind apart."""


def killed_at(strace: str, folder: Path, point: Point) -> tuple[list[int], bool]:
    """Play the story, killed at a point; return the acknowledged turns, and whether it was."""
    name, nth = point
    inject = f"inject={name}:signal=SIGKILL:when={nth}"
    command = [strace, "-e", f"trace={name}", "-o", "/dev/null", "-e", inject]
    command += [sys.executable, "-m", "tests.crash.steps", str(folder)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 128 + signal.SIGKILL, -signal.SIGKILL}, ended.stderr
    return [int(line) for line in ended.stdout.split()], ended.returncode != 0


def calls_of_a_whole_run(strace: str, folder: Path) -> Counter[str]:
    """Return how many changing calls of each kind the story makes in its main thread."""
    trace = folder / "calls"
    command = [strace, "-e", f"trace={CHANGING}", "-o", str(trace)]
    command += [sys.executable, "-m", "tests.crash.steps", str(folder / "data")]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    calls = [line.split("(")[0] for line in trace.read_text("utf-8", "replace").splitlines()]
    return Counter(call for call in calls if call in CHANGING.split(","))


def chosen(calls: Counter[str], count: int) -> Iterator[Point]:
    """Yield points, each kind as often as any other: most calls are writes of pages."""
    chance = random.Random(20261123)
    points: set[Point] = set()
    for name in cycle(sorted(calls)):
        if len(points) == min(count, calls.total()):
            return
        point = (name, chance.randint(1, calls[name]))
        if point not in points:
            points.add(point)
            yield point


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_a_store_that_goes_on(
    strace: str, tmp_path: Path, kills: int
) -> None:
    (tmp_path / "whole").mkdir()
    calls = calls_of_a_whole_run(strace, tmp_path / "whole")
    killed = 0
    for point in chosen(calls, kills):
        folder = tmp_path / "-".join(map(str, point)) / "data"
        folder.parent.mkdir()
        acknowledged, was_killed = killed_at(strace, folder, point)
        play(folder, acknowledged.append)
        assert_whole(folder, acknowledged, point)
        killed += was_killed

    # A page more or less is written from run to run: the last points may lie behind the end.
    assert killed > 0.9 * min(kills, calls.total())


def assert_whole(folder: Path, acknowledged: list[int], point: Point) -> None:
    """Every turn was stored once, whether its acknowledgement left or not."""
    assert len(set(acknowledged)) == len(acknowledged), point
    expected = sorted(name for turn in range(TURNS) for name in names(turn))
    with Store.open(folder) as store:
        query = "SELECT metadata.uid AS name FROM events"
        table = store.events.sql(query, EVERYTHING, SqlLimits())
        assert sorted(table.column("name").to_pylist()) == expected, point
        rows = store.findings.list(FindingFilter(), EVERYTHING).rows.to_pylist()
        assert [row["match_count"] for row in rows] == [TURNS // FINDINGS] * FINDINGS, point
        (incident,) = store.incidents.list(IncidentFilter(), EVERYTHING).rows
        assert (incident.finding_count, incident.match_count) == (FINDINGS, TURNS), point
        feed = store.sources.list(EVERYTHING, NOON)[0]
        assert (feed.events, feed.duplicates) == (TURNS * EACH, 0), point
        assert store.maintenance.fsck() == (), point
