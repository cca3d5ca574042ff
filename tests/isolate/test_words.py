"""What the functions beside `rule` say: as Panther documents it, and never instead of the match."""

import json

import pytest

from tocsin.isolate import RuleWorker, WorkerLimits


@pytest.fixture(scope="module")
def worker():
    with RuleWorker() as running:
        yield running


def said(worker, functions):
    (verdict,) = worker({"r": f"def rule(event): return True\n{functions}"}, ["{}"])
    assert verdict.matched
    return verdict


def function(name, value):
    return f"def {name}(event): return {value}\n"


@pytest.mark.parametrize("name", ["title", "description", "severity"])
def test_default_leaves_what_the_yaml_says(worker, name):
    verdict = said(worker, function(name, "'DEFAULT'"))

    assert (getattr(verdict, name), verdict.failure) == ("", "")


def test_default_in_the_context_is_nothing(worker):
    functions = "".join(
        function(name, "'DEFAULT'") for name in ("reference", "runbook", "destinations")
    )
    verdict = said(worker, functions)

    assert (verdict.context, verdict.failure, verdict.is_quiet) == ("{}", "", False)


def test_where_to_look_and_whom_to_tell_stands_in_the_context(worker):
    verdict = said(
        worker,
        function("reference", "'https://example.com'")
        + function("runbook", "'Ask\\nher'")
        + function("destinations", "('team', 'other')")
        + function("alert_context", "{'runbook': 'own', 'n': 1}"),
    )

    assert json.loads(verdict.context) == {
        "reference": "https://example.com",
        "runbook": "own",
        "destinations": ["team", "other"],
        "n": 1,
    }


@pytest.mark.parametrize(("value", "quiet"), [("[]", True), ("['a']", False), ("None", False)])
def test_an_empty_list_of_destinations_tells_nobody(worker, value, quiet):
    assert said(worker, function("destinations", value)).is_quiet is quiet


@pytest.mark.parametrize(
    ("value", "unique"), [("'a'", "a"), ("7", "7"), ("None", ""), ("''", ""), ("'x' * 5000", 1_000)]
)
def test_unique_gives_what_is_counted(worker, value, unique):
    found = said(worker, function("unique", value)).unique

    assert (len(found) if isinstance(unique, int) else found) == unique


def test_without_unique_matches_are_counted(worker):
    assert said(worker, "").unique is None


@pytest.mark.parametrize(
    ("functions", "failure"),
    [
        (function("severity", "'URGENT'"), "severity() returned 'URGENT'; known are INFO"),
        (function("dedup", "{}"), "dedup() returned dict, not text"),
        (function("dedup", "True"), "dedup() returned bool, not text"),
        (function("dedup", "1 << 5000"), "dedup() returned int, not text"),
        (function("unique", "['a']"), "unique() returned list, not text"),
        ("def unique(event): raise ValueError('no')\n", "unique: raised ValueError: no"),
        (function("runbook", "5"), "runbook() returned int, not text"),
        (function("destinations", "'team'"), "destinations() returned str, no list of texts"),
        (function("destinations", "[1]"), "destinations() returned list, no list of texts"),
        (
            "class S(str):\n    def __eq__(self, other): raise KeyError\n"
            + function("title", "S('x')"),
            "title() returned S, not text",
        ),
        (
            "class L(list):\n    def __iter__(self):\n        while True: yield 'x'\n"
            + function("destinations", "L()"),
            "destinations() returned L, no list of texts",
        ),
        (
            function("title", "event.missing") + function("dedup", "event.missing"),
            "title: raised AttributeError",
        ),
    ],
)
def test_what_goes_wrong_is_told_and_the_match_stays(worker, functions, failure):
    verdict = said(worker, functions)

    assert verdict.failure.startswith(failure)
    assert (verdict.title, verdict.dedup, verdict.severity) == ("", "", "")
    assert verdict.unique in (None, "")


def test_numbers_may_join_matches_and_texts_are_cut(worker):
    assert said(worker, function("dedup", "5")).dedup == "5"
    assert len(said(worker, function("dedup", "'x' * 5000")).dedup) == 1_000


HOSTILE = {
    "unique hangs": "def unique(event):\n    while True: pass\n",
    "unique ends the worker": "import os\ndef unique(event): os._exit(0)\n",
    "destinations fill memory": "def destinations(event): return ['x' * 10**9] * 99\n",
    "a table is asked for itself": "def title(event): return event.lookup(event, event)\n",
    "a filter is replaced": (
        "import sys\nmain = sys.modules['rule_expressions']\n"
        "main.holds = lambda *a, **k: 1 / 0\ndef title(event): return 'x'\n"
    ),
    "placeholders are changed": (
        "import tocsin_rules\ndef title(event): tocsin_rules.placeholders['x'] = 1\n"
    ),
    "the interpreter is given nonsense": (
        "import tocsin_rules\ndef title(event): tocsin_rules.simple_detection({}, '[')\n"
    ),
    "an expression without end": (
        "import json, tocsin_rules\ndeep = ['constant', True]\n"
        "for _ in range(100000): deep = ['all', [deep]]\n"
        "n = {}\ndef title(event): tocsin_rules.simple_detection(n, deep)\n"
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_a_failure_of_their_rule_alone(name):
    source = f"def rule(event): return True\n{HOSTILE[name]}"
    good = "def rule(event): return True\n"
    with RuleWorker(WorkerLimits(record_seconds=0.4)) as worker:
        verdicts = worker({"hostile": source, "good": good}, ["{}", "{}"])

    assert [v.record for v in verdicts if v.rule_uid == "good" and v.matched] == [0, 1]
    own = [v for v in verdicts if v.rule_uid == "hostile"]
    assert own
    assert all(v.failure or v.title == "x" for v in own)
