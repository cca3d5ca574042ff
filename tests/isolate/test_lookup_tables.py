"""Lookup tables of a folder: read with limits, given to rules as enrichment and by lookup."""

import json

import pytest

from tocsin.detect import parse_rules
from tocsin.detect.formats import python_tables
from tocsin.isolate import RuleWorker

TABLE = """AnalysisType: lookup_table
LookupName: accounts
Enabled: true
Filename: accounts.csv
Schema: Custom.Accounts
LogTypeMap:
  PrimaryKey: id
  AssociatedLogTypes:
    - {LogType: AWS.CloudTrail, Selectors: [recipientAccountId, '$.users[*].account', numbers]}
"""
ACCOUNTS = (
    'id,name,isProduction\r\n111122223333,shop,True\r\n444455556666,"la\nb",False\r\n7,n,x\r\n'
)
NETWORKS = (
    '{"block": "10.0.0.0/8", "office": {"city": "Delft"}}\n'
    '\n{"block": "10.1.0.0/16", "office": null}\n{"block": "2001:db8::/32", "x": 1}\n'
)
NETWORK_TABLE = (
    TABLE.replace("accounts", "networks")
    .replace("networks.csv", "networks.jsonl")
    .replace("PrimaryKey: id", "PrimaryKey: block")
    .replace("recipientAccountId", "sourceIPAddress")
)
RULE = "AnalysisType: rule\nRuleID: R\nSeverity: Low\nFilename: r.py\nLogTypes: [AWS.CloudTrail]\n"
RECORD = {
    "recipientAccountId": "111122223333",
    "sourceIPAddress": "10.1.2.3",
    "users": [{"account": "444455556666"}, {"account": "0"}],
    "numbers": [7, 8, True],
}


def files(expression="True", **more):
    source = f"def rule(event):\n    assert {expression}\n    return True\n"
    found = {
        "t/accounts.yml": TABLE,
        "t/accounts.csv": ACCOUNTS,
        "t/networks.yml": NETWORK_TABLE,
        "t/networks.jsonl": NETWORKS,
        "r.yml": RULE,
        "r.py": source,
    }
    return found | more


def failure_of(expression, record=RECORD, **more):
    """Return what is wrong with an expression that must be true of the event; nothing if it is."""
    parsed = parse_rules(files(expression, **more))
    assert parsed.problems == ()
    with RuleWorker() as worker:
        worker.provide(parsed.surroundings)
        (verdict,) = worker({"R": parsed.rules[0].source}, [json.dumps(record)])
    return verdict.failure


ROW = "event.deep_get('p_enrichment', 'accounts', 'recipientAccountId')"


def test_a_record_is_enriched_and_tables_can_be_asked():
    expressions = (
        f"{ROW} == dict(id='111122223333', name='shop', isProduction='True', "
        "p_match='111122223333')",
        "event.deep_get('p_enrichment', 'accounts', '$.users[*].account')[0]['name'] == 'la\\nb'",
        "len(event['p_enrichment']['accounts']['$.users[*].account']) == 1",
        "[each['p_match'] for each in event['p_enrichment']['accounts']['numbers']] == [7]",
        "event['p_enrichment']['networks']['sourceIPAddress']['block'] == '10.1.0.0/16'",
        "event.lookup('accounts', '444455556666')['isProduction'] == 'False'",
        "event.lookup('accounts', 'recipientAccountId')['name'] == 'shop'",
        "event.lookup('accounts', '0') is None",
        "event.lookup('gone', '0') is None",
        "event.lookup('networks', '10.200.0.1')['office']['city'] == 'Delft'",
        "event.lookup('networks', '2001:db8::5')['x'] == 1",
        "event.lookup('networks', '11.0.0.1') is None",
        "event.lookup('networks', 'no address') is None",
        "event.lookup('accounts', None) is None",
        "event.lookup('accounts', {}) is None",
    )

    assert failure_of(" and ".join(f"({each})" for each in expressions)) == ""


def test_what_a_record_brings_goes_before_the_table():
    record = {**RECORD, "p_enrichment": {"accounts": {"recipientAccountId": {"name": "own"}}}}

    assert failure_of(f"{ROW} == dict(name='own')", record) == ""
    assert failure_of("event.lookup('accounts', '7')['name'] == 'n'", record) == ""


def test_other_log_types_are_not_enriched_but_may_ask():
    other = {"r.yml": RULE.replace("AWS.CloudTrail", "Okta.SystemLog")}

    assert failure_of("'p_enrichment' not in event", **other) == ""
    assert failure_of("event.lookup('accounts', '7')['name'] == 'n'", **other) == ""


def test_a_rule_cannot_change_a_table():
    expression = "event.lookup('accounts', '7').update(name='x')"

    assert "cannot be changed" in failure_of(expression)


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ({"t/accounts.csv": "a,b\n1,2\n"}, "t/accounts.csv:2", "no primary key 'id'"),
        ({"t/accounts.csv": "id,b\n1\n"}, "t/accounts.csv:2", "1 cells, the header 2"),
        ({"t/accounts.csv": 'id\n"x'}, "t/accounts.csv:2", "not CSV"),
        ({"t/networks.jsonl": '{"block": "x"}\n[]\n'}, "t/networks.jsonl:2", "no JSON object"),
        ({"t/networks.jsonl": '{"block": {}}\n'}, "t/networks.jsonl:1", "no primary key"),
        (
            {"t/accounts.yml": TABLE.replace("accounts.csv", "x.csv")},
            "t/accounts.yml:4",
            "names no",
        ),
        ({"u.yml": TABLE.replace("Filename", "X")}, "u.yml:1", "Panther's own"),
        ({"t/z.yml": TABLE}, "t/z.yml:2", "called 'accounts' already"),
        (
            {"t/accounts.yml": TABLE.replace("$.users[*]", "$.users[")},
            "t/accounts.yml:9",
            "not understood",
        ),
        (
            {"t/accounts.yml": TABLE.replace("numbers", "p_any_ip_addresses")},
            "",
            "added by Panther",
        ),
        (
            {"u.yml": TABLE.replace("Filename: accounts.csv", "Refresh: {RoleARN: x}")},
            "u.yml:4",
            "left out: the table is fetched from a bucket (`Refresh`)",
        ),
    ],
)
def test_what_cannot_be_had_is_named(more, place, words):
    problems = [str(each) for each in parse_rules(files(**more)).problems]
    found = [each for each in problems if words in each]

    assert len(found) == 1
    assert found[0].startswith(place)


def test_tables_have_limits(monkeypatch):
    monkeypatch.setattr(python_tables, "MOST_ROWS", 2)
    assert "more than 2 rows" in str(parse_rules(files()).problems[0])
    monkeypatch.setattr(python_tables, "MOST_CHARACTERS", 10)
    assert "larger than" in str(parse_rules(files()).problems[0])


def test_a_table_that_is_switched_off_is_not_read():
    off = {"t/accounts.yml": TABLE.replace("Enabled: true", "Enabled: false")}

    assert failure_of("event.lookup('accounts', '7') is None", **off) == ""


@pytest.mark.slow
def test_a_large_table_fits_into_the_worker():
    rows = "".join(f"{number},name {number},{number % 2}\n" for number in range(100_000))
    more = {"t/accounts.csv": f"id,name,even\n{rows}"}

    assert failure_of("event.lookup('accounts', '99999')['even'] == '1'", **more) == ""
