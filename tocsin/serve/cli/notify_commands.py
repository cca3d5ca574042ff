"""`notify`: what tells people of incidents, the outbox, and test messages."""

from enum import StrEnum
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
from tocsin.serve.cli.output import Listing, Output, say

if TYPE_CHECKING:
    from tocsin.run import notify_work
    from tocsin.store.answers import Outgoing

app = typer.Typer(help="Tell people of incidents.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The notifier, by its name in tocsin.yaml.")]


class State(StrEnum):
    """How far a message has come."""

    WAITING = "waiting"
    SENT = "sent"
    PARKED = "parked"


StateOption = Annotated[State | None, typer.Option("--state", help="Only these.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")]


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="notify")


@app.command("list")
@permission("read")
def list_notifiers(
    config: ConfigOption = None, data: DataOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show who tells people of what, and what waits."""
    from tocsin.run import notify_work

    with existing_store(config, data) as store:
        found = notify_work.list_notifiers(settings_for(config, data), store)
    _NOTIFIERS.print(found, output)


@app.command()
@permission("operate")
def test(name: NameArgument, config: ConfigOption = None, data: DataOption = None) -> None:
    """Send a test message through a notifier, now."""
    from tocsin.run import notify_work

    notify_work.send_test(name, settings_for(config, data), aware_now())
    say(f"{name} took the message.")


@app.command()
@permission("read")
def outbox(
    state: StateOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show messages, the newest first, and why one was not taken."""
    with existing_store(config, data) as store:
        _MESSAGES.print(store.outbox.list(state, limit=limit), output)


@app.command()
@permission("operate")
def retry(
    name: Annotated[str | None, typer.Argument(help="The notifier; otherwise all.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let parked messages be tried again by the running Tocsin."""
    from tocsin.store.answers import Asking

    with existing_store(config, data) as store:
        count = store.leaving.retry_messages(Asking(local_actor(), aware_now()), name)
    say(f"{count} messages will be tried again.")


def _notifier(one: "notify_work.ListedNotifier") -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "waiting": one.waiting,
        "sent": one.sent,
        "parked": one.parked,
        "routes": "; ".join(one.routes) or "none: it tells nothing",
    }


def _message(one: "Outgoing") -> dict[str, object]:
    return {
        "time": f"{one.time:%Y-%m-%d %H:%M:%S} UTC",
        "notifier": one.target,
        "state": one.state,
        "tries": one.attempts,
        "title": one.title,
        "reason": one.problem,
        "uid": one.uid,
        "route": one.route,
        "incident": one.incident_uid,
        "stage": one.stage,
    }


_NOTIFIERS = Listing(
    ("name", "kind", "waiting", "sent", "parked", "routes"),
    _notifier,
    wide=("routes",),
    nothing="There is no notifier; add one under `notifiers` in tocsin.yaml.",
)
_MESSAGES = Listing(
    ("time", "notifier", "state", "tries", "title", "reason"), _message, wide=("title", "reason")
)
