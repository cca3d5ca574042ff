"""`rules backtest`: what rules would have found in the stored events."""

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import Output, print_rows, say, spark, write_json, write_line
from tocsin.serve.cli.progress import event_bar

if TYPE_CHECKING:
    from tocsin.run import RuleChoice
    from tocsin.run.rule_work import Asked, Backtest, RuleTested
    from tocsin.settings import Settings

EXIT_ABOVE = 3
_DEPLOYED = "deployed"
_SEVERITIES = ("", "Informational", "Low", "Medium", "High", "Critical", "Fatal")
_COLUMNS = ("severity", "title", "findings", "matches", "entities", "per_day", "by_day")
_DIFF_COLUMNS = ("rule_is", "severity", "title", "new", "gone", "changed", "same", "per_day")
_DETAILED = 10
_SHOWN_DAYS = 31
_SHOWN_DAYS_NARROW = 15
_NARROW = 110


def add_to(rules: typer.Typer) -> None:
    """Add the commands of this file."""
    rules.command()(backtest)


@permission("rules.read")
def backtest(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files; the rules in force by default.")
    ] = None,
    since: Annotated[str, typer.Option("--since", help="7d, 24h, or a time.")] = "30d",
    until: Annotated[str | None, typer.Option("--until", help="A time; now by default.")] = None,
    source: Annotated[str, typer.Option("--source", "-s", help="Only events of this source.")] = "",
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="Only this rule, by identifier, even if off; repeatable."),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option("--diff", help="`deployed`: compare with the rules that the settings name."),
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option("--fail-above", min=0, help="Exit with 3 if a rule finds more each day."),
    ] = None,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Run rules over the stored events and tell what they would have found; store nothing.

    With --diff, only rules that are new, changed or removed are run.
    """
    from tocsin.run import rule_work

    if diff not in (None, _DEPLOYED):
        raise UsageError(f"{diff!r} cannot be compared with; `--diff deployed` can")
    settings = settings_for(config, data)
    now = aware_now()
    asked = rule_work.Asked(
        choice=_choice(folders, settings, is_comparing=diff is not None),
        since=since_time(since, now),
        until=since_time(until, now) or now,
        source=source,
        uids=tuple(rule or ()),
        is_comparing=diff is not None,
    )
    with existing_store(config, data) as store, event_bar("Testing") as advance:
        report = rule_work.backtest(asked, settings, store, advance)
    _print(report, asked, output)
    loud = [each for each in report.rules if each.findings_per_day > (fail_above or 0)]
    if fail_above is not None and loud:
        names = ", ".join(f"{each.title} ({each.findings_per_day:.3g})" for each in loud[:5])
        say(f"more than {fail_above:g} findings a day: {names}")
        raise typer.Exit(EXIT_ABOVE)


def _choice(
    folders: Sequence[Path] | None, settings: "Settings", *, is_comparing: bool
) -> "RuleChoice | None":
    from tocsin.run import RuleChoice

    if not folders:
        return None
    # A pull request changes the folders; what else is in force stays.
    return RuleChoice(tuple(folders), is_comparing and settings.rules.with_builtin)


def _print(report: "Backtest", asked: "Asked", output: Output) -> None:
    for problem in report.problems:
        if not problem.is_warning:
            say(str(problem))
    if output is Output.JSON:
        write_json(_document(report))
        return
    if output is Output.JSONL:
        print_rows([_entry(each) for each in report.rules], (), output)
        return
    if output is Output.CSV:
        columns = _DIFF_COLUMNS if asked.is_comparing else _COLUMNS[:-1]
        print_rows([_row(each, ()) for each in report.rules], columns, output)
        return
    write_line(_heading(report))
    if asked.is_comparing:
        _print_difference(report)
    else:
        _print_findings(report)


def _heading(report: "Backtest") -> str:
    if report.first is None or report.last is None:
        return "No events are stored in this time."
    days = len(report.days)
    return (
        f"{len(report.rules):,} {'rule' if len(report.rules) == 1 else 'rules'}"
        f" over {report.events:,} events,"
        f" {report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC"
        f" ({days} {'day' if days == 1 else 'days'})"
    )


def _print_findings(report: "Backtest") -> None:
    loud = [each for each in report.rules if each.tally.matches or each.tally.failures]
    if loud:
        write_line("")
        rows = [_row(each, report.days) for each in loud]
        print_rows(rows, _COLUMNS, Output.TABLE, wide=("entities",))
    for each in loud[:_DETAILED]:
        _print_rule(each)
    if len(loud) > _DETAILED:
        write_line(f"\n{len(loud) - _DETAILED} more in --output json; or name some with --rule.")
    quiet = len(report.rules) - len(loud)
    if quiet:
        write_line(f"\n{quiet:,} rules found nothing.")


def _print_rule(tested: "RuleTested") -> None:
    write_line(f"\n{tested.title}  {tested.uid}")
    for entity, matches in tested.tally.entities.most_common(3):
        write_line(f"  {matches:>7,} × {entity.type} {entity.name or entity.uid}")
    for each in tested.tally.samples:
        did = " ".join(filter(None, (each.actor, each.operation, each.address)))
        write_line(f"  {each.time:%Y-%m-%d %H:%M:%S}  {did}  {each.event_uid}")
    for reason, count in tested.tally.failures.most_common(3):
        write_line(f"  no answer {count:,} ×: {reason}")


def _print_difference(report: "Backtest") -> None:
    write_line(f"{report.unaltered:,} rules are the same as in force and were not run.")
    if not report.rules:
        return
    write_line("")
    print_rows(
        [_row(each, ()) for each in report.rules], _DIFF_COLUMNS, Output.TABLE, wide=("same",)
    )
    for tested in report.rules[:_DETAILED]:
        examples = tested.difference.examples if tested.difference else []
        if examples:
            write_line(f"\n{tested.title}  {tested.uid}")
        for each in examples:
            how = f": {each.how}" if each.how else ""
            who = f"{each.entity.type} {each.entity.name or each.entity.uid}"
            write_line(f"  {_SIGNS[each.kind]} {each.time:%Y-%m-%d %H:%M:%S}  {who}{how}")


_SIGNS = {"new": "+", "gone": "-", "changed": "~"}


def _row(tested: "RuleTested", days: Sequence[date]) -> dict[str, object]:
    tally, difference = tested.tally, tested.difference
    counts = {
        name: getattr(difference, name) if difference else 0
        for name in ("new", "gone", "changed", "same")
    }
    return {
        "rule_is": tested.fate,
        "severity": _SEVERITIES[tested.severity_id],
        "title": tested.title,
        "findings": tally.findings,
        "matches": tally.matches,
        "entities": tally.distinct,
        "per_day": f"{tested.findings_per_day:.3g}",
        "by_day": spark(_stretches(tally.findings_by_day, days)),
        **counts,
    }


def _stretches(counts: dict[date, int], days: Sequence[date]) -> list[int]:
    """Return counts by day, or by several days where the line would be too long."""
    is_narrow = shutil.get_terminal_size().columns < _NARROW
    width = max(1, -(-len(days) // (_SHOWN_DAYS_NARROW if is_narrow else _SHOWN_DAYS)))
    return [
        sum(counts.get(day, 0) for day in days[start : start + width])
        for start in range(0, len(days), width)
    ]


def _document(report: "Backtest") -> dict[str, object]:
    return {
        "events": report.events,
        "since": report.first,
        "until": report.last,
        "unaltered": report.unaltered,
        "rules": [_entry(each) for each in report.rules],
    }


def _entry(tested: "RuleTested") -> dict[str, object]:
    tally, difference = tested.tally, tested.difference
    days = sorted({*tally.matches_by_day, *tally.findings_by_day})
    found: dict[str, object] = {
        "rule": tested.uid,
        "title": tested.title,
        "severity": _SEVERITIES[tested.severity_id],
        "findings": tally.findings,
        "matches": tally.matches,
        "entities": tally.distinct,
        "findings_per_day": round(tested.findings_per_day, 3),
        "volume": [
            {
                "day": day,
                "findings": tally.findings_by_day[day],
                "matches": tally.matches_by_day[day],
            }
            for day in days
        ],
        "top_entities": [
            {"type": entity.type, "uid": entity.uid, "name": entity.name, "matches": matches}
            for entity, matches in tally.entities.most_common(10)
        ],
        "samples": [
            {name: getattr(each, name) for name in type(each).__slots__} for each in tally.samples
        ],
        "failures": [
            {"reason": reason, "count": count} for reason, count in tally.failures.most_common()
        ],
    }
    if tested.fate:
        found["rule_is"] = tested.fate
        found["difference"] = _compared(tested) if difference else None
    return found


def _compared(tested: "RuleTested") -> dict[str, object]:
    difference = tested.difference
    if difference is None:
        return {}
    counts = {name: getattr(difference, name) for name in ("new", "gone", "changed", "same")}
    return counts | {
        "examples": [
            {
                "kind": each.kind,
                "finding": each.finding_uid,
                "title": each.title,
                "entity": each.entity.uid,
                "time": each.time,
                "how": each.how,
            }
            for each in difference.examples
        ]
    }
