"""`audit`: the log of every change, and the checkpoints that show when somebody rewrote it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_scope,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, print_rows, say, write_line

app = typer.Typer(help="The hash-chained log of every change.", no_args_is_help=True)

_COLUMNS = ("seq", "time", "actor", "action", "object", "details")


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="audit")


@app.command("verify")
@permission("audit")
def audit_verify(
    head: Annotated[
        str | None, typer.Option("--head", help="A head kept elsewhere; it must be in the chain.")
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="The file of the second place; see audit.checkpoints."),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", help="That signed them; else that of the first one."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Recompute the chain of the audit log and name the first entry that does not fit."""
    from tocsin.run import auditing

    with existing_store(config, data) as store:
        state = auditing.verify(
            store, known_head=head, checkpoints=checkpoints, public_key=public_key
        )
    if state.problem:
        write_line(f"entry {state.first_bad_seq}: {state.problem}")
        raise typer.Exit(1)
    write_line(f"{state.rows} entries, head {state.head}")


@app.command("list")
@permission("audit")
def audit_list(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 50,
    actor: Annotated[str | None, typer.Option("--actor", help="What this one did.")] = None,
    object_: Annotated[
        str | None, typer.Option("--object", help="What was done to this one.")
    ] = None,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show who changed what, newest first."""
    with existing_store(config, data) as store:
        page = store.audit.list(local_scope(), limit=limit, actor=actor, object_=object_)
    print_rows([asdict(row) for row in page.rows], _COLUMNS, output)


@app.command()
@permission("audit")
def checkpoint(config: ConfigOption = None, data: DataOption = None) -> None:
    """Sign the head of the log now, and send what waits to the second place."""
    from tocsin.run import auditing

    settings = settings_for(config, data)
    with existing_store(config, data) as store:
        sent = auditing.Auditing(settings, store, aware_now).once()
        place = settings.audit.checkpoints
    if place is None:
        say("The checkpoint lies in the data folder alone; set `audit.checkpoints`.")
        return
    say(f"{sent} checkpoints were sent to {place}.")
