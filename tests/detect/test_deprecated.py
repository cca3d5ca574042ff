"""Forms that Sigma has left behind are read, each with a warning that names today's form."""

import pytest

from tests.detect.rules import HEAD, UID, sigma
from tocsin.conditions import holds
from tocsin.detect import parse_rules

SOUND = "s: {a: x}\nt: {b: y}\ncondition: s"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (sigma(SOUND, tail="date: 2023/01/02\n"), 9, "write 2023-01-02"),
        (sigma(SOUND, tail="modified: 2023/1/2\n"), 9, "write 2023-1-2"),
        (sigma(SOUND, tail="tags: [attack.t1000, attack.defense_evasion]\n"), 9, "attack.defense-"),
        (sigma(SOUND, tail="references: https://example.com\n"), 9, "is a list"),
        (sigma(SOUND, tail=f"related: [{{id: {UID}, type: obsoletes}}]\n"), 9, "`obsolete`"),
        (sigma(f"{SOUND} AND NOT t"), 8, "write `and`, `or`, `not`"),
        (sigma(f"{SOUND}\ntimeframe: 5m"), 9, "correlation rule"),
    ],
)
def test_a_deprecated_form_is_read_with_a_warning(text, line, words):
    result = parse_rules({"x.yml": text})

    (problem,) = result.problems
    assert str(problem).startswith(f"x.yml:{line}: warning: ")
    assert words in str(problem)
    assert len(result.rules) == 1
    assert holds(result.rules[0].condition, {"a": "x"})


def test_operators_in_capitals_mean_what_they_say():
    condition = parse_rules({"x.yml": sigma(f"{SOUND} AND NOT t")}).rules[0].condition

    assert [holds(condition, {"a": "x", "b": other}) for other in ("z", "y")] == [True, False]


def test_a_detection_may_be_named_like_an_operator_in_capitals():
    assert parse_rules({"x.yml": sigma("OR: {a: x}\ncondition: OR")}).problems == ()


GLOBAL = f"""
action: global
{HEAD.replace(f"id: {UID}", "status: test")}
logsource: {{product: aws}}
detection: {{condition: s and extra, extra: {{b: y}}}}
"""
FIRST = f"id: {UID}\ndetection: {{s: {{a: x}}}}\n"
SECOND = "id: 00000000-0000-4000-8000-000000000002\ndetection: {s: {a: z}}\n"


def test_a_collection_lays_its_global_part_over_each_rule():
    result = parse_rules({"x.yml": "---".join((GLOBAL, f"\n{FIRST}", f"\n{SECOND}"))})

    assert [rule.title for rule in result.rules] == ["T", "T"]
    first, second = (rule.condition for rule in result.rules)
    event = {"a": "z", "b": "y"}
    assert [holds(first, event), holds(second, event)] == [False, True]


def test_repeat_lies_over_the_document_before_and_reset_forgets():
    repeat = "\naction: repeat\n" + SECOND
    reset = "\naction: reset\n"
    alone = f"\nid: {UID}\ndetection: {{s: {{a: x}}, condition: s}}\n"

    result = parse_rules({"x.yml": "---".join((GLOBAL, f"\n{FIRST}", repeat, reset, alone))})

    assert len(result.rules) == 2
    assert result.problems
    assert all(problem.location.line > 1 for problem in result.problems)
