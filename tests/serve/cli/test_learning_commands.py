"""`tocsin rules learning`: which correlations watch, and which groups still learn."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.run.correlated import MANY, NEW_REGION, RULES
from tests.run.crank import call
from tests.serve.cli.records import NOW
from tests.serve.cli.shell import json_lines, tocsin


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(RULES, encoding="utf-8")
    path = tmp_path / "tocsin.yaml"
    path.write_text(
        f"data: {tmp_path / 'data'}\nrules: {{folders: [{rules}], with_builtin: false}}\n"
    )
    return path


def worked(folder: Path, *days_ago: int) -> Path:
    records = [
        call("DeleteVolume", user="alice", at=NOW - timedelta(days=days)) for days in days_ago
    ]
    return json_lines(folder / "trail.jsonl", records)


def test_groups_learn_until_their_time(settings: Path, tmp_path: Path):
    tocsin("ingest", worked(tmp_path, 2), "-s", "aws.cloudtrail", "--config", settings)

    ended = tocsin("rules", "learning", "--config", settings, "--output", "json")

    by_uid = {row["uid"]: row for row in ended.json}
    until = f"{NOW + timedelta(days=5):%Y-%m-%dT%H:%M:%SZ}"
    assert (by_uid[NEW_REGION]["groups"], by_uid[NEW_REGION]["learning"]) == (1, 1)
    assert by_uid[NEW_REGION]["learning_until"] == until
    assert by_uid[NEW_REGION]["learning_groups"][0]["values"] == [
        "arn:aws:iam::111122223333:user/alice"
    ]
    assert by_uid[MANY]["state"] == "watches"


def test_groups_that_have_learned_watch(settings: Path, tmp_path: Path):
    trail = worked(tmp_path, 10, 1)
    tocsin("ingest", trail, "-s", "aws.cloudtrail", "--config", settings)

    ended = tocsin("rules", "learning", "--config", settings)

    assert "every group has learned" in ended.out
    assert "watches" in ended.out
    assert ended.code == 0


def test_nothing_seen_yet_is_said(settings: Path, tmp_path: Path):
    quiet = json_lines(tmp_path / "quiet.jsonl", [call()])
    tocsin("ingest", quiet, "-s", "aws.cloudtrail", "--config", settings)

    assert "nothing seen yet" in tocsin("rules", "learning", "--config", settings).out
