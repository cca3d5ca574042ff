"""Rules without Python and inline filters, from their YAML to the worker's answer."""

import json

import pytest
import yaml

from tocsin.detect import parse_rules
from tocsin.detect.formats import python_expressions
from tocsin.isolate import RuleWorker

RECORD = {
    "name": "DeleteTrail",
    "count": 3,
    "is_root": False,
    "nothing": None,
    "empty": "",
    "none": [],
    "address": "10.1.2.3",
    "tags": ["prod", "Web"],
    "actor": {"name": "alice", "alias": "alice", "roles": [{"id": "r1"}, {"id": "r2"}]},
    "users": [{"name": "bob", "age": 5}, {"name": "eve", "age": 9}],
    "dotted.key": "x",
    "p_enrichment": {
        "places": {"address": {"country": "NL"}, "tags": [{"zone": "a"}, {"zone": "b"}]}
    },
}


def about(**changes):
    return changes


def key(name, condition, *values):
    """Return an expression about one field; several values are a list."""
    found = {"Key": name, "Condition": condition}
    return found | ({} if not values else {"Value": values[0]})


def elements(name, condition, *expressions):
    return {"Key": name, "Condition": condition, "Expressions": list(expressions)}


CASES = [
    (key("name", "Equals", "DeleteTrail"), True),
    (key("name", "Equals", "deletetrail"), False),
    (key("name", "IEquals", "deletetrail"), True),
    (key("name", "DoesNotEqual", "x"), True),
    (key("gone", "DoesNotEqual", "x"), True),
    (key("gone", "Equals", "x"), False),
    (key("count", "Equals", 3), True),
    (key("count", "Equals", "3"), False),
    (key("is_root", "Equals", 0), False),
    (key("is_root", "Equals", False), True),
    (key("name", "StartsWith", "Delete"), True),
    (key("name", "IStartsWith", "delete"), True),
    (key("name", "DoesNotStartWith", "Delete"), False),
    (key("name", "EndsWith", "Trail"), True),
    (key("name", "IDoesNotEndWith", "TRAIL"), False),
    (key("name", "DoesNotEndWith", "TRAIL"), True),
    (key("name", "IEndsWith", "TRAIL"), True),
    (key("name", "IDoesNotEqual", "deletetrail"), False),
    (key("name", "IDoesNotStartWith", "DELETE"), False),
    (key("name", "IDoesNotContain", "TRAIL"), False),
    (key("count", "StartsWith", "3"), False),
    (key("count", "DoesNotStartWith", "3"), True),
    (key("name", "Contains", "teTr"), True),
    (key("name", "IContains", "TETR"), True),
    (key("tags", "Contains", "prod"), True),
    (key("tags", "Contains", "pro"), False),
    (key("tags", "IContains", "web"), True),
    (key("tags", "DoesNotContain", "test"), True),
    (key("actor", "Contains", "name"), False),
    (key("count", "IsGreaterThan", 2), True),
    (key("count", "IsGreaterThanOrEquals", 3), True),
    (key("count", "IsLessThan", 3), False),
    (key("count", "IsLessThanOrEquals", 3.5), True),
    (key("count", "IsGreaterThan", "2"), False),
    (key("name", "IsGreaterThan", "A"), True),
    (key("is_root", "IsLessThan", 1), False),
    (key("address", "IsIPAddressInCIDR", "10.0.0.0/8"), True),
    (key("address", "IsIPAddressNotInCIDR", "10.0.0.0/8"), False),
    (key("name", "IsIPAddressInCIDR", "10.0.0.0/8"), False),
    (key("address", "IsIPAddressInCIDR", "2001:db8::/32"), False),
    (about(Key="name", Condition="IsIn", Values=["x", "DeleteTrail"]), True),
    (about(Key="name", Condition="IsNotIn", Values=["x"]), True),
    (about(Key="gone", Condition="IsNotIn", Values=["x"]), True),
    (key("nothing", "Exists"), True),
    (key("gone", "Exists"), False),
    (key("gone", "DoesNotExist"), True),
    (key("nothing", "IsNull"), True),
    (key("gone", "IsNull"), True),
    (key("empty", "IsNotNull"), True),
    (key("empty", "IsNullOrEmpty"), True),
    (key("none", "IsNullOrEmpty"), True),
    (key("count", "IsNotNullOrEmpty"), True),
    (key("dotted.key", "Equals", "x"), True),
    (about(DeepKey=["actor", "name"], Condition="Equals", Value="alice"), True),
    (about(DeepKey=["name", "x"], Condition="Exists"), False),
    (about(KeyPath="actor.name", Condition="Equals", Value="alice"), True),
    (about(KeyPath="users[1].name", Condition="Equals", Value="eve"), True),
    (about(KeyPath="actor.roles[*].id", Condition="Contains", Value="r2"), True),
    (about(KeyPath="actor.gone", Condition="DoesNotExist"), True),
    (elements("users", "AnyElement", key("age", "IsGreaterThan", 8)), True),
    (elements("users", "AllElements", key("age", "IsGreaterThan", 8)), False),
    (elements("users", "OnlyOneElement", key("age", "IsGreaterThan", 8)), True),
    (elements("users", "NoElement", key("name", "Equals", "mallory")), True),
    (elements("users", "AnyElement", key("name", "Equals", "bob"), key("age", "Equals", 9)), False),
    (elements("tags", "AnyElement", about(Condition="Equals", Value="prod")), True),
    (elements("gone", "AnyElement", key("name", "Exists")), False),
    (elements("gone", "NoElement", key("name", "Exists")), True),
    (
        about(Condition="Equals", Values=[{"KeyPath": "actor.name"}, {"KeyPath": "actor.alias"}]),
        True,
    ),
    (about(Condition="DoesNotEqual", Values=[{"Key": "name"}, {"Key": "count"}]), True),
    (about(Condition="AlwaysTrue"), True),
    (about(Condition="AlwaysFalse"), False),
    (
        about(
            Enrichment={"Table": "places", "Selector": "address", "FieldPath": "country"},
            Condition="Equals",
            Value="NL",
        ),
        True,
    ),
    (
        about(
            Enrichment={"Table": "places", "Selector": "tags", "FieldPath": "zone"},
            Condition="Contains",
            Value="b",
        ),
        True,
    ),
    ({"All": [key("count", "Exists"), key("gone", "Exists")]}, False),
    ({"Any": [key("count", "Exists"), key("gone", "Exists")]}, True),
    ({"OnlyOne": [key("count", "Exists"), key("name", "Exists")]}, False),
    ({"OnlyOne": [key("count", "Exists"), key("gone", "Exists")]}, True),
    ({"None": [key("gone", "Exists")]}, True),
    ({"None": [{"All": [key("count", "Exists")]}]}, False),
]

FILTERS = [
    (key("name", "Equals", "DeleteTrail"), True),
    (key("name", "Equals", "x"), False),
    (key("gone", "Equals", "x"), True),
    (key("gone", "DoesNotEqual", "x"), True),
    (key("nothing", "Equals", "x"), False),
    (key("nothing", "DoesNotEqual", "x"), True),
    (key("count", "StartsWith", "x"), False),
    (key("gone", "Exists"), False),
    ({"Any": [key("name", "Equals", "x"), key("gone", "Equals", "x")]}, True),
    (elements("gone", "AnyElement", key("name", "Exists")), True),
]


def description(uid, **more):
    found = {"AnalysisType": "rule", "RuleID": uid, "Severity": "Low"}
    return yaml.safe_dump(found | {"LogTypes": ["AWS.CloudTrail"]} | more)


def read(**files):
    parsed = parse_rules({f"r/{name}": text for name, text in files.items()})
    assert parsed.problems == ()
    return parsed


def answers(parsed, record=RECORD):
    with RuleWorker() as worker:
        worker.provide(parsed.surroundings)
        return worker({rule.uid: rule.source for rule in parsed.rules}, [json.dumps(record)])


def test_each_expression_gives_its_answer():
    files = {
        f"{at:03}.yml": description(f"{at:03}", Detection=[expression])
        for at, (expression, _) in enumerate(CASES)
    }
    found = answers(read(**files))
    matched = {each.rule_uid for each in found if each.matched}
    wrong = [each for at, each in enumerate(CASES) if (f"{at:03}" in matched) is not each[1]]

    assert wrong == []
    assert [each.failure for each in found if each.failure] == []


def test_each_filter_lets_pass_what_it_should():
    files = {"rule.py": "def rule(event): return True\n"} | {
        f"{at:03}.yml": description(f"{at:03}", Filename="rule.py", InlineFilters=[expression])
        for at, (expression, _) in enumerate(FILTERS)
    }
    matched = {each.rule_uid for each in answers(read(**files)) if each.matched}
    wrong = [each for at, each in enumerate(FILTERS) if (f"{at:03}" in matched) is not each[1]]

    assert wrong == []


def test_every_condition_has_a_case():
    text = json.dumps(CASES)

    assert [each for each in python_expressions.CONDITIONS if f'"{each}"' not in text] == []


WORDS = {
    "Detection": [key("count", "Exists")],
    "AlertTitle": "{actor.name} did {name} in {gone}",
    "GroupBy": [{"Key": "name"}, {"DeepKey": ["actor", "name"]}],
    "AlertContext": [{"KeyName": "who", "KeyValue": {"KeyPath": "actor.roles[0].id"}}],
    "DynamicSeverities": [
        {"ChangeTo": "INFO", "Conditions": [key("count", "IsGreaterThan", 9)]},
        {"ChangeTo": "critical", "Conditions": [key("count", "IsGreaterThan", 2)]},
    ],
}


def test_a_rule_without_python_words_its_finding():
    (verdict,) = answers(read(**{"r.yml": description("r", **WORDS)}))

    assert (verdict.title, verdict.dedup) == ("alice did DeleteTrail in -", "DeleteTrail, alice")
    assert (verdict.severity, verdict.failure) == ("CRITICAL", "")
    assert json.loads(verdict.context) == {"who": "r1"}


def test_hostile_text_in_a_rule_without_python_stays_text():
    odd = "'\"\\ {name} \n''' \u2028 %s"
    detection = [key("name", "DoesNotEqual", odd)]
    (verdict,) = answers(
        read(**{"r.yml": description("r", Detection=detection, AlertTitle="{name} 'q' \\ \"")})
    )

    assert (verdict.matched, verdict.title) == (True, "DeleteTrail 'q' \\ \"")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"Detection": []}, "'Detection' holds no expression"),
        ({"Detection": [key("a", "Equal", 1)]}, "'Equal' is unknown; did you mean 'Equals'"),
        ({"Detection": [key("a", "Equals")]}, "needs `Value`"),
        ({"Detection": [key("a", "StartsWith", 5)]}, "needs a text"),
        ({"Detection": [key("a", "IsIPAddressInCIDR", "x")]}, "no network"),
        ({"Detection": [about(Key="a", Condition="IsIn", Values=[])]}, "1 to 10000 values"),
        ({"Detection": [about(Key="a", KeyPath="b", Condition="Exists")]}, "cannot stand together"),
        ({"Detection": [about(KeyPath="a[", Condition="Exists")]}, "not understood at '['"),
        ({"Detection": [elements("a", "AnyElement")]}, "holds no expression"),
        ({"Detection": [about(Condition="Equals", Values=[{"Key": "a"}])]}, "at least two keys"),
        ({"Detection": [about(Key="a", Condition="Exists", Wert=1)]}, "unknown key 'Wert'"),
        ({"Detection": [{"All": [key("a", "Exists")], "Any": []}]}, "unknown key 'Any'"),
        ({"Detection": ["x"]}, "must be a mapping"),
        ({"Detection": [key("a", "Exists")], "Filename": "r.py"}, "cannot stand together"),
        ({"Detection": [key("a", "Exists")], "AlertTitle": "{a[}"}, "not understood"),
        (
            {
                "Detection": [key("a", "Exists")],
                "DynamicSeverities": [{"ChangeTo": "x", "Conditions": []}],
            },
            "unknown severity 'X'",
        ),
        ({"InlineFilters": [key("a", "Equal", 1)], "Filename": "r.py"}, "'Equal' is unknown"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(more, words):
    files = {"r/r.yml": description("r", **more), "r/r.py": "def rule(event): return True\n"}
    parsed = parse_rules(files)
    texts = [str(each) for each in parsed.problems if each.location.file.endswith(".yml")]

    assert parsed.rules == ()
    assert words in texts[0]
    assert texts[0].startswith("r/r.yml:")


def test_expressions_nested_without_end_are_refused():
    inner = key("a", "Exists")
    for _ in range(60):
        inner = {"Any": [inner]}
    parsed = parse_rules({"r.yml": description("r", Detection=[inner])})

    assert "nested deeper than 32" in str(parsed.problems[0])


def test_only_rules_have_filters_and_detections():
    policy = yaml.safe_load(description("r", Detection=[key("a", "Exists")]))
    policy |= {"AnalysisType": "policy", "PolicyID": "p", "ResourceTypes": ["AWS.S3.Bucket"]}
    parsed = parse_rules({"r.yml": yaml.safe_dump(policy)})

    assert "only rules have a `Detection`" in str(parsed.problems[0])
