"""What is proved of a Python rule holds for every event that the rule matches."""

import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.detect.rules import detected, rule_set
from tests.detect.tables import event_table
from tocsin.conditions.tree import AllOf, AnyOf, Field, Not, Pattern, Text, Wildcard
from tocsin.detect.engine import Engine, Necessary, necessary_condition
from tocsin.detect.rules import LogSource, Rule
from tocsin.errors import Location


def proof(text):
    return necessary_condition(textwrap.dedent(text))


def named(path, *words):
    return Field(path, tuple(Text((word,), True) for word in words))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('return event.get("a") == "X"', [named("a", "X")]),
        ('return event["a"] == "X"', [named("a", "X")]),
        ('return event.get("a", "") == "X" and other(event)', [named("a", "X")]),
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


BODIES = (
    'return event.get("a") == "X"',
    'return event.deep_get("a", "b") in NAMES',
    'if event.get("c") != "Y":\n        return False\n    return event.get("a") == "X" or True',
    'a = event.get("a") or {}\n    return a.get("b") == "X" and not event.get("c")',
    'return str(event.get("a")).startswith(("X", "Y")) or event.get("c") == "Z"',
    'return not event.get("a") and event.get("c") == "Z"',
    'if event.get("a") or event.get("b"):\n        return False\n    return True',
    'return bool(event.get("c")) and event.get("a") == "X"',
)
scalars = st.sampled_from(("X", "Y", "Z", "XY", "", None, 1, True, 0.5, 0, False, 0.0))
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from("ab"), scalars)
records = st.dictionaries(st.sampled_from(("a", "b", "c", "a.b")), values, max_size=4)


class Event(dict):
    def deep_get(self, *keys):
        value = self
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


@given(st.sampled_from(BODIES), records)
def test_no_matching_event_is_left_out(body, record):
    text = f'NAMES = ("X", "Y")\ndef rule(event):\n    {body}\n'
    names = {}
    exec(text, names)
    try:
        matched = bool(names["rule"](Event(record)))
    except (AttributeError, TypeError):
        matched = False
    engine = Engine([Necessary(necessary_condition(text), lambda path: True, is_exact=False)])

    selected = engine.select([json.dumps(record)])

    asked = selected.asked != [] or bool(selected.odd and engine.of_record(record))
    assert asked or not matched


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

    rules = rule_set(python_rule("proved", BODIES[0]), python_rule("unproved", "return f(event)"))
    detected(rules, event_table({"a": "X"}, {"a": "Y"}, {"a": ["X"]}), run_python=run)

    assert seen == {"proved": ["X", ["X"]], "unproved": ["X", "Y", ["X"]]}
