"""`ticket`: incidents in other systems."""

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
)
from tocsin.serve.cli.output import Listing, Output, minute, say

if TYPE_CHECKING:
    from tocsin.run import ticket_work
    from tocsin.store.answers import KeptTicket

app = typer.Typer(help="Tickets of incidents in other systems.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The system of tickets.")]
SomeArgument = Annotated[str | None, typer.Argument(help="The system of tickets; otherwise all.")]


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="ticket")


@app.command("systems")
@permission("read")
def list_systems(
    config: ConfigOption = None, data: DataOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show the systems of tickets, what waits for each, and why."""
    from tocsin.run import ticket_work

    with existing_store(config, data) as store:
        found = ticket_work.list_systems(settings_for(config, data), store)
    _SYSTEMS.print(found, output)


@app.command("list")
@permission("incidents.read")
def list_tickets(
    system: Annotated[str | None, typer.Option("--system", help="Of this system only.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 100,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show tickets, those that were told something last first."""
    with existing_store(config, data) as store:
        _TICKETS.print(store.tickets.list(system, limit=limit), output)


@app.command()
@permission("operate")
def test(name: NameArgument, config: ConfigOption = None, data: DataOption = None) -> None:
    """Open a ticket that says it is a test, find it again, and close it."""
    from tocsin.run import ticket_work

    url = ticket_work.test(name, settings_for(config, data), aware_now())
    say(f"{name} took the ticket, and it is closed again: {url}")


@app.command()
@permission("operate")
def sync(name: SomeArgument = None, config: ConfigOption = None, data: DataOption = None) -> None:
    """Read now which tickets were closed or opened again over there."""
    from tocsin.run import ticket_work

    with existing_store(config, data) as store:
        count = ticket_work.sync(name, settings_for(config, data), store)
    say(f"{count} tickets have changed over there.")


@app.command()
@permission("operate")
def retry(name: SomeArgument = None, config: ConfigOption = None, data: DataOption = None) -> None:
    """Let parked tickets be tried again by the running Tocsin."""
    from tocsin.store.answers import Asking

    with existing_store(config, data) as store:
        count = store.leaving.retry_tickets(Asking(local_actor(), aware_now()), name)
    say(f"{count} tickets will be tried again.")


def _system(one: "ticket_work.ListedSystem") -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "severity": f"{one.min_severity} or worse",
        "settled": one.settled,
        "waiting": one.waiting,
        "parked": one.parked,
        "reason": one.reason,
    }


def _ticket(one: "KeptTicket") -> dict[str, object]:
    return {
        "ticket": one.key,
        "system": one.system,
        "incident": one.incident_uid,
        "open": one.is_open,
        "state": one.state,
        "told": minute(one.told.time),
        "reason": one.problem,
        "url": one.url,
    }


_SYSTEMS = Listing(
    ("name", "kind", "severity", "settled", "waiting", "parked", "reason"),
    _system,
    wide=("reason",),
    nothing="There is no system of tickets; add one under `tickets` in tocsin.yaml.",
)
_TICKETS = Listing(
    ("ticket", "system", "incident", "open", "state", "told", "reason", "url"),
    _ticket,
    wide=("reason", "url"),
)
