"""`tocsin detect` and `tocsin normalize`: files in, findings and events out, nothing stored."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.run.crank import call, stopped_trail
from tests.serve.cli.shell import has_no_controls, json_lines, spawned, tocsin
from tocsin.store import Store

RULE = """\
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
"""
OWN_UID = "0a8f3f0e-3d1c-4f6e-9a53-6f1f0e9b5a01"


@pytest.fixture
def own_rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "volume.yaml").write_text(RULE)
    return folder


def rule_uids(findings: list[dict]) -> list[str]:
    return sorted({finding["finding_info"]["analytic"]["uid"] for finding in findings})


def test_detect_prints_one_ocsf_finding_a_match(trail: Path):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrail")

    assert ended.code == 0
    assert len(ended.lines) == 2
    assert {finding["class_uid"] for finding in ended.lines} == {2004}
    related = ended.lines[0]["finding_info"]["related_events"][0]["uid"]
    assert related.startswith("StopLogging-mallory")
    assert "4 records, 4 events, 0 rejects, 2 findings" in ended.err


def test_detect_prints_one_json_document_when_asked(trail: Path):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrail", "--output", "json")

    assert [finding["severity"] for finding in ended.json] == ["High", "High"]


def test_detect_prints_a_table_with_readable_times_and_entities(trail: Path):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrail", "--output", "table")

    heading, first, *_ = ended.out.splitlines()
    assert heading.split() == [
        "time", "severity", "title", "entity", "operation", "address", "rule",
    ]  # fmt: skip
    assert "mallory" in first and "StopLogging" in first and first[:2] == "20"
    assert len(ended.out.splitlines()) == 3


def test_detect_prints_csv_that_no_spreadsheet_runs(trail: Path):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrail", "--output", "csv")

    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [row["severity"] for row in rows] == ["High", "High"]
    assert sorted(row["entity"][:5] for row in rows) == ["'=cmd", "mallo"]


def test_detect_reads_standard_input(trail: Path):
    ended = spawned("detect", "-", "--source", "aws.cloudtrail", stdin=trail.read_bytes())

    assert (ended.code, len(ended.lines)) == (0, 2)


def test_detect_reads_gzip_and_folders(trail: Path, tmp_path: Path):
    folder = tmp_path / "logs" / "2026"
    folder.mkdir(parents=True)
    (folder / "a.json.gz").write_bytes(
        gzip.compress(json.dumps({"Records": [stopped_trail()]}).encode())
    )

    ended = tocsin("detect", tmp_path / "logs", "--source", "aws.cloudtrail")

    assert len(ended.lines) == 1


@pytest.mark.parametrize(
    ("severity", "code"), [("low", 3), ("high", 3), ("HIGH", 3), ("critical", 0)]
)
def test_fail_on_decides_the_exit_code(trail: Path, severity: str, code: int):
    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--fail-on", severity)

    assert (ended.code, len(ended.lines)) == (code, 2)


def test_an_unknown_severity_is_a_usage_error(trail: Path):
    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--fail-on", "bad")

    assert ended.code == 2
    assert "'bad' is no severity; choose one of informational" in ended.err


def test_rules_replace_the_built_in_ones(trail: Path, own_rules: Path):
    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--rules", own_rules)

    assert rule_uids(ended.lines) == [OWN_UID]


def test_with_builtin_puts_rules_beside_the_built_in_ones(trail: Path, own_rules: Path):
    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--rules", own_rules, "--with-builtin")

    assert len(rule_uids(ended.lines)) == 2
    assert OWN_UID in rule_uids(ended.lines)


def test_a_broken_rule_is_named_and_the_others_run(trail: Path, own_rules: Path):
    (own_rules / "broken.yaml").write_text("title: [unfinished\n")

    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--rules", own_rules)

    assert rule_uids(ended.lines) == [OWN_UID]
    assert "broken.yaml:" in ended.err


def test_the_source_is_recognized_by_the_content(trail: Path, audit: Path):
    of_trail = tocsin("normalize", trail)
    of_audit = tocsin("normalize", audit)

    assert {event["metadata"]["product"]["name"] for event in of_trail.lines} == {"CloudTrail"}
    assert len(of_audit.lines) == 3
    assert of_audit.lines[0]["api"]["operation"] == "list"


def test_content_that_nobody_knows_is_not_guessed(tmp_path: Path):
    ended = tocsin("detect", json_lines(tmp_path / "x.jsonl", [{"a": 1}]))

    assert ended.code == 2
    assert "no source recognizes these records (" in ended.err
    assert "--source" in ended.err


def test_an_unknown_source_names_the_known_ones(trail: Path):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrial")

    known = sorted(path.stem for path in (PROJECT / "content" / "mappings").glob("*.yaml"))
    assert ended.code == 2
    assert ended.err == (
        f"tocsin: there is no source 'aws.cloudtrial'; choose one of {', '.join(known)}\n"
    )


def test_a_missing_file_is_one_line():
    ended = tocsin("detect", "/nowhere/at/all.json", "--source", "aws.cloudtrail")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "tocsin: /nowhere/at/all.json: No such file or directory\n"


def test_a_missing_folder_of_rules_is_one_line(trail: Path):
    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--rules", "/nowhere")

    assert ended.code == 2
    assert ended.err == "tocsin: /nowhere: there is no such file or folder\n"


def test_standard_input_needs_its_source():
    ended = spawned("detect", "-")

    assert ended.code == 2
    assert "standard input can be read only once" in ended.err


def test_rejects_are_told_with_place_and_reason(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(json.dumps(stopped_trail()).encode() + b"\n{broken\n")

    ended = tocsin("detect", path, "--source", "aws.cloudtrail")

    assert len(ended.lines) == 1
    assert f"{path}" in ended.err
    assert "1 rejects" in ended.err


def test_normalize_prints_valid_events(trail: Path, audit: Path):
    for path, source in ((trail, "aws.cloudtrail"), (audit, "kubernetes.audit")):
        ended = tocsin("normalize", path, "--source", source, "--validate")

        assert (ended.code, ended.err.count("not valid")) == (0, 0)
        assert all(event["metadata"]["version"].startswith("1.8") for event in ended.lines)


def test_normalize_tells_rejects_on_standard_error(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"broken\x1b[31m\n')

    ended = tocsin("normalize", path, "--source", "aws.cloudtrail")

    assert ended.out == ""
    assert has_no_controls(ended.err)
    assert "1 rejects" in ended.err


@pytest.mark.parametrize("output", ["jsonl", "json", "table", "csv"])
def test_escapes_of_a_record_never_reach_the_terminal(trail: Path, output: str):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrail", "--output", output)

    assert "owned" in ended.out
    assert has_no_controls(ended.out)


def test_each_match_names_its_own_entity(trail: Path):
    ended = tocsin("detect", trail, "--source", "aws.cloudtrail")

    told = [finding["unmapped"]["entity"]["name"] for finding in ended.lines]
    events = [finding["finding_info"]["related_events"] for finding in ended.lines]
    assert told[0] == "mallory" and told[1].startswith("=cmd")
    assert [len(one) for one in events] == [1, 1]


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "bad.txt").write_text("# ours\n203.0.113.66\n198.51.100.0/24\n")
    return folder


def contacts(findings: list[dict]) -> list[dict]:
    return [
        finding
        for finding in findings
        if finding["finding_info"]["analytic"]["uid"].startswith("tocsin:intelligence:")
    ]


@pytest.fixture
def visited(tmp_path: Path) -> Path:
    """Return calls of two people, one of them from a listed address."""
    # Those of eve come from the address that is listed.
    calls = [
        call(user="dana", sourceIPAddress="192.0.2.7"),
        *(call(operation, user="eve") for operation in ("GetUser", "ListUsers", "ListRoles")),
    ]
    path = tmp_path / "visited.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in calls))
    return path


def test_detect_tells_each_contact_with_an_indicator_once(visited: Path, lists: Path, own_rules):
    told = ("detect", visited, "--source", "aws.cloudtrail", "--rules", own_rules)

    ended = tocsin(*told, "--intelligence", lists)

    (finding,) = contacts(ended.lines)
    assert ended.code == 0, ended.err
    assert "203.0.113.66" in finding["finding_info"]["title"]
    assert finding["count"] == len(finding["evidences"]) == 3
    assert "4 events, 0 rejects, 1 findings" in ended.err
    assert tocsin(*told).lines == []


def test_detect_compares_with_what_a_data_folder_has_pulled(
    visited: Path, lists: Path, own_rules, tmp_path: Path
):
    settings = tmp_path / "tocsin.yaml"
    feeds = [{"name": "ours", "path": str(lists), "confidence": 90}]
    data = tmp_path / "kept"
    settings.write_text(json.dumps({"data": str(data), "intelligence": {"feeds": feeds}}))
    Store.open(data).close()
    assert tocsin("intelligence", "pull", "--config", settings).code == 0

    ended = tocsin(
        *("detect", visited, "--source", "aws.cloudtrail", "--rules", own_rules),
        *("--intelligence", data),
    )

    (finding,) = contacts(ended.lines)
    assert "list of ours" in finding["finding_info"]["desc"]


@pytest.mark.parametrize("content", [None, "nothing of use\n"])
def test_detect_says_when_there_is_no_indicator(visited: Path, tmp_path: Path, own_rules, content):
    folder = tmp_path / "empty"
    if content is not None:
        folder.mkdir()
        (folder / "list.txt").write_text(content)

    ended = tocsin(
        *("detect", visited, "--source", "aws.cloudtrail", "--rules", own_rules),
        *("--intelligence", folder),
    )

    assert (ended.code, ended.out) == (2, "")
    assert "indicator" in ended.err
