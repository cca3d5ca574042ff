"""Placeholders stand for the values that settings give (rules specification, "Placeholders")."""

import pytest

from tests.detect.rules import UID, rule_set, run_nothing, sigma
from tests.detect.tables import event_table
from tocsin.conditions import holds
from tocsin.detect import parse_rules, run_examples

VALUES = {
    "admins": ("alice", "adm_*"),
    "hosts": ("db", "web"),
    "nobody": (),
    "ranges": ("10.0.0.0/8", "2001:db8::/32"),
    "dotted": ("a.b",),
}


def answers(line, *events, values=None):
    text = sigma(f"s:\n  {line}\ncondition: s")
    parsed = parse_rules({"x.yml": text}, VALUES if values is None else values)
    assert parsed.problems == ()
    return [holds(parsed.rules[0].condition, event) for event in events]


@pytest.mark.parametrize(
    ("line", "matching", "others"),
    [
        ("f|expand: '%admins%'", ["alice", "ALICE", "adm_bob"], ["bob", "%admins%"]),
        ("f|expand: ['%admins%', eve]", ["alice", "eve"], ["bob"]),
        (r"f|expand: '\%plain%hosts%'", ["%plaindb", "%plainweb"], ["db", "plaindb"]),
        ("f|expand: '%hosts%-%hosts%'", ["db-web", "web-web"], ["db", "db-"]),
        ("f|expand: '100%'", ["100%"], ["100"]),
        ("f: '%hosts%'", ["%hosts%"], ["db"]),
        ("f|expand|startswith: '%hosts%'", ["db1"], ["1db"]),
        ("f|contains|expand: '%hosts%'", ["the web."], ["the"]),
        ("f|contains|expand|all: ['%hosts%', x]", ["x db", "web x"], ["db web", "x"]),
        ("f|cidr|expand: '%ranges%'", ["10.1.2.3", "2001:db8::1"], ["192.0.2.1", "x"]),
        ("f|expand|cidr: '%ranges%'", ["10.1.2.3"], ["192.0.2.1"]),
        ("f|re|expand: '^%dotted%$'", ["a.b"], ["axb"]),
        ("f|neq|expand: '%hosts%'", ["x"], ["db", "web"]),
        ("f|expand: '%nobody%'", [], ["x", "%nobody%", ""]),
        ("f|expand: ['%nobody%', x]", ["x"], [""]),
        ("f|expand|all|contains: ['%nobody%', x]", [], ["x"]),
        ("f|neq|expand: '%nobody%'", ["x", ""], []),
        ("f|expand: '%organization.accounts%'", [], ["111122223333"]),
    ],
)
def test_a_placeholder_stands_for_its_values(line, matching, others):
    expected = [True] * len(matching) + [False] * len(others)

    assert answers(line, *({"f": value} for value in matching + others)) == expected


def test_values_of_the_organization_come_from_its_settings():
    values = {"organization.accounts": ("111122223333",)}

    line = "f|expand: '%organization.accounts%'"

    assert answers(line, {"f": "111122223333"}, {"f": 111122223333}, values=values) == [True, True]


def test_a_rule_can_ask_whether_a_list_of_the_organization_has_values():
    line = "f|expand: '%organization.address_ranges_known%'"

    assert answers(line, {"f": "x"}, {}, values={"organization.address_ranges": ("::/0",)}) == [
        True,
        False,
    ]
    assert answers(line, {"f": "x"}) == [False]


def test_keywords_have_placeholders_too():
    text = sigma("s:\n  '|expand': ['%hosts%']\ncondition: s")
    rule = parse_rules({"x.yml": text}, VALUES).rules[0]

    assert [holds(rule.condition, {"a": word}) for word in ("the db.", "else")] == [True, False]


def test_a_flood_of_values_is_refused():
    line = "%many%" * 3
    text = sigma(f"s:\n  f|expand: '{line}'\ncondition: s")

    result = parse_rules({"x.yml": text}, {"many": tuple(map(str, range(100)))})

    assert result.rules == ()
    assert "more than 10000 values" in str(result.problems[0])


PROVEN = f"""
title: A stranger comes
id: {UID}
logsource: {{product: aws, service: cloudtrail}}
detection:
  known: {{userIdentity.userName|expand: '%friends%'}}
  condition: known
tocsin: {{example_values: {{friends: [alice]}}}}
examples:
  - {{name: known in the example, match: true, event: {{userIdentity: {{userName: alice}}}}}}
  - {{name: unknown there, match: false, event: {{userIdentity: {{userName: bob}}}}}}
"""


def test_examples_are_judged_with_values_of_their_own_and_production_is_not():
    rule = parse_rules({"x.yml": PROVEN}, {"friends": ("bob",)}).rules[0]

    results = run_examples(
        rule_set(rule),
        lambda source, records: [event_table(each, source=source) for each in records],
        run_nothing,
        base_records={},
    )

    assert [(each.passed, each.reason) for each in results] == [(True, ""), (True, "")]
    assert holds(rule.condition, {"userIdentity": {"userName": "bob"}})


def test_values_for_examples_do_not_make_a_placeholder_known():
    result = parse_rules({"x.yml": PROVEN})

    assert result.rules == ()
    assert "%friends%" in str(result.problems[0])
