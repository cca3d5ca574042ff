"""A playbook file says one thing, or its mistake names the line and the remedy."""

import re
from datetime import timedelta

import pytest

from tests.respond.catalog import SomeActions
from tocsin.errors import PlaybookError
from tocsin.respond import parse_playbook
from tocsin.respond.playbooks import Caps, TargetChoice

FULL = """id: leaked-key
title: Disable a leaked key
description: >
  A key is used where it never was.
trigger:
  leaked:
    finding.rule_uid: [rule-1, rule-2]
    finding.severity_id|gte: 4
  test:
    incident.tags: test
  condition: leaked and not test
steps:
  - action: aws_disable_access_key
    with: {note: leaked}
    on_failure: continue
  - action: aws_deny_user
    target: {type: user, from: [finding.entity, requestParameters.userName]}
    expiry: 4h
  - action: aws_block_address
mode: approve
approval: 2
cooldown: 30m
limits: {per_ten_minutes: 2, per_incident: 3}
examples:
  - name: It is used from elsewhere
    findings: [{rule: rule-1}]
    requests: [{action: aws_disable_access_key, target: AKIAIOSFODNN7EXAMPLE}]
  - name: It is a test
    findings: [{rule: rule-3}]
    requests: []
"""
SHORT = """id: short
title: b
description: c
trigger: {finding.severity_id: 5}
steps: [{action: aws_deny_user}]
"""


def parsed(text: str):
    return parse_playbook(text, "p.yaml", SomeActions())


def test_a_full_file_becomes_a_playbook():
    playbook = parsed(FULL)

    assert [step.action for step in playbook.steps] == [
        "aws_disable_access_key",
        "aws_deny_user",
        "aws_block_address",
    ]
    key, user, address = playbook.steps
    assert (key.arguments, key.on_failure, key.lasts) == ('{"note":"leaked"}', "continue", None)
    assert user.target == TargetChoice(
        frozenset({"user"}), (("finding.entity",), ("requestParameters.userName",))
    )
    assert (user.lasts, address.lasts) == (timedelta(hours=4), timedelta(hours=1))
    assert (playbook.mode, playbook.approvals) == ("approve", 2)
    assert (playbook.cooldown, playbook.caps) == (timedelta(minutes=30), Caps(2, 3))
    assert [len(example.requests) for example in playbook.examples] == [1, 0]


def test_what_is_not_said_is_careful():
    playbook = parsed(SHORT)

    assert (playbook.mode, playbook.approvals, playbook.cooldown, playbook.caps) == (
        "observe",
        1,
        timedelta(hours=1),
        Caps(5, 5),
    )
    assert playbook.steps[0].target.places == (("finding.entity",), ("finding.links",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml:1: expected a mapping with id, title"),
        ("id: [", "p.yaml:2: not YAML"),
        (SHORT + "stpes: []", "p.yaml:6: 'stpes' is not known here; did you mean 'steps'?"),
        (SHORT + "mode: auto", "p.yaml:6: 'auto' is not possible"),
        (SHORT + "approval: 3", "p.yaml:6: 'approval' must be a number from 1 to 2"),
        (SHORT + "cooldown: soon", "p.yaml:6: 'cooldown' must be a duration such as 30m or 4h"),
        (SHORT + "cooldown: 0m", "p.yaml:6: 'cooldown' must be a duration"),
        (SHORT + "expiry: 90d", "p.yaml:6: 'expiry' is 30d at most; write incident"),
        (SHORT + "limits: {per_ten_minutes: 0}", "p.yaml:6: 'per_ten_minutes' must be a number"),
        (SHORT + "limits: {per_day: 1}", "p.yaml:6: 'per_day' is not known here"),
        (SHORT.replace("id: short", "id: A key"), "p.yaml:1: 'id' is small letters"),
        (SHORT.replace("title: b", "title: 5"), "p.yaml:2: 'title' must be a text"),
        (
            SHORT.replace("aws_deny_user", "aws_deny_usr"),
            "p.yaml:5: there is no action 'aws_deny_usr'; did you mean 'aws_deny_user'?",
        ),
        (
            SHORT.replace("aws_deny_user", "aws_deny_user, with: {days: 3}"),
            "p.yaml:5: `days` is no setting of aws_deny_user",
        ),
        (SHORT.replace("aws_deny_user", "aws_deny_user, with: 3"), "p.yaml:5: 'with' must be"),
        (
            SHORT.replace("aws_deny_user", "aws_deny_user, with: {note: '{{ip}}'}"),
            "p.yaml:5: '{{ip}}' looks like a template; playbooks have none",
        ),
        (SHORT.replace("title: b", "title: ${name}"), "p.yaml:2: '${name}' looks like a template"),
        (
            SHORT.replace("aws_deny_user", "aws_deny_user, target: {type: usr}"),
            "p.yaml:5: the action has no targets of type 'usr'; did you mean 'user'?",
        ),
        (
            SHORT.replace("aws_deny_user", "aws_deny_user, target: {from: finding.title}"),
            "p.yaml:5: 'finding.title' is no target: of a finding only finding.entity",
        ),
        (
            SHORT.replace("aws_deny_user", "aws_deny_user, target: {from: [[]]}"),
            "p.yaml:5: a target comes from a path of the event",
        ),
        (
            SHORT.replace("aws_deny_user", "aws_deny_user, on_failure: retry"),
            "p.yaml:5: 'retry' is not possible; possible: stop, continue",
        ),
        (
            SHORT.replace(
                "{action: aws_deny_user}", "{action: aws_deny_user}, {action: aws_deny_user}"
            ),
            "p.yaml:5: this step stands here twice, first in line 5",
        ),
        (
            SHORT.replace("aws_deny_user", "aws_block_address, expiry: incident"),
            "p.yaml:5: a block reverts by itself",
        ),
        (SHORT.replace("[{action: aws_deny_user}]", "[]"), "p.yaml:5: 'steps' must be a list"),
        (SHORT.replace("{finding.severity_id: 5}", "high"), "p.yaml:4: 'trigger' must say"),
        (
            SHORT.replace("finding.severity_id", "finding.severty_id"),
            "p.yaml:4: trigger: findings have no field 'severty_id'; did you mean",
        ),
        (
            SHORT.replace("finding.severity_id", "incident.risk"),
            "p.yaml:4: trigger: incidents have no field 'risk'",
        ),
        (
            SHORT.replace("finding.severity_id", "sourceIPAddress"),
            "p.yaml:4: trigger: 'sourceIPAddress' is read from nothing; write finding.…",
        ),
        (
            SHORT.replace("finding.severity_id: 5", "finding.rule_uid: tocsin.response.overflow"),
            "p.yaml:4: trigger: findings about responding lead to no response",
        ),
        (
            SHORT + "examples: [{name: a, findings: [], requests: []}]",
            "p.yaml:6: 'findings' must be a list of mappings",
        ),
        (
            SHORT + "examples: [{name: a, findings: [{}], requests: [{action: x}]}]",
            "p.yaml:6: 'target' must be a text",
        ),
        (
            FULL.replace("finding.severity_id|gte: 4", "finding.severity_id|above: 4"),
            "p.yaml:8: trigger:",
        ),
    ],
)
def test_a_mistake_names_its_line_and_what_would_be_right(text, message):
    with pytest.raises(PlaybookError) as caught:
        parsed(text)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_step_can_be_for_some_things_only():
    text = SHORT.replace("aws_deny_user", "aws_deny_user, target: {type: user, only: AKIA*}")

    (step,) = parse_playbook(text, "p.yaml", SomeActions()).steps

    assert step.target.fits("AKIAIOSFODNN7EXAMPLE")
    assert not step.target.fits("ASIAIOSFODNN7EXAMPLE")


def test_records_of_examples_may_look_like_templates():
    record = '{rule: r, events: [{a: \'{"b": {"c": 1}}\'}]}'
    text = SHORT + f"examples: [{{name: n, findings: [{record}], requests: []}}]\n"

    assert len(parse_playbook(text, "p.yaml", SomeActions()).examples) == 1


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{tell: pager}", "'pager' is not possible"),
        ("{tell: tags}", "`tell: tags` takes 'tags' under 'with': a list of texts"),
        ("{tell: comment, with: {text: [a, b]}}", "takes 'text' under 'with': one text"),
        ("{tell: tasks, with: {task: [a]}}", "'task' is not known here"),
        ("{tell: ticket, expiry: 1h}", "'expiry' is not known here"),
        ("{tell: ticket}, {tell: ticket}", "this step stands here twice"),
    ],
)
def test_a_mistake_in_what_is_told_names_its_line(step, message):
    text = SHORT.replace("{action: aws_deny_user}", step)

    with pytest.raises(PlaybookError, match=re.escape(message)) as caught:
        parse_playbook(text, "p.yaml", SomeActions())

    assert caught.value.location.line == 5


def test_a_playbook_may_only_tell():
    text = SHORT.replace("{action: aws_deny_user}", "{tell: ticket}, {tell: tags, with: {tags: x}}")

    playbook = parse_playbook(text, "p.yaml", SomeActions())

    assert playbook.steps == ()
    assert [(each.number, each.kind, each.words) for each in playbook.tells] == [
        (0, "ticket", ()),
        (1, "tags", ("x",)),
    ]
