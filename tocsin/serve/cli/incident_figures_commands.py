"""`incidents figures`: how long incidents took, and which clocks were kept."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    aware_now,
    existing_store,
    local_scope,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import Output, print_rows, write_json, write_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from tocsin.incidents.clocks import Means

_MEANS = ("severity", "incidents", "detect", "acknowledge", "resolve")
_CLOCKS = ("clock", "kept", "missed", "running", "late")


def add_to(incidents: typer.Typer) -> None:
    """Add the command of this file to `tocsin incidents`."""
    incidents.command()(figures)


@permission("incidents.read")
def figures(
    since: Annotated[str, typer.Option("--since", help="Opened since: 30d, or a time.")] = "30d",
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show mean times to detect, acknowledge and resolve, and which clocks were kept."""
    from tocsin.ocsf.classes import severities
    from tocsin.run import figures as counted

    now = aware_now()
    targets = counted.targets_of(settings_for(config, data))
    with existing_store(config, data) as store:
        found = counted.figures_of(store, local_scope(), targets, now, since_time(since, now))
    means = [("all", found.means)]
    means += [(severities().get(each, "Unknown"), told) for each, told in found.by_severity]
    clocks = [asdict(each) | {"clock": each.name} for each in found.clocks]
    if output is not Output.TABLE:
        rows = [_row(name, told, _seconds) for name, told in means]
        write_json({"means": rows, "still_open": found.still_open, "clocks": clocks})
        return
    write_line(f"{found.means.incidents} incidents opened, {found.still_open} still open")
    rows = [_row(name, told, _words) for name, told in means]
    print_rows(rows, _MEANS, Output.TABLE)
    print_rows(clocks, _CLOCKS, Output.TABLE)


def _row(
    name: str, means: "Means", shown: "Callable[[timedelta | None], object]"
) -> dict[str, object]:
    return {
        "severity": name,
        "incidents": means.incidents,
        "detect": shown(means.detect),
        "acknowledge": shown(means.acknowledge),
        "resolve": shown(means.resolve),
    }


def _seconds(spent: "timedelta | None") -> object:
    return None if spent is None else spent.total_seconds()


def _words(spent: "timedelta | None") -> object:
    return "–" if spent is None else str(spent).partition(".")[0]
