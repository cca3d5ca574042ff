"""`rules learning`: what correlations remember, and which of them still learn."""

from datetime import datetime

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    existing_store,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, print_rows

_LISTED = ("title", "type", "groups", "events", "values", "state")


def add_to(rules: typer.Typer) -> None:
    """Add the commands of this file."""
    rules.command()(learning)


@permission("rules.read")
def learning(
    config: ConfigOption = None, data: DataOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show what correlations remember, and which groups still learn what is usual.

    A group that learns finds nothing yet: a first value is new to everybody.
    """
    from tocsin.run import rule_work

    with existing_store(config, data) as store:
        memories = rule_work.correlation_memories(settings_for(config, data), store)
    rows = [
        {
            "uid": each.uid,
            "title": each.title,
            "type": each.kind,
            "groups": each.groups,
            "events": each.events,
            "values": each.values,
            "learning": each.learning,
            "learning_until": _time(each.until),
            "state": _state(each.learns, each.groups, each.learning, each.until),
            "learning_groups": [
                {"values": list(group.values), "until": _time(group.until)}
                for group in each.learning_groups
            ],
        }
        for each in memories
    ]
    print_rows(rows, _LISTED, output)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _state(learns: bool, groups: int, learning: int, until: datetime | None) -> str:
    if not learns:
        return "watches"
    if not groups:
        return "learns: nothing seen yet"
    if until is None:
        return "watches; every group has learned"
    return f"{learning:,} of {groups:,} groups learn, the last until {until:%Y-%m-%d %H:%M} UTC"
