"""`tocsin up`, `validate`, `doctor`, and what holds for every command."""

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from tests.serve.cli.shell import PROJECT, command, spawned, tocsin
from tocsin import __version__
from tocsin.serve.cli.app import app
from tocsin.serve.cli.options import PERMISSIONS


def commands(group: typer.Typer | object, path: str = "") -> Iterator[tuple[str, object]]:
    for name, each in sorted(getattr(group, "commands", {}).items()):
        if hasattr(each, "commands"):
            yield from commands(each, f"{path} {name}")
        else:
            yield f"{path} {name}".strip(), each


EVERY = dict(commands(get_command(app)))


def test_the_version_is_printed():
    ended = tocsin("--version")

    assert (ended.code, ended.out) == (0, f"tocsin {__version__}\n")


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_command_carries_a_permission(name: str):
    callback = EVERY[name].callback
    home = callback.__wrapped__ if hasattr(callback, "__wrapped__") else callback

    assert PERMISSIONS[f"{home.__module__}.{home.__qualname__}"]


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_command_explains_itself(name: str):
    ended = tocsin(*name.split(), "--help")

    assert ended.code == 0
    assert EVERY[name].help


def test_the_version_is_told_without_the_store():
    code = "import sys, tocsin.serve.cli; print(*sys.modules)"

    loaded = subprocess.run(command()[:1] + ["-c", code], capture_output=True, cwd=PROJECT)

    heavy = {"duckdb", "sqlalchemy", "sigma", "pyarrow", "pydantic", "boto3", "fastapi"}
    assert loaded.returncode == 0
    assert heavy.isdisjoint(loaded.stdout.decode().split())


def test_an_unknown_command_is_a_usage_error():
    assert tocsin("detetc").code == 2


def test_sound_settings_are_said_to_be_sound(tmp_path: Path):
    ended = tocsin("validate", "--data", tmp_path / "data")

    assert (ended.code, ended.err) == (0, "Settings and content are sound.\n")


def test_every_problem_is_named_at_once_with_file_and_line(tmp_path: Path):
    settings = tmp_path / "tocsin.yaml"
    settings.write_text(
        "web:\n  prot: 8700\n  host: 0.0.0.0\nincidents:\n  gap: often\n"
        "feeds:\n  - {kind: file, name: x, source: aws.cloudtrail, path: /tmp}\n"
    )

    ended = tocsin("validate", "--config", settings)

    assert ended.code == 1
    lines = ended.out.splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "5"]
    assert "prot" in lines[0] and "port" in lines[0]
    assert "not loopback" in lines[1]


def test_a_feed_without_a_mapping_and_a_broken_rule_are_named(tmp_path: Path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "broken.yaml").write_text("title: [unfinished\n")
    settings = tmp_path / "tocsin.yaml"
    settings.write_text(
        f"data: {tmp_path}/data\nrules: {{folders: [{rules}]}}\n"
        "feeds:\n  - {kind: file, name: x, source: aws.cloudtrial, path: /tmp}\n"
    )

    ended = tocsin("validate", "--config", settings)

    assert ended.code == 1
    assert "broken.yaml:" in ended.out
    assert "no mapping is called 'aws.cloudtrial'" in ended.out


def test_a_settings_file_that_is_missing_is_one_line(tmp_path: Path):
    ended = tocsin("detect", "x", "--config", tmp_path / "none.yaml")

    assert ended.code == 2
    assert ended.err == f"tocsin: {tmp_path}/none.yaml: cannot be read: No such file or directory\n"


def test_the_doctor_looks_at_everything(data: Path):
    ended = tocsin("doctor", "--data", data, "--output", "json")

    assert ended.code == 0, ended.out
    checked = {row["check"]: row["result"] for row in ended.json}
    assert {"content", "data folder", "disk", "clock", "rule worker"} <= checked.keys()


def test_the_doctor_names_what_is_not_well(own_data: Path):
    next((own_data / "lake").rglob("*.parquet")).unlink()

    ended = tocsin("doctor", "--data", own_data)

    assert ended.code == 1
    assert "not well" in ended.out


def test_a_reader_that_leaves_is_no_fault(data: Path):
    line = " ".join(command("search", "'*'", "--data", data, "--output", "jsonl"))

    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -c 1"], capture_output=True, cwd=PROJECT
    )

    assert (ended.stdout, ended.stderr) == (b"{", b"")


def drained(descriptor: int) -> str:
    """Return everything that a terminal shows until nobody writes to it any more."""
    pieces = []
    try:
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    except OSError:
        pass  # Linux says that nobody holds the other end.
    os.close(descriptor)
    return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", b"".join(pieces).decode())


def on_terminal(width: int, *arguments: object) -> str:
    """Return what a command prints to a terminal of this width."""
    ours, theirs = pty.openpty()
    environ = os.environ | {"COLUMNS": str(width), "TERM": "xterm"}
    child = subprocess.Popen(
        command(*arguments), stdout=theirs, stderr=subprocess.DEVNULL, cwd=PROJECT, env=environ
    )
    os.close(theirs)
    shown = drained(ours)
    child.wait(60)
    return shown


def test_results_reach_a_file_while_the_terminal_shows_a_bar(trail: Path, tmp_path: Path):
    ours, theirs = pty.openpty()
    with (tmp_path / "out.jsonl").open("wb") as out:
        child = subprocess.Popen(
            command("detect", trail, "--source", "aws.cloudtrail"),
            stdout=out,
            stderr=theirs,
            cwd=PROJECT,
            env=os.environ | {"TERM": "xterm"},
        )
    os.close(theirs)
    shown = drained(ours)
    child.wait(60)

    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["class_uid"] for line in lines] == [2004, 2004]
    assert "class_uid" not in shown
    assert "Detecting" in shown and "2 findings" in shown


@pytest.mark.parametrize("width", [100, 160])
def test_tables_fit_the_terminal_and_keep_times_and_identifiers_whole(data: Path, width: int):
    incidents = on_terminal(width, "incidents", "list", "--data", data)
    events = on_terminal(width, "search", "api.operation:DeleteVolume", "--data", data)

    lines = (incidents + events).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "inc_" in incidents.splitlines()[1].split()[0]
    assert "DeleteVolume" in events and "aws.cloudtrail" in events


def test_an_address_is_never_broken_into_lines(tmp_path: Path):
    ended = tocsin("detect", f"/nowhere/{'x' * 300}", "--source", "aws.cloudtrail")

    assert len(ended.err.splitlines()) == 1


def test_up_starts_tells_its_address_and_stops_on_a_signal(tmp_path: Path):
    ports = {"TOCSIN_WEB__PORT": "0", "TOCSIN_RECEIVERS__PORT": "0"}
    process = subprocess.Popen(
        command("up", "--data", tmp_path / "data"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        env=os.environ | ports,
        text=True,
    )
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)

    text = "".join(told)
    assert "Tocsin answers at http://127.0.0.1:" in text
    assert "/setup?token=" in text
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


def test_the_folder_of_the_demo_takes_no_records(tmp_path: Path, trail: Path):
    from tocsin.store import Store

    Store.open(tmp_path / "demo", demo=True).close()

    ended = spawned("ingest", trail, "-s", "aws.cloudtrail", "-d", tmp_path / "demo")

    assert ended.code == 1
    assert "demo" in ended.err and len(ended.err.splitlines()) == 1
