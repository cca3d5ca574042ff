"""How well the shipped rules tell attacks from work, on data recorded by others."""

import json

import pytest

from tests.content.detection import MORNING, attack_tactics
from tocsin.collect.demo_story import load_story
from tocsin.run import content

FEWEST_ATTACKS = 32
MOST_ON_BENIGN = 0
MOST_ON_BACKGROUND = 5


@pytest.mark.corpora
def test_most_recorded_attacks_are_found_with_a_technique_of_their_tactic(shipped, corpora):
    tactics = attack_tactics(corpora)
    folder = corpora / "stratus-red-team" / "docs" / "detonation-logs"
    files = sorted(folder.glob("*.json"))

    missed = []
    for file in files:
        tactic = file.name.split(".")[1]
        findings = shipped.findings("aws.cloudtrail", json.loads(file.read_text()))
        found = {uid for finding in findings for uid in finding["techniques"]}
        if not any(tactic in tactics[uid] for uid in found):
            missed.append(file.name)

    assert len(files) == 35
    assert len(files) - len(missed) >= FEWEST_ATTACKS, missed


@pytest.mark.corpora
def test_a_recorded_day_of_console_work_is_quiet_but_for_the_attack_in_it(shipped, corpora):
    file = corpora / "otrf" / "ec2_proxy_s3_exfiltration_2020-09-14011940.json"
    records = [json.loads(line) for line in file.read_text().splitlines()]

    findings = shipped.findings("aws.cloudtrail", records)

    matches = sum(finding["match_count"] for finding in findings)
    assert {finding["entity"]["type"] for finding in findings} == {"role"}
    assert 1 <= matches <= MOST_ON_BACKGROUND


def test_two_thousand_records_of_ordinary_administration_are_quiet(shipped):
    story = load_story(content.story_text("benign_administration"), "benign_administration")
    told = {source: list(story.told(source, MORNING)) for source in story.frames}

    findings = [
        finding for source, records in told.items() for finding in shipped.findings(source, records)
    ]

    assert sum(map(len, told.values())) == 2_000
    titles = [(finding["title"], finding["entity"]["name"]) for finding in findings]
    assert sum(finding["match_count"] for finding in findings) <= MOST_ON_BENIGN, titles
