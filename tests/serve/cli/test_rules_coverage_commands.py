"""`tocsin rules coverage`: the matrix on a terminal and for programs."""

from pathlib import Path

from tests.serve.cli.shell import tocsin


def test_blind_techniques_are_marked_and_explained(tmp_path: Path):
    ended = tocsin("rules", "coverage", "--data", tmp_path / "none")

    assert ended.code == 0
    assert "blind: no events of aws.cloudtrail come in (no feed)" in ended.out
    (line,) = [line for line in ended.out.splitlines() if "T1562.008" in line]
    assert "Disable or Modify Cloud Logs" in line
    assert "blind: " in line
    assert max(map(len, ended.out.splitlines())) <= 80


def test_every_source_shows_what_the_rules_could_see(tmp_path: Path):
    found = tocsin(
        *("rules", "coverage", "--data", tmp_path / "none", "--every-source", "--output", "json")
    ).json

    states = {
        technique["technique"]: technique
        for tactic in found["tactics"]
        for technique in tactic["techniques"]
    }
    assert len(found["tactics"]) == 14
    assert states["T1562.008"]["state"] == "seen"
    assert len(states["T1562.008"]["rules"]) >= 2
    assert {each["state"] for each in states.values()} == {"seen", "uncovered"}


def test_the_layer_is_one_json_document(tmp_path: Path):
    layer = tocsin("rules", "coverage", "--data", tmp_path / "none", "-o", "navigator").json

    assert layer["versions"]["layer"] == "4.5"
    assert {each["score"] for each in layer["techniques"]} == {0}


def test_programs_get_rows(tmp_path: Path):
    ended = tocsin("rules", "coverage", "--data", tmp_path / "none", "-o", "csv")

    assert ended.out.splitlines()[0] == '"tactic","technique","name","state","rules"'
