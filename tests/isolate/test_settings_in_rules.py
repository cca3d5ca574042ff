"""Python rules see the lists of the settings, and examples see those that the rule gives them."""

import json

import pytest

from tocsin.detect import parse_rules
from tocsin.isolate import RuleWorker
from tocsin.run import RuleChoice, rule_work
from tocsin.settings import Settings

YAML = """AnalysisType: rule
RuleID: R
Severity: Low
Filename: r.py
LogTypes: [AWS.CloudTrail]
"""
VALUES = {"organization.accounts": ("111122223333",), "admins": ("alice", "bob")}


def failure_of(expression, values=VALUES):
    """Return what is wrong with an expression that must be true; nothing if it is."""
    source = (
        "from tocsin_rules import organization, placeholders\nimport tocsin_rules.organization\n"
        f"def rule(event):\n    assert {expression}\n    return True\n"
    )
    parsed = parse_rules({"r.yml": YAML, "r.py": source}, values)
    with RuleWorker() as worker:
        worker.provide(parsed.surroundings)
        (verdict,) = worker({"R": source}, ["{}"])
    return verdict.failure


@pytest.mark.parametrize(
    "expression",
    [
        "organization.accounts == ('111122223333',)",
        "organization.countries == organization.break_glass == ()",
        "placeholders['admins'] == ('alice', 'bob')",
        "list(placeholders) == ['admins']",
        "not hasattr(organization, 'accounts_known')",
    ],
)
def test_a_rule_reads_the_lists_of_the_settings(expression):
    assert failure_of(expression) == ""


def test_a_rule_cannot_change_the_placeholders_of_others():
    assert "AttributeError" in failure_of("placeholders.update(x=1)")


def test_without_settings_the_organization_is_empty():
    assert failure_of("organization.accounts == () and not placeholders", {}) == ""


SOURCE = """from tocsin_rules import organization, placeholders


def rule(event):
    who = (event.get("userIdentity") or {}).get("userName")
    own = event.get("recipientAccountId") in organization.accounts
    return own and who not in placeholders.get("admins", ())
"""
EXAMPLES = """tocsin: {example_values: {organization.accounts: ['444455556666'], admins: [eve]}}
examples:
  - {name: ours, match: true, event: {recipientAccountId: '444455556666'}}
  - {name: an administrator, match: false,
     event: {recipientAccountId: '444455556666', userIdentity: {userName: eve}}}
  - {name: a stranger, match: false, event: {recipientAccountId: '111122223333'}}
"""


def test_examples_see_what_the_rule_gives_them(tmp_path):
    (tmp_path / "r.yml").write_text(YAML + EXAMPLES)
    (tmp_path / "r.py").write_text(SOURCE)
    settings = Settings.model_validate(
        {"data": tmp_path / "data", "organization": {"accounts": [{"uid": "111122223333"}]}}
    )
    results = rule_work.check_examples(RuleChoice((tmp_path,), with_builtin=False), settings)

    assert [(each.name, each.reason) for each in results] == [
        ("ours", ""),
        ("an administrator", ""),
        ("a stranger", ""),
    ]


def test_the_worker_learns_of_changed_lists():
    texts = {"r.yml": YAML, "r.py": SOURCE}
    found = [parse_rules(texts, {"organization.accounts": (uid,)}) for uid in ("1", "2")]
    with RuleWorker() as worker:
        matched = []
        for parsed in found:
            worker.provide(parsed.surroundings)
            record = json.dumps({"recipientAccountId": "2"})
            matched.append(len(worker({"R": SOURCE}, [record])))

    assert matched == [0, 1]
