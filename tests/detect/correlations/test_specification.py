"""Cases by hand from the Sigma correlation specification 2.1, section by section.

Events are `(minute, event name)`; the numbers of those that findings name are expected.
"""

import json

import pytest

from tests.detect.correlations.rules import BASES, UID, base, numbers, rows_of, rules_of, told

A, B, C = "a", "b", "c"


def each(name, *minutes):
    return [(minute, name) for minute in minutes]


def counting(condition, timespan="10m", kind="event_count", rules="a"):
    return (
        f"type: {kind}\nrules: {rules}\ngroup-by: user\n"
        f"timespan: {timespan}\ncondition: {condition}\n"
    )


# Section "Condition": gt, gte, lt, lte, eq, neq, and ranges; section "Event Count".
@pytest.mark.parametrize(
    ("condition", "minutes", "expected"),
    [
        ("{gte: 3}", (0, 1, 2), [0, 1, 2]),
        ("{gte: 3}", (0, 1), []),
        ("{gt: 3}", (0, 1, 2), []),
        ("{gt: 3}", (0, 1, 2, 3), [0, 1, 2, 3]),
        ("{lt: 3}", (0, 1), [0, 1]),
        ("{lt: 3}", (0, 1, 2), []),
        ("{lte: 3}", (0, 1, 2), [0, 1, 2]),
        ("{lte: 3}", (0, 1, 2, 3), []),
        ("{eq: 2}", (0, 1), [0, 1]),
        ("{eq: 2}", (0, 1, 2), []),
        ("{eq: 2}", (0,), []),
        ("{neq: 2}", (0, 1), []),
        ("{neq: 2}", (0, 1, 2), [0, 1, 2]),
        ("{neq: 2}", (0,), [0]),
        ("{gt: 1, lte: 3}", (0,), []),
        ("{gt: 1, lte: 3}", (0, 1), [0, 1]),
        ("{gt: 1, lte: 3}", (0, 1, 2), [0, 1, 2]),
        ("{gt: 1, lte: 3}", (0, 1, 2, 3), []),
        ("{gte: 2, lt: 4}", (0, 1, 2, 3), []),
        ("{gte: 2, neq: 3}", (0, 1, 2), []),
        ("{gte: '2'}", (0, 1), [0, 1]),
        ("{gte: 2.5}", (0, 1), []),
        ("{gte: 2.5}", (0, 1, 2), [0, 1, 2]),
    ],
)
def test_conditions_of_counts(condition, minutes, expected):
    assert numbers(told(counting(condition), *each(A, *minutes))) == expected


# Section "Time Selection": number and letter; the window slides and is not bound to the hour.
@pytest.mark.parametrize(
    ("timespan", "minutes", "expected"),
    [
        ("60s", (0, 0.9), [0, 1]),
        ("60s", (0, 1), []),
        ("90m", (0, 89), [0, 1]),
        ("90m", (0, 90), []),
        ("2h", (55, 174), [0, 1]),
        ("1d", (0, 1439), [0, 1]),
        ("1d", (0, 1440), []),
        ("1w", (0, 10_079), [0, 1]),
    ],
)
def test_time_selection(timespan, minutes, expected):
    assert numbers(told(counting("{gte: 2}", timespan), *each(A, *minutes))) == expected


def test_only_windows_that_fulfill_the_condition_are_told():
    rows = told(counting("{gte: 3}"), *each(A, 0, 20, 21, 22, 50))

    assert numbers(rows) == [1, 2, 3]


# Section "Related rules": one or several, by id or name.
@pytest.mark.parametrize(
    "rules", ["[a, b]", "['00000000-0000-4000-8000-000000000001', b]", "[A-ID, b]"]
)
def test_events_of_several_rules_count_together(rules):
    rules = rules.replace("A-ID", "00000000-0000-4000-8000-000000000001".upper())

    assert numbers(told(counting("{gte: 2}", rules=rules), (0, A), (1, B), (2, C))) == [0, 1]


def test_an_event_that_several_rules_match_counts_once():
    bases = f"{BASES}---\n{base('d', 9, 'a')}"
    correlation = counting("{gte: 2}", rules="[a, d]")

    assert told(correlation, (0, A), bases=bases) == []
    assert numbers(told(correlation, (0, A), (1, A), bases=bases)) == [0, 1]


# Section "Grouping": fields are linked by AND.
def test_groups_are_separate():
    events = [(0, A), (1, A, {"user": "v"}), (2, A, {"user": "v"}), (3, A, {"user": "w"})]

    assert numbers(told(counting("{gte: 2}"), *events)) == [1, 2]


def test_several_fields_make_a_group_together():
    correlation = counting("{gte: 2}").replace("group-by: user", "group-by: [user, domain]")
    events = [
        (0, A, {"domain": "x"}),
        (1, A, {"domain": "y"}),
        (2, A, {"user": "v", "domain": "x"}),
        (3, A, {"domain": "y"}),
    ]

    assert numbers(told(correlation, *events)) == [1, 3]


def test_an_event_without_a_field_belongs_to_no_group():
    assert told(counting("{gte: 2}"), (0, A, {"user": None}), (1, A, {"user": None})) == []


def test_an_event_with_several_values_belongs_to_each_group():
    events = [(0, A, {"user": ["u", "v"]}), (1, A, {"user": "v"}), (2, A, {"user": "u"})]
    rows = told(counting("{gte: 2}"), *events)

    assert {json.loads(row["context"])["group"]["user"] for row in rows} == {"u", "v"}


def test_without_group_by_there_is_one_group():
    correlation = counting("{gte: 2}").replace("group-by: user\n", "")

    assert numbers(told(correlation, (0, A), (1, A, {"user": "v"}))) == [0, 1]


# Section "Value Count": distinct values; several fields are linked by AND.
@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("{field: host, gte: 2}", ("x", "y"), [0, 1]),
        ("{field: host, gte: 2}", ("x", "x"), []),
        ("{field: host, gt: 2}", ("x", "y"), []),
        ("{field: host, gte: 3}", (["x", "y"], "z"), [0, 1]),
        ("{field: host, gte: 2}", ("x", None, "y"), [0, 1, 2]),
        ("{field: host, lt: 2}", ("x", "x"), [0, 1]),
        ("{field: host, lt: 2}", ("x", "y"), []),
        ("{field: host, eq: 2}", ("x", "y", "x"), [0, 1, 2]),
        ("{field: host, neq: 2}", ("x", "y"), []),
        ("{field: [host, eventName], gte: 2}", ("x", "y"), [0, 1]),
        ("{field: [host, missing], gte: 1}", ("x", "y"), []),
    ],
)
def test_value_count(condition, values, expected):
    events = [(at, A, {"host": value}) for at, value in enumerate(values)]

    assert numbers(told(counting(condition, kind="value_count"), *events)) == expected


# Section "Temporal Proximity": all rules, any order, one group.
def temporal(kind="temporal", rules="[a, b, c]", more=""):
    return f"type: {kind}\nrules: {rules}\ngroup-by: [user]\ntimespan: 5m\n{more}"


TEMPORAL = [
    ("", "abc", [0, 1, 2]),
    ("", "cab", [0, 1, 2]),
    ("", "aab", []),
    ("", "abac", [0, 1, 2, 3]),
    ("condition: {gte: 2}", "ab", [0, 1]),
    ("condition: {gte: 2}", "aa", []),
    ("condition: {gt: 2}", "abc", [0, 1, 2]),
    ("condition: {lt: 2}", "aa", [0, 1]),
    ("condition: {lt: 2}", "ab", []),
    ("condition: {eq: 2}", "aba", [0, 1, 2]),
    ("condition: {eq: 2}", "abc", []),
    ("condition: a and b and c", "cba", [0, 1, 2]),
    ("condition: a and (b or c)", "ac", [0, 1]),
    ("condition: a and (b or c)", "bc", []),
    ("condition: (a or b) and not c", "ab", [0, 1]),
    ("condition: (a or b) and not c", "abc", []),
    ("condition: a and not (b or c)", "aa", [0, 1]),
    ("condition: a and not (b or c)", "ac", []),
]


@pytest.mark.parametrize(
    ("more", "events", "expected"),
    TEMPORAL,
)
def test_temporal_takes_rules_in_any_order(more, events, expected):
    assert numbers(told(temporal(more=more), *enumerate(events))) == expected


def test_an_expression_may_name_the_rules_alone():
    correlation = "type: temporal\ncondition: a and b\ngroup-by: user\ntimespan: 5m"

    assert numbers(told(correlation, (0, B), (1, A), (2, C))) == [0, 1]


def test_temporal_looks_no_further_than_its_timespan():
    assert told(temporal(), (0, A), (3, B), (5, C)) == []
    assert numbers(told(temporal(), (0, A), (3, B), (4.9, C))) == [0, 1, 2]


# Section "Ordered Temporal Proximity": in the order of `rules`.
@pytest.mark.parametrize(
    ("more", "events", "expected"),
    [
        ("", "abc", [0, 1, 2]),
        ("", "acb", []),
        ("", "cba", []),
        ("", "acbc", [0, 1, 2, 3]),
        ("condition: {gte: 2}", "ac", [0, 1]),
        ("condition: {gte: 2}", "ca", []),
        ("condition: {eq: 2}", "acb", [0, 1, 2]),
        ("condition: {eq: 2}", "abc", []),
        ("condition: {lt: 2}", "cba", [0, 1, 2]),
        ("condition: a and b and c", "abc", [0, 1, 2]),
        ("condition: a and b and c", "bac", []),
        ("condition: a and (b or c)", "ac", [0, 1]),
        ("condition: a and (b or c)", "ca", []),
        ("condition: a and not b and c", "ac", [0, 1]),
        ("condition: a and not b and c", "abc", []),
        ("condition: a and not b and c", "bac", [1, 2]),
    ],
)
def test_temporal_ordered(more, events, expected):
    assert numbers(told(temporal("temporal_ordered", more=more), *enumerate(events))) == expected


def test_events_of_one_moment_count_as_in_order():
    assert numbers(told(temporal("temporal_ordered"), (0, C), (0, B), (0, A))) == [0, 1, 2]


def test_two_steps_are_two_events():
    bases = f"{BASES}---\n{base('d', 9, 'a')}"
    correlation = temporal("temporal_ordered", "[a, d]")

    assert told(correlation, (0, A), bases=bases) == []
    assert numbers(told(correlation, (0, A), (0, A), bases=bases)) == [0, 1]


def test_one_event_may_fulfill_two_rules_in_any_order():
    bases = f"{BASES}---\n{base('d', 9, 'a')}"

    assert numbers(told(temporal(rules="[a, d]"), (0, A), bases=bases)) == [0]


# Sections "Value Sum", "Value Average", "Value Percentile"; median as pySigma has it.
METRICS = [
    ("value_sum", "{field: n, gt: 10}", (5, 5), []),
    ("value_sum", "{field: n, gt: 10}", (5, "6"), [0, 1]),
    ("value_sum", "{field: n, gte: 1.5}", (0.5, 1.0), [0, 1]),
    ("value_sum", "{field: n, gt: 10}", (20, -15), [0]),
    ("value_sum", "{field: n, gt: 10}", (-15, 20), []),
    ("value_sum", "{field: n, gt: 10}", ("x", 11), [0, 1]),
    ("value_sum", "{field: n, gt: 10}", ([6, 5],), [0]),
    ("value_sum", "{field: n, lt: 10}", (4, 5), [0, 1]),
    ("value_sum", "{field: n, lt: 10}", (4, 6), []),
    ("value_sum", "{field: n, eq: 9}", (4, 5), [0, 1]),
    ("value_sum", "{field: n, gt: -5}", (-9,), []),
    ("value_avg", "{field: n, gt: 4}", (1, 9), [0, 1]),
    ("value_avg", "{field: n, gt: 5}", (1, 9), []),
    ("value_avg", "{field: n, lte: 5}", (1, 9), [0, 1]),
    ("value_avg", "{field: n, gt: 4}", ("x",), []),
    ("value_median", "{field: n, gte: 5}", (1, 5, 9), [0, 1, 2]),
    ("value_median", "{field: n, gt: 5}", (1, 5, 9), []),
    ("value_median", "{field: n, eq: 3}", (1, 5), [0, 1]),
    ("value_percentile", "{field: n, percentile: 100, gte: 9}", (1, 5, 9), [0, 1, 2]),
    ("value_percentile", "{field: n, percentile: 0, gte: 2}", (1, 5, 9), []),
    ("value_percentile", "{field: n, percentile: 50, eq: 5}", (1, 5, 9), [0, 1, 2]),
    ("value_percentile", "{field: n, percentile: 75, eq: 7}", (1, 5, 9), [0, 1, 2]),
    ("value_percentile", "{field: n, lte: 25}", ("x", "y", "y", "y"), [0]),
    ("value_percentile", "{field: n, lte: 24}", ("x", "y", "y", "y"), []),
    ("value_percentile", "{field: n, gte: 75}", ("x", "y", "y", "y"), [1, 2, 3]),
]


@pytest.mark.parametrize(
    ("kind", "condition", "values", "expected"),
    METRICS,
)
def test_numbers_are_added_up_and_compared(kind, condition, values, expected):
    events = [(at / 2, A, {"n": value}) for at, value in enumerate(values)]

    assert numbers(told(counting(condition, kind=kind), *events)) == expected


# Section "Field Name Aliases".
def test_aliases_name_different_fields_of_different_rules():
    correlation = """
        type: temporal
        rules: [a, b]
        group-by: [internal, remote]
        timespan: 10s
        aliases:
          internal: {a: destination.ip, b: source.ip}
          remote: {a: source.ip, b: destination.ip}
    """
    there = {"source": {"ip": "1"}, "destination": {"ip": "2"}}
    back = {"source": {"ip": "2"}, "destination": {"ip": "1"}}

    assert numbers(told(correlation, (0, A, there), (0.1, B, back))) == [0, 1]
    assert told(correlation, (0, A, there), (0.1, B, there)) == []


def test_an_alias_may_be_the_field_of_a_condition():
    correlation = """
        type: value_count
        rules: [a, b]
        timespan: 5m
        condition: {field: host, gte: 2}
        aliases: {host: {a: x, b: y}}
    """

    assert numbers(told(correlation, (0, A, {"x": "1"}), (1, B, {"y": "2"}))) == [0, 1]
    assert told(correlation, (0, A, {"x": "1"}), (1, B, {"y": "1", "x": "2"})) == []


# Section "Generate".
@pytest.mark.parametrize(("generate", "titles"), [("true", {"C", "Rule a"}), ("false", {"C"})])
def test_generate_keeps_the_findings_of_the_rules(generate, titles):
    rows = told(counting("{gte: 2}") + f"generate: {generate}\n", (0, A), (1, A))

    assert {row["title"] for row in rows} == titles


def test_rules_that_no_correlation_refers_to_keep_their_findings():
    assert {row["title"] for row in told(counting("{gte: 2}"), (0, A), (1, B))} == {"Rule b"}


# Section "Example": failed logins followed by a successful one; the chain of the specification.
CHAIN = f"""
title: Failed logins are followed by a successful one
id: {UID}
correlation:
  type: temporal_ordered
  rules: [many_failed, b]
  group-by: user
  timespan: 10m
---
title: Many failed logins
name: many_failed
id: 00000000-0000-4000-8000-0000000000fe
correlation:
  type: event_count
  rules: [a]
  group-by: [user, host]
  timespan: 10m
  condition: {{gte: 3}}
---
{BASES}"""


def test_a_chain_of_correlations():
    events = [(minute, A, {"host": "x"}) for minute in range(4)]
    rows = rows_of(rules_of(CHAIN), *events, (5, B))

    assert {row["title"] for row in rows} == {"Failed logins are followed by a successful one"}
    assert numbers(rows) == [2, 3, 4]


def test_the_inner_correlation_groups_by_its_own_fields_alone():
    events = [(minute, A, {"host": str(minute)}) for minute in range(4)]

    assert rows_of(rules_of(CHAIN), *events, (5, B)) == []


def test_a_chain_ends_with_its_timespan():
    events = [(minute, A, {"host": "x"}) for minute in range(3)]

    assert rows_of(rules_of(CHAIN), *events, (12, B)) == []


def test_a_chain_over_a_correlation_that_is_decided_late():
    text = CHAIN.replace("{gte: 3}", "{lt: 3}")

    assert numbers(rows_of(rules_of(text), (0, A, {"host": "x"}), (5, B))) == [0, 1]
    loud = [(minute, A, {"host": "x"}) for minute in range(3)]
    assert rows_of(rules_of(text), *loud, (5, B)) == []
