"""`tocsin detect` with correlations: one finding a group and period, over all batches of a file."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.run.correlated import MANY, RULES, STOPPED
from tests.run.crank import call
from tests.serve.cli.records import NOW
from tests.serve.cli.shell import json_lines, tocsin


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


def found(trail: Path, rules: Path) -> list[tuple[str, int]]:
    ended = tocsin("detect", trail, "-s", "aws.cloudtrail", "--rules", rules)
    assert ended.code == 0, ended.err
    return [(line["finding_info"]["analytic"]["uid"], line["count"]) for line in ended.lines]


def test_matches_of_all_batches_are_one_finding(tmp_path: Path, rules: Path):
    # Within one hour, so that all of it falls into one period.
    begin = (NOW - timedelta(days=3)).replace(minute=5)
    records = [
        call("DeleteVolume", user="eve", at=begin + timedelta(seconds=20 * number))
        if number < 12
        else call(user=f"user{number}", at=begin + timedelta(minutes=30))
        for number in range(20_000)
    ]
    # The other half comes batches later.
    records += [
        call("DeleteVolume", user="eve", at=begin + timedelta(seconds=20 * number + 7))
        for number in range(12)
    ]

    assert found(json_lines(tmp_path / "trail.jsonl", records), rules) == [(MANY, 24)]


def test_what_waits_for_its_time_is_decided_at_the_end_of_the_file(tmp_path: Path, rules: Path):
    records = [call("CreateSnapshot", user="backup", at=NOW - timedelta(days=5))]

    assert found(json_lines(tmp_path / "trail.jsonl", records), rules) == [(STOPPED, 1)]
