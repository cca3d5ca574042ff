"""`rules coverage`: the ATT&CK matrix, as a table or as a layer for the Navigator."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli.options import ConfigOption, DataOption, permission, settings_for
from tocsin.serve.cli.output import Output, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from tocsin.run.rule_work import Covered

_TACTIC_COLUMNS = ("tactic", "seen", "blind", "of", "matrix")
_COLUMNS = ("tactic", "technique", "name", "state", "rules")
_BAR = 24


class CoverageOutput(StrEnum):
    """The shapes of the matrix."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    NAVIGATOR = "navigator"


def add_to(rules: typer.Typer) -> None:
    """Add the commands of this file."""
    rules.command()(coverage)


@permission("rules.read")
def coverage(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files; the rules in force by default.")
    ] = None,
    with_builtin: Annotated[
        bool, typer.Option("--with-builtin", help="The built-in rules too.")
    ] = False,
    every_source: Annotated[
        bool, typer.Option("--every-source", help="As if events of every source came in.")
    ] = False,
    output: Annotated[
        CoverageOutput,
        typer.Option("--output", "-o", help="`navigator` is a layer for the ATT&CK Navigator."),
    ] = CoverageOutput.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show which ATT&CK techniques the enabled rules see.

    A technique is blind where all sources of its rules are silent or fed by nobody.
    """
    from tocsin.run import RuleChoice, rule_work

    choice = RuleChoice(tuple(folders), with_builtin) if folders else None
    found = rule_work.coverage(choice, settings_for(config, data), every_source=every_source)
    if output is CoverageOutput.NAVIGATOR:
        write_json(rule_work.navigator_layer(found))
    elif output is CoverageOutput.JSON:
        write_json(_document(found))
    elif output is CoverageOutput.TABLE:
        _print(found)
    else:
        print_rows(_rows(found), _COLUMNS, Output(output.value))


def _print(found: "Covered") -> None:
    print_rows(
        [
            {
                "tactic": _named(tactic.name),
                "seen": tactic.count("seen"),
                "blind": tactic.count("blind") or "",
                "of": len(tactic.techniques),
                "matrix": _bar(tactic.count("seen"), tactic.count("blind"), len(tactic.techniques)),
            }
            for tactic in found.tactics
        ],
        _TACTIC_COLUMNS,
        Output.TABLE,
    )
    for tactic in found.tactics:
        covered = [each for each in tactic.techniques if each.state != "uncovered"]
        if covered:
            write_line(f"\n{_named(tactic.name)}")
        for each in covered:
            count = len(each.seeing or each.blind)
            told = f"{count} {'rule' if count == 1 else 'rules'}"
            how = f"blind: {told}" if each.state == "blind" else told
            write_line(f"  {each.uid:<11}{each.name[:44]:<46}{how}")
    write_line("")
    for state in found.sources:
        if not state.is_speaking:
            write_line(f"blind: no events of {state.source} come in ({state.why})")
    if found.matrix.unplaced:
        say(f"not in the ATT&CK that Tocsin knows: {', '.join(found.matrix.unplaced)}")


def _rows(found: "Covered") -> list[dict[str, object]]:
    return [
        {
            "tactic": _named(tactic.name),
            "technique": technique.uid,
            "name": technique.name,
            "state": technique.state,
            "rules": len(technique.seeing or technique.blind),
        }
        for tactic in found.tactics
        for technique in tactic.techniques
        if technique.state != "uncovered"
    ]


def _document(found: "Covered") -> dict[str, object]:
    return {
        "sources": [
            {"source": each.source, "is_speaking": each.is_speaking, "why": each.why}
            for each in found.sources
        ],
        "tactics": [
            {
                "tactic": tactic.name,
                "techniques": [
                    {
                        "technique": technique.uid,
                        "name": technique.name,
                        "state": technique.state,
                        "rules": list(technique.seeing),
                        "blind_rules": list(technique.blind),
                    }
                    for technique in tactic.techniques
                ],
            }
            for tactic in found.tactics
        ],
        "unplaced": list(found.matrix.unplaced),
    }


def _named(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def _bar(seen: int, blind: int, every: int) -> str:
    """Return a line as long as the tactic is covered; whatever is there has one letter at least."""
    full = max(round(seen * _BAR / every), 1 if seen else 0)
    half = max(round(blind * _BAR / every), 1 if blind else 0)
    return "█" * full + "▒" * half + "·" * max(_BAR - full - half, 0)
