"""`playbooks` and `respond rehearse`, as people type them."""

from pathlib import Path

from tests.serve.cli.shell import tocsin

GOOD = """id: mine
title: Take a key out of use
description: It leaked.
trigger: {finding.rule_uid: caa8cff9-4518-46e6-857b-b41630ef9d68}
steps: [{action: aws_disable_access_key}]
examples:
  - name: A trail is stopped
    findings:
      - rule: caa8cff9-4518-46e6-857b-b41630ef9d68
        events: [{eventName: StopLogging, errorCode: null, requestParameters: {name: main}}]
    requests: [{action: aws_disable_access_key, target: AKIAIOSFODNN7EXAMPLE}]
"""


def test_a_right_file_is_right(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")

    assert "1 playbooks are right, 0 mistakes" in tocsin("playbooks", "check", path).err
    assert "1 examples of 1 playbooks, 0 failed" in tocsin("playbooks", "test", path).err


def test_a_mistake_is_one_line_with_its_place(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace("disable_access_key}]", "disable_key}]"), encoding="utf-8")

    result = tocsin("playbooks", "check", path)

    assert result.code == 3
    assert "mine.yaml:5: there is no action 'aws_disable_key'; did you mean" in result.err


def test_an_example_that_asks_for_more_fails(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.partition("    requests:")[0] + "    requests: []\n", encoding="utf-8")

    result = tocsin("playbooks", "test", path)

    assert result.code == 3
    assert "mine.yaml:7: A trail is stopped: it also asks for aws_disable_access_key" in result.err


def test_the_list_and_the_rehearsal_name_what_ships(data: Path):
    listed = tocsin("playbooks", "list", "--output", "json", "--data", data).json
    rehearsed = tocsin(
        "respond", "rehearse", "--output", "json", "--since", "900d", "--data", data
    ).json

    assert {row["mode"] for row in listed} == {"observe"}
    assert [row["playbook"] for row in rehearsed] == [row["playbook"] for row in listed]
    assert "leaked-access-key" in [row["playbook"] for row in listed]


def test_only_what_was_stopped_goes_on(data: Path):
    result = tocsin("playbooks", "go-on", "leaked-access-key", "--data", data)

    assert result.code == 2
    assert "the playbook 'leaked-access-key' is not stopped" in result.err
