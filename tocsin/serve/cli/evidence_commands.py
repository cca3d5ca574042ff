"""Commands for evidence of incidents: `evidence list|add|save|verify|remove`."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.incident_work_commands import ReasonOption, UidArgument, found
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_actor,
    local_scope,
    permission,
)
from tocsin.serve.cli.output import Output, print_rows, say

evidence = typer.Typer(no_args_is_help=True)

PieceArgument = Annotated[str, typer.Argument(help="A piece, by identifier.")]
_COLUMNS = ("time", "kind", "name", "size_bytes", "sha256", "actor", "removed_reason", "uid")
_READ_BYTES = 1 << 20


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(evidence, name="evidence", help="Events and files kept with incidents.")


@evidence.command("list")
@permission("incidents.read")
def list_(
    uid: UidArgument,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show what was attached to an incident, oldest first."""
    with existing_store(config, data) as store:
        pieces = store.evidence.list(found(store, uid).uid, local_scope())
    print_rows([asdict(each) for each in pieces], _COLUMNS, output, wide=("actor", "sha256"))


@evidence.command()
@permission("incidents.change")
def add(
    uid: UidArgument,
    files: Annotated[
        list[Path] | None, typer.Option("--file", help="A file, 25 MiB at most; repeatable.")
    ] = None,
    events: Annotated[
        list[str] | None, typer.Option("--event", help="An event, by uid; repeatable.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why it matters.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Attach files and events; events are kept when retention removes the lake."""
    from tocsin.store.answers import Attaching

    if not files and not events:
        raise UsageError("name a --file or an --event")
    with existing_store(config, data) as store:
        home = found(store, uid).uid
        how = Attaching(home, local_actor(), aware_now(), local_scope(), note)
        for piece in store.evidence.attach_events(events, how) if events else ():
            say(f"{piece.uid}  sha256 {piece.sha256}  {piece.name}")
        for path in files or ():
            with store.evidence.upload() as upload:
                try:
                    with path.open("rb") as file:
                        while block := file.read(_READ_BYTES):
                            upload.write(block)
                except OSError as error:
                    raise UsageError(f"{path} cannot be read: {error}") from error
                piece = store.evidence.attach_file(upload, path.name, how)
            say(f"{piece.uid}  sha256 {piece.sha256}  {piece.name}")


@evidence.command()
@permission("incidents.read")
def save(
    uid: PieceArgument,
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write the bytes of a piece to a file, after they were compared with its hash."""
    with existing_store(config, data) as store:
        piece, path = store.evidence.open(uid, local_scope())
        try:
            with path.open("rb") as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error}") from error
    say(f"{target}: {piece.size_bytes} bytes, sha256 {piece.sha256}")


@evidence.command()
@permission("incidents.read")
def verify(config: ConfigOption = None, data: DataOption = None) -> None:
    """Compare the bytes of every piece with its hash."""
    with existing_store(config, data) as store:
        checked = store.evidence.verify()
    for each in checked.damage:
        say(f"{each.what}: {each.remedy}")
    say(f"{checked.pieces} compared, {len(checked.damage)} damaged")
    if checked.damage:
        raise typer.Exit(1)


@evidence.command()
@permission("evidence.remove")
def remove(
    uid: PieceArgument,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Remove the bytes of a piece for good; who did and why stays."""
    with existing_store(config, data) as store:
        piece = store.evidence.remove(uid, reason, local_actor(), aware_now(), local_scope())
    say(f"{piece.name} is removed.")
