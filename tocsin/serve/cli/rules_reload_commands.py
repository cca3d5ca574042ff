"""`rules reload`: put changed rules in force in the Tocsin that runs."""

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import ConfigOption, DataOption, permission, settings_for
from tocsin.serve.cli.output import say, write_line

EXIT_REFUSED = 3
_PATIENCE_SECONDS = 60.0


def add_to(rules: typer.Typer) -> None:
    """Add the commands of this file."""
    rules.command()(reload)


@permission("operate")
def reload(config: ConfigOption = None, data: DataOption = None) -> None:
    """Let the running Tocsin read its rules, and their settings, again; tell what is in force.

    It notices changed files by itself within seconds; this waits until it has.
    """
    from tocsin.run import rule_work

    folder = settings_for(config, data).data
    found = rule_work.ask_to_reload(folder, _PATIENCE_SECONDS)
    if found is None:
        raise UsageError(f"no Tocsin that runs on {folder} answers; `tocsin up` reads all rules")
    for problem in found.problems:
        say(problem)
    write_line(f"{found.rules:,} rules in force, version {found.version}")
    if found.problems:
        raise typer.Exit(EXIT_REFUSED)
