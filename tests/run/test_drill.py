"""Attacks from any folder: what labels mean, what is told of files that cannot be replayed."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tocsin.errors import ContentError
from tocsin.run import RuleChoice
from tocsin.run import drill as drills
from tocsin.run.drill_attacks import read_attacks
from tocsin.run.drill_card import Label
from tocsin.settings import load

TACTICS = frozenset({"credential-access", "defense-evasion", "persistence"})
OF = {"T1562.008": ("defense-evasion",), "T1098": ("persistence", "privilege-escalation")}
RULE = """
title: Logging is stopped
id: 6a1f1c0e-0000-4000-8000-00000000000a
tags: [attack.defense-evasion, attack.t1562.008]
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: StopLogging}, condition: selection}
level: %s
"""


def record(name: str, minute: int) -> dict:
    return {
        "eventVersion": "1.08",
        "eventID": f"6a1f1c0e-0000-4000-8000-0000000000{minute:02}",
        "eventTime": f"2026-03-01T10:{minute:02}:00Z",
        "eventName": name,
        "eventSource": "cloudtrail.amazonaws.com",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.9",
        "userIdentity": {"type": "IAMUser", "userName": "eve", "accountId": "111122223333"},
        "recipientAccountId": "111122223333",
    }


def drilled(folder: Path, tmp_path: Path, level: str = "high") -> drills.ScoreCard:
    rules = tmp_path / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "rule.yml").write_text(RULE % level)
    settings = load(None, {"TOCSIN_DATA": str(tmp_path / "data")})
    chosen = RuleChoice((rules,), with_builtin=False)
    return drills.run_drill(drills.DrillChoice(folder, chosen, with_benign=False), settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "attacks"
    made.mkdir()
    return made


def records(path: Path, *minutes: tuple[str, int]) -> None:
    path.write_text(json.dumps([record(name, minute) for name, minute in minutes]))


@pytest.mark.parametrize(
    ("file", "techniques", "tactics", "name"),
    [
        ("aws.credential-access.read-secrets.json", (), ("credential-access",), "read secrets"),
        ("T1562.008-stop_logging.jsonl", ("T1562.008",), (), "stop logging"),
        ("t1098.json", ("T1098",), (), "t1098"),
        ("whatever.json", (), (), "whatever"),
        ("deep/er/defense-evasion.hide.ndjson", (), ("defense-evasion",), "hide"),
    ],
    ids=["tactic", "technique", "technique-alone", "nothing", "folders"],
)
def test_a_file_may_say_by_its_name_what_it_is(folder, file, techniques, tactics, name):
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text("[]")

    (attack,) = read_attacks(folder, TACTICS)

    assert (attack.label.techniques, attack.label.tactics) == (techniques, tactics)
    assert (attack.name, attack.file) == (name, file)


def test_labels_beside_the_files_go_before_their_names(folder):
    (folder / "T1098.json").write_text("[]")
    (folder / "labels.yaml").write_text(
        "T1098.json: {name: Hiding, techniques: [t1562.008], tactic: defense_evasion}"
    )

    (attack,) = read_attacks(folder, TACTICS)

    assert attack.name == "Hiding"
    assert attack.label == Label(("T1562.008",), ("defense-evasion",))


@pytest.mark.parametrize("text", ["[a]", "T1098.json: [a]"], ids=["list", "label"])
def test_labels_that_are_none_are_named_with_their_file(folder, text):
    (folder / "T1098.json").write_text("[]")
    (folder / "labels.yaml").write_text(text)

    with pytest.raises(ContentError, match=r"labels\.yaml"):
        read_attacks(folder, TACTICS)


def test_a_folder_without_an_attack_and_no_folder_are_told_apart(folder):
    (folder / "readme.md").write_text("nothing")
    (folder / ".hidden.json").write_text("[]")

    with pytest.raises(ContentError, match="no attack here"):
        read_attacks(folder, TACTICS)
    with pytest.raises(ContentError, match="no such file"):
        read_attacks(folder / "absent", TACTICS)


@pytest.mark.parametrize(
    ("label", "found", "fits"),
    [
        (Label(("T1562.008",)), ["T1562.008"], True),
        (Label(("T1562",)), ["T1562.008"], True),
        (Label(("T1562.008",)), ["T1562"], True),
        (Label(("T1562.001",)), ["T1562.008"], False),
        (Label(("T156",)), ["T1562.008"], False),
        (Label((), ("defense-evasion",)), ["T1562.008"], True),
        (Label((), ("impact",)), ["T1562.008"], False),
        (Label(), [], True),
    ],
    ids=["same", "part", "parent", "sibling", "prefix", "tactic", "other-tactic", "unlabelled"],
)
def test_a_finding_counts_where_it_is_about_the_labelled_technique(label, found, fits):
    assert label.fits(found, OF) is fits


def test_recorded_events_are_replayed_in_order_of_time(folder, tmp_path):
    records(folder / "T1562.008.json", ("StopLogging", 30), ("ListUsers", 10), ("GetUser", 5))

    card = drilled(folder, tmp_path)

    (score,) = card.attacks
    assert (score.is_detected, score.event_count) == (True, 3)
    assert score.after == timedelta(minutes=25)
    assert [each.title for each in score.detected_by] == ["Logging is stopped"]


@pytest.mark.parametrize(
    ("file", "level"), [("T1098.json", "high"), ("T1562.008.json", "low")], ids=["other", "low"]
)
def test_findings_about_something_else_or_too_mild_do_not_count(folder, tmp_path, file, level):
    records(folder / file, ("StopLogging", 30))

    (score,) = drilled(folder, tmp_path, level).attacks

    assert not score.is_detected
    assert [each.fits for each in score.detections] == [False]


def test_each_file_starts_anew(folder, tmp_path):
    for name in ("T1562.008-a.json", "T1562.008-b.json"):
        records(folder / name, ("StopLogging", 30))

    assert drilled(folder, tmp_path).detected_count == 2


def test_what_goes_on_before_an_attack_neither_counts_nor_takes_time(folder, tmp_path):
    (folder / "story.yaml").write_text(
        """
        name: Stopped twice
        technique: T1562.008
        source: aws.cloudtrail
        identity: thief
        habits:
          - {every: 1h, until: 10h, events: [{eventName: StopLogging, eventSource: a.example}]}
        steps:
          - {at: 12h, eventName: ListUsers, eventSource: iam.amazonaws.com}
          - {eventName: StopLogging, eventSource: cloudtrail.amazonaws.com}
        """
    )

    (score,) = drilled(folder, tmp_path).attacks

    assert score.name == "Stopped twice"
    assert score.after == timedelta(seconds=20)


def test_a_file_that_cannot_be_replayed_is_a_miss_with_its_reason(folder, tmp_path):
    records(folder / "T1562.008.json", ("StopLogging", 30))
    (folder / "broken.json").write_text("{]")
    (folder / "wrong.yaml").write_text("name: x\nsteps: [{at: soon}]")

    scores = {score.file: score for score in drilled(folder, tmp_path).attacks}

    assert scores["T1562.008.json"].is_detected
    assert scores["broken.json"].problem
    assert "steps.0.at" in scores["wrong.yaml"].problem
    assert [name for name, score in scores.items() if score.is_detected] == ["T1562.008.json"]
