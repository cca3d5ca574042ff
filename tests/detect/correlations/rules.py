"""Correlations written as rules, and events told to them minute by minute."""

from datetime import timedelta
from textwrap import dedent, indent

from tests.detect.rules import run_nothing
from tests.detect.tables import LOG_SOURCES, NOON, event_table
from tocsin.detect import RuleSet, Windows, evaluate, parse_rules

UID = "00000000-0000-4000-8000-0000000000ff"
LATER = timedelta(days=900)


def base(name, number, event=None, **more):
    """Return the text of a rule that matches one event name."""
    extra = "".join(f"{key}: {value}\n" for key, value in more.items())
    return (
        f"title: Rule {name}\nid: 00000000-0000-4000-8000-{number:012}\nname: {name}\n"
        "logsource: {product: aws, service: cloudtrail}\n"
        f"detection: {{s: {{eventName: {event or name}}}, condition: s}}\n{extra}"
    )


BASES = "---\n".join(base(name, number) for number, name in enumerate("abc", 1))


def written(correlation, *, tail="", bases=BASES, head=f"title: C\nid: {UID}\n"):
    """Return a file with a correlation over the rules `a`, `b` and `c`."""
    section = indent(dedent(correlation).strip("\n"), "  ")
    return f"{head}correlation:\n{section}\n{dedent(tail).strip()}\n---\n{bases}"


def problems(correlation, **changes):
    """Return line and message of everything that is wrong, warnings left out."""
    found = parse_rules({"c.yml": written(correlation, **changes)}).problems
    return [(each.location.line, each.message) for each in found if not each.is_warning]


def rules_of(text):
    parsed = parse_rules({"c.yml": text})
    assert [each for each in parsed.problems if not each.is_warning] == []
    return RuleSet.build(parsed.rules, LOG_SOURCES, alert_age=timedelta(days=9_999))


def told(correlation, *moments, **changes):
    """Tell events one after the other, then let time pass; return the findings' rows.

    Args:
        correlation: text of the section.
        moments: minute, event name and, where the correlation reads more, further keys.
    """
    rules = rules_of(written(correlation, **changes))
    return rows_of(rules, *moments)


def rows_of(rules, *moments):
    windows, rows = Windows(), []
    for number, (minute, name, *more) in enumerate(moments):
        record = {"eventName": name, "user": "u", **(more[0] if more else {})}
        events = event_table(record, minutes=[minute])
        at = events.schema.get_field_index("event_uid")
        events = events.set_column(at, "event_uid", [[f"evt_{number}"]])
        now = NOON + timedelta(minutes=minute)
        detected = evaluate(rules, events, windows, now, run_nothing)
        windows = detected.windows
        rows += detected.findings.to_pylist()
        assert detected.failures.num_rows == 0
    detected = evaluate(rules, event_table(), windows.at_rest(), NOON + LATER, run_nothing)
    return rows + detected.findings.to_pylist()


def numbers(rows):
    """Return the numbers of the events that correlations name, told once each, in order."""
    rows = [row for row in rows if row["rule_type"] == "Correlation"]
    found = [int(uid.removeprefix("evt_")) for row in rows for uid in row["event_uids"]]
    assert len(found) == len(set(found))
    return sorted(found)
