"""Reading correlations: everything that is wrong is named with its line."""

import pytest

from tests.detect.correlations.rules import BASES, UID, base, problems, written
from tests.detect.rules import sigma
from tocsin.detect import parse_rules

COUNT = "type: event_count\nrules: [a]\ntimespan: 10m\ncondition: {gte: 3}"


def read(correlation, **changes):
    parsed = parse_rules({"c.yml": written(correlation, **changes)})
    assert [each for each in parsed.problems if not each.is_warning] == []
    return next(rule for rule in parsed.rules if rule.uid == UID)


def test_the_head_is_that_of_a_sigma_rule():
    tail = """
        description: What it means.
        tags: [attack.credential-access, attack.t1110]
        level: critical
        falsepositives: [Nothing known.]
        tocsin:
          entity: {type: user, path: user}
          links: [{type: host, path: host}]
          period: 2h
          lateness: 5m
    """
    rule = read(COUNT, tail=tail)

    assert (rule.kind, rule.severity_id, rule.techniques) == ("Correlation", 5, ("T1110",))
    assert (rule.entity[0].path, rule.links[0].path) == ("user", "host")
    assert (rule.period.total_seconds(), rule.correlation.lateness.total_seconds()) == (7200, 300)


@pytest.mark.parametrize(("timespan", "hours"), [("10m", 1), ("6h", 6), ("30d", 720)])
def test_the_period_is_the_timespan_and_an_hour_at_least(timespan, hours):
    assert read(COUNT.replace("10m", timespan)).period.total_seconds() == hours * 3600


def test_other_documents_of_the_file_are_read_too():
    parsed = parse_rules({"c.yml": written(COUNT)})

    assert [rule.kind for rule in parsed.rules] == ["Correlation", "Sigma", "Sigma", "Sigma"]


def test_the_rules_may_stand_in_another_file():
    files = {"c.yml": written(COUNT, bases=""), "z/rules.yml": BASES}

    assert parse_rules(files).problems == ()


WRONG = {
    "type: event_cuont\nrules: [a]\ntimespan: 1h\ncondition: {gte: 1}": (
        4,
        "'event_cuont' is no type of correlation; did you mean 'event_count'?",
    ),
    "rules: [a]\ntimespan: 1h\ncondition: {gte: 1}": (3, "None is no type of correlation"),
    "type: event_count\ntimespan: 1h\ncondition: {gte: 1}": (3, "names no rule"),
    "type: event_count\nrules: []\ntimespan: 1h\ncondition: {gte: 1}": (5, "names no rule"),
    "type: event_count\nrules: [a]\ncondition: {gte: 1}": (3, "must be a length such as"),
    COUNT.replace("10m", "10"): (6, "must be a length such as 10m, 1h or 7d"),
    COUNT.replace("10m", "0m"): (6, "must not be zero"),
    COUNT.replace("10m", "32d"): (6, "(31d at most), found '32d'"),
    COUNT.replace("10m", "999999999y"): (6, "(31d at most)"),
    COUNT.replace("{gte: 3}", "{}"): (7, "compares with nothing; write one of gt, gte"),
    COUNT.replace("{gte: 3}", "{at_least: 3}"): (7, "unknown key 'at_least'"),
    COUNT.replace("{gte: 3}", "{gte: x}"): (7, "'gte' must be a number, found 'x'"),
    COUNT.replace("{gte: 3}", "{gte: true}"): (7, "'gte' must be a number"),
    COUNT.replace("{gte: 3}", "{gte: .nan}"): (7, "'gte' must be a number"),
    COUNT.replace("{gte: 3}", "{gte: 99999}"): (7, "must be between 0 and 10000"),
    COUNT.replace("{gte: 3}", "{field: x, gte: 3}"): (7, "unknown key 'field'"),
    COUNT.replace("{gte: 3}", "a and b"): (7, "only `temporal` and `temporal_ordered` take"),
    f"{COUNT}\nwithout: [b]": (8, "unknown key 'without'"),
    f"{COUNT}\ngenerate: 1": (8, "must be true or false"),
    f"{COUNT}\naliases: [x]": (8, "must be a mapping"),
    f"{COUNT}\naliases: {{x: {{nobody: y}}}}": (5, "no rule has the id or name 'nobody'"),
    f"{COUNT}\ngroup-by: {{x: y}}": (8, "must be a list"),
    COUNT.replace("[a]", "[a, a]"): (5, "names a rule twice"),
    COUNT.replace("[a]", "[d]"): (5, "no rule has the id or name 'd'"),
    COUNT.replace("event_count", "value_count"): (7, "`value_count` needs a `field`"),
    COUNT.replace("event_count", "value_sum"): (7, "`value_sum` needs a `field`"),
    "type: value_avg\nrules: a\ntimespan: 1h\ncondition: {field: [x, y], gt: 1}": (7, "one field"),
    "type: value_percentile\nrules: a\ntimespan: 1h\n"
    "condition: {field: x, percentile: 101, gt: 1}": (7, "'percentile' must be between 0 and 100"),
    "type: temporal\nrules: [a, b]\ntimespan: 1h\ncondition: a and": (7, "cannot be used"),
    "type: temporal\nrules: [a, b]\ntimespan: 1h\ncondition: a and c": (7, "differ in b, c"),
    "type: temporal\ntimespan: 1h\ncondition: not a": (6, "needs no event at all"),
    "type: temporal\ntimespan: 1h\ncondition: a or not b": (6, "needs no event at all"),
    f"type: temporal\ntimespan: 1h\ncondition: {'(' * 30}a{')' * 30}": (6, "too nested"),
    "type: absence\nrules: [a, b, c]\ntimespan: 1h": (5, "one rule, or two"),
    "type: absence\nrules: [a]\ntimespan: 1h\ncondition: {gte: 1}": (7, "has no condition"),
    "type: sequence\nrules: [a, b]\nwithout: [x]\ntimespan: 1h": (5, "name 'x'"),
    "type: new_value\nrules: a\ntimespan: 7d\ncondition: {gte: 1}": (7, "unknown key 'gte'"),
    "type: new_value\nrules: a\ntimespan: 7d": (3, "must be a mapping"),
    "type: new_value\nrules: a\ntimespan: 20m\ncondition: {field: x}": (6, "twice the lateness"),
    "type: new_value\nrules: a\ntimespan: 7d\ncondition: {field: x}\nlearning: 8d": (
        8,
        "(7d at most)",
    ),
    "type: new_value\nrules: a\ntimespan: 7d\ncondition: {field: x}\nlearning: 1m": (
        8,
        "must not be shorter than the lateness",
    ),
    "type: rate\nrules: a\ntimespan: 1h\ncondition: {times: 2}": (3, "'correlation.history'"),
    "type: rate\nrules: a\ntimespan: 1m\nhistory: 31d\ncondition: {times: 2}": (
        7,
        "must hold 2 to 1000 timespans, not 44640",
    ),
    "type: rate\nrules: a\ntimespan: 1d\nhistory: 1d\ncondition: {times: 2}": (7, "not 1"),
}


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_named_with_its_line(number):
    correlation, (line, message) = list(WRONG.items())[number]
    found = problems(correlation)

    assert any(at == line and message in said for at, said in found), found


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("tocsin: {dedup: [x]}", "a correlation joins by its group; remove `dedup`"),
        ("tocsin: {lateness: 2d}", "(1d at most)"),
        ("tocsin: {period: 0s}", "must not be zero"),
        ("detection: {s: {x: y}, condition: s}", "a correlation has no 'detection'"),
        ("logsource: {product: aws}", "a correlation has no 'logsource'"),
        ("examples: [{name: x, match: true, event: {}}]", "unknown key 'event'"),
        ("examples: [{name: x, match: true, events: []}]", "the example has no `events`"),
        ("examples: [{name: x, match: true, events: [{after: soon}]}]", "'after' must be a length"),
        ("examples: [{name: x, match: true, events: [{repeat: 0}]}]", "'repeat' must be 1 to"),
    ],
)
def test_what_is_wrong_beside_the_correlation_is_named(tail, message):
    found = problems(COUNT, tail=tail)

    assert any(message in said for _, said in found), found


def test_too_many_rules_are_refused():
    names = ", ".join(f"r{number}" for number in range(61))

    assert "more than 60 rules" in problems(COUNT.replace("[a]", f"[{names}]"))[0][1]


def test_too_many_alternatives_are_refused():
    condition = " and ".join(f"(r{2 * at} or r{2 * at + 1})" for at in range(8))
    found = problems(f"type: temporal\ntimespan: 1h\ncondition: {condition}")

    assert "more than 64 ways" in found[0][1]


def chain(length):
    """Return correlations of which each refers to the next, and the last to a rule."""
    texts = [
        f"title: C{at}\nname: c{at}\nid: 00000000-0000-4000-8000-{at + 100:012}\n"
        f"correlation: {{type: event_count, rules: [{f'c{at + 1}' if at + 1 < length else 'a'}],"
        " timespan: 1h, condition: {gte: 1}}\n"
        for at in range(length)
    ]
    return "---\n".join([*texts, BASES])


def test_a_long_chain_is_read():
    assert parse_rules({"c.yml": chain(16)}).problems == ()


def test_a_chain_that_is_too_long_is_refused_where_it_becomes_so():
    parsed = parse_rules({"c.yml": chain(100)})

    assert any(
        "chain of correlations is longer than 16" in each.message for each in parsed.problems
    )
    assert len(parsed.problems) == 84
    assert len(parsed.rules) == 16 + 3


def test_a_cycle_is_refused_and_whoever_refers_to_it():
    circle = chain(3).replace("rules: [a]", "rules: [c1]")
    parsed = parse_rules({"c.yml": circle})

    messages = [each.message for each in parsed.problems]
    assert any("refers to itself: 'C1' → 'C2' → 'C1'" in message for message in messages)
    assert len(messages) == 3
    assert all(rule.correlation is None for rule in parsed.rules)


def test_a_correlation_of_itself_is_refused():
    text = chain(1).replace("rules: [a]", "rules: [c0]")
    (problem,) = parse_rules({"c.yml": text}).problems

    assert problem.message == "the correlation refers to itself: 'C0' → 'C0'"
    assert problem.location.line == 4


def test_a_name_of_two_rules_is_ambiguous():
    text = written(COUNT, bases=f"{base('a', 1)}---\n{base('a', 2)}")
    (problem,) = parse_rules({"c.yml": text}).problems

    assert "several rules are named 'a': c.yml:10, c.yml:16; write the id" in problem.message


def test_a_name_of_two_rules_that_nobody_refers_to_is_no_problem():
    assert parse_rules({"a.yml": base("a", 1), "b.yml": base("a", 2)}).problems == ()


def test_a_python_rule_is_referred_to_by_its_id():
    files = {
        "c.yml": written(COUNT.replace("[a]", "[AWS.Own.Rule]")),
        "rule.yml": "AnalysisType: rule\nFilename: rule.py\nRuleID: AWS.Own.Rule\n"
        "LogTypes: [AWS.CloudTrail]\nSeverity: Low\nEnabled: true\n",
        "rule.py": "def rule(event):\n    return True\n",
    }
    parsed = parse_rules(files)

    assert [each for each in parsed.problems if not each.is_warning] == []
    (correlation,) = (rule.correlation for rule in parsed.rules if rule.correlation)
    assert correlation.rules == ("AWS.Own.Rule",)


def test_a_correlation_whose_rule_is_refused_is_refused_too():
    text = written(COUNT, bases=sigma("s: {x|nonsense: y}\ncondition: s"))
    messages = [each.message for each in parse_rules({"c.yml": text}).problems]

    assert any("unknown modifier" in message for message in messages)
    assert any("no rule has the id or name 'a'" in message for message in messages)


def test_hostile_names_do_not_break_the_reading():
    found = problems(COUNT.replace("[a]", "['a\\x00/../..']"))

    assert "no rule has the id or name" in found[0][1]
