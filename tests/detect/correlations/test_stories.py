"""Examples of correlations: told as they would arrive, with the rules that they refer to alone."""

from tests.detect.correlations.rules import UID, written
from tests.detect.rules import run_nothing
from tests.detect.tables import CLOUDTRAIL, LOG_SOURCES, event_table
from tocsin.detect import RuleSet, parse_rules, run_examples

COUNT = "type: value_count\nrules: a\ngroup-by: user\ntimespan: 10m\ncondition: {field: n, gte: 3}"
BASE = {CLOUDTRAIL: {"eventName": "nothing", "user": "u", "kept": True}, "kubernetes.audit": {}}


def normalize(source, records):
    return [
        event_table(record, source=source)
        if record.get("eventName") != "refused"
        else event_table()
        for record in records
    ]


def results(examples, correlation=COUNT, **changes):
    """Return by name of the example why it failed, empty where it passed."""
    parsed = parse_rules({"c.yml": written(correlation, tail=f"examples:\n{examples}", **changes)})
    assert [each for each in parsed.problems if not each.is_warning] == []
    rules = RuleSet.build(parsed.rules, LOG_SOURCES)
    found = run_examples(rules, normalize, run_nothing, base_records=BASE)
    return {each.name: each.reason for each in found if each.rule_uid == UID}


def test_the_answer_expected_is_compared_with_the_answer_given():
    examples = """
  - name: three values
    match: true
    events: [{after: 10s, repeat: 3, event: {eventName: a, n: "v{n}"}}]
  - name: one value
    match: false
    events: [{after: 10s, repeat: 3, event: {eventName: a, n: v}}]
  - name: wrong about three
    match: false
    events: [{after: 10s, repeat: 3, event: {eventName: a, n: "v{n}"}}]
  - name: wrong about one
    match: true
    events: [{event: {eventName: a, n: v}}]
"""
    assert results(examples) == {
        "three values": "",
        "one value": "",
        "wrong about three": "should not match, but does",
        "wrong about one": "should match, but does not",
    }


def test_time_passes_between_events():
    examples = """
  - name: in time
    match: true
    events: [{after: 199s, repeat: 3, event: {eventName: a, n: "{n}"}}]
  - name: too slow
    match: false
    events: [{after: 5m, repeat: 3, event: {eventName: a, n: "{n}"}}]
"""
    assert set(results(examples).values()) == {""}


def test_an_entry_without_an_event_lets_time_pass():
    examples = """
  - name: long enough
    match: true
    events: [{event: {eventName: a}}, {after: 61m}]
  - name: not yet
    match: false
    events: [{event: {eventName: a}}, {after: 59m}]
"""
    absence = "type: absence\nrules: a\ngroup-by: user\ntimespan: 1h"

    assert set(results(examples, absence).values()) == {""}


def test_what_waits_is_decided_at_the_end():
    examples = """
  - name: few
    match: true
    events: [{event: {eventName: a}}]
"""
    few = "type: event_count\nrules: a\ngroup-by: user\ntimespan: 10m\ncondition: {lt: 3}"

    assert results(examples, few) == {"few": ""}


def test_records_lie_over_the_base_record_of_their_source():
    examples = """
  - name: grouped by what the base says
    match: true
    events: [{repeat: 3, event: {eventName: a, n: "{n}"}}]
"""
    correlation = COUNT.replace("group-by: user", "group-by: [user, kept]")

    assert results(examples, correlation) == {"grouped by what the base says": ""}


def test_an_event_that_cannot_be_told_is_named():
    examples = """
  - name: refused
    match: true
    events: [{event: {eventName: refused}}]
  - name: elsewhere
    match: true
    events: [{source: okta, event: {eventName: a}}]
"""
    assert results(examples) == {
        "refused": "the mapping of aws.cloudtrail rejects the record of evt_000001",
        "elsewhere": "no rule of the correlation reads the source 'okta'",
    }


def test_the_source_must_be_said_where_there_are_several():
    bases = (
        written(COUNT).split("---\n", 1)[1] + "---\ntitle: K\nname: k\n"
        "id: 00000000-0000-4000-8000-0000000000aa\n"
        "logsource: {product: kubernetes, service: audit}\n"
        "detection: {s: {verb: create}, condition: s}\n"
    )
    examples = """
  - name: whose
    match: true
    events: [{event: {eventName: a}}]
  - name: said
    match: true
    events: [{source: aws.cloudtrail, event: {eventName: a}}]
"""
    either = "type: event_count\nrules: [a, k]\ntimespan: 10m\ncondition: {gte: 1}"
    found = results(examples, either, bases=bases)

    assert found["said"] == ""
    assert "must say which source" in found["whose"]
    assert "aws.cloudtrail, kubernetes.audit" in found["whose"]


def test_an_inner_correlation_has_examples_of_its_own():
    outer = (
        "title: O\nid: 00000000-0000-4000-8000-0000000000ee\ncorrelation: "
        f"{{type: event_count, rules: [{UID}], timespan: 1h, condition: {{gte: 1}}}}\n---\n"
    )
    examples = """
  - name: still found
    match: true
    events: [{repeat: 3, event: {eventName: a, n: "{n}"}}]
"""
    assert results(examples, bases=f"{outer}{written(COUNT).split('---', 1)[1].lstrip()}") == {
        "still found": ""
    }
