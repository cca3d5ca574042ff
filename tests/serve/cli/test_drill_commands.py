"""`tocsin drill`: a score card for people and programs, and an exit code for pipelines."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.serve.cli.shell import PROJECT, has_no_controls, tocsin
from tocsin.serve.cli import main

OURS = PROJECT / "content" / "drill" / "attacks"
FOUND = "aws-root-used.yaml"
MISSED = """
name: "Nothing to see \\e[31mhere"
technique: T1485
source: aws.cloudtrail
identity: lena
steps:
  - {at: 1h, eventSource: ec2.amazonaws.com, eventName: DescribeInstances, requestParameters: {}}
"""


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "attacks"
    made.mkdir()
    (made / FOUND).write_text((OURS / FOUND).read_text())
    (made / "missed.yaml").write_text(MISSED)
    return made


def test_programs_get_what_was_found_how_soon_and_by_what(folder):
    ended = tocsin("drill", folder, "--no-benign", "--output", "json")

    card = ended.json
    found, missed = card["attacks"]
    assert (ended.code, card["detected"], card["total"]) == (0, 1, 2)
    assert (found["file"], found["detected"], found["events"]) == (FOUND, True, 2)
    assert found["techniques"] == [{"uid": "T1078.004", "name": "Cloud Accounts"}]
    assert found["detected_by"][0]["title"] == "The root user signs in to the console"
    assert (found["detected_by"][0]["severity"], found["seconds"]) == ("high", 0.0)
    assert (missed["detected"], missed["seconds"], missed["detected_by"]) == (False, None, [])
    assert (card["benign"], card["problems"]) == (None, [])


def test_people_get_a_line_for_each_attack_and_the_sum_at_the_end(folder):
    ended = tocsin("drill", folder, "--no-benign")

    assert "The root user signs in and makes itself a key" in ended.out
    assert "T1078.004 Cloud Accounts" in ended.out
    assert ended.out.splitlines()[-1].startswith("1 of 2 attacks detected")
    assert has_no_controls(ended.out)


def test_a_terminal_shows_what_found_each_attack_within_its_width(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    screen = Screen()

    with contextlib.redirect_stdout(screen), contextlib.suppress(SystemExit):
        main(["drill", str(folder), "--no-benign"])

    shown = screen.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 100
    assert "✓  The root user signs in and" in plain
    assert "high      The root user signs in to the console" in plain
    assert "✗  Nothing to see \\x1b[31mhere" in plain
    assert "nothing" in plain
    assert "\x1b[31mhere" not in shown


def test_csv_and_lines_hold_the_attacks_alone(folder):
    csv = tocsin("drill", folder, "--no-benign", "--output", "csv")
    lines = tocsin("drill", folder, "--no-benign", "--output", "jsonl")

    assert len(csv.out.splitlines()) == 3
    assert [row["detected"] for row in lines.lines] == [True, False]
    assert "1 of 2 attacks detected" in csv.err
    assert "1 of 2 attacks detected" in lines.err


@pytest.mark.parametrize(("wanted", "code"), [(1, 0), (2, 3)], ids=["reached", "below"])
def test_the_exit_code_says_whether_enough_was_detected(folder, wanted, code):
    assert tocsin("drill", folder, "--no-benign", "--at-least", wanted).code == code


def test_a_folder_that_is_not_there_is_a_mistake_of_the_caller(tmp_path):
    ended = tocsin("drill", tmp_path / "absent")

    assert (ended.code, ended.out) == (2, "")
    assert "no such file or folder" in ended.err


def test_other_rules_can_be_tried(folder, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "look.yml").write_text(
        """
        title: Somebody looks
        id: 6a1f1c0e-0000-4000-8000-00000000000b
        tags: [attack.impact, attack.t1485]
        logsource: {product: aws, service: cloudtrail}
        detection: {selection: {eventName: DescribeInstances}, condition: selection}
        level: medium
        """
    )

    ended = tocsin(
        "drill", folder, "--rules", tmp_path / "rules", "--no-benign", "--output", "json"
    )

    assert [attack["detected"] for attack in ended.json["attacks"]] == [False, True]


@pytest.mark.slow
def test_false_findings_on_the_benign_day_are_counted_and_named(folder, tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "login.yml").write_text(
        """
        title: Somebody signs in
        id: 6a1f1c0e-0000-4000-8000-00000000000c
        logsource: {product: aws, service: cloudtrail}
        detection:
          selection: {eventName: ConsoleLogin, userIdentity.userName: nora}
          condition: selection
        level: high
        """
    )
    asked = ("drill", folder, "--rules", tmp_path / "rules", "--most-false", 0)

    ended = tocsin(*asked)

    assert ended.code == 3
    assert re.search(r"benign day: [2-9][0-9],[0-9]{3} events", ended.out)
    assert "× Somebody signs in (high): nora" in ended.out
