"""Random Python rules and records that often have to do with each other."""

from hypothesis import strategies as st

HELPER = """from functools import reduce
from collections.abc import Mapping

WORDS = ("X", "Xa")

def deep_get(dictionary: dict, *keys, default=None):
    \"\"\"Reach inside.\"\"\"
    return reduce(
        lambda acc, key: acc.get(key, default) if isinstance(acc, Mapping) else default,
        keys,
        dictionary,
    )

def is_loud(event):
    if event.get("c"):
        return False
    return deep_get(event, "a", "b") in WORDS

def name_of(event, key="a"):
    return event.get(key)
"""

HEAD = """from acme import WORDS, deep_get, is_loud, name_of
import re
import json

NAMES = {"X", "Y"}
TABLE = {"X": 1, "Xa": 2}
PATTERN = re.compile("X")

def quiet(value, word="Y"):
    for each in value or []:
        if each == word:
            return True
    return False

def statements(text):
    try:
        found = json.loads(text or "{}").get("a") or []
    except (ValueError, AttributeError, TypeError):
        return []
    return [each for each in found if isinstance(each, dict)]

"""

PARTS = (
    'event.get("a")',
    'event.get("b", "")',
    'event["c"]',
    'event.get("a", "X")',
    'event.deep_get("a", "b")',
    'event.deep_get("c", "X", default="")',
    'deep_get(event, "a", "b")',
    'deep_get(event, "b", "a", default={})',
    '(event.get("a") or {}).get("b")',
    'event.get("b", {}).get("a")',
    'event.get("c")[0]',
    'event["a"][0].get("b")',
    "name_of(event)",
    'name_of(event, key="c")',
    "v",
    "each",
    'each.get("a")',
    'event.deep_walk("a", "b")',
    'list(event.get("a") or [])',
    'TABLE.get(event.get("a"))',
)
TESTS = (
    '{p} == "X"',
    '"Xa" == {p}',
    '{p} != "X"',
    "{p} in NAMES",
    '{p} in ("Y", "b")',
    '{p} not in {{"X", "Y"}}',
    "{p} in TABLE",
    "{p} in WORDS",
    "{p} == 1",
    "{p} in (1, 5)",
    "{p} == True",
    "{p} is None",
    "{p} is not None",
    "{p} == 0",
    '"X" in {p}',
    '"a" in {p}',
    '"X" not in {p}',
    '"x" in {p}.lower()',
    '{p}.lower() == "x"',
    '{p}.lower() in ("xa", "y")',
    '{p}.startswith("X")',
    '{p}.endswith(("a", "Y"))',
    '{p}.lower().startswith("x")',
    'str({p}).startswith("Xa")',
    'str({p}) == "X"',
    "{p}",
    "bool({p})",
    "len({p}) > 1",
    "isinstance({p}, str)",
    "PATTERN.match({p})",
    "quiet({p})",
    'quiet({p}, "X")',
    "quiet({p}, word=v)",
    "is_loud(event)",
    "statements({p})",
    "any(each == 'X' for each in {p})",
    "any(each.get('b') == 'X' for each in {p})",
    "any('X' in each for each in {p} if each)",
    "any(word in {p} for word in NAMES)",
    "all(word in {p} for word in WORDS)",
    "all(each == 'X' for each in {p})",
    "any([each for each in {p}])",
    "(w := {p}) == 'X' and w",
    "note(event)",
    "({p} == 'X') is True",
    "'X' < {p}",
    "True",
    "False",
)

parts = st.sampled_from(PARTS)
simple = st.builds(lambda test, part: test.format(p=part), st.sampled_from(TESTS), parts)
tests = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=3,
)


def block(lines):
    return [f"    {line}" for each in lines for line in each]


returns = st.one_of(
    st.builds(lambda test: [f"return {test}"], tests),
    st.builds(lambda test: [f"return bool({test})"], tests),
    st.sampled_from((["return True"], ["return False"], ["return"], ["return []"])),
)
steps = st.one_of(
    st.builds(lambda part: [f"v = {part}"], parts),
    st.builds(lambda part: [f"v: str = {part}"], parts),
    st.sampled_from((["note(event)"], ["pass"], ["assert event.get('a')"], ["count = 0"])),
    returns,
)


def nested(inner):
    blocks = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.builds(lambda test, then: [f"if {test}:", *block(then)], tests, blocks),
        st.builds(
            lambda test, then, other: [f"if {test}:", *block(then), "else:", *block(other)],
            tests,
            blocks,
            blocks,
        ),
        st.builds(lambda part, then: [f"for each in {part} or []:", *block(then)], parts, blocks),
        st.builds(lambda then: ["for each in NAMES:", *block(then), "    continue"], blocks),
        # People's rules catch everything, and what a proof says of both blocks must hold.
        st.builds(
            lambda then, other: ["try:", *block(then), "except Exception:", *block(other)],
            blocks,
            blocks,
        ),
        st.builds(
            lambda part, then, other: [
                f"match {part}:",
                "    case 'X' | 'Y':",
                *block([block(then)]),
                "    case 1 if v:",
                *block([block(other)]),
                "    case None:",
                "        return False",
            ],
            parts,
            blocks,
            blocks,
        ),
    )


bodies = st.lists(st.recursive(steps, nested, max_leaves=4) | returns, min_size=1, max_size=4)


sources = bodies.map(
    lambda body: (
        "\n".join([f"{HEAD}def rule(event):", "    v = None", "    each = {}", *block(body)]) + "\n"
    )
)

words = st.sampled_from(("X", "Y", "Xa", "x", "XA", "b", "", "None", "true", '{"a": [{"b": "X"}]}'))
scalars = words | st.sampled_from((None, True, False, 1, 0, 5, 1.0, 0.5))
keys = st.sampled_from(("a", "b", "c", "X"))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=5,
)
records = st.dictionaries(keys, values, max_size=4)

_VALUES = ("X", "x", "Xa", "XA", "Y", "b", "true", 1, True, None, 0.5, ["X"], ["xa", "Y"], {"X": 1})
_SHAPES = (
    lambda value: {"a": value},
    lambda value: {"b": value},
    lambda value: {"c": value},
    lambda value: {"a": value, "b": value, "c": value},
    lambda value: {"a": {"b": value}},
    lambda value: {"b": {"a": value}, "c": {"X": value}},
    lambda value: {"a": [{"b": value, "a": value}], "c": [value]},
    lambda value: {"a": [value, "Y"], "b": [value], "c": ""},
)
EVERY_RECORD = [shape(value) for shape in _SHAPES for value in _VALUES]
"""Records that nearly every test of a rule above tells apart."""
