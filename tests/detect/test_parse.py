"""A set of files is read whole: what can be used, and every problem of the rest."""

import pytest

from tests.detect.rules import UID, sigma
from tocsin.detect import parse_rules

SOUND = sigma("s: {a: x}\ncondition: s")


def test_the_problem_of_one_file_leaves_the_others():
    result = parse_rules({"a.yml": SOUND, "b.yml": "title: ["})

    assert [rule.uid for rule in result.rules] == [UID]
    assert [problem.location.file for problem in result.problems] == ["b.yml"]


def test_a_file_may_hold_several_rules():
    other = SOUND.replace(UID, UID[:-1] + "2")

    result = parse_rules({"a.yml": f"{SOUND}---\n{other}"})

    assert [rule.location.line for rule in result.rules] == [1, 9]


def test_the_second_rule_of_an_id_is_a_problem():
    result = parse_rules({"a.yml": SOUND, "b.yml": SOUND})

    assert len(result.rules) == 1
    assert "already taken by a.yml:1" in str(result.problems[0])


def test_a_python_file_that_nobody_names_is_a_problem():
    assert "no YAML file" in str(parse_rules({"a.py": "def rule(event): ..."}).problems[0])


def test_other_files_are_left_alone():
    assert parse_rules({"README.md": "x"}).problems == ()


@pytest.mark.corpora
def test_all_published_rules_load_once_their_placeholder_has_values(corpora):
    root = corpora / "sigma"
    files = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*.yml")}

    without = parse_rules(files)
    result = parse_rules(files, {"Approved_Inviters": ("alice",)})

    assert len(files) >= 128
    assert (len(result.rules), result.problems) == (len(files), ())
    assert [("%Approved_Inviters%" in str(problem)) for problem in without.problems] == [True]
