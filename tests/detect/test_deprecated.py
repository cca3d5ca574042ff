"""Forms that Sigma has left behind are read, each with a warning that names today's form."""

import pytest

from tests.detect.rules import HEAD, UID, detected, sigma
from tests.detect.tables import event_table
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


@pytest.mark.parametrize(
    ("tail", "words"),
    [("status: unsupported\n", "cannot be used"), ("taxonomy: acme\n", "taxonomy acme is not")],
)
def test_a_rule_that_speaks_against_itself_is_read_with_a_warning(tail, words):
    result = parse_rules({"x.yml": sigma(SOUND, tail=tail)})

    (problem,) = result.problems
    assert problem.is_warning and problem.location.line == 9
    assert words in str(problem)
    assert len(result.rules) == 1


def counted(aggregation, timeframe="5m"):
    parts = "s: {a: x}\nt: {b: y}\nu: {c: z}\n"
    return parse_rules(
        {"x.yml": sigma(f"{parts}condition: s | {aggregation}\ntimeframe: {timeframe}")}
    )


@pytest.mark.parametrize(
    ("aggregation", "today"),
    [
        ("count() > 5", "{type: event_count, rules: [E], timespan: 5m, condition: {gt: 5}}"),
        (
            "count() by user>=5",
            "{type: event_count, rules: [E], group-by: [user], timespan: 5m, condition: {gte: 5}}",
        ),
        (
            "count(dst.port) by src, user > 10",
            "{type: value_count, rules: [E], group-by: [src, user], timespan: 5m,"
            " condition: {field: dst.port, gt: 10}}",
        ),
        (
            "COUNT() BY a < 3",
            "{type: event_count, rules: [E], group-by: [a], timespan: 5m, condition: {lt: 3}}",
        ),
        (
            "count() by a = 3",
            "{type: event_count, rules: [E], group-by: [a], timespan: 5m, condition: {eq: 3}}",
        ),
        (
            "sum(bytes) by host > 1.5",
            "{type: value_sum, rules: [E], group-by: [host], timespan: 5m,"
            " condition: {field: bytes, gt: 1.5}}",
        ),
        (
            "avg(bytes) <= 7",
            "{type: value_avg, rules: [E], timespan: 5m, condition: {field: bytes, lte: 7}}",
        ),
        ("near t and u", "{type: temporal, rules: [E 1, E 2, E 3], timespan: 5m}"),
    ],
)
def test_an_aggregation_becomes_a_correlation_and_the_warning_shows_it(aggregation, today):
    result = counted(aggregation)

    (problem,) = result.problems
    shown = today.replace("E", f"{UID} events")
    assert str(problem) == (
        f"x.yml:9: warning: aggregations are deprecated; write `correlation: {shown}`"
    )
    *events, correlation = result.rules
    assert (correlation.uid, correlation.severity_id) == (UID, 4)
    assert correlation.correlation is not None
    assert [rule.condition is None for rule in events] == [False] * len(events)


def test_what_is_near_keeps_its_searches_apart():
    first, second, third, _ = counted("near t and u").rules

    found = [
        [holds(rule.condition, event) for rule in (first, second, third)]
        for event in ({"a": "x"}, {"b": "y"}, {"c": "z"})
    ]
    assert found == [[True, False, False], [False, True, False], [False, False, True]]


@pytest.mark.parametrize(
    ("aggregation", "today", "matching"),
    [
        ("max(size) by host > 5", "size|gt: 5", 6),
        ("max(size) >= 5", "size|gte: 5", 5),
        ("min(size) < 5", "size|lt: 5", 4),
        ("min(size) by host <= 5", "size|lte: 5", 5),
    ],
)
def test_an_extreme_that_one_event_decides_needs_no_correlation(aggregation, today, matching):
    result = counted(aggregation)

    (rule,) = result.rules
    assert f"write `{today}`" in str(result.problems[0])
    events = [{"a": "x", "size": matching}, {"a": "x", "size": 10 - matching}, {"size": matching}]
    assert [holds(rule.condition, event) for event in events][::2] == [True, False]
    assert holds(rule.condition, {"a": "x"}) is False


@pytest.mark.parametrize(
    "aggregation",
    [
        *("max(size) < 5", "min(size) > 5", "near t and not u", "near t or u", "count()"),
        *("count() by > 5", "median(x) > 5", "count(a b) > 5", "sum() > 5", "", "count() > x"),
    ],
)
def test_what_cannot_be_said_today_is_refused_with_the_form_of_today(aggregation):
    result = counted(aggregation)

    refused = [problem for problem in result.problems if not problem.is_warning]
    assert result.rules == ()
    assert len(refused) == 1
    assert "write a correlation rule, as in `correlation: {type: event_count" in str(refused[0])


def test_a_count_without_a_time_is_refused():
    result = parse_rules({"x.yml": sigma("s: {a: x}\ncondition: s | count() > 5")})

    assert result.rules == ()
    assert "timespan: 5m" in str(result.problems[0])


def test_an_old_count_counts():
    rules = parse_rules(
        {
            "x.yml": sigma(
                "s: {eventName: ListBuckets}\n"
                "condition: s | count() by userIdentity.userName > 2\ntimeframe: 10m"
            )
        }
    ).rules
    call = {"eventName": "ListBuckets"}
    alice = call | {"userIdentity": {"userName": "alice"}}
    bob = call | {"userIdentity": {"userName": "bob"}}

    few = detected(rules, event_table(alice, bob, alice, bob))
    many = detected(rules, event_table(alice, bob, alice, alice))
    slow = detected(rules, event_table(alice, alice, alice, minutes=[0, 6, 12]))

    assert [found.findings.num_rows for found in (few, many, slow)] == [0, 1, 0]
    assert many.findings["rule_uid"].to_pylist() == [UID]
