"""Commands for things that were described: `resources list`, `resources show`."""

from typing import Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    existing_store,
    local_scope,
    permission,
)
from tocsin.serve.cli.output import Output, print_rows

resources = typer.Typer(no_args_is_help=True)

_PAGE = 1_000
_COLUMNS = ("uid", "type", "name", "account", "region", "observed_time")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(resources, name="resources", help="Things that sources describe.")


@resources.command("list")
@permission("resources.read")
def list_(
    kind: Annotated[str | None, typer.Option("--type", help="Of this type only.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Whose uid or name has it.")] = None,
    gone: Annotated[bool, typer.Option("--gone", help="Those that are no more too.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000)] = 100,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show things as they were last described, newest first."""
    rows: list[dict[str, object]] = []
    cursor: str | None = None
    with existing_store(config, data) as store:
        while len(rows) < limit:
            page = store.resources.list(
                local_scope(),
                type=kind,
                text=text,
                gone=gone,
                limit=min(_PAGE, limit - len(rows)),
                cursor=cursor,
            )
            rows += page.rows.to_pylist()
            cursor = page.cursor
            if cursor is None:
                break
    print_rows(rows, _COLUMNS, output, wide=("account", "region"))


@resources.command("show")
@permission("resources.read")
def show(
    uid: Annotated[str, typer.Argument(help="The thing, by uid.")],
    history: Annotated[bool, typer.Option("--history", help="All that was seen of it.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 100,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show how a thing is configured, and with --history how it was."""
    with existing_store(config, data) as store:
        found = store.resources.history(uid, local_scope(), limit=limit if history else 1)
    if not found.num_rows:
        raise UsageError(f"nothing was seen of {uid!r}; `tocsin resources list` shows what was")
    print_rows(found.to_pylist(), (*_COLUMNS, "configuration"), output, wide=())
