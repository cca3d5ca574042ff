"""`tocsin rules backtest`: what it prints, as what, and with which exit code."""

from pathlib import Path

import pytest

from tests.serve.cli.shell import tocsin
from tests.serve.cli.test_content_commands import GOOD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "rules"
    path.mkdir()
    (path / "own.yaml").write_text(
        GOOD.replace("selection: {eventName: DeleteVolume}", "selection: {eventName: '*'}")
    )
    return path


def test_the_rules_in_force_are_told_with_volume_and_samples(data: Path):
    ended = tocsin("rules", "backtest", "--data", data, "--since", "2020-01-01")

    assert ended.code == 0, ended.err
    first, *_ = ended.out.splitlines()
    assert " rules over 4 events, " in first
    assert "CloudTrail logging is stopped" in ended.out
    assert "rules found nothing." in ended.out


def test_a_folder_is_told_as_json(data: Path, folder: Path):
    ended = tocsin(
        *("rules", "backtest", folder, "--data", data, "--since", "2020-01-01"),
        *("--output", "json"),
    )

    (rule,) = ended.json["rules"]
    assert (rule["matches"], ended.json["events"]) == (4, 4)
    assert sum(day["matches"] for day in rule["volume"]) == 4
    assert sum(entity["matches"] for entity in rule["top_entities"]) == 4
    assert {"event_uid", "time", "actor", "operation", "address"} == rule["samples"][0].keys()


@pytest.mark.parametrize(("limit", "code"), [("0.5", 3), ("100", 0)])
def test_rules_that_are_too_loud_fail_a_pipeline(data: Path, folder: Path, limit: str, code: int):
    ended = tocsin(
        *("rules", "backtest", folder, "--data", data, "--since", "2020-01-01"),
        *("--fail-above", limit),
    )

    assert ended.code == code
    assert ("findings a day: A volume is deleted" in ended.err) is (code == 3)


def test_a_proposal_is_compared_with_the_rules_in_force(data: Path, folder: Path):
    ended = tocsin(
        *("rules", "backtest", folder, "--data", data, "--since", "2020-01-01"),
        *("--diff", "deployed"),
    )
    as_json = tocsin(
        *("rules", "backtest", folder, "--data", data, "--since", "2020-01-01"),
        *("--diff", "deployed", "--output", "json"),
    ).json

    assert ended.code == 0
    assert "rules are the same as in force and were not run." in ended.out
    (rule,) = as_json["rules"]
    assert (rule["rule_is"], rule["difference"]["new"]) == ("new", rule["findings"])
    assert as_json["unaltered"] > 50


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--diff", "yesterday"), "'yesterday' cannot be compared with; `--diff deployed` can"),
        (("--source", "okta"), "no events of 'okta' are stored; there are some of: aws.cloudtrail"),
        (("--rule", "nobody"), "there is no rule 'nobody' to test"),
        (("--since", "yesterday"), "'yesterday' is no time"),
    ],
    ids=["diff", "source", "rule", "since"],
)
def test_what_cannot_be_understood_is_one_line(data: Path, arguments: tuple[str, ...], told: str):
    ended = tocsin("rules", "backtest", "--data", data, *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"tocsin: {told}")
    assert ended.err.count("\n") == 1


def test_a_time_without_events_is_said(data: Path):
    ended = tocsin(
        "rules", "backtest", "--data", data, "--until", "2001-01-01", "--since", "2000-01-01"
    )

    assert ended.code == 0
    assert "No events are stored in this time." in ended.out


def test_nobody_answers_a_wish_to_reload_where_nothing_runs(data: Path):
    ended = tocsin("rules", "reload", "--data", data)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"tocsin: no Tocsin that runs on {data} answers")
