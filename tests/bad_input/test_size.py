"""Input of monstrous size: memory stays, the process lives, neighbors arrive."""

import gzip
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bad_input.hostile import bomb, neighbor

_MEASURED = """\
import sys
from tocsin.serve.cli import main
try:
    main(sys.argv[1:])
finally:
    sys.stdout.flush()
    status = open("/proc/self/status").read()
    print("PEAK", status.split("VmHWM:")[1].split()[0], file=sys.stderr)
"""
ROOM = 96 << 10
"""KiB over an ordinary run."""


@dataclass(frozen=True)
class Measured:
    code: int
    events: list[dict[str, object]]
    err: str
    peak_kib: int


def normalized(path: Path) -> Measured:
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURED, "normalize", str(path), "--source", "aws.cloudtrail"],
        capture_output=True,
        timeout=300,
        check=False,
    )
    err = ended.stderr.decode()
    peak = int(err.rsplit("PEAK", 1)[1])
    return Measured(ended.returncode, [json.loads(x) for x in ended.stdout.splitlines()], err, peak)


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    path = tmp_path_factory.mktemp("ordinary") / "x.jsonl"
    path.write_bytes(b"\n".join(map(neighbor, range(200))))
    return normalized(path)


def users(measured: Measured) -> list[str]:
    return [event["actor"]["user"]["name"] for event in measured.events]  # type: ignore[index]


def test_a_line_of_100_mib_is_one_reject(tmp_path: Path, ordinary: Measured):
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        file.write(neighbor(1) + b'\n{"eventName": "')
        for _ in range(100):
            file.write(b"a" * (1 << 20))
        file.write(b'"}\n' + neighbor(2) + b"\n")

    found = normalized(path)

    assert (found.code, users(found)) == (0, ["neighbor-1", "neighbor-2"])
    assert "1 rejects" in found.err
    assert found.peak_kib < ordinary.peak_kib + ROOM


def test_a_document_of_100_mib_without_an_end_is_bounded(tmp_path: Path, ordinary: Measured):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.write(b'{"Records": [' + neighbor(1) + b"," + b'{"eventVersion": ["')
        for _ in range(100):
            file.write(b"[" * (1 << 20))

    found = normalized(path)

    assert found.code == 0
    assert users(found) == ["neighbor-1"]
    assert found.peak_kib < ordinary.peak_kib + ROOM


def test_a_gzip_bomb_ends_early_and_what_came_before_arrives(tmp_path: Path, ordinary: Measured):
    path = tmp_path / "x.json.gz"
    path.write_bytes(bomb(600 << 20))
    after = tmp_path / "y.jsonl"
    after.write_bytes(neighbor(3))

    found = normalized(tmp_path)

    assert found.code == 0
    assert users(found)[0] == "neighbor-1" and users(found)[-1] == "neighbor-3"
    assert "bomb" in found.err
    assert found.peak_kib < ordinary.peak_kib + ROOM


def test_gzip_in_gzip_is_a_reject(tmp_path: Path, ordinary: Measured):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(gzip.compress(bomb(1 << 20))))

    found = normalized(path)

    assert (found.code, found.events) == (0, [])
    assert "0 events" in found.err and "0 rejects" not in found.err


def test_100_000_small_files_worth_of_garbage_is_bounded(tmp_path: Path, ordinary: Measured):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"garbage\n" * 100_000 + neighbor(1))

    found = normalized(path)

    assert (found.code, users(found)) == (0, ["neighbor-1"])
    assert "100000 rejects" in found.err
    assert found.peak_kib < ordinary.peak_kib + ROOM
