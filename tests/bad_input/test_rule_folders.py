"""Folders of rules that are too much, or lead astray: bounded time and memory, and a clear line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_input.test_content import BROKEN
from tests.serve.cli.shell import command, tocsin
from tests.serve.cli.test_content_commands import GOOD
from tocsin.run import rule_cache, rule_folders

UID = "0a8f3f0e-3d1c-4f6e-9a53-6f1f0e9b5a01"


def rule(number: int) -> str:
    return GOOD.replace(UID, f"0a8f3f0e-3d1c-4f6e-9a53-{number:012d}")


def written(folder: Path, count: int) -> Path:
    for number in range(count):
        if number % 1_000 == 0:
            (folder / f"{number:06}").mkdir(parents=True)
        place = folder / f"{number - number % 1_000:06}" / f"{number}.yml"
        place.write_text(rule(number))
    return folder


def test_more_rules_than_a_folder_may_hold_are_one_line(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(rule_folders, "_MOST_FILES", 100)

    ended = tocsin("rules", "check", written(tmp_path, 101))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("more than 100 rule files; name smaller folders\n")


@pytest.mark.slow
def test_a_hundred_thousand_rules_end_in_one_line_soon(tmp_path: Path):
    written(tmp_path, 100_000)

    # In a process of its own, whose memory can be measured: `ru_maxrss` would be that of the tests
    # where these are larger, for it outlives exec.
    code = (
        "import sys; from tocsin.serve.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally:\n"
        "    status = open('/proc/self/status').read()\n"
        "    print(status.partition('VmHWM:')[2].split()[0], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "rules", "check", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    message, kibibytes = ended.stderr.splitlines()[0], int(ended.stderr.splitlines()[-1])
    assert ended.returncode == 2
    assert message.endswith("more than 50,000 rule files; name smaller folders")
    assert kibibytes < 400 * 1024


def test_a_file_of_100_megabytes_costs_no_more_than_its_line(tmp_path: Path):
    with (tmp_path / "huge.yml").open("wb") as file:
        for _ in range(100):
            file.write(b"title: x\n# " + b"a" * (1 << 20))
    (tmp_path / "good.yml").write_text(GOOD)

    ended = tocsin("rules", "check", tmp_path)

    assert ended.code == 3
    assert ended.out == f"{tmp_path}/huge.yml: the file is larger than 1 MiB; split it\n"
    assert "1 rules loaded, 1 files refused" in ended.err


def test_links_that_lead_out_or_in_circles_are_named_and_the_rest_runs(tmp_path: Path):
    rules, outside = tmp_path / "rules", tmp_path / "outside"
    rules.mkdir()
    outside.mkdir()
    (outside / "secret.yml").write_text(rule(7))
    (rules / "good.yml").write_text(GOOD)
    (rules / "out.yml").symlink_to(outside / "secret.yml")
    (rules / "passwd.yml").symlink_to("/etc/passwd")
    (rules / "far").symlink_to(outside)
    (rules / "self").symlink_to(rules)
    (rules / "a.yml").symlink_to("b.yml")
    (rules / "b.yml").symlink_to("a.yml")

    ended = tocsin("rules", "check", rules)

    lines = sorted(ended.out.splitlines())
    assert ended.code == 3
    assert [line.removeprefix(f"{rules}/").split(": ", 1)[0] for line in lines] == [
        *("a.yml", "b.yml", "far", "out.yml", "passwd.yml", "self"),
    ]
    assert "root:" not in ended.out
    assert "1 rules loaded, 4 files refused" in ended.err


def test_devices_and_pipes_are_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "null.yml").symlink_to("/dev/zero")
    (tmp_path / "good.yml").write_text(GOOD)

    ended = tocsin("rules", "check", tmp_path)

    assert "1 rules loaded, 1 files refused" in ended.err
    assert "null.yml: a link that leads out of the folder is not followed" in ended.out


def test_binary_files_among_many_are_named_one_by_one(tmp_path: Path):
    for number in range(50):
        (tmp_path / f"{number}.yml").write_bytes(bytes([number, 255, 0, 1]) * 1_000)

    ended = tocsin("rules", "check", tmp_path)

    assert len(ended.out.splitlines()) == 50
    assert "0 rules loaded, 50 files refused" in ended.err


def test_bad_files_among_very_many_are_read_by_others_and_told_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for number, text in enumerate(BROKEN.values()):
        (tmp_path / f"bad{number:03}.yaml").write_text(text)
    for number in range(50):
        (tmp_path / f"good{number:03}.yaml").write_text(rule(number + 1_000))
    here = tocsin("rules", "check", tmp_path)
    monkeypatch.setattr(rule_cache, "_READ_HERE", 10)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    elsewhere, again = (tocsin("rules", "check", tmp_path) for _ in range(2))

    assert here.code == elsewhere.code == again.code == 3
    assert here.out == elsewhere.out == again.out
    assert f"50 rules loaded, {len(BROKEN)} files refused" in again.err


def test_a_file_that_needs_all_memory_costs_itself_alone(tmp_path: Path, monkeypatch):
    from tocsin.isolate.rule_readers import ReaderLimits, RuleReaders

    good = {f"{number}.yml": rule(number) for number in range(5)}
    limits = ReaderLimits(memory_bytes=1 << 30, file_seconds=20)

    found = RuleReaders({}, {}, limits).read(good | {"deep.yml": "a: " + "[" * 200_000})

    assert found.keys() == good.keys() | {"deep.yml"}
    assert all(isinstance(found[path], bytes) for path in good)


def test_the_command_line_survives_a_folder_of_everything_bad(tmp_path: Path):
    for number, text in enumerate(BROKEN.values()):
        (tmp_path / f"bad{number:03}.yaml").write_text(text)

    ended = subprocess.run(
        command("rules", "test", tmp_path), capture_output=True, text=True, check=False, timeout=300
    )

    assert "Traceback" not in ended.stderr
    assert ended.stdout == "0 passed, 0 failed\n"
    told = {line.partition(":")[0] for line in ended.stderr.splitlines()}
    assert told >= {f"{tmp_path}/bad{number:03}.yaml" for number in range(len(BROKEN))}
