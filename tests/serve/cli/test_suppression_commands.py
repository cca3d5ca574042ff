"""`tocsin suppressions`: dated reasons not to alert, from a terminal and from a file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.serve.cli.shell import Ended, has_no_controls, tocsin

HOSTILE = "\x1b[31m<script>alert(1)</script>\u202e"


@pytest.fixture
def rule(own_data: Path) -> str:
    """Return the uid of the rule that has found something."""
    ended = tocsin("sql", "SELECT rule_uid FROM findings", "-o", "json", "--data", own_data)
    return ended.json[0]["rule_uid"]


def suppressions(*arguments: object, data: Path, output: str = "json") -> Ended:
    return tocsin("suppressions", *arguments, "--data", data, "--output", output)


def added(rule: str, data: Path, *more: str) -> Ended:
    arguments = ("add", "--rule", rule, "--reason", "a test", "--expires", "30d", *more)
    return suppressions(*arguments, data=data)


def test_a_preview_writes_nothing(rule: str, own_data: Path):
    ended = suppressions("preview", "--rule", rule, data=own_data)

    assert ended.code == 0, ended.err
    assert (ended.json["findings"], ended.json["days"]) == (1, 30)
    assert ended.json["by_rule"][0]["rule_uid"] == rule
    assert sum(ended.json["by_day"].values()) == ended.json["matches"] > 0
    assert suppressions("list", "--all", data=own_data).json == []


def test_a_preview_is_told_to_people(rule: str, own_data: Path):
    ended = suppressions("preview", "--rule", rule, data=own_data, output="table")

    assert "this would have hidden" in ended.out and "#" in ended.out
    assert has_no_controls(ended.out)


def test_what_fits_nothing_says_so(own_data: Path):
    ended = suppressions("preview", "--rule", "none", data=own_data, output="table")

    assert ended.out.startswith("Nothing of the last 30 days would have been hidden.")


def test_a_suppression_is_added_shown_and_ended(rule: str, own_data: Path):
    ended = added(rule, own_data, "--uid", "moved", "--where", "eventName|exists: true")
    assert (ended.code, ended.json["uid"], ended.json["preview"]["findings"]) == (0, "moved", 1)

    (row,) = suppressions("list", data=own_data).json
    assert (row["state"], row["rules"], row["condition"]) == (
        "in force",
        [rule],
        "eventName|exists: true",
    )
    assert suppressions("show", "mov", data=own_data).json["hidden"] == []

    ended = tocsin("suppressions", "end", "moved", "--reason", "done", "--data", own_data)
    assert ended.code == 0, ended.err
    assert suppressions("list", data=own_data).json == []
    (row,) = suppressions("list", "--all", data=own_data).json
    assert (row["state"], row["ended_reason"]) == ("ended", "done")


def test_every_change_is_in_the_audit_log_with_the_person(rule: str, own_data: Path):
    added(rule, own_data, "--uid", "moved")
    tocsin("suppressions", "end", "moved", "--reason", "done", "--data", own_data)

    rows = tocsin("audit", "list", "--output", "json", "--data", own_data).json
    mine = [row for row in rows if row["object"] == "moved"]

    assert [row["action"] for row in mine] == ["suppression.end", "suppression.add"]
    assert all(row["actor"].startswith("local:") for row in mine)
    assert json.loads(mine[1]["details"])["reason"] == "a test"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--expires", "2020-01-01"), "lies in the past"),
        (("--expires", "2y"), "is no time"),
        (("--expires", "500d"), "more than a year"),
        (("--rule", "*"), "no other beside it"),
        (("--entity", "ci"), "is not `type:uid`"),
        (("--entity", "user:*"), "every one"),
        (("--where", "a|bends: b"), "unknown modifier 'bends'"),
        (("--where", "a: b", "--where", "a: c"), "stands here twice"),
        (("--where", "finding.titel: b"), "did you mean 'title'"),
        (("--where", "a|re: '(?=b)'"), "look-around"),
        (("--where", "just words"), "write fields with values"),
        (("--uid", "no spaces"), "`uid`"),
    ],
    ids=lambda value: "-".join(value).replace(" ", "_") if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_refused_with_a_reason(
    rule: str, own_data: Path, arguments: tuple[str, ...], said: str
):
    ended = added(rule, own_data, *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert suppressions("list", "--all", data=own_data).json == []


def test_a_uid_is_added_once(rule: str, own_data: Path):
    added(rule, own_data, "--uid", "moved")

    ended = added(rule, own_data, "--uid", "moved")

    assert ended.code == 2 and "already" in ended.err


def test_hostile_words_are_inert_on_a_terminal(rule: str, own_data: Path):
    ended = suppressions(
        *("add", "--rule", rule, "--expires", "30d", "--reason", HOSTILE, "--owner", HOSTILE),
        data=own_data,
        output="table",
    )
    assert ended.code == 0, ended.err

    for command in (("list",), ("show", "sup_")):
        shown = suppressions(*command, data=own_data, output="table")
        assert has_no_controls(shown.out + shown.err)


SOONER, LATER = ((datetime.now(UTC) + timedelta(days=days)).date().isoformat() for days in (60, 90))
FILE = """\
- uid: nightly
  rules: [{rule}]
  entity: {{type: user, uid: "*:user/backup"}}
  condition:
    sourceIPAddress|cidr: 198.51.100.0/24
  reason: The backup stops the trail each night.
  owner: platform
  expires: LATER
- uid: drill
  rules: '*'
  entity: user:*:user/red-team
  reason: An exercise.
  owner: security
  expires: SOONERT10:00
""".replace("SOONER", SOONER).replace("LATER", LATER)


def test_a_file_is_applied_and_changes_nothing_the_second_time(own_data: Path, tmp_path: Path):
    file = tmp_path / "suppressions.yaml"
    file.write_text(FILE.format(rule="rule-1"))

    first = suppressions("apply", file, data=own_data)
    again = suppressions("apply", file, data=own_data)
    file.write_text(FILE.format(rule="rule-2"))
    changed = suppressions("apply", file, data=own_data)

    assert [row["done"] for row in first.json] == ["added", "added"], first.err
    assert [row["done"] for row in again.json] == ["unchanged", "unchanged"]
    assert [row["done"] for row in changed.json] == ["changed", "unchanged"]
    rows = {row["uid"]: row for row in suppressions("list", data=own_data).json}
    assert rows["nightly"]["rules"] == ["rule-2"]
    assert rows["nightly"]["condition"] == "sourceIPAddress|cidr: 198.51.100.0/24"
    assert rows["drill"]["expires"].startswith(f"{SOONER}T10:00")


def test_a_file_is_refused_whole_with_every_mistake_and_its_line(own_data: Path, tmp_path: Path):
    file = tmp_path / "suppressions.yaml"
    wrong = FILE.replace(LATER, "30d").replace("owner: security", "ovner: security")
    file.write_text(wrong.format(rule="rule-1"))

    ended = suppressions("apply", file, data=own_data)

    assert (ended.code, ended.out) == (2, "")
    assert f"{file}:8: `expires` must be a day" in ended.err
    assert f"{file}:9: unknown key 'ovner'" in ended.err
    assert suppressions("list", "--all", data=own_data).json == []


def test_what_was_ended_is_not_begun_again_by_a_file(own_data: Path, tmp_path: Path):
    file = tmp_path / "suppressions.yaml"
    file.write_text(FILE.format(rule="rule-1"))
    suppressions("apply", file, data=own_data)
    tocsin("suppressions", "end", "drill", "--reason", "over", "--data", own_data)

    again = suppressions("apply", file, data=own_data)
    file.write_text(FILE.format(rule="rule-1").replace(f"{SOONER}T10:00", LATER))
    changed = suppressions("apply", file, data=own_data)

    assert [row["done"] for row in again.json] == ["unchanged", "unchanged"]
    assert changed.code == 2 and "was ended by" in changed.err
    assert [row["uid"] for row in suppressions("list", data=own_data).json] == ["nightly"]


def test_what_expires_soon_is_said(rule: str, own_data: Path):
    added(rule, own_data, "--uid", "short", "--expires", "3d")

    ended = suppressions("list", data=own_data, output="table")
    doctor = tocsin("doctor", "--data", own_data, "--output", "json")

    assert "short expires on" in ended.err
    (said,) = [row for row in doctor.json if row["check"] == "suppressions"]
    assert "short" in said["message"] and "expires on" in said["message"]
