"""Commands that run and examine Tocsin itself: `up`, `validate`, `doctor`."""

import os
import signal
import threading
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.errors import Problem, SettingsError
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from tocsin.run import Running
    from tocsin.settings import Settings

DEMO_FOLDER = Path("data-demo")


class Cloud(StrEnum):
    """Those that `doctor` can look at."""

    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (up, validate, doctor):
        app.command()(command)


@permission("operate")
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Play an attack story into a folder of its own.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Run everything in this process, until Ctrl-C."""
    from tocsin.run import brokering, start
    from tocsin.serve.console import console_for
    from tocsin.serve.web import create_app

    if demo and data is None and "TOCSIN_DATA" not in os.environ:
        data = DEMO_FOLDER
    # First of all: what only the broker may see leaves this process before it reads anything.
    broker = brokering.opened(config, os.environ)
    settings = settings_for(config, data)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # Until there are rules to read again, the signal must not end the process, nor be forgotten.
    hung_up = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: hung_up.set())

    def reread() -> "Settings":
        return settings_for(config, data)

    with broker, start(settings, demo=demo, reread=reread, broker=broker) as running:
        signal.signal(signal.SIGHUP, lambda *_: running.reloader.ask())
        if hung_up.is_set():
            running.reloader.ask()
        address = running.serve(create_app(console_for(running)))
        _greet(running, address)
        stop.wait()
        say("Stopping ...")


def _greet(running: "Running", address: str) -> None:
    """Say where the pages are, and how to get in the first time."""
    accounts = running.store.accounts
    say(f"\nTocsin answers at {address}")
    if accounts.needs_setup():
        token = accounts.new_setup_token(datetime.now(UTC))
        say(f"First sign-in:   {address}/setup?token={token}")
        say("The token works once and makes the first administrator.")
    if running.receiver_address():
        say(f"Receivers at     {running.receiver_address()}")
    if running.is_demo:
        say(f"This is the demo, in {running.settings.data}; the first incident is a minute away.")
    if running.log_file:
        say(f"The log is in  {running.log_file}")
    say("Ctrl-C stops.\n")


@permission("read")
def validate(config: ConfigOption = None, data: DataOption = None) -> None:
    """Report every problem of settings and content at once, with file, line and remedy."""
    from tocsin.run import diagnosis

    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = settings_for(config, data)
    except SettingsError as error:
        problems += str(error).splitlines()
    for problem in diagnosis.content_problems(settings):
        if isinstance(problem, Problem) and problem.is_warning:
            say(str(problem))
        else:
            problems.append(str(problem))
    for line in problems:
        write_line(line)
    if problems:
        raise typer.Exit(1)
    say("Settings and content are sound.")


@permission("read")
def doctor(
    cloud: Annotated[
        list[Cloud] | None,
        typer.Option("--cloud", help="Which logs are off there, rights, cost; repeatable."),
    ] = None,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Check settings, credentials, clock, disk and sources; with --cloud a cloud instead."""
    from tocsin.run import diagnosis

    settings = settings_for(config, data)
    checked = list(
        diagnosis.diagnose_clouds([str(each) for each in cloud], settings)
        if cloud
        else diagnosis.diagnose(settings)
    )
    rows = [
        {
            "check": each.name,
            "result": "well" if each.is_well else "not well",
            "message": each.message,
        }
        for each in checked
    ]
    if output is Output.TABLE:
        print_rows(rows, ("check", "result", "message"), output)
    else:
        write_json(rows)
    if not all(each.is_well for each in checked):
        raise typer.Exit(1)
