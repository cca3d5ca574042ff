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
from tocsin.serve.cli.output import Output, print_rows, say

if TYPE_CHECKING:
    from datetime import datetime

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
        found = store.schedules.list()
    if not found and output is Output.TABLE:
        say("Nothing is planned yet; start `tocsin up`.")
        return
    rows = [
        {
            "name": one.name,
            "cron": one.cron,
            "next": _shown(one.next_time),
            "last": _shown(one.ended_time),
            "runner": one.runner,
            "reason": one.problem,
        }
        for one in found
    ]
    print_rows(rows, _COLUMNS, output, wide=("reason",))


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


def _shown(moment: "datetime | None") -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
