"""Commands that load and ask the store: `ingest`, `search`, `sql`, `fsck`, `backup`, `restore`."""

from collections.abc import Iterator, Mapping
from itertools import islice
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
    local_scope,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import Output, inner, print_rows, say, write_line
from tocsin.serve.cli.progress import progress_bar

if TYPE_CHECKING:
    from tocsin.store import Span, Store

_PAGE = 1_000
_EVENT_COLUMNS = (
    "time",
    "source",
    "class_name",
    "actor",
    "operation",
    "address",
    "status",
    "event_uid",
)
_WIDE_COLUMNS = ("class_name", "event_uid")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (ingest, search, sql, fsck, backup, restore):
        app.command()(command)
    app.add_typer(_rejects, name="rejects", help="Records that no mapping could read.")


_rejects = typer.Typer(no_args_is_help=True)


@permission("ingest")
def ingest(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files or folders; - is standard input.")
    ] = None,
    source: Annotated[str, typer.Option("--source", "-s", help="What the records are.")] = "auto",
    rejects: Annotated[
        bool, typer.Option("--rejects", help="Replay rejects after a mapping was mended.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Load history into the store; run it again to resume; findings on old events never notify."""
    from tocsin.run import loading

    settings = settings_for(config, data)
    if rejects:
        say(_counted(loading.replay_rejects(settings)))
        return
    if not paths:
        raise UsageError("name files or folders to load, or --rejects to replay rejects")
    with progress_bar("Loading") as advance:
        counts = loading.ingest_files(paths, source, settings, advance, tell=say)
    say(_counted(counts))


@permission("search")
def search(
    query: Annotated[
        str, typer.Argument(help="Such as: actor.user.name:alice AND api.operation:Delete*")
    ],
    since: Annotated[str | None, typer.Option("--since", help="24h, 7d, or a time.")] = "24h",
    until: Annotated[str | None, typer.Option("--until", help="A time; now by default.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000)] = 100,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Search the stored events."""
    from tocsin.ocsf.output import event_json
    from tocsin.store import Span

    now = aware_now()
    span = Span(since_time(since, now), since_time(until, now))
    with existing_store(config, data) as store:
        rows = list(islice(_found(store, query, span, min(limit, _PAGE)), limit))
    if output in (Output.JSON, Output.JSONL):
        print_rows([event_json(row) for row in rows], (), output)
    else:
        print_rows([_event_row(row) for row in rows], _EVENT_COLUMNS, output, wide=_WIDE_COLUMNS)


@permission("search")
def sql(
    statement: Annotated[
        str, typer.Argument(help="One SELECT over events, findings, incidents, ...")
    ],
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Answer one SELECT, within limits of time, rows and memory."""
    with existing_store(config, data) as store:
        table = store.events.sql(statement, local_scope())
        print_rows(table.to_pylist(), table.column_names, output)


@permission("operate")
def fsck(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended safely.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Check that the data folder is whole."""
    with existing_store(config, data) as store:
        problems = store.maintenance.fsck(repair=repair)
    for problem in problems:
        write_line(f"{problem.what}; {'mended' if problem.repaired else problem.remedy}")
    if any(not problem.repaired for problem in problems):
        raise typer.Exit(1)
    say("The data folder is whole.")


@permission("operate")
def backup(
    target: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Copy the data folder while it is in use."""
    with existing_store(config, data) as store:
        store.maintenance.backup(target)
    say(f"Backed up to {target}.")


@permission("operate")
def restore(
    backup_folder: Annotated[Path, typer.Argument(help="A folder that `tocsin backup` made.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make a data folder from a backup; the data folder must not exist yet."""
    from tocsin.store import Store

    folder = settings_for(config, data).data
    Store.restore(backup_folder, folder)
    say(f"Restored to {folder}.")


@_rejects.command("list")
@permission("search")
def rejects_list(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 50,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show records that could not be read, newest first, with the reason."""
    with existing_store(config, data) as store:
        rows = store.rejects.list(local_scope(), limit=limit).rows.to_pylist()
    print_rows(rows, ("received_time", "source", "origin", "position", "reason"), output)


def _counted(counts: Mapping[str, int]) -> str:
    return (
        "{records} records: {events} events, {duplicates} duplicates, {rejects} rejects;"
        " {findings} findings, {incidents} incidents"
    ).format_map(counts)


def _found(store: "Store", query: str, span: "Span", size: int) -> Iterator[dict[str, object]]:
    """Yield events, newest first, page by page."""
    cursor: str | None = None
    while True:
        page = store.events.search(query, local_scope(), span, limit=size, cursor=cursor)
        yield from page.rows.to_pylist()
        cursor = page.cursor
        if cursor is None:
            return


def _event_row(row: dict[str, object]) -> dict[str, object]:
    return {
        **row,
        "actor": inner(row, "actor", "user", "name") or inner(row, "actor", "user", "uid"),
        "operation": inner(row, "api", "operation"),
        "address": inner(row, "src_endpoint", "ip") or inner(row, "src_endpoint", "domain"),
    }
