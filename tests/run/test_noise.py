"""What the figures of a rule suggest."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tocsin.ocsf import Entity
from tocsin.run import rule_work
from tocsin.store.answers import EntityNoise, RuleNoise

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOB = Entity("user", "arn:aws:iam::111122223333:user/bob", "bob")


def figures(**changes: object) -> RuleNoise:
    values = {
        "rule_uid": "Own.Rule",
        "rule_title": "A rule",
        "severity_id": 3,
        "findings": 6,
        "matches": 10,
        "entities": 2,
        "hidden": 0,
        "last_time": NOW,
    }
    return RuleNoise(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "hint", "command"),
    [
        ({}, "", ""),
        (
            {"loudest": (EntityNoise(BOB, 4, 8),)},
            "67% of its findings are about bob: suppress it there if that is harmless",
            "tocsin suppressions preview --rule Own.Rule"
            " --entity user:arn:aws:iam::111122223333:user/bob",
        ),
        ({"loudest": (EntityNoise(BOB, 2, 8),)}, "", ""),
        ({"loudest": (EntityNoise(BOB, 6, 8),), "entities": 1}, "", ""),
        ({"loudest": (EntityNoise(BOB, 3, 8),), "findings": 4}, "", ""),
        (
            {"judged": 4, "false_positives": 3, "loudest": (EntityNoise(BOB, 4, 8),)},
            "3 of 4 judged incidents were false positives: narrow its condition and test that on"
            " history",
            "tocsin rules backtest --rule Own.Rule",
        ),
        ({"judged": 8, "false_positives": 3}, "", ""),
        (
            {"findings": 400},
            "13.3 findings a day: narrow it, or let it count before it tells",
            "tocsin rules backtest --rule Own.Rule",
        ),
    ],
    ids=[
        *("calm", "one entity", "spread", "only one entity at all", "few findings"),
        *("false positives", "few false positives", "loud"),
    ],
)
def test_one_thing_is_suggested(changes: dict[str, object], hint: str, command: str):
    asked = SimpleNamespace(
        tuning=SimpleNamespace(noise=lambda since, scope: (figures(**changes),))
    )

    (found,) = rule_work.noise(asked, NOW - timedelta(days=30), NOW)  # type: ignore[arg-type]

    assert (found.hint, found.command) == (hint, command)


def test_names_of_entities_cannot_run_as_commands():
    evil = Entity("user", "bob'; rm -rf / #", "bob")
    told = figures(loudest=(EntityNoise(evil, 6, 6),))
    asked = SimpleNamespace(tuning=SimpleNamespace(noise=lambda since, scope: (told,)))

    (found,) = rule_work.noise(asked, NOW - timedelta(days=30), NOW)  # type: ignore[arg-type]

    assert found.command.endswith("""--entity 'user:bob'"'"'; rm -rf / #'""")
