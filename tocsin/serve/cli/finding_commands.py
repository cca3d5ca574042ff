"""Command for findings: `findings list`."""

from typing import Annotated

import typer

from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_scope,
    permission,
    since_time,
)
from tocsin.serve.cli.output import Output, print_rows

findings = typer.Typer(no_args_is_help=True)

_PAGE = 1_000
_COLUMNS = ("uid", "severity", "title", "entity", "matches", "last_time", "incident_uid")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(findings, name="findings", help="What rules conclude.")


@findings.callback()
def _group() -> None:
    """Keep `list` a word of its own while it is the only command."""


@findings.command("list")
@permission("findings.read")
def list_(
    since: Annotated[str | None, typer.Option("--since", help="24h, 7d, or a time.")] = "7d",
    rule: Annotated[str | None, typer.Option("--rule", help="Of this rule only, by uid.")] = None,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="What suppressions hide, and nothing else.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000)] = 100,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show findings, last match first; what is suppressed only when asked."""
    from tocsin.store import FindingFilter

    which = FindingFilter(
        rule_uid=rule, since=since_time(since, aware_now()), is_suppressed=suppressed
    )
    rows: list[dict[str, object]] = []
    cursor: str | None = None
    with existing_store(config, data) as store:
        while len(rows) < limit:
            size = min(_PAGE, limit - len(rows))
            page = store.findings.list(which, local_scope(), limit=size, cursor=cursor)
            rows += map(_row, page.rows.to_pylist())
            cursor = page.cursor
            if cursor is None:
                break
    columns = (*_COLUMNS, "suppression_uid") if suppressed else _COLUMNS
    print_rows(rows, columns, output, wide=("incident_uid",))


def _row(row: dict[str, object]) -> dict[str, object]:
    from tocsin.ocsf.classes import severities

    entity = row.pop("entity")
    who = entity if isinstance(entity, dict) else {}
    return {
        **row,
        "severity": severities().get(int(str(row["severity_id"])), "Unknown"),
        "entity": who.get("name") or who.get("uid"),
        "entity_type": who.get("type"),
        "entity_uid": who.get("uid"),
        "matches": row["match_count"],
    }
