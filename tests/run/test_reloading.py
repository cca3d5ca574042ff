"""Rules that change while everything runs: in force within seconds, and never a record lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.run.crank import call, counters
from tests.run.test_backtest import PYTHON_YAML, rule
from tests.run.test_embedded import _own_log, until  # noqa: F401 - a fixture for every test here
from tocsin.errors import Location, Problem
from tocsin.ocsf import EVERYTHING
from tocsin.run import Running, last_good, rule_work, start, wiring
from tocsin.run.diagnosis import diagnose
from tocsin.settings import Settings, load
from tocsin.store import FindingFilter

UID = "0a8f3f0e-0000-4000-8000-000000000001"
OTHER = "0a8f3f0e-0000-4000-8000-000000000002"
SETTINGS = """\
data: data
log_level: error
web: {port: 0}
receivers: {port: 0}
rules: {folders: [rules], with_builtin: false}
feeds:
  - {kind: file, name: trail, source: aws.cloudtrail, path: trail}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trail").mkdir()
    (tmp_path / "rules").mkdir()
    (tmp_path / "tocsin.yaml").write_text(SETTINGS)
    (tmp_path / "rules" / "own.yaml").write_text(rule("DescribeInstances"))
    return tmp_path


@pytest.fixture
def settings(folder: Path) -> Settings:
    return load(folder / "tocsin.yaml", {})


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr("tocsin.run.reloading.LOOK_EVERY_SECONDS", 0.1)
    with start(settings) as started:
        yield started


def titles(running: Running) -> set[str]:
    return {each.title for each in running.shown_rules()}


def send(folder: Path, *operations: str, user: str = "eve") -> None:
    """Append records of now to the file that is followed."""
    with (folder / "trail" / "a.jsonl").open("a") as file:
        for number, operation in enumerate(operations):
            at = datetime.now(UTC).replace(microsecond=0)
            record = call(operation, user=user, at=at)
            record["eventID"] = f"{operation}-{user}-{number}-{at.timestamp()}"
            file.write(json.dumps(record) + "\n")


def found(running: Running) -> set[str]:
    rows = running.store.findings.list(FindingFilter(), EVERYTHING, limit=1_000).rows
    return set(rows["rule_title"].to_pylist())


def test_new_changed_and_removed_files_are_in_force_without_a_restart(
    running: Running, folder: Path
):
    before = running.rules.version
    (folder / "rules" / "other.yaml").write_text(rule("StopLogging", uid=OTHER))
    until(lambda: len(titles(running)) == 2)
    send(folder, "StopLogging")
    until(lambda: "Somebody calls StopLogging" in found(running))

    (folder / "rules" / "other.yaml").write_text(rule("DeleteTrail", uid=OTHER))
    until(lambda: "Somebody calls DeleteTrail" in titles(running))
    changed = running.rules.version
    (folder / "rules" / "other.yaml").unlink()
    until(lambda: titles(running) == {"Somebody calls DescribeInstances"})

    assert running.health().problems == ()
    assert changed != before
    assert running.rules.version == before


def test_a_broken_file_keeps_its_last_good_version_and_is_told(
    running: Running, folder: Path, settings: Settings
):
    broken = rule("DescribeInstances").replace("condition: selection", "condition: nothing")
    (folder / "rules" / "own.yaml").write_text(broken)
    (folder / "rules" / "other.yaml").write_text(rule("StopLogging", uid=OTHER))

    until(lambda: len(titles(running)) == 2)
    send(folder, "DescribeInstances")
    until(lambda: "Somebody calls DescribeInstances" in found(running))
    until(lambda: len(running.health().problems) == 1)
    (problem,) = running.health().problems
    unwell = {each.name: each.message for each in diagnose(settings) if not each.is_well}

    assert "own.yaml" in problem
    assert "its last good version stays in force" in problem
    assert "own.yaml" in unwell["rules in force"]
    assert running.health().is_ready
    (folder / "rules" / "own.yaml").write_text(rule("DescribeInstances", level="high"))
    until(lambda: running.health().problems == ())
    assert {each.severity_id for each in running.shown_rules()} == {2, 4}


def test_no_record_is_lost_while_rules_change_again_and_again(running: Running, folder: Path):
    for number in range(5):
        (folder / "rules" / "own.yaml").write_text(rule(f"Call{number}"))
        send(folder, *["DescribeInstances"] * 20, user=f"user-{number}")
        until(lambda name=f"Somebody calls Call{number}": name in titles(running))  # type: ignore[misc]
    until(lambda: counters(running.store, "trail")["events"] == 100)

    counts = counters(running.store, "trail")
    assert (counts["received"], counts["rejects"], counts["duplicates"]) == (100, 0, 0)


def test_python_rules_get_their_new_text_and_their_new_helpers(running: Running, folder: Path):
    rules = folder / "rules"
    (rules / "global_helpers").mkdir()
    helper = rules / "global_helpers" / "names.py"
    helper.write_text("WANTED = 'First'\n")
    (rules / "own.py").write_text(
        "from names import WANTED\n\n\n"
        "def rule(event):\n    return event.get('eventName') == WANTED\n"
    )
    (rules / "own.yml").write_text(PYTHON_YAML + "DisplayName: By Python\n")
    until(lambda: "By Python" in titles(running))
    send(folder, "First", "Second", user="before")
    until(lambda: "By Python" in found(running))
    version = running.rules.version

    helper.write_text("WANTED = 'Second'\n")
    until(lambda: running.rules.version != version)
    send(folder, "First", "Second", user="after")
    until(lambda: counters(running.store, "trail")["events"] == 4)

    rows = running.store.findings.list(FindingFilter(), EVERYTHING).rows
    assert sorted(each["name"] for each in rows["entity"].to_pylist()) == ["after", "before"]


def test_the_other_half_of_a_python_rule_stays_too(running: Running, folder: Path):
    rules = folder / "rules"
    (rules / "own.py").write_text(
        "def rule(event):\n    return event.get('eventName') == 'First'\n"
    )
    (rules / "own.yml").write_text(PYTHON_YAML + "DisplayName: By Python\n")
    until(lambda: "By Python" in titles(running))

    (rules / "own.py").write_text("def rule(event:\n")
    (rules / "own.yml").write_text(PYTHON_YAML + "DisplayName: With a new name\n")
    until(lambda: "own.py" in " ".join(running.health().problems))
    send(folder, "First")
    until(lambda: "By Python" in found(running))

    assert "With a new name" not in titles(running)


def test_a_folder_that_vanishes_leaves_its_rules_in_force(running: Running, folder: Path):
    (folder / "rules").rename(folder / "elsewhere")

    until(lambda: "those in force stay" in " ".join(running.health().problems))

    assert titles(running) == {"Somebody calls DescribeInstances"}
    (folder / "elsewhere").rename(folder / "rules")
    until(lambda: running.health().problems == ())


def test_a_rule_that_moves_to_another_file_is_not_there_twice(running: Running, folder: Path):
    rules = folder / "rules"
    (rules / "moved.yaml").write_text(rule("StopLogging"))
    (rules / "own.yaml").write_text("title: [unfinished\n")

    until(lambda: titles(running) == {"Somebody calls StopLogging"})


def test_reading_the_same_files_anew_changes_nothing():
    texts = {"a.yaml": rule("One"), "b.yaml": rule("Two", uid=OTHER)}

    first = last_good.read(texts, {}, wiring.parsed_rules)
    again = last_good.read(texts, first.good, wiring.parsed_rules)

    assert (again.kept, again.good) == ((), texts)
    assert again.loaded.version == first.loaded.version


def test_an_unreadable_file_is_as_a_broken_one():
    problem = Problem(Location("a.yaml"), "the file cannot be read: Permission denied")
    parse = lambda texts: wiring.parsed_rules(texts, () if "a.yaml" in texts else (problem,))  # noqa: E731

    reading = last_good.read({}, {"a.yaml": rule("One")}, parse)

    assert reading.kept == ("a.yaml",)
    assert [each.title for each in reading.loaded.rules] == ["Somebody calls One"]
    assert [each.location.file for each in reading.loaded.refusals] == ["a.yaml"]


def wait_for(holds, process: subprocess.Popen[bytes]) -> None:
    until(lambda: process.poll() is not None or holds())
    assert process.poll() is None, "it has ended"


@pytest.mark.slow
def test_a_process_takes_signals_and_wishes_and_its_settings_anew(folder: Path):
    settings = folder / "tocsin.yaml"
    command = [sys.executable, "-m", "tocsin", "up", "--config", str(settings)]
    with subprocess.Popen(
        command, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2], env=dict(os.environ)
    ) as process:
        try:
            data = folder / "data"
            wait_for(lambda: rule_work.noticed(data) is not None, process)
            first = rule_work.noticed(data)
            settings.write_text(SETTINGS.replace("folders:", f"disabled: [{UID}], folders:"))
            os.kill(process.pid, signal.SIGHUP)
            wait_for(lambda: getattr(rule_work.noticed(data), "rules", 1) == 0, process)
            settings.write_text(SETTINGS)
            answered = rule_work.ask_to_reload(data, 30)
        finally:
            process.terminate()
            process.wait(120)

    assert first is not None
    assert answered is not None
    assert (first.rules, answered.rules, answered.version) == (1, 1, first.version)
    assert rule_work.noticed(data) is None
    assert rule_work.ask_to_reload(data, 1) is None
