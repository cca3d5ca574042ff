"""`rules noise`: which rules to tune, and how."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_scope,
    permission,
    since_time,
)
from tocsin.serve.cli.output import Output, print_rows, write_line

if TYPE_CHECKING:
    from tocsin.run.rule_work import Noise

_COLUMNS = ("title", "findings", "per_day", "entities", "alone", "false", "hidden", "loudest")
_WIDE = ("entities", "hidden", "loudest")
_SEVERITIES = ("", "Informational", "Low", "Medium", "High", "Critical", "Fatal")


def add_to(rules: typer.Typer) -> None:
    """Add the commands of this file."""
    rules.command()(noise)


@permission("rules.read")
def noise(
    since: Annotated[str, typer.Option("--since", help="7d, 24h, or a time.")] = "30d",
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show what each rule has found, about whom, and what came of its incidents; loudest first.

    ALONE counts incidents that hold findings of no other rule, FALSE those that were judged false
    positives, of those that were judged at all.
    """
    from tocsin.run import rule_work

    now = aware_now()
    begin = since_time(since, now)
    if begin is None or begin >= now:
        raise UsageError(f"{since!r} is not in the past")
    with existing_store(config, data) as store:
        found = rule_work.noise(store, begin, now, local_scope())
    if output in (Output.JSON, Output.JSONL):
        print_rows([_entry(each) for each in found], (), output)
        return
    print_rows([_row(each) for each in found], _COLUMNS, output, wide=_WIDE)
    if output is Output.TABLE:
        for each in found:
            if each.hint:
                write_line(f"\n{each.told.rule_title}: {each.hint}\n  $ {each.command}")


def _row(noise: "Noise") -> dict[str, object]:
    told = noise.told
    loudest = told.loudest[0] if told.loudest else None
    return {
        "title": told.rule_title,
        "findings": told.findings,
        "per_day": f"{noise.per_day:.3g}",
        "entities": told.entities,
        "alone": f"{told.alone} of {told.incidents}",
        "false": f"{told.false_positives} of {told.judged}" if told.judged else "",
        "hidden": told.hidden or "",
        "loudest": f"{loudest.entity.name or loudest.entity.uid} ({loudest.findings})"
        if loudest
        else "",
    }


def _entry(noise: "Noise") -> dict[str, object]:
    told = noise.told
    return {
        "rule": told.rule_uid,
        "title": told.rule_title,
        "severity": _SEVERITIES[told.severity_id],
        "findings": told.findings,
        "matches": told.matches,
        "findings_per_day": round(noise.per_day, 3),
        "hidden_findings": told.hidden,
        "last_time": told.last_time,
        "entities": told.entities,
        "loudest": [
            {
                "type": each.entity.type,
                "uid": each.entity.uid,
                "name": each.entity.name,
                "findings": each.findings,
                "matches": each.matches,
            }
            for each in told.loudest
        ],
        "incidents": told.incidents,
        "incidents_alone": told.alone,
        "incidents_judged": told.judged,
        "false_positives": told.false_positives,
        "hint": noise.hint,
        "command": noise.command,
    }
