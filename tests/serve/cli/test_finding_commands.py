"""`tocsin findings list`: what rules conclude, and what is suppressed only when asked."""

from pathlib import Path

from tests.serve.cli.records import administration
from tests.serve.cli.shell import json_lines, tocsin


def listed(data: Path, *more: str) -> list[dict[str, object]]:
    ended = tocsin("findings", "list", "--since", "3650d", "-o", "json", "--data", data, *more)
    assert ended.code == 0, ended.err
    return ended.json


def test_findings_are_listed_with_what_they_are_about(data: Path):
    (row,) = listed(data)

    assert (row["severity"], row["entity"]) == ("High", "mallory")
    assert row["matches"] == row["match_count"] >= 1
    assert listed(data, "--suppressed") == listed(data, "--rule", "none") == []


def test_what_is_suppressed_is_listed_only_when_asked(tmp_path: Path):
    trail, data = json_lines(tmp_path / "trail.jsonl", administration()), tmp_path / "data"
    empty = json_lines(tmp_path / "empty.jsonl", [])
    assert tocsin("ingest", empty, "--source", "aws.cloudtrail", "--data", data).code == 0
    added = tocsin(
        *("suppressions", "add", "--rule", "*", "--where", "finding.severity_id|gte: 1"),
        *("--reason", "a test", "--expires", "1d", "--uid", "all", "--data", data),
    )
    assert added.code == 0, added.err

    ended = tocsin("ingest", trail, "--source", "aws.cloudtrail", "--data", data)

    assert ended.code == 0, ended.err
    assert listed(data) == []
    (row,) = listed(data, "--suppressed")
    assert row["suppression_uid"] == "all"
    assert tocsin("incidents", "list", "-o", "json", "--data", data).json == []
    shown = tocsin("suppressions", "show", "all", "-o", "json", "--data", data).json
    assert [hidden["uid"] for hidden in shown["hidden"]] == [row["uid"]]
    assert shown["findings"] == 1
