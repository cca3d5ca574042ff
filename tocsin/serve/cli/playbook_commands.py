"""Commands for playbooks: `playbooks list|check|test|go-on` and `respond rehearse`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_actor,
    local_scope,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import Output, print_rows, say

if TYPE_CHECKING:
    from tocsin.run import rehearsing

app = typer.Typer(help="What is done about incidents.", no_args_is_help=True)

EXIT_FAILED = 3
_COLUMNS = (
    *("playbook", "mode", "would_act", "uncertain", "told", "incidents", "closed", "false"),
    *("stops", "targets"),
)

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="Files or folders; those that ship and those of the settings by default."),
]
SinceOption = Annotated[str, typer.Option("--since", help="30d, 24h, or a time.")]


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file; `rehearse` stands beside those of requests."""
    parent.add_typer(app, name="playbooks")
    known = [group.typer_instance for group in parent.registered_groups if group.name == "respond"]
    respond = known[0] if known else None
    if respond is None:
        respond = typer.Typer(help="Act on incidents, and take it back.", no_args_is_help=True)
        parent.add_typer(respond, name="respond")
    respond.command()(rehearse)


@app.command("list")
@permission("read")
def list_(
    since: SinceOption = "30d",
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show the playbooks with what each has asked for, or would have while it only observes."""
    from tocsin.run import rehearsing

    settings, now = settings_for(config, data), aware_now()
    begin = since_time(since, now) or now
    with existing_store(config, data) as store:
        found = rehearsing.ledger(settings, store, begin)
        stopped = [stop.playbook_uid for stop in store.playbooks.stops()]
    _print(found, output)
    for uid in stopped:
        say(f"{uid} is stopped: possible abuse. When all is well: tocsin playbooks go-on {uid}")


@app.command()
@permission("rules.read")
def check(files: FilesArgument = None, config: ConfigOption = None) -> None:
    """Read playbooks and say what is wrong with them, a line each; exit with 3 if anything is."""
    from tocsin.run import playbook_files

    if files:
        found, problems = playbook_files.read_folders(files)
    else:
        loaded = playbook_files.load_playbooks(settings_for(config, None))
        found, problems = loaded.playbooks, loaded.problems
    for problem in problems:
        say(str(problem))
    say(f"{len(found)} playbooks are right, {len(problems)} mistakes")
    if problems:
        raise typer.Exit(EXIT_FAILED)


@app.command()
@permission("rules.read")
def test(files: FilesArgument = None, config: ConfigOption = None) -> None:
    """Run the examples of playbooks; exit with 3 if one gives other requests than it names."""
    from tocsin.run import playbook_examples, playbook_files

    if files:
        found, problems = playbook_files.read_folders(files)
    else:
        loaded = playbook_files.load_playbooks(settings_for(config, None))
        found, problems = loaded.playbooks, loaded.problems
    runner = playbook_examples.ExampleRunner()
    outcomes = [outcome for playbook in found for outcome in runner.run(playbook)]
    failed = [outcome for outcome in outcomes if not outcome.is_passed]
    for problem in (*problems, *map(playbook_examples.as_problem, failed)):
        say(str(problem))
    say(f"{len(outcomes)} examples of {len(found)} playbooks, {len(failed)} failed")
    if failed or problems:
        raise typer.Exit(EXIT_FAILED)


@app.command("go-on")
@permission("respond")
def go_on(
    playbook: Annotated[str, typer.Argument(help="The id of a playbook that was stopped.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let a playbook go on that was stopped because it asked for too much."""
    with existing_store(config, data) as store:
        store.playbooks.go_on(playbook, local_actor(), aware_now())
    say(f"{playbook} goes on.")


@permission("read")
def rehearse(
    since: SinceOption = "30d",
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show what each playbook would have done about the stored incidents; nothing is done."""
    from tocsin.run import rehearsing

    settings, now = settings_for(config, data), aware_now()
    begin = since_time(since, now) or now
    with existing_store(config, data) as store:
        found = rehearsing.rehearse(settings, store, local_scope(), begin, now)
    _print(found, output)


def _print(found: "Iterable[rehearsing.Rehearsed]", output: Output) -> None:
    rows = [
        {
            "playbook": one.playbook_uid,
            "mode": one.mode,
            "would_act": one.actions,
            "uncertain": one.uncertain,
            "told": one.told,
            "incidents": one.incidents,
            "closed": one.closed,
            "false": f"{one.false} of {one.closed}" if one.closed else "",
            "stops": one.stops,
            "targets": ", ".join(one.targets),
        }
        for one in found
    ]
    print_rows(rows, _COLUMNS, output, wide=("targets",))
