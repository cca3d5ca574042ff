"""Commands for feeds: `sources list`, and `sources rotate-key` for the hashes of secrets."""

from typing import TYPE_CHECKING

import typer

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
    from tocsin.store.answers import FeedHealth

sources = typer.Typer(no_args_is_help=True)

_COLUMNS = (
    *("feed", "source", "state", "received", "events", "findings", "resources"),
    *("duplicates", "rejects", "lag_seconds", "own_lag_seconds", "last_received_time"),
)
_WIDE = ("findings", "resources", "own_lag_seconds")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(sources, name="sources", help="Where records come from.")


@sources.command("list")
@permission("read")
def list_(
    output: OutputOption = Output.TABLE, config: ConfigOption = None, data: DataOption = None
) -> None:
    """Show what became of the records of each feed, how late they come and whether it speaks.

    received = events + findings + resources + duplicates + rejects. Lag is what the provider took
    until the records came, own lag what Tocsin took to commit them.
    """
    with existing_store(config, data) as store:
        found = store.sources.list(local_scope(), aware_now())
    print_rows([_row(feed) for feed in found], _COLUMNS, output, wide=_WIDE)


@sources.command("rotate-key")
@permission("redaction.rotate")
def rotate_key(config: ConfigOption = None, data: DataOption = None) -> None:
    """Make a new key for the hashes of secrets: the same secret has another hash from now on."""
    from tocsin.run import redacting

    with existing_store(config, data) as store:
        redacting.rotate(store.folder)
        store.sources.note_rotation(local_actor(), aware_now())
    say("Secrets are hashed with a new key from now on.")


def _row(feed: "FeedHealth") -> dict[str, object]:
    return {
        "feed": feed.feed,
        "source": feed.source,
        "state": "silent" if feed.is_silent else "speaks",
        "received": feed.received,
        "events": feed.events,
        "findings": feed.findings,
        "resources": feed.resources,
        "duplicates": feed.duplicates,
        "rejects": feed.rejects,
        "lag_seconds": None if feed.lag is None else feed.lag.total_seconds(),
        "own_lag_seconds": None if feed.own_lag is None else feed.own_lag.total_seconds(),
        "rhythm_seconds": None if feed.rhythm is None else feed.rhythm.total_seconds(),
        "last_event_time": feed.last_event_time,
        "last_received_time": feed.last_received_time,
        "redacted": dict(feed.redacted),
    }
