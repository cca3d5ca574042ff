"""Rule files and settings that are wrong: one line each with file, line and reason."""

from pathlib import Path

import pytest

from tests.bad_input.hostile import neighbor
from tests.serve.cli.shell import has_no_controls, tocsin
from tests.serve.cli.test_content_commands import GOOD

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN = {
    "no YAML": "title: [unfinished\n",
    "an alias bomb": BOMB,
    "an alias": "title: &x A title\nid: *x\n",
    "a Python tag": "title: !!python/object/apply:os.system ['true']\n",
    "duplicate keys": GOOD + "title: Again\n",
    "a list": "- a\n- b\n",
    "a number": "42\n",
    "nothing": "",
    "deep": "a: " + "[" * 5_000 + "]" * 5_000,
    "a tab": "title:\n\t- x\n",
    "no detection": GOOD.split("detection:")[0],
    "an unknown name in the condition": GOOD.replace("condition: selection", "condition: nope"),
    "a condition that ends early": GOOD.replace("condition: selection", "condition: selection and"),
    "an unknown modifier": GOOD.replace("eventName:", "eventName|nope:", 1),
    "a pattern that is none": GOOD.replace("{eventName: DeleteVolume}", "{'eventName|re': '('}", 1),
    "a pattern that looks around": GOOD.replace(
        "{eventName: DeleteVolume}", "{'eventName|re': '(?<!a)b'}", 1
    ),
    "an empty condition": GOOD.replace("condition: selection", "condition: ''"),
    "no condition": GOOD.replace("  condition: selection\n", ""),
    "a condition 10,000 deep": GOOD.replace(
        "condition: selection", "condition: " + "(" * 10_000 + "selection" + ")" * 10_000
    ),
    "10,000 negations": GOOD.replace("condition: selection", "condition: " + "not " * 10_000 + "a"),
    "a condition in pieces": GOOD.replace("condition: selection", "condition: selection selection"),
    "an aggregation of nothing": GOOD.replace("selection\n", "selection | frobnicate() > 5\n"),
    "a thousand modifiers": GOOD.replace("eventName:", "eventName" + "|wide" * 1_000 + ":", 1),
    "more dashes than can be": GOOD.replace(
        "{eventName: DeleteVolume}", "{'eventName|windash': '" + " -a" * 30 + "'}", 1
    ),
    "an encoding of a wildcard": GOOD.replace(
        "{eventName: DeleteVolume}", "{'eventName|base64offset': 'a*'}", 1
    ),
    "more patterns than can be": GOOD.replace(
        "{eventName: DeleteVolume}", f"{{'eventName|re': [{'a, ' * 600}a]}}", 1
    ),
    "more detections than can be": GOOD.replace(
        "detection:\n", "detection:\n" + "".join(f"  s{n}: {{a: b}}\n" for n in range(1_100))
    ),
    "a placeholder that nobody knows": GOOD.replace(
        "{eventName: DeleteVolume}", "{'eventName|expand': '%who%'}", 1
    ),
    "no identifier": GOOD.replace("id: 0a8f3f0e-3d1c-4f6e-9a53-6f1f0e9b5a01", "id: 7"),
    "an unknown level": GOOD.replace("level: low", "level: dreadful"),
    "control characters": GOOD.replace("A volume is deleted", '"\\e[31mred"', 1).replace(
        "level: low", "level: [\x1b[31m]"
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_and_its_neighbor_runs(name: str, tmp_path: Path):
    (tmp_path / "broken.yaml").write_text(BROKEN[name])
    (tmp_path / "good.yaml").write_text(
        GOOD.replace("0a8f3f0e-3d1c-4f6e-9a53-6f1f0e9b5a01", "0a8f3f0e-3d1c-4f6e-9a53-6f1f0e9b5a02")
    )

    ended = tocsin("rules", "check", tmp_path)

    named = [line for line in ended.out.splitlines() if line.startswith(f"{tmp_path}/broken.yaml")]
    assert ended.code == 3
    assert named and "Traceback" not in ended.err
    assert has_no_controls(ended.out)
    assert max(map(len, named)) < 700
    assert "1 rules loaded, 1 files refused" in ended.err


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfet\x00i\x00",
        b"\x00" * 100,
        "title: J\u00fcrgen\n".encode("latin-1"),
        b"a" * (2 << 20),
    ],
    ids=["UTF-16", "NUL", "latin-1", "2 MiB"],
)
def test_a_rule_file_that_is_no_text_is_named(content: bytes, tmp_path: Path):
    (tmp_path / "broken.yaml").write_bytes(content)

    ended = tocsin("rules", "check", tmp_path)

    assert ended.code == 3
    assert ended.out.startswith(f"{tmp_path}/broken.yaml")
    assert len(ended.out.splitlines()) == 1


def test_a_python_rule_that_does_not_compile_is_named(tmp_path: Path):
    (tmp_path / "rule.yml").write_text(
        "AnalysisType: rule\nFilename: rule.py\nRuleID: Own.Rule\nDisplayName: Own\n"
        "Enabled: true\nLogTypes: [AWS.CloudTrail]\nSeverity: Low\n"
    )
    (tmp_path / "rule.py").write_text("def rule(event:\n    return True\n")

    ended = tocsin("rules", "check", tmp_path)

    assert ended.code == 3
    assert ended.out.startswith(f"{tmp_path}/rule.py:1: not Python")


def test_a_python_rule_that_misbehaves_stops_nobody(tmp_path: Path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "rule.yml").write_text(
        "AnalysisType: rule\nFilename: rule.py\nRuleID: Own.Rule\nDisplayName: Own\n"
        "Enabled: true\nLogTypes: [AWS.CloudTrail]\nSeverity: Low\n"
    )
    (rules / "rule.py").write_text("def rule(event):\n    return 1 / 0\n")
    (rules / "good.yaml").write_text(GOOD.replace("DeleteVolume", "DescribeInstances"))
    (tmp_path / "x.jsonl").write_bytes(neighbor(1))

    ended = tocsin("detect", tmp_path / "x.jsonl", "-s", "aws.cloudtrail", "--rules", rules)

    assert (ended.code, len(ended.lines)) == (0, 1)


@pytest.mark.parametrize("name", ["no YAML", "an alias bomb", "a Python tag", "a list", "deep"])
def test_settings_that_are_no_settings_are_one_line(name: str, tmp_path: Path):
    (tmp_path / "tocsin.yaml").write_text(BROKEN[name])

    ended = tocsin(
        "detect", "x", "--source", "aws.cloudtrail", "--config", tmp_path / "tocsin.yaml"
    )

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"tocsin: {tmp_path}/tocsin.yaml")
    assert "Traceback" not in ended.err


def test_a_field_that_no_source_has_is_a_warning(tmp_path: Path):
    text = GOOD.replace("{eventName: DeleteVolume}", "{frobnicated: DeleteVolume}", 1)
    (tmp_path / "odd.yaml").write_text(text)

    ended = tocsin("rules", "check", tmp_path)

    assert ended.code == 0
    assert f"{tmp_path}/odd.yaml:" in ended.out
    assert "warning: " in ended.out and "frobnicated" in ended.out
