"""`tocsin rules`: which rules there are, what is wrong with them, whether their examples hold."""

from pathlib import Path

import pytest

from tests.serve.cli.shell import PROJECT, tocsin

GOOD = """\
title: A volume is deleted
id: 0a8f3f0e-3d1c-4f6e-9a53-6f1f0e9b5a01
status: stable
description: Volumes hold data; somebody deletes one.
author: Nobody
date: 2026-11-23
tags: [attack.impact, attack.t1485]
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {eventName: DeleteVolume}
  condition: selection
falsepositives: [Cleaning up.]
level: low
examples:
  - name: A volume is deleted
    match: true
    event: {eventSource: ec2.amazonaws.com, eventName: DeleteVolume}
  - name: A volume is described
    match: false
    event: {eventSource: ec2.amazonaws.com, eventName: DescribeVolumes}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def test_the_built_in_rules_are_listed():
    rules = tocsin("rules", "list", "--output", "json").json

    assert len(rules) >= 30
    assert {"uid", "title", "severity", "techniques", "file"} <= rules[0].keys()


def test_rules_of_a_folder_are_listed_alone(folder: Path):
    rules = tocsin("rules", "list", folder, "--output", "json").json

    assert [rule["title"] for rule in rules] == ["A volume is deleted"]


def test_the_built_in_rules_are_sound_and_examples_of_theirs_hold():
    checked = tocsin("rules", "check")
    tested = tocsin("rules", "test", PROJECT / "content" / "rules" / "okta")  # all: tests/content

    assert (checked.code, checked.out) == (0, "")
    assert tested.code == 0
    assert tested.out.endswith("passed, 0 failed\n")


def test_a_broken_rule_is_named_with_line_and_reason(folder: Path):
    (folder / "broken.yaml").write_text(GOOD.replace("condition: selection", "condition: nothing"))

    ended = tocsin("rules", "check", folder)

    assert ended.code == 3
    (line,) = [line for line in ended.out.splitlines() if "broken.yaml" in line]
    assert line.startswith(f"{folder}/broken.yaml:")
    assert line.split("broken.yaml:")[1].split(":")[0].isdigit()
    assert "1 rules loaded, 1 files refused" in ended.err


def test_problems_are_json_for_programs(folder: Path):
    (folder / "broken.yaml").write_text("title: [unfinished\n")

    ended = tocsin("rules", "check", folder, "--output", "json")

    assert (ended.code, ended.json["loaded"], ended.json["refused"]) == (3, 1, 1)
    assert ended.json["problems"][0]["line"] >= 1


def test_an_example_that_does_not_hold_fails(folder: Path):
    (folder / "good.yaml").write_text(
        GOOD.replace("eventName: DescribeVolumes", "eventName: DeleteVolume")
    )

    ended = tocsin("rules", "test", folder)

    assert ended.code == 3
    assert "A volume is described" in ended.out
    assert ended.out.endswith("1 passed, 1 failed\n")


def test_examples_are_told_as_json(folder: Path):
    tested = tocsin("rules", "test", folder, "--output", "json").json

    assert (tested["passed"], tested["failed"]) == (2, 0)
    assert {test["name"] for test in tested["tests"]} == {
        "A volume is deleted",
        "A volume is described",
    }


def test_a_folder_that_does_not_exist_is_one_line():
    ended = tocsin("rules", "check", "/nowhere")

    assert (ended.code, ended.err) == (2, "tocsin: /nowhere: there is no such file or folder\n")


def test_what_looks_wrong_is_a_warning_and_no_refusal(folder: Path):
    (folder / "good.yaml").write_text(GOOD.replace("{eventName:", "{eventNmae:", 1))

    ended = tocsin("rules", "check", folder)
    as_json = tocsin("rules", "check", folder, "--output", "json").json

    assert ended.code == 0
    assert "warning: no record of aws.cloudtrail has the field 'eventNmae'" in ended.out
    assert (as_json["refused"], [each["is_warning"] for each in as_json["problems"]]) == (0, [True])


def test_placeholders_have_the_values_of_the_settings(tmp_path: Path):
    folder = tmp_path / "rules"
    folder.mkdir()
    text = GOOD.replace("{eventName: DeleteVolume}", "{eventName|expand: '%deleting%'}", 1)
    (folder / "good.yaml").write_text(text)
    settings = tmp_path / "tocsin.yaml"
    settings.write_text("rules: {placeholders: {deleting: [DeleteVolume]}}\n")

    without = tocsin("rules", "check", folder)
    tested = tocsin("rules", "test", folder, "--config", settings)

    assert without.code == 3
    assert "rules.placeholders" in without.out
    assert (tested.code, tested.out) == (0, "2 passed, 0 failed\n")
