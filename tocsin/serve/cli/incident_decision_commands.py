"""Commands that join and part incidents: `incidents merge|split|decisions|undo`."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli.incident_work_commands import (
    ReasonOption,
    UidArgument,
    UidsArgument,
    found,
)
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

if TYPE_CHECKING:
    from tocsin.store.answers import Decider

_COLUMNS = ("uid", "kind", "time", "actor", "reason", "kept_uid", "other_uid", "findings")
_UNDONE = ("undone_time", "undone_by", "undone_reason")


def add_to(incidents: typer.Typer) -> None:
    """Add the commands of this file to `tocsin incidents`."""
    for command in (merge, split, decisions, undo):
        incidents.command()(command)


@permission("incidents.change")
def merge(
    uids: UidsArgument,
    reason: ReasonOption,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Merge incidents into the oldest of them; the others point to it."""
    with existing_store(config, data) as store:
        whole = [found(store, uid).uid for uid in uids]
        merged = store.decisions.merge(whole, _decider(reason))
    say(f"{merged.uid} has {merged.finding_count} findings now.")


@permission("incidents.change")
def split(
    uid: UidArgument,
    reason: ReasonOption,
    entities: Annotated[
        list[str] | None, typer.Option("--entity", help="All findings about it; repeatable.")
    ] = None,
    findings: Annotated[
        list[str] | None, typer.Option("--finding", help="One finding; repeatable.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Move findings into an incident of their own; grouping keeps the two apart."""
    with existing_store(config, data) as store:
        whole = found(store, uid).uid
        new = store.decisions.split(whole, findings or (), entities or (), _decider(reason))
    say(f"{new.uid} is new, with {new.finding_count} findings.")


@permission("incidents.read")
def decisions(
    uid: UidArgument,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show who merged or split an incident, when and why."""
    with existing_store(config, data) as store:
        # What was merged away has its decisions too: its own identifier counts.
        whole = uid if store.decisions.list(uid, local_scope()) else found(store, uid).uid
        made = store.decisions.list(whole, local_scope())
    names = (*_COLUMNS, *_UNDONE)
    rows = [{name: getattr(each, name) for name in names} for each in made]
    print_rows(rows, (*_COLUMNS, "undone_by"), output)


@permission("incidents.change")
def undo(
    decision: Annotated[str, typer.Argument(help="From `tocsin incidents decisions`.")],
    reason: ReasonOption,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Take a merge or split back."""
    with existing_store(config, data) as store:
        kept = store.decisions.undo(decision, _decider(reason))
    say(f"Taken back; {kept.uid} has {kept.finding_count} findings now.")


def _decider(reason: str) -> "Decider":
    from tocsin.store.answers import Decider

    return Decider(local_actor(), reason, aware_now(), local_scope())
