"""Commands for triage: `incidents list|show|take|status|close|reopen`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli import (
    incident_decision_commands,
    incident_figures_commands,
    incident_work_commands,
)
from tocsin.serve.cli.incident_work_commands import UidArgument, found
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    OutputOption,
    aware_now,
    existing_store,
    local_actor,
    local_scope,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import Output, inert, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.incidents import Change, Incident, Status, Verdict, telling

incidents = typer.Typer(no_args_is_help=True)

_COLUMNS = ("uid", "severity", "risk", "status", "title", "findings", "last_time", "assignee")
_STORY_COLUMNS = ("kind", "text", "time", "finding_uid", "severity_id")
_MARKS = {"first": "  !", "meaning": "  ?"}
_MOMENT_COLUMNS = ("time", "kind", "uid", "title", "status", "actor", "address")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    incident_work_commands.add_to(incidents)
    incident_decision_commands.add_to(incidents)
    incident_figures_commands.add_to(incidents)
    app.add_typer(incidents, name="incidents", help="Findings that people handle as one.")


@incidents.command("list")
@permission("incidents.read")
def list_(
    status: Annotated[
        list[str] | None, typer.Option("--status", help="New, In Progress, ...")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="With this tag.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="24h, 7d, or a time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 100,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show incidents, last activity first."""
    from tocsin.store import IncidentFilter

    which = IncidentFilter(
        status=tuple(status) if status else None,
        since=since_time(since, aware_now()),
        tag=tag.lower() if tag else None,
    )
    with existing_store(config, data) as store:
        rows = store.incidents.list(which, local_scope(), limit=limit).rows
    print_rows([_row(incident) for incident in rows], _COLUMNS, output)


@incidents.command()
@permission("incidents.read")
def show(
    uid: UidArgument,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Tell one incident: its story, its risk, its entities, its timeline."""
    from tocsin.run import stories

    harmless = stories.harmless_of(settings_for(config, data))
    with existing_store(config, data) as store:
        incident = found(store, uid)
        moments = store.incidents.timeline(incident.uid, local_scope())
        story = stories.story_of(store, incident, local_scope(), harmless)
        tickets = [
            {"system": each.system, "key": each.key, "url": each.url, "is_open": each.is_open}
            for each in store.tickets.of_incident(incident.uid)
        ]
    if output is not Output.TABLE:
        rows = [{name: getattr(each, name) for name in _MOMENT_COLUMNS} for each in moments]
        told = [{name: getattr(line, name) for name in _STORY_COLUMNS} for line in story]
        write_json(_row(incident) | {"story": told, "timeline": rows, "tickets": tickets})
        return
    _tell(incident, story)
    for ticket in tickets:
        is_open = "open" if ticket["is_open"] else "closed"
        write_line(f"Ticket {ticket['key']} ({ticket['system']}, {is_open}): {ticket['url']}")
    print_rows(
        [
            {"type": each.type, "entity": each.name or each.uid, "uid": each.uid}
            for each in incident.entities
        ],
        ("type", "entity", "uid"),
        Output.TABLE,
    )
    print_rows(
        [
            {
                "time": each.time,
                "kind": each.kind,
                "what": f"{each.title} ({each.status})" if each.status else each.title,
                "actor": each.actor,
                "address": each.address,
            }
            for each in moments
        ],
        ("time", "kind", "what", "actor", "address"),
        Output.TABLE,
    )


@incidents.command()
@permission("incidents.change")
def take(
    uid: UidArgument,
    person: Annotated[str | None, typer.Argument(help="Who has it now; you by default.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Assign an incident."""
    from tocsin.incidents import Change

    name = person if person is not None else local_actor().removeprefix("local:")
    _change(uid, Change(assignee=name), config, data)


@incidents.command()
@permission("incidents.change")
def status(
    uid: UidArgument,
    to: Annotated[str, typer.Argument(help="In Progress, On Hold, or Resolved.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Move an incident along its life cycle."""
    from tocsin.incidents import Change

    _change(uid, Change(status=cast("Status", to.title())), config, data)


@incidents.command()
@permission("incidents.change")
def close(
    uid: UidArgument,
    verdict: Annotated[
        str, typer.Option("--verdict", help="True Positive, False Positive, Benign, ...")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, in your words.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Close an incident with a verdict and a reason."""
    from tocsin.incidents import Change

    change = Change(status="Closed", verdict=cast("Verdict", verdict.title()), reason=reason)
    _change(uid, change, config, data)


@incidents.command()
@permission("incidents.change")
def reopen(
    uid: UidArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, in your words.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Open a resolved or closed incident again."""
    from tocsin.incidents import Change

    change = Change(status="In Progress", reason=reason)
    _change(uid, change, config, data, only_from=("Resolved", "Closed"))


def _change(
    uid: str,
    change: "Change",
    config: ConfigOption,
    data: DataOption,
    only_from: tuple[str, ...] = (),
) -> None:
    with existing_store(config, data) as store:
        incident = found(store, uid)
        if only_from and incident.status not in only_from:
            raise UsageError(f"{incident.uid} is {incident.status}; there is nothing to reopen")
        changed = store.incidents.change(
            incident.uid, change, local_actor(), aware_now(), local_scope()
        )
    say(f"{changed.uid} is {changed.status}, {changed.assignee or 'nobody'} has it.")


def _tell(incident: "Incident", story: "Iterable[telling.Line]") -> None:
    write_line(incident.title.replace("\n", " "))
    write_line(f"{incident.uid}  {incident.status}  risk {incident.risk_score}")
    for line in story:
        mark = f"{line.time:%H:%M}" if line.time else _MARKS.get(line.kind)
        write_line(f"  {mark:<5}  {line.text}" if mark else line.text)
    for reason in incident.risk_reasons:
        write_line(f"  - {reason}")
    for tie in incident.ties:
        write_line(f"  = {inert(tie.reason)}")
    write_line("")


def _row(incident: "Incident") -> dict[str, object]:
    from tocsin.ocsf.classes import severities

    return {
        "uid": incident.uid,
        "severity": severities().get(incident.severity_id, "Unknown"),
        "severity_id": incident.severity_id,
        "risk": incident.risk_score,
        "status": incident.status,
        "title": incident.title,
        "entities": [
            {"type": each.type, "uid": each.uid, "name": each.name} for each in incident.entities
        ],
        "accounts": list(incident.accounts),
        "tactics": list(incident.tactics),
        "techniques": list(incident.techniques),
        "rules": list(incident.rule_uids),
        "findings": incident.finding_count,
        "matches": incident.match_count,
        "first_time": incident.first_time,
        "last_time": incident.last_time,
        "opened_time": incident.opened_time,
        "updated_time": incident.updated_time,
        "assignee": incident.assignee,
        "verdict": incident.verdict,
        "verdict_reason": incident.verdict_reason,
        "risk_reasons": list(incident.risk_reasons),
        "ties": [asdict(each) for each in incident.ties],
        "tags": list(incident.tags),
        "tasks": [asdict(each) for each in incident.tasks],
        "references": [asdict(each) for each in incident.references],
        "report": asdict(incident.report) if incident.report else None,
        "acknowledged_time": incident.acknowledged_time,
        "finished_time": incident.finished_time,
    }
