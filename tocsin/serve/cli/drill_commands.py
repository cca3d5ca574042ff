"""The command that tries the rules out: `drill`."""

import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli import drill_joined_commands
from tocsin.serve.cli.offline_commands import EXIT_FINDINGS, SEVERITIES
from tocsin.serve.cli.options import (
    BuiltinOption,
    ConfigOption,
    OutputOption,
    RulesOption,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, inert, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from tocsin.run import drill as drills

_COLUMNS = ("detected", "attack", "techniques", "after", "severity", "detected_by", "file")
_MOST_RULES = 4
_STYLES = {2: "cyan", 3: "yellow", 4: "red", 5: "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(drill)


@permission("detect")
def drill(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Attacks, one file for each technique; without it, those of Tocsin."),
    ] = None,
    rules: RulesOption = None,
    with_builtin: BuiltinOption = False,
    benign: Annotated[
        bool, typer.Option("--benign/--no-benign", help="Play the benign day as well.")
    ] = True,
    at_least: Annotated[
        int | None,
        typer.Option("--at-least", min=0, help="Exit with 3 when fewer attacks are detected."),
    ] = None,
    most_false: Annotated[
        int | None,
        typer.Option("--most-false", min=0, help="Exit with 3 on more false findings."),
    ] = None,
    joined: Annotated[
        bool,
        typer.Option(
            "--joined",
            help="Play attacks over several sources at once instead; each must be one incident.",
        ),
    ] = False,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
) -> None:
    """Replay labelled attacks and a benign day; print which were detected, by what, how soon."""
    if joined:
        drill_joined_commands.play(folder, settings_for(config, None), output)
        return
    from tocsin.run import RuleChoice
    from tocsin.run import drill as drills

    chosen = RuleChoice(folders=tuple(rules or ()), with_builtin=with_builtin or not rules)
    choice = drills.DrillChoice(folder, chosen, with_benign=benign)
    with drill_joined_commands.telling() as advance:
        card = drills.run_drill(choice, settings_for(config, None), advance)
    _print_card(card, output)
    is_short = at_least is not None and card.detected_count < at_least
    false_count = card.benign.false_count if card.benign else 0
    if is_short or (most_false is not None and false_count > most_false):
        raise typer.Exit(EXIT_FINDINGS)


def _print_card(card: "drills.ScoreCard", output: Output) -> None:
    for problem in card.problems:
        say(problem)
    if output is Output.JSON:
        write_json(_as_json(card))
        return
    if output is Output.TABLE and sys.stdout.isatty():
        _print_folded(card)
    else:
        rows = [_row(score, card.technique_names) for score in card.attacks]
        print_rows(rows, _COLUMNS, output)
    told = write_line if output is Output.TABLE else say
    for line in _summary(card):
        told(line)


def _print_folded(card: "drills.ScoreCard") -> None:
    """Print each attack: what it is and its technique, beside them what found it and how soon."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False, expand=True)
    table.add_column("")
    table.add_column("attack", ratio=9)
    table.add_column("detected by, and how long after the first event", ratio=13)
    for score in card.attacks:
        mark = Text("✓", "green") if score.is_detected else Text("✗", "bold red")
        attack = Text(inert(score.name))
        below = _techniques(score, card.technique_names) or score.file
        table.add_row(mark, attack.append("\n" + inert(below), "dim"), _found(score))
        table.add_row()
    Console(highlight=False).print(table)


def _found(score: "drills.AttackScore") -> "Table | Text":
    """Return a line for each rule that found the attack, or why none did."""
    from rich.table import Table
    from rich.text import Text

    if score.problem:
        return Text(inert(score.problem), "red")
    counted = score.detected_by or score.detections
    if not counted:
        return Text("nothing", "bold red")
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(width=8)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    if not score.detected_by:
        grid.add_row("", Text("nothing that counts", "bold red"), "")
    for each in counted[:_MOST_RULES]:
        severity = SEVERITIES[each.severity_id - 1]
        style = _STYLES.get(each.severity_id, "dim")
        grid.add_row(Text(severity[:8], style), inert(each.title), _length(each.after))
    if len(counted) > _MOST_RULES:
        grid.add_row("", Text(f"and {len(counted) - _MOST_RULES} more", "dim"), "")
    return grid


def _techniques(score: "drills.AttackScore", names: Mapping[str, str]) -> str:
    named = [f"{uid} {names[uid]}" if uid in names else uid for uid in score.label.techniques]
    return ", ".join(named or score.label.tactics)


def _length(length: timedelta | None) -> str:
    """Return a length of time in its two largest units."""
    if length is None:
        return ""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s" if seconds % 60 else f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def _row(score: "drills.AttackScore", names: Mapping[str, str]) -> dict[str, object]:
    best = max(score.detected_by, key=lambda each: each.severity_id, default=None)
    return {
        "detected": score.is_detected,
        "attack": score.name,
        "techniques": _techniques(score, names),
        "after": _length(score.after),
        "severity": SEVERITIES[best.severity_id - 1] if best else "",
        "detected_by": [each.title for each in score.detected_by] or score.problem,
        "file": score.file,
    }


def _summary(card: "drills.ScoreCard") -> Iterator[str]:
    """Yield what the person reads last: attacks, then the benign day."""
    afters = [each.after for each in card.attacks if each.after is not None]
    median = f"; half of them within {_length(sorted(afters)[len(afters) // 2])}" if afters else ""
    yield f"{card.detected_count} of {len(card.attacks)} attacks detected{median}"
    if card.benign is None:
        return
    sources = ", ".join(f"{count:,} {name}" for name, count in card.benign.event_counts.items())
    yield (
        f"benign day: {card.benign.event_count:,} events ({sources}): "
        f"{_counted(card.benign.false_count, 'false finding')} of medium or above, "
        f"{card.benign.quiet_count} below"
    )
    for each in card.benign.false_findings:
        severity = SEVERITIES[each.severity_id - 1]
        yield f"  {each.count} × {each.title} ({severity}): {', '.join(each.entities)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _as_json(card: "drills.ScoreCard") -> dict[str, object]:
    """Return the score card as documented in docs/guides/drill.md."""
    return {
        "detected": card.detected_count,
        "total": len(card.attacks),
        "attacks": [_attack_json(score, card.technique_names) for score in card.attacks],
        "benign": None if card.benign is None else _benign_json(card.benign),
        "problems": list(card.problems),
    }


def _attack_json(score: "drills.AttackScore", names: Mapping[str, str]) -> dict[str, object]:
    return {
        "file": score.file,
        "name": score.name,
        "techniques": [{"uid": uid, "name": names.get(uid)} for uid in score.label.techniques],
        "tactics": list(score.label.tactics),
        "events": score.event_count,
        "unread": score.unread,
        "detected": score.is_detected,
        "seconds": None if score.after is None else score.after.total_seconds(),
        "first_event": score.first_time,
        "detected_by": [_detection_json(each) for each in score.detected_by],
        "others": [_detection_json(each) for each in score.detections if not each.fits],
        "problem": score.problem,
    }


def _detection_json(detection: "drills.Detection") -> dict[str, object]:
    return {
        "rule": detection.rule_uid,
        "title": detection.title,
        "severity": SEVERITIES[detection.severity_id - 1],
        "seconds": detection.after.total_seconds(),
    }


def _benign_json(benign: "drills.BenignScore") -> dict[str, object]:
    return {
        "events": benign.event_count,
        "sources": dict(benign.event_counts),
        "false_findings": benign.false_count,
        "below": benign.quiet_count,
        "by_rule": [
            {
                "rule": each.rule_uid,
                "title": each.title,
                "severity": SEVERITIES[each.severity_id - 1],
                "count": each.count,
                "entities": list(each.entities),
            }
            for each in benign.false_findings
        ],
    }
