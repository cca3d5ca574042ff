"""What is proved of a Python rule holds for every event that the rule matches."""

import json
import sys
import textwrap
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.detect.engine.python_rules import EVERY_RECORD, HELPER, records, sources
from tests.detect.rules import detected, rule_set
from tests.detect.tables import event_table
from tocsin.conditions import holds
from tocsin.conditions.tree import AllOf, AnyOf, Field, Not, Number, Pattern, Text, Wildcard
from tocsin.detect import parse_rules
from tocsin.detect.engine import Engine, Necessary, necessary_condition
from tocsin.detect.rules import LogSource, Rule
from tocsin.errors import Location
from tocsin.isolate.jail.rule_event import RuleEvent, frozen
from tocsin.run.wiring import RuleChoice, load_rules


def proof(text):
    return necessary_condition(textwrap.dedent(text))


def named(path, *words):
    return Field(path, tuple(Text((word,), True) for word in words))


EITHER = AnyOf((AllOf((named("a", "X"),)), AllOf((named("b", "X"),))))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('return event.get("a") == "X"', [named("a", "X")]),
        ('return event["a"] == "X"', [named("a", "X")]),
        ('return event.get("a", "") == "X" and other(event)', [named("a", "X")]),
        ('return f() if event.get("a") == "X" else event.get("b") == "X"', [EITHER]),
        ('return event.get("a") in ("X", "Y")', [named("a", "X", "Y")]),
        ('return event.get("a") in NAMES and 1', [named("a", "X", "Y")]),
        ('return event.deep_get("a", "b", default="") == "X"', [named("a.b", "X")]),
        ('return event.get("a", {}).get("b") == "X"', [named("a.b", "X")]),
        ('return (event.get("a") or {}).get("b") == "X"', [named("a.b", "X")]),
        ('if event.get("a") != "X": return False\n    return f()', [named("a", "X")]),
        ('if event.get("a") not in {"X"}: return False\n    return f()', [named("a", "X")]),
        ('if not event.get("a") == "X" or f(): return False\n    return g()', [named("a", "X")]),
        (
            'if event.get("z"): return False\n    return event.get("a") == "X"',
            [Not(Field("z", (Pattern("^[A-Z]"),))), named("a", "X")],
        ),
        ('return event.get("a") in KEYS and KEYS.get("X")', [named("a", "X")]),
        ('part = event.get("a") or {}\n    return part.get("b") == "X"', [named("a.b", "X")]),
        (
            'return str(event.get("a")).startswith("AKIA")',
            [Field("a", (Text(("AKIA", Wildcard.ANY), True),))],
        ),
        (
            'return event.get("a") == "X" or event.get("b") == "Y"',
            [AnyOf((AllOf((named("a", "X"),)), AllOf((named("b", "Y"),))))],
        ),
    ],
)
def test_a_safe_shape_is_proved(body, expected):
    text = f'NAMES = {{"X", "Y"}}\nKEYS = {{"X": 1}}\ndef rule(event):\n    {body}\n'

    assert proof(text) == AllOf(tuple(expected))


@pytest.mark.parametrize(
    "text",
    [
        "def rule(event): return True",
        'def rule(event): return f() and event.get("a") == "X"',
        'def rule(event):\n    count()\n    return event.get("a") == "X"',
        'def rule(event): return event.get("a", "X") == "X"',
        'def rule(event): return event.get("a", "") == ""',
        'def rule(event): return event.get("a") != "X"',
        'def rule(event): return event.get("a") == "X" or f()',
        'def rule(event): return not event.get("a") == "X"',
        'def rule(event): return event.get("a") in "XY"',
        'def rule(event): return event.udm("a") == "X"',
        'def rule(event):\n    event = g()\n    return event.get("a") == "X"',
        'def rule(event):\n    if f(): return True\n    return event.get("a") == "X"',
        'N = ["X"]\nN.append("Y")\ndef rule(event): return event.get("a") in N',
        'N = ["X"]\nN = ["Y"]\ndef rule(event): return event.get("a") in N',
        'def rule(event): return str(event.get("a")).startswith("None")',
        'def rule(event): return str(event.get("a")).startswith("{")',
        'def rule(event): return event.get("a") == "X"\nrule = other',
        '@wrapped\ndef rule(event): return event.get("a") == "X"',
        'def rule(event): return event.get("a") == "X"\ndef rule(event): return True',
        'from elsewhere import *\ndef rule(event): return event.get("a") == "X"',
        'def policy(event): return event.get("a") == "X"',
        "def rule(event:",
    ],
)
def test_what_is_no_proof_is_none(text):
    assert proof(text) is None


def test_fields_that_the_worker_adds_prove_nothing():
    text = 'def rule(event): return event.get("p_log_type") == "X"'
    engine = Engine([Necessary(proof(text), lambda path: True, is_exact=False)])

    assert engine.always == (0,)


def prepared(source):
    """Return a function of a record: whether a rule matches, and whether it did something."""
    noted = []
    helper = ModuleType("acme")
    exec(HELPER, vars(helper))
    names = {"note": lambda event: noted.append(event) or False}
    before = sys.modules.get("acme")
    sys.modules["acme"] = helper
    try:
        exec(source, names)
    finally:
        sys.modules.pop("acme") if before is None else sys.modules.update(acme=before)

    def run(record):
        noted.clear()
        try:
            return names["rule"](RuleEvent(frozen(record))) is True, bool(noted)
        except Exception:  # a rule that raises on a made-up record has not matched it
            return False, bool(noted)

    return run


def proved(source):
    return necessary_condition(source, [("acme", HELPER)])


@settings(max_examples=400)
@given(sources, st.lists(records, min_size=1, max_size=8))
def test_where_the_condition_does_not_hold_a_rule_says_no_and_does_nothing(source, examples):
    condition, run = proved(source), prepared(source)
    for record in (*examples, *EVERY_RECORD):
        if any(run(record)):
            assert condition is None or holds(condition, record)


@settings(max_examples=150)
@given(sources, st.lists(records, min_size=1, max_size=8))
def test_no_matching_event_is_left_out(source, examples):
    engine = Engine([Necessary(proved(source), lambda path: True, is_exact=False)])
    selected = engine.select([json.dumps(record) for record in examples])
    asked = {place for place, numbers in (*selected.asked, *selected.sure) if numbers}
    asked |= {place for place in selected.odd if engine.of_record(examples[place])}

    run = prepared(source)
    for place, record in enumerate(examples):
        assert place in asked or not any(run(record))


FOLLOWED = {
    "a helper of one's own": (
        'def own(event):\n    return event.get("a") == "X"\n'
        "def rule(event):\n    return own(event) and f()\n",
        [named("a", "X")],
    ),
    "a helper of the folder": (
        "from acme import is_loud\ndef rule(event): return is_loud(event)\n",
        [Not(Field("c", (Pattern("^[A-Z]"),))), named("a.b", "X", "Xa")],
    ),
    "deep_get of the folder": (
        'from acme import deep_get\ndef rule(event): return deep_get(event, "a", "b") == "X"\n',
        [named("a.b", "X")],
    ),
    "deep_get of ours": (
        "from panther_base_helpers import deep_get\n"
        'def rule(event): return deep_get(event, "a", "b", default="") == "X"\n',
        [named("a.b", "X")],
    ),
    "a constant of the folder": (
        'from acme import WORDS\ndef rule(event): return event.get("a") in WORDS\n',
        [named("a", "X", "Xa")],
    ),
    "event types": (
        "import panther_event_type_helpers as event_type\n"
        'def rule(event): return event.get("a") == event_type.FAILED_LOGIN\n',
        [named("a", "failed_login")],
    ),
    "a walrus": (
        'def rule(event):\n    if (a := event.get("a")) != "X": return False\n    return f(a)\n',
        [named("a", "X")],
    ),
    "a part of a text": (
        'def rule(event): return "X" in event.get("a", "")\n',
        [Field("a", (Text((Wildcard.ANY, "X", Wildcard.ANY), True),))],
    ),
    "not in": (
        'def rule(event):\n    if "X" not in event["a"]: return False\n    return f(event)\n',
        [Field("a", (Text((Wildcard.ANY, "X", Wildcard.ANY), True),))],
    ),
    "the end of a text": (
        'def rule(event): return event.get("a").lower().endswith(("x", "y"))\n',
        [Field("a", (Text((Wildcard.ANY, "x")), Text((Wildcard.ANY, "y"))))],
    ),
    "a number": (
        'def rule(event): return (event.get("a") or {}).get("b") == 403\n',
        [Field("a.b", (Number(403),))],
    ),
    "some element": (
        'def rule(event): return any(e.get("b") == "X" for e in event.get("a", []))\n',
        [named("a.b", "X")],
    ),
    "some word": (
        'def rule(event): return any(w in event["a"] for w in ("X",))\n',
        [Field("a", (Text((Wildcard.ANY, "X", Wildcard.ANY), True),))],
    ),
    "all words": (
        'def rule(event):\n    return not all(w not in event["a"] for w in ("X",))\n',
        [Field("a", (Text((Wildcard.ANY, "X", Wildcard.ANY), True),))],
    ),
    "match": (
        'def rule(event):\n    match event.get("a"):\n        case "X" | "Y":\n'
        "            return f(event)\n        case _:\n            return False\n",
        [AnyOf((AllOf((named("a", "X"),)), AllOf((named("a", "Y"),))))],
    ),
    "a loop": (
        'def rule(event):\n    for each in event.get("a") or []:\n'
        '        if each.get("b") == "X":\n            return True\n    return False\n',
        [named("a.b", "X")],
    ),
    "an attempt": (
        'def rule(event):\n    if event["a"] != "X": return False\n'
        "    try:\n        return f(event)\n    except ValueError:\n        return False\n",
        [named("a", "X")],
    ),
    "deep inside branches": (
        'def rule(event):\n    if event.get("a") == "X":\n        return f()\n'
        '    elif event.get("b") == "Y":\n        return g()\n    return False\n',
        [AnyOf((AllOf((named("a", "X"),)), AllOf((named("b", "Y"),))))],
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_more_shapes_are_proved(name):
    text, expected = FOLLOWED[name]

    assert proved(text) == AllOf(tuple(expected))


@pytest.mark.parametrize(
    "text",
    [
        'def rule(event):\n    count(event)\n    return event.get("a") == "X"\n',
        "from acme import missing\ndef rule(event): return missing(event)\n",
        'from other import own\ndef rule(event): return own(event) and event["a"] == "X"\n',
        'def own(e): return own(e)\ndef rule(event): return own(event) and event["a"] == "X"\n',
        'def rule(event): return LIST.append(1) or event["a"] == "X"\n',
        'import requests\ndef rule(event): return requests.get("x") and event["a"] == "X"\n',
        'def own(x=f()): return x\ndef rule(event): return own() and event["a"] == "X"\n',
        'def rule(event):\n    with f():\n        return event["a"] == "X"\n',
        'def rule(event):\n    while f():\n        pass\n    return event["a"] == "X"\n',
        'def rule(event):\n    yield event["a"] == "X"\n',
        'class A:\n    pass\ndef rule(event): return A() == 1 and event["a"] == "X"\n',
        'def rule(event): return event.upper() or event["a"].upper() == "X"\n',
        'def rule(event, *more): return event["a"] == "X"\n',
        'N = [["X"]]\nN[0].append("Y")\ndef rule(event): return event.get("a") in N[0]\n',
        'N = ["X"]\nN[0] = "Y"\ndef rule(event): return event.get("a") in N\n',
        'X = f()\ndef rule(event): return X == 1 and event["a"] == "X"\n',
    ],
)
def test_more_that_is_no_proof(text):
    assert proved(text) is None


def test_a_deep_get_of_another_shape_is_not_taken_for_the_known_one():
    helper = HELPER.replace("acc.get(key, default) if", "acc.get(key, 'X') if")
    text = FOLLOWED["deep_get of the folder"][0]

    assert necessary_condition(text, [("acme", helper)]) is None


def test_branches_that_multiply_end_the_proof():
    lines = "".join(f'    if event.get("k{n}"): x{n} = 1\n' for n in range(40))
    text = f'def rule(event):\n{lines}    return event.get("a") == "X"\n'

    assert proved(text) is None


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ([{"Key": "a", "Condition": "Equals", "Value": "X"}], [named("a", "X")]),
        ([{"DeepKey": ["a", "b"], "Condition": "IsIn", "Values": ["X"]}], [named("a.b", "X")]),
        (
            [{"Key": "a", "Condition": "IContains", "Value": "Xy"}],
            [Field("a", (Text((Wildcard.ANY, "xy", Wildcard.ANY)),))],
        ),
        (
            [{"Any": [{"Key": k, "Condition": "Equals", "Value": "X"} for k in "ab"]}],
            [AnyOf((AllOf((named("a", "X"),)), AllOf((named("b", "X"),))))],
        ),
        (
            [
                {
                    "Key": "a",
                    "Condition": "AnyElement",
                    "Expressions": [{"Key": "b", "Condition": "Equals", "Value": "X"}],
                }
            ],
            [named("a.b", "X")],
        ),
        ([{"Key": "a", "Condition": "DoesNotEqual", "Value": "X"}], []),
        ([{"KeyPath": "a.b", "Condition": "Equals", "Value": "X"}], []),
        ([{"None": [{"Key": "a", "Condition": "Equals", "Value": "X"}]}], []),
    ],
)
def test_rules_without_python_are_proved_too(detection, expected):
    yaml = {"AnalysisType": "rule", "RuleID": "r", "Severity": "Low", "LogTypes": ["x"]}
    (rule,) = parse_rules({"r.yml": json.dumps({**yaml, "Detection": detection})}).rules

    assert necessary_condition(rule.source) == (AllOf(tuple(expected)) if expected else None)


def python_rule(uid, body):
    return Rule(
        uid=uid,
        title="P",
        description="",
        severity_id=1,
        kind="Python",
        log_source=LogSource(log_types=("AWS.CloudTrail",)),
        location=Location("p.yml", 1),
        version="v",
        source=f"def rule(event):\n    {body}\n",
    )


def test_only_records_that_a_proof_leaves_reach_the_worker():
    seen = {}

    def run(rules, texts):
        seen.update(dict.fromkeys(rules, [json.loads(text)["a"] for text in texts]))
        return []

    rules = rule_set(
        python_rule("proved", 'return event.get("a") == "X"'),
        python_rule("unproved", "return f(event)"),
    )
    detected(rules, event_table({"a": "X"}, {"a": "Y"}, {"a": ["X"]}), run_python=run)

    assert seen == {"proved": ["X", ["X"]], "unproved": ["X", "Y", ["X"]]}


READ_FROM_DOCUMENTS = (
    "Tocsin.AWS.PolicyGrantsEverything",
    "Tocsin.AWS.ResourceOpenedToEveryone",
    "Tocsin.AWS.RoleTrustsOutsideAccount",
    "Tocsin.Kubernetes.RefusalsOfCommandLine",
)


def test_shipped_rules_that_read_documents_have_a_witness():
    by_uid = {rule.uid: rule for rule in load_rules(RuleChoice()).rules if rule.kind == "Python"}
    rules = [by_uid[uid] for uid in READ_FROM_DOCUMENTS]
    proofs = [necessary_condition(rule.source, rule.helpers) for rule in rules]
    engine = Engine([Necessary(proof, lambda path: True, is_exact=False) for proof in proofs])

    assert [rules[number].uid for number in engine.always] == []
