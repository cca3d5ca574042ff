"""`tocsin rules noise` and what `rules list` tells of switches."""

from pathlib import Path

from tests.serve.cli.shell import tocsin

STOPPED = "CloudTrail logging is stopped or its trail deleted"


def test_noise_is_told_by_rule(data: Path):
    ended = tocsin("rules", "noise", "--data", data, "--since", "2020-01-01")

    (line,) = [line for line in ended.out.splitlines() if STOPPED in line]
    assert ended.code == 0
    assert line.split(STOPPED)[1].split()[0] == "1"
    assert "1 of 1" in line


def test_noise_is_json_for_programs(data: Path):
    (entry,) = tocsin(
        "rules", "noise", "--data", data, "--since", "2020-01-01", "--output", "json"
    ).json

    assert (entry["title"], entry["findings"], entry["incidents_alone"]) == (STOPPED, 1, 1)
    assert entry["loudest"][0]["findings"] == 1
    assert (entry["hint"], entry["command"]) == ("", "")


def test_a_time_to_come_is_refused(data: Path):
    ended = tocsin("rules", "noise", "--data", data, "--since", "2100-01-01")

    assert (ended.code, ended.err) == (2, "tocsin: '2100-01-01' is not in the past\n")


def test_the_list_tells_what_the_settings_switch_and_rate(tmp_path: Path):
    (tmp_path / "tocsin.yaml").write_text(
        "data: data\nrules:\n  disabled: [Tocsin.AWS.PolicyGrantsEverything, nobody]\n"
        "  severities: {Tocsin.AWS.SecretsReadInTurn: critical}\n"
    )

    ended = tocsin("rules", "list", "--config", tmp_path / "tocsin.yaml", "--output", "json")

    states = {rule["uid"]: (rule["severity"], rule["state"]) for rule in ended.json}
    assert states["Tocsin.AWS.PolicyGrantsEverything"] == ("High", "off")
    assert states["Tocsin.AWS.SecretsReadInTurn"] == ("Critical", "on, Medium by its file")
    assert "rules.disabled names 'nobody'" in ended.err
    assert "1 switched off" in ended.err


def test_settings_with_unknown_rules_are_sound_and_warned_of(tmp_path: Path):
    (tmp_path / "tocsin.yaml").write_text("data: data\nrules: {disabled: [nobody]}\n")

    ended = tocsin("validate", "--config", tmp_path / "tocsin.yaml")

    assert (ended.code, ended.out) == (0, "")
    assert "warning: rules.disabled names 'nobody'" in ended.err
