"""Commands for one user, role, key, host, pod, address, bucket or account: `entity show`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    aware_now,
    existing_store,
    local_scope,
    permission,
)
from tocsin.serve.cli.output import Output, print_rows, spark, write_json, write_line

if TYPE_CHECKING:
    from tocsin.incidents import portrait
    from tocsin.run import entities

entity = typer.Typer(no_args_is_help=True)

_FINDINGS = ("last_time", "severity_id", "title", "match_count", "uid")
_EVENTS = ("time", "source", "event_uid")
_LINKS = ("type", "entity", "findings", "why")
_CLI_SECONDS = 10.0


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(entity, name="entity", help="Users, keys, hosts, pods, addresses, accounts.")


@entity.command("show")
@permission("findings.read")
def show(
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="user, role, address, host, ...")],
    uid: Annotated[str, typer.Argument(help="Its identifier, as findings name it.")],
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Tell what is known of one entity: findings, incidents, links, risk by day, events."""
    from tocsin.ocsf import Entity
    from tocsin.run import entities

    now, scope = aware_now(), local_scope()
    with existing_store(config, data) as store:
        view = entities.view_of(store, Entity(kind, uid), scope, now)
        about = view.portrait.entity
        found = entities.events_of(store, about, scope, now, timeout_seconds=_CLI_SECONDS)
    if not view.is_known and not found.events.num_rows:
        raise UsageError(f"nothing is known of the {kind} {uid}; findings name types and uids")
    events = [{name: row[name] for name in _EVENTS} for row in found.events.to_pylist()]
    links = [_link(each) for each in view.portrait.links]
    findings = view.findings.to_pylist()
    if output is not Output.TABLE:
        rest = {"links": links, "findings": findings, "events": events, "problem": found.problem}
        write_json(_told(view) | rest)
        return
    _tell(view)
    print_rows(links, _LINKS, Output.TABLE)
    print_rows(findings, _FINDINGS, Output.TABLE)
    print_rows(events, _EVENTS, Output.TABLE)


def _told(view: "entities.EntityView") -> dict[str, object]:
    portrait = view.portrait
    states = view.states.to_pylist()
    return {
        "entity": asdict(portrait.entity),
        "first_time": portrait.first_time,
        "last_time": portrait.last_time,
        "tactics": list(portrait.tactics),
        "days": [asdict(each) | {"day": each.day.isoformat()} for each in portrait.days],
        "incidents": [
            {"uid": each.uid, "title": each.title, "status": each.status, "risk": each.risk_score}
            for each in view.incidents
        ],
        "inventory": states[0] if states else None,
        "identities": [asdict(each) | {"said": each.sentence()} for each in view.identities],
    }


def _tell(view: "entities.EntityView") -> None:
    portrait = view.portrait
    about = portrait.entity
    write_line(f"{about.type} {about.name or about.uid}  {about.uid}")
    if portrait.first_time and portrait.last_time:
        seen = f"{portrait.first_time:%Y-%m-%d %H:%M} to {portrait.last_time:%Y-%m-%d %H:%M} UTC"
        write_line(f"  named by findings from {seen}: {portrait.findings}")
    for state in view.states.to_pylist()[:1]:
        write_line(f"  inventory: {state['type']} in {state['account'] or 'no account'}")
    write_line(f"  risk by day, 30 days: {spark([each.risk for each in portrait.days])}")
    for told in view.identities:
        write_line(f"  {told.sentence()}")
    for each in view.incidents:
        write_line(f"  {each.uid}  {each.status}  risk {each.risk_score}  {each.title}")
    write_line("")


def _link(link: "portrait.Link") -> dict[str, object]:
    return {
        "type": link.entity.type,
        "entity": link.entity.name or link.entity.uid,
        "uid": link.entity.uid,
        "findings": link.findings,
        "why": list(link.reasons),
        "last_time": link.last_time,
    }
