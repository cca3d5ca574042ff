"""`tocsin ticket`, `tocsin audit` and `tocsin schedule`, by the command line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.act.tickets.fakes import Fake, running
from tests.serve.cli.shell import tocsin
from tocsin.store import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def jira() -> Iterator[Fake]:
    with running("jira") as fake:
        yield fake


@pytest.fixture
def config(tmp_path: Path, jira: Fake) -> Path:
    (tmp_path / "token").write_text("hunter2")
    given = jira.settings() | {"token": {"file": "token"}, "allow_private": ["127.0.0.0/8"]}
    content = {
        "data": "data",
        "audit": {"checkpoints": "elsewhere/checkpoints.jsonl"},
        "tickets": [{"name": "desk", "kind": "jira", **given}],
    }
    (tmp_path / "tocsin.yaml").write_text(yaml.safe_dump(content))
    with Store.open(tmp_path / "data") as store:
        for number in range(5):
            store.audit.append("ada", "note", f"object-{number}", {}, NOON)
    return tmp_path / "tocsin.yaml"


def test_a_test_ticket_is_made_and_closed(config: Path, jira: Fake):
    ended = tocsin("ticket", "test", "desk", "--config", config)

    assert ended.code == 0
    assert f"{jira.url}/browse/SEC-1" in ended.err
    assert [jira.is_open(uid) for uid in jira.tickets] == [False]
    wrong = tocsin("ticket", "test", "lost", "--config", config)
    assert (wrong.code, "there are: desk" in wrong.err) == (2, True)


def test_a_system_that_refuses_is_one_line_without_its_secret(config: Path, jira: Fake):
    jira.faults = ["403"]
    ended = tocsin("ticket", "test", "desk", "--config", config)

    assert ended.code == 1
    assert ended.err.startswith("tocsin: 127.0.0.1 answers with status 403")
    assert "hunter2" not in ended.err


def test_systems_and_tickets_are_listed(config: Path):
    (row,) = tocsin("ticket", "systems", "--config", config, "-o", "jsonl").lines

    assert (row["name"], row["kind"], row["parked"]) == ("desk", "jira", 0)
    assert tocsin("ticket", "list", "--config", config, "-o", "jsonl").lines == []
    assert "0 tickets have changed" in tocsin("ticket", "sync", "--config", config).err
    assert "0 tickets will be tried" in tocsin("ticket", "retry", "--config", config).err


def test_a_rewritten_log_shows_against_the_second_place(config: Path, tmp_path: Path):
    place = tmp_path / "elsewhere" / "checkpoints.jsonl"
    ended = tocsin("audit", "checkpoint", "--config", config)
    assert (ended.code, len(place.read_text().splitlines())) == (0, 1)
    assert tocsin("audit", "verify", "--config", config, "--checkpoints", place).code == 0

    with Store.open(tmp_path / "data") as store, store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE seq > 3")
        connection.exec_driver_sql("DELETE FROM audit_checkpoints")
    assert tocsin("audit", "verify", "--config", config).code == 0
    ended = tocsin("audit", "verify", "--config", config, "--checkpoints", place)

    assert ended.code == 1
    assert ended.out.startswith("entry 4: rows 4 to 5 are gone")
    assert tocsin("audit", "verify", "--config", config, "--checkpoints", config).code == 2


def test_the_log_is_listed_by_who_and_what(config: Path):
    lines = tocsin("audit", "list", "--config", config, "--object", "object-3", "-o", "jsonl").lines

    assert [row["actor"] for row in lines] == ["ada"]


def test_what_runs_by_the_clock_is_listed_and_run(config: Path, tmp_path: Path):
    assert "Nothing is planned" in tocsin("schedule", "list", "--config", config).err
    assert tocsin("schedule", "run", "audit-checkpoint", "--config", config).code == 0

    lines = tocsin("schedule", "list", "--config", config, "-o", "jsonl").lines
    assert [row["name"] for row in lines] == ["audit-checkpoint", "ticket-sync"]
    assert [row["reason"] for row in lines] == ["", ""]
    assert (tmp_path / "elsewhere" / "checkpoints.jsonl").exists()
    assert tocsin("schedule", "run", "lost", "--config", config).code == 2
