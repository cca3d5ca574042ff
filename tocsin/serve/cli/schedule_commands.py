"""`schedule`: what runs by the clock."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Listing, Output, minute, say

if TYPE_CHECKING:
    from tocsin.store.answers import Schedule

app = typer.Typer(help="What runs by the clock.", no_args_is_help=True)

_COLUMNS = ("name", "cron", "next", "last", "runner", "reason")


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="schedule")


@app.command("list")
@permission("read")
def list_schedules(
    config: ConfigOption = None, data: DataOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show what runs by the clock: when next, when last, and why it failed."""
    with existing_store(config, data) as store:
        _SCHEDULES.print(store.schedules.list(), output)


@app.command()
@permission("operate")
def run(
    name: Annotated[str, typer.Argument(help="What to run.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Run something now, in this process; it refuses while another one runs it."""
    import threading

    from tocsin.run import scheduling

    settings = settings_for(config, data)
    with existing_store(config, data) as store:
        scheduling.scheduler(settings, store, threading.Event(), aware_now).run_now(name)
    say(f"{name} has run.")


def _row(one: "Schedule") -> dict[str, object]:
    return {
        "name": one.name,
        "cron": one.cron,
        "next": minute(one.next_time),
        "last": minute(one.ended_time),
        "runner": one.runner,
        "reason": one.problem,
    }


_SCHEDULES = Listing(_COLUMNS, _row, nothing="Nothing is planned yet; start `tocsin up`.")
