"""A playbook file says one thing, or its mistake names the line."""

from datetime import timedelta

import pytest

from tocsin.errors import PlaybookError
from tocsin.respond import parse_playbook
from tocsin.respond.playbooks import Step, Trigger

FULL = """id: watch-persistence
title: Watch an identity that made itself at home
trigger:
  severity: high
  tactics: [persistence]
  entity_types: [user, role]
steps:
  - action: watch_entity
    with: {days: 7}
  - action: notify
mode: observe
cooldown: 30m
limits: {per_hour: 2}
"""
SHORT = "id: a\ntitle: b\ntrigger: {severity: low}\nsteps: [{action: notify}]\n"


def test_a_full_file_becomes_a_playbook():
    playbook = parse_playbook(FULL, "watch.yaml")

    assert playbook.trigger == Trigger(4, frozenset({"persistence"}), frozenset({"user", "role"}))
    assert playbook.steps == (Step("watch_entity", '{"days":7}'), Step("notify", "{}"))
    assert (playbook.cooldown, playbook.most_per_hour) == (timedelta(minutes=30), 2)


def test_what_is_not_said_is_careful():
    playbook = parse_playbook(SHORT, "short.yaml")

    assert (playbook.mode, playbook.cooldown, playbook.most_per_hour) == (
        "observe",
        timedelta(hours=1),
        5,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml:1: expected a mapping with id, title"),
        ("id: [", "p.yaml:2: not YAML"),
        (SHORT + "stpes: []", "p.yaml:5: 'stpes' is not known here; possible: id, title"),
        (SHORT + "mode: automatic", "p.yaml:5: mode 'automatic' does not exist yet; write observe"),
        (SHORT + "cooldown: soon", "p.yaml:5: 'cooldown' must be a duration such as 30m or 4h"),
        (SHORT + "cooldown: 5", "p.yaml:5: 'cooldown' must be a duration"),
        (SHORT + "limits: {per_hour: 0}", "p.yaml:5: 'per_hour' must be a number from 1 to 1000"),
        (SHORT + "limits: {per_hour: true}", "p.yaml:5: 'per_hour' must be"),
        (SHORT + "limits: {per_day: 1}", "p.yaml:5: 'per_day' is not known here"),
        (SHORT.replace("id: a", "id: 5"), "p.yaml:1: 'id' must be a text that is not empty"),
        (SHORT.replace("low", "lwo"), "p.yaml:3: 'lwo' is no severity; possible: informational"),
        (SHORT.replace("low", "low, tactics: x"), "p.yaml:3: 'tactics' must be a list of texts"),
        (SHORT.replace("[{action: notify}]", "[]"), "p.yaml:4: 'steps' must be a list"),
        (SHORT.replace("notify", "notify, with: 3"), "p.yaml:4: 'with' must be a mapping"),
        (SHORT.replace("action: notify", "with: {}"), "p.yaml:4: 'action' must be a text"),
    ],
)
def test_a_mistake_names_its_line_and_what_would_be_right(text, message):
    with pytest.raises(PlaybookError) as caught:
        parse_playbook(text, "p.yaml")

    assert str(caught.value).startswith(message)
