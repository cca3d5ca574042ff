"""`intelligence`: feeds of indicators, pulling them, and looking up a value."""

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
    from tocsin.run.intelligence_work import ListedFeed, ListedIndicator

app = typer.Typer(help="Threat intelligence: feeds of indicators.", no_args_is_help=True)

_FEED = ("name", "state", "indicators", "pulled", "left out", "history", "reason")
_INDICATOR = ("kind", "value", "feed", "confidence", "name", "labels", "until")

NamesArgument = Annotated[list[str] | None, typer.Argument(help="Feeds; otherwise all.")]
ValueArgument = Annotated[
    str, typer.Argument(help="An address, domain, URL, hash, mail address or fingerprint.")
]


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="intelligence")


@app.command("list")
@permission("rules.read")
def list_feeds(
    config: ConfigOption = None, data: DataOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Show the feeds: what is in force, when it was pulled, how far history was searched."""
    from tocsin.run import intelligence_work

    with existing_store(config, data) as store:
        found = intelligence_work.list_feeds(settings_for(config, data), store)
    if not found and output is Output.TABLE:
        say("There is no feed; add one under `intelligence.feeds` in tocsin.yaml.")
        return
    print_rows([_feed(each) for each in found], _FEED, output, wide=("left out",))


@app.command()
@permission("rules.write")
def pull(
    names: NamesArgument = None,
    anew: Annotated[bool, typer.Option("--anew", help="Ask for everything once more.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Pull feeds now; a running Tocsin then searches the history for what is new."""
    from tocsin.run import intelligence_work

    with existing_store(config, data) as store:
        settings = settings_for(config, data)
        wanted = tuple(names or ())
        found = list(intelligence_work.pull(wanted, settings, store, aware_now(), anew=anew))
    print_rows([_feed(each) for each in found], _FEED, output, wide=("left out",))
    if any(each.problem for each in found):
        raise typer.Exit(1)


@app.command()
@permission("rules.read")
def show(
    value: ValueArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what is known of a value: itself, domains above it, networks around it."""
    from tocsin.run import intelligence_work

    with existing_store(config, data) as store:
        found = intelligence_work.show(value, store, aware_now())
    if not found and output is Output.TABLE:
        say("No feed speaks of it.")
        return
    print_rows([_indicator(each) for each in found], _INDICATOR, output)


def _feed(each: "ListedFeed") -> dict[str, object]:
    left_out = {name: n for name, n in each.counts.items() if name != "used"}
    search = each.search
    return {
        "name": each.name,
        "state": each.state,
        "indicators": each.rows,
        "pulled": None if each.pulled is None else f"{each.pulled:%Y-%m-%d %H:%M} UTC",
        "left out": ", ".join(f"{n:,} {name}" for name, n in sorted(left_out.items())),
        "history": ""
        if search is None
        else _progress(search.position, search.since, search.until)
        + f", {search.events:,} events, {search.findings:,} findings",
        "reason": each.problem,
    }


def _progress(position: float, since: float, until: float) -> str:
    if position >= until:
        return "searched"
    return f"{(position - since) / (until - since or 1):.0%} searched"


def _indicator(each: "ListedIndicator") -> dict[str, object]:
    found = each.indicator
    return {
        "kind": found.kind,
        "value": found.value,
        "feed": found.feed,
        "confidence": found.confidence,
        "name": found.name,
        "labels": ", ".join(found.labels),
        "until": f"{found.valid_until:%Y-%m-%d %H:%M} UTC{' (expired)' if each.is_expired else ''}",
        "uid": found.uid,
        "reference": found.reference,
    }
