"""Pipelines and log sources of one's own reach every command that reads rules."""

import json
from pathlib import Path

import pytest

from tests.run.crank import call
from tests.serve.cli.shell import PROJECT, json_lines, tocsin

RULE = """
title: A process of ours starts
id: 00000000-0000-4000-8000-0000000000a1
logsource: {product: acme, category: actions}
detection:
  start: {Action|expand: '%actions%'}
  condition: start
level: high
examples:
  - {name: a start, match: true, event: {eventName: DescribeInstances}}
  - {name: a stop, match: false, event: {eventName: StopInstances}}
"""
PIPELINE = """
name: acme
vars: {actions: [Describe*]}
transformations:
  - {type: value_placeholders}
  - {type: field_name_mapping, mapping: {Action: eventName}}
"""
LOG_SOURCES = "sources: {aws.cloudtrail: {sigma: [{product: acme, category: actions}]}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "start.yml").write_text(RULE)
    (tmp_path / "acme.yaml").write_text(PIPELINE)
    (tmp_path / "sources.yaml").write_text(LOG_SOURCES)
    (tmp_path / "tocsin.yaml").write_text(
        "rules: {pipelines: [acme.yaml], log_sources: [sources.yaml]}\n"
    )
    json_lines(tmp_path / "x.jsonl", [call(eventName="DescribeInstances")])
    return tmp_path


def test_settings_name_pipelines_and_log_sources(folder: Path):
    rules, config = folder / "rules", ("--config", folder / "tocsin.yaml")

    checked = tocsin("rules", "check", rules, *config)
    tested = tocsin("rules", "test", rules, *config)
    listed = tocsin("rules", "list", rules, *config, "--output", "json")
    found = tocsin("detect", folder / "x.jsonl", "-s", "aws.cloudtrail", "--rules", rules, *config)

    assert (checked.code, checked.err) == (0, "1 rules loaded, 0 files refused\n")
    assert tested.out == "2 passed, 0 failed\n"
    assert [row["source"] for row in json.loads(listed.out)] == ["acme/actions"]
    assert len(found.lines) == 1


def test_a_pipeline_may_be_named_on_the_command_line(folder: Path):
    (folder / "tocsin.yaml").write_text("rules: {log_sources: [sources.yaml]}\n")
    rules, config = folder / "rules", ("--config", folder / "tocsin.yaml")
    option = ("--pipeline", folder / "acme.yaml")

    without = tocsin("rules", "check", rules, *config)
    found = tocsin(
        "detect", folder / "x.jsonl", "-s", "aws.cloudtrail", "--rules", rules, *config, *option
    )

    assert "placeholder %actions% has no values" in without.out
    assert tocsin("rules", "check", rules, *config, *option).code == 0
    assert tocsin("rules", "test", rules, *config, *option).out == "2 passed, 0 failed\n"
    assert len(found.lines) == 1


def test_rules_that_no_source_feeds_are_counted_and_named(folder: Path):
    other = RULE.replace("00a1", "00a2").replace("A process", "Another process")
    (folder / "rules" / "other.yml").write_text(other)
    (folder / "tocsin.yaml").write_text("rules: {pipelines: [acme.yaml]}\n")

    checked = tocsin("rules", "check", folder / "rules", "--config", folder / "tocsin.yaml")
    as_json = tocsin(
        *("rules", "check", folder / "rules", "--config", folder / "tocsin.yaml"),
        *("--output", "json"),
    )

    assert checked.code == 0
    assert "warning: no source gives the logs acme/actions; 2 rules never run" in checked.out
    assert "2 rules loaded, 0 files refused, 2 read logs that no source gives" in checked.err
    assert (as_json.json["loaded"], as_json.json["unbound"]) == (2, 2)


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("acme.yaml", "transformations:\n  - {type: command_placeholders}\n", "acme.yaml:2"),
        ("acme.yaml", "transformations: [\n", "acme.yaml:2"),
        ("sources.yaml", "sources: {acme.actions: {}}\n", "sources.yaml:1"),
    ],
)
def test_what_is_wrong_with_them_is_one_line(file: str, text: str, line: str, folder: Path):
    (folder / file).write_text(text)

    ended = tocsin("rules", "check", folder / "rules", "--config", folder / "tocsin.yaml")

    assert (ended.code, ended.out) == (2, "")
    assert f"{line}: " in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_pipeline_that_is_not_there_is_named(folder: Path):
    ended = tocsin("rules", "check", folder / "rules", "--pipeline", folder / "gone.yaml")

    assert ended.code == 2
    assert "gone.yaml: the file cannot be read" in ended.err


def test_the_guide_shows_what_works(tmp_path: Path):
    page = (PROJECT / "docs" / "guides" / "bring-sigmahq.md").read_text("utf-8")
    for name in ("pipelines/acme.yaml", "rules/acme_risky.yml", "acme-sources.yaml"):
        text = page.partition(f"```yaml\n# {name}\n")[2].partition("```")[0]
        assert text
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "tocsin.yaml").write_text(
        "rules: {pipelines: [pipelines/acme.yaml], log_sources: [acme-sources.yaml]}\n"
    )
    config = ("--config", tmp_path / "tocsin.yaml")

    checked = tocsin("rules", "check", tmp_path / "rules", *config)
    tested = tocsin("rules", "test", tmp_path / "rules", *config)

    assert (checked.code, checked.err) == (0, "1 rules loaded, 0 files refused\n")
    assert tested.out == "2 passed, 0 failed\n"
