"""Commands for rules: `rules list|check|test`."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.serve.cli import (
    learning_commands,
    rules_backtest_commands,
    rules_coverage_commands,
    rules_noise_commands,
    rules_reload_commands,
)
from tocsin.serve.cli.options import (
    ConfigOption,
    OutputOption,
    PipelineOption,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, print_rows, say, write_json, write_line

EXIT_FAILING = 3
_LISTED = ("severity", "title", "kind", "source", "state", "techniques", "file")
_SEVERITIES = ("", "Informational", "Low", "Medium", "High", "Critical", "Fatal")

rules = typer.Typer(no_args_is_help=True)

FoldersArgument = Annotated[
    list[Path] | None, typer.Argument(help="Folders or files; the built-in rules by default.")
]
BesideOption = Annotated[bool, typer.Option("--with-builtin", help="The built-in rules too.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for commands in (
        rules_backtest_commands,
        rules_coverage_commands,
        rules_noise_commands,
        rules_reload_commands,
    ):
        commands.add_to(rules)
    learning_commands.add_to(rules)
    app.add_typer(rules, name="rules", help="What detects.")


@rules.command("list")
@permission("rules.read")
def list_(
    folders: FoldersArgument = None,
    with_builtin: BesideOption = False,
    pipeline: PipelineOption = None,
    config: ConfigOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the rules, those in force by default, and which the settings switch off or re-rate."""
    from tocsin.run import RuleChoice, rule_work

    choice = RuleChoice(tuple(folders), with_builtin) if folders else None
    loaded = rule_work.list_rules(choice, settings_for(config, None, pipeline))
    every = sorted((*loaded.rules, *loaded.switched_off), key=lambda rule: rule.location.file)
    off = {rule.uid for rule in loaded.switched_off}
    rows = [
        {
            "uid": rule.uid,
            "severity": _SEVERITIES[rule.severity_id],
            "title": rule.title,
            "kind": rule.kind,
            "source": str(rule.log_source) or "correlation",
            "state": _state(rule.is_enabled, rule.uid in off, loaded.own_severities.get(rule.uid)),
            "tactics": list(rule.tactics),
            "techniques": list(rule.techniques),
            "file": rule.location.file,
        }
        for rule in every
    ]
    print_rows(rows, _LISTED, output, wide=("kind", "file"))
    for problem in loaded.problems:
        if problem.location.file == "settings":
            say(str(problem))
    say(f"{len(loaded.rules)} rules, version {loaded.version}; {len(off)} switched off")


def _state(is_enabled: bool, is_off: bool, own_severity: int | None) -> str:
    """Return whether a rule runs, and the severity of its file where the settings say another."""
    if is_off or not is_enabled:
        return "off" if is_off else "off by its file"
    return f"on, {_SEVERITIES[own_severity]} by its file" if own_severity else "on"


@rules.command()
@permission("rules.read")
def check(
    folders: FoldersArgument = None,
    with_builtin: BesideOption = False,
    pipeline: PipelineOption = None,
    config: ConfigOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Name every rule that cannot be used, with file, line and reason."""
    from tocsin.run import RuleChoice, rule_work

    choice = RuleChoice(tuple(folders or ()), with_builtin or not folders)
    checked = rule_work.check_rules(choice, settings_for(config, None, pipeline))
    if output in (Output.JSON, Output.JSONL):
        write_json(
            {
                "loaded": checked.loaded,
                "refused": checked.refused,
                "unbound": checked.unbound,
                "problems": [
                    {
                        "file": each.location.file,
                        "line": each.location.line,
                        "reason": each.message,
                        "is_warning": each.is_warning,
                    }
                    for each in checked.problems
                ],
            }
        )
    else:
        for problem in checked.problems:
            write_line(str(problem))
        unbound = f", {checked.unbound} read logs that no source gives" if checked.unbound else ""
        say(f"{checked.loaded} rules loaded, {checked.refused} files refused{unbound}")
    if checked.refused:
        raise typer.Exit(EXIT_FAILING)


@rules.command()
@permission("rules.read")
def test(
    folders: FoldersArgument = None,
    with_builtin: BesideOption = False,
    pipeline: PipelineOption = None,
    config: ConfigOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run the examples that rules carry."""
    from tocsin.run import RuleChoice, rule_work

    choice = RuleChoice(tuple(folders or ()), with_builtin or not folders)
    tested = rule_work.check_examples(choice, settings_for(config, None, pipeline), say)
    failed = [each for each in tested if not each.passed]
    if output in (Output.JSON, Output.JSONL):
        write_json(
            {
                "passed": len(tested) - len(failed),
                "failed": len(failed),
                "tests": [
                    {
                        "rule": each.rule,
                        "name": each.name,
                        "passed": each.passed,
                        "reason": each.reason,
                    }
                    for each in tested
                ],
            }
        )
    else:
        for each in failed:
            write_line(f"{each.title} ({each.rule}): {each.name}: {each.reason}")
        write_line(f"{len(tested) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(EXIT_FAILING)
