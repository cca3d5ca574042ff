"""Rules written for tests."""

import textwrap

from tests.detect.tables import LOG_SOURCES, NOON, event_table
from tocsin.detect import RuleSet, Verdict, Windows, evaluate, parse_rules

UID = "00000000-0000-4000-8000-000000000001"
HEAD = f"title: T\nid: {UID}\nlevel: high\n"
CLOUDTRAIL_HEAD = f"{HEAD}logsource: {{product: aws, service: cloudtrail}}\n"


def run_nothing(rules, records, mocks=()):
    """Stand for a worker that does not run: every rule is reported."""
    return [
        Verdict(uid, None, matched=False, failure="not_run: no worker", count=len(records))
        for uid in rules
        if records
    ]


def sigma(detection, head=CLOUDTRAIL_HEAD, tail=""):
    """Return the text of a Sigma rule with this detection."""
    indented = textwrap.indent(textwrap.dedent(detection).strip("\n"), "  ")
    return f"{head}detection:\n{indented}\n{textwrap.dedent(tail)}"


def parsed(detection, **changes):
    """Return the rule with this detection, which must have no problem."""
    result = parse_rules({"rule.yml": sigma(detection, **changes)})
    assert result.problems == ()
    return result.rules[0]


def rule_set(*rules, **changes):
    return RuleSet.build(rules, LOG_SOURCES, **changes)


def detected(rules, events, windows=None, now=NOON, run_python=run_nothing):
    if not isinstance(rules, RuleSet):
        rules = rule_set(*rules)
    return evaluate(rules, events, windows or Windows(), now, run_python)


def matches(detection, *records, **changes):
    """Return for each record whether a rule with this detection matches it."""
    events = event_table(*records)
    found = detected([parsed(detection, **changes)], events)
    assert found.failures.num_rows == 0
    hits = set(found.matches.column("event_uid").to_pylist())
    return [uid in hits for uid in events.column("event_uid").to_pylist()]
