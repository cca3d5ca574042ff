"""Files with records, and a data folder into which they were loaded by the command itself."""

from pathlib import Path

import pytest

from tests.serve.cli.records import administration, audit_event
from tests.serve.cli.shell import json_lines, tocsin


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no settings of the person who runs the tests reach the commands."""
    for name in ("TOCSIN_DATA", "TOCSIN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture(scope="session")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return json_lines(tmp_path_factory.mktemp("trail") / "trail.jsonl", administration())


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = [audit_event(number) for number in range(3)]
    return json_lines(tmp_path_factory.mktemp("audit") / "audit.jsonl", events)


def loaded(folder: Path, trail: Path) -> Path:
    broken = folder / "with-reject.jsonl"
    broken.write_bytes(trail.read_bytes() + b'{"eventName": "\x1b[31mbroken\n')
    data = folder / "data"
    ended = tocsin("ingest", broken, "--source", "aws.cloudtrail", "--data", data)
    assert ended.code == 0, ended.err
    return data


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, trail: Path) -> Path:
    """Return a data folder that tests only ask."""
    return loaded(tmp_path_factory.mktemp("loaded"), trail)


@pytest.fixture
def own_data(tmp_path: Path, trail: Path) -> Path:
    """Return a data folder that one test may change."""
    return loaded(tmp_path, trail)
