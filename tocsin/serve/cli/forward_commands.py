"""`forward`: what leaves to other systems."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_actor,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import Listing, Output, minute, say

if TYPE_CHECKING:
    from tocsin.run import forwarding_work

app = typer.Typer(
    help="Forwarding: findings, incidents and events to other systems.", no_args_is_help=True
)

_COLUMNS = ("name", "kind", "does", "sent", "last", "waiting", "again", "parked", "reason")

NameArgument = Annotated[str, typer.Argument(help="The forwarder.")]


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="forward")


@app.command("list")
@permission("read")
def list_forwarders(
    config: ConfigOption = None, data: DataOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show the forwarders: what was sent, what waits, what is refused and why."""
    from tocsin.run import forwarding_work

    with existing_store(config, data) as store:
        found = forwarding_work.list_forwarders(settings_for(config, data), store)
    _FORWARDERS.print(found, output)


@app.command()
@permission("admin")
def test(name: NameArgument, config: ConfigOption = None) -> None:
    """Send one test finding to the target of a forwarder, and say what becomes of it."""
    from tocsin.run import forwarding_work

    uid = forwarding_work.test(name, settings_for(config, None), aware_now())
    say(f"The target took the finding {uid}.")


@app.command()
@permission("admin")
def replay(
    name: NameArgument,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Everything since 24h, 7d or a time; else what is parked."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let records leave once more: those that are parked, or all that changed since a time."""
    from tocsin.run import forwarding_work

    now = aware_now()
    with existing_store(config, data) as store:
        settings, moment = settings_for(config, data), since_time(since, now)
        count = forwarding_work.replay(name, settings, store, moment, (local_actor(), now))
    say(f"{count:,} records leave again while Tocsin runs.")


def _row(each: "forwarding_work.ListedForwarder") -> dict[str, object]:
    state = each.state
    return {
        "name": each.name,
        "kind": each.kind,
        "does": each.does,
        "sent": state.sent,
        "last": minute(state.sent_time),
        "waiting": state.waiting,
        "again": state.again,
        "parked": state.parked,
        "reason": state.problem or "; ".join(state.reasons),
    }


_FORWARDERS = Listing(
    _COLUMNS,
    _row,
    wide=("reason",),
    nothing="There is no forwarder; add one under `forwarders` in tocsin.yaml.",
)
