"""`respond`: what is proposed and done, plans, approvals, taking back, and the stop switch."""

import json
import os
import time
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.errors import StoreError, UsageError
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
from tocsin.serve.cli.output import Output, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tocsin.run import brokering, responding_view
    from tocsin.settings import Settings
    from tocsin.store import Store
    from tocsin.store.answers import KeptRequest

app = typer.Typer(help="Act on incidents, and take it back.", no_args_is_help=True)

_REQUEST = ("uid", "state", "title", "needs", "left", "author", "reason")
_RIGHT = ("permission", "resource", "use")
_WAIT_SECONDS = 20.0
_LOOK_SECONDS = 0.25


class Which(StrEnum):
    """The lists of requests."""

    WAITING = "waiting"
    ACTIVE = "active"
    FAILED = "failed"
    OVER = "over"
    OBSERVED = "observed"


UidArgument = Annotated[str, typer.Argument(help="The request, or the beginning of its uid.")]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept.")]
NeededReason = Annotated[str, typer.Option("--reason", "-r", help="Why; approvers read it.")]
IncidentOption = Annotated[str, typer.Option("--incident", "-i", help="The incident.")]
WhichOption = Annotated[Which | None, typer.Option("--only", help="Only these.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")]
ActionArgument = Annotated[str, typer.Argument(help="The action, such as aws_disable_access_key.")]
TargetArgument = Annotated[str, typer.Argument(help="Its target, as the provider names it.")]
DigestOption = Annotated[
    str, typer.Option("--digest", help="The plan that you have read, as `respond show` names it.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def add_to(parent: typer.Typer) -> None:
    """Add the commands of this file."""
    parent.add_typer(app, name="respond")


@app.command("list")
@permission("read")
def list_requests(
    only: WhichOption = None,
    limit: LimitOption = 50,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show requests: what waits, what is in force and for how long, what is over."""
    from tocsin.run import responding_view

    settings = settings_for(config, data)
    states = responding_view.SHOWN_STATES[only] if only else ()
    with existing_store(config, data) as store:
        _warn_of_stop(store)
        found = store.requests.list(local_scope(), states=states, limit=limit)
        rows = [_row(responding_view.view(each, settings, store, aware_now())) for each in found]
    print_rows(rows, _REQUEST, output, wide=("author", "reason"))


@app.command()
@permission("read")
def show(
    uid: UidArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one request: the plan, its exact calls, who agreed, what became of it."""
    with existing_store(config, data) as store:
        _show(store, settings_for(config, data), uid, output)


@app.command()
@permission("respond")
def plan(
    action: ActionArgument,
    target: TargetArgument,
    incident: IncidentOption,
    reason: NeededReason,
    type: Annotated[str, typer.Option("--type", help="Of the target.")] = "",
    name: Annotated[str, typer.Option("--name", help="Of the target, as calls want it.")] = "",
    account: Annotated[str, typer.Option("--account", help="Account, project, cluster.")] = "",
    region: Annotated[str, typer.Option("--region", help="Where it is.")] = "",
    arguments: Annotated[str, typer.Option("--with", help="Arguments as JSON.")] = "{}",
    lasts: Annotated[str, typer.Option("--lasts", help="Take it back after, such as 1h.")] = "",
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask for an action, and show what it would do; nothing is done before it is approved."""
    from tocsin.run import responding_work

    broker = _broker(config)
    settings = settings_for(config, data)
    wish = responding_work.Wish(
        action=action,
        target=target,
        incident=incident,
        reason=reason,
        type=type,
        name=name,
        account=account,
        region=region,
        arguments=arguments,
        lasts=_age(lasts),
    )
    with broker, existing_store(config, data) as store:
        uid = responding_work.ask(
            wish, settings, store, (local_actor(), local_scope()), aware_now()
        )
        _look(store, settings, broker, uid, _is_unplanned)
        _show(store, settings, uid, output)


@app.command()
@permission("respond")
def approve(
    uid: UidArgument,
    digest: DigestOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Agree to a plan, exactly as shown; the last approval needed lets it be carried out."""
    from tocsin.run import responding_view, responding_work

    settings = settings_for(config, data)
    with existing_store(config, data) as store:
        kept = responding_work.known(store, uid)
        if not digest:
            _show(store, settings, kept.request.uid, Output.TABLE)
            if not yes:
                typer.confirm("Approve exactly this?", abort=True, err=True)
        found = store.requests.approve(
            kept.request.uid,
            digest or kept.digest,
            local_actor(),
            aware_now(),
            local_scope(),
            lone_delay=settings.response.lone_delay,
        )
        needs = responding_view.view(found, settings, store, aware_now()).needs
    say(needs or "Approved; `tocsin up` carries it out, or `tocsin respond apply` now.")


@app.command()
@permission("respond")
def refuse(
    uid: UidArgument, reason: NeededReason, config: ConfigOption = None, data: DataOption = None
) -> None:
    """Say no to a request that was not begun."""
    from tocsin.run import responding_work

    with existing_store(config, data) as store:
        kept = responding_work.known(store, uid)
        store.requests.refuse(kept.request.uid, local_actor(), reason, aware_now(), local_scope())
    say("Refused.")


@app.command()
@permission("respond")
def apply(
    uid: UidArgument,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Carry out, now and here, what is approved; a running Tocsin does so by itself."""
    from tocsin.run import responding_work

    broker = _broker(config)
    settings = settings_for(config, data)
    with broker, existing_store(config, data) as store:
        kept = responding_work.known(store, uid)
        if kept.request.state not in ("approved", "applying"):
            raise UsageError(f"the request is {kept.request.state}, not approved")
        _look(store, settings, broker, kept.request.uid, _is_unapplied)
        _show(store, settings, kept.request.uid, output)


@app.command()
@permission("respond")
def undo(
    uid: UidArgument,
    reason: NeededReason,
    config: ConfigOption = None,
    data: DataOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take back what was done, unless somebody changed it since."""
    from tocsin.run import responding_work

    broker = _broker(config)
    settings = settings_for(config, data)
    with broker, existing_store(config, data) as store:
        kept = responding_work.known(store, uid)
        found = store.requests.ask_undo(
            kept.request.uid, local_actor(), reason, aware_now(), local_scope()
        )
        _look(store, settings, broker, found.request.uid, _is_in_force)
        _show(store, settings, found.request.uid, output)


@app.command()
@permission("respond")
def stop(reason: ReasonOption = "", config: ConfigOption = None, data: DataOption = None) -> None:
    """Stop all responding at once, until `resume`; works even where nothing else does."""
    from tocsin.store import Store

    folder = settings_for(config, data).data
    # The file first, and without the store: that may be what is broken.
    Store.switch(folder).set(local_actor(), reason, aware_now())
    say("Responding is stopped: no call is sent any more. `tocsin respond resume` lets it go on.")
    _note_switch("respond.stop", reason, config, data)


@app.command()
@permission("respond")
def resume(reason: ReasonOption = "", config: ConfigOption = None, data: DataOption = None) -> None:
    """Let responding go on after `stop`."""
    from tocsin.store import Store

    was_stopped = Store.switch(settings_for(config, data).data).clear()
    say("Responding goes on." if was_stopped else "Responding was not stopped.")
    if was_stopped:
        _note_switch("respond.resume", reason, config, data)


@app.command()
@permission("read")
def actions(output: OutputOption = Output.TABLE) -> None:
    """Show all actions: what they do, to what, and how far they can be taken back."""
    from tocsin.run import responding_work

    rows = [
        {
            "name": one.name,
            "title": one.facts.title,
            "targets": sorted(one.facts.targets),
            "category": one.facts.category,
            "level": one.facts.level,
        }
        for one in responding_work.list_actions()
    ]
    print_rows(rows, ("name", "title", "targets", "category", "level"), output, wide=("targets",))


@app.command()
@permission("read")
def rights(
    action: ActionArgument,
    account: Annotated[str, typer.Option("--account", help="Narrow it to this account.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Print the rights that an action needs, and as JSON the policy or role that gives them."""
    from tocsin.run import responding_rights, responding_work

    facts = responding_work.action_facts(action)
    if output is Output.JSON:
        write_json(responding_rights.role_for(facts, account))
        return
    rows = [
        {
            "permission": need.permission,
            "resource": need.resource,
            "use": "read" if need.is_reading else "change",
        }
        for need in facts.needs
    ]
    print_rows(rows, _RIGHT, output)


def _broker(config: "Path | None") -> "brokering.Broker":
    """Return what sends the calls, with the same credentials as those of a running Tocsin.

    To be asked for before the settings are read, so that this process never sees its variables.
    """
    from tocsin.run import brokering

    return brokering.opened(config, os.environ)


def _look(
    store: "Store",
    settings: "Settings",
    broker: "brokering.Broker",
    uid: str,
    waits: "Callable[[KeptRequest], bool]",
) -> None:
    """Let requests take their next steps until this one has; elsewhere where a Tocsin runs."""
    from tocsin.run import responding_work

    deadline = time.monotonic() + _WAIT_SECONDS
    is_told = False
    while waits(responding_work.known(store, uid)) and time.monotonic() < deadline:
        if not responding_work.look_once(settings, store, aware_now, broker) and not is_told:
            say("Another Tocsin carries requests out; waiting for it ...")
            is_told = True
        if waits(responding_work.known(store, uid)):
            time.sleep(_LOOK_SECONDS)


def _is_unplanned(kept: "KeptRequest") -> bool:
    return kept.request.state == "proposed" and not kept.digest


def _is_unapplied(kept: "KeptRequest") -> bool:
    return kept.request.state in ("approved", "applying")


def _is_in_force(kept: "KeptRequest") -> bool:
    return kept.request.state in ("active", "failed", "reverting")


def _show(store: "Store", settings: "Settings", uid: str, output: Output) -> None:
    from tocsin.run import responding_view, responding_work

    seen = responding_view.view(responding_work.known(store, uid), settings, store, aware_now())
    if output is not Output.TABLE:
        write_json(responding_view.document(seen, store))
        return
    _warn_of_stop(store)
    for line in _lines(seen, store):
        write_line(line)


def _lines(seen: "responding_view.RequestView", store: "Store") -> "Iterator[str]":
    kept, request = seen.kept, seen.kept.request
    yield f"{seen.title}"
    yield f"  request    {request.uid}"
    yield f"  state      {request.state}{kept.problem and f': {kept.problem}'}"
    yield f"  because    {request.reason} (incident {request.incident_uid}, by {request.author})"
    if request.target.resolution:
        yield f"  target     {request.target.uid}, {request.target.resolution}"
    if seen.needs:
        yield f"  approval   {seen.needs}"
    if seen.left is not None:
        yield f"  taken back in {_short(seen.left)}"
    if kept.plan is not None:
        yield from _plan_lines(seen)
    for one in store.requests.approvals(request.uid):
        mark = "" if one.digest == kept.digest else " (of another plan: counts no more)"
        yield f"  approved by {one.approver} at {one.time:%Y-%m-%d %H:%M:%S} UTC{mark}"
    for moment in store.requests.history(request.uid):
        told = f"{moment.state} by {moment.who}{moment.detail and f': {moment.detail}'}"
        yield f"  {moment.time:%Y-%m-%d %H:%M:%S} UTC  {told}"


def _plan_lines(seen: "responding_view.RequestView") -> "Iterator[str]":
    kept = seen.kept
    if kept.plan is None:
        return
    yield f"  plan       {kept.digest}"
    for change in kept.plan.changes:
        yield f"    {change.what}"
        yield f"      - {change.before}"
        yield f"      + {change.after}"
    for warning in kept.plan.warnings:
        yield f"    ! {warning}"
    for call in kept.plan.calls:
        given = json.dumps(call.parameters, default=str, ensure_ascii=False, sort_keys=True)
        yield f"    > {call.service}.{call.operation} {given}{call.region and f' in {call.region}'}"


def _row(seen: "responding_view.RequestView") -> dict[str, object]:
    from tocsin.run import responding_view

    return {**responding_view.listed(seen), "left": "" if seen.left is None else _short(seen.left)}


def _short(left: timedelta) -> str:
    seconds = int(left.total_seconds())
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _age(text: str) -> timedelta | None:
    if not text:
        return None
    now = aware_now()
    found = since_time(text, now)
    if found is None or found >= now:
        raise UsageError(f"{text!r} is no duration; write 1h or 30m")
    return now - found


def _warn_of_stop(store: "Store") -> None:
    stopped = store.response_stop.read()
    if stopped is not None:
        since = "" if stopped.time is None else f" since {stopped.time:%Y-%m-%d %H:%M} UTC"
        by = stopped.who and f" by {stopped.who}"
        say(f"Responding is stopped{by}{since}{stopped.reason and f': {stopped.reason}'}.")


def _note_switch(word: str, reason: str, config: ConfigOption, data: DataOption) -> None:
    """Write the audit log, if that is possible."""
    try:
        with existing_store(config, data) as store:
            store.audit.append(local_actor(), word, "", {"reason": reason}, aware_now())
    except (StoreError, UsageError, OSError) as error:
        # The file of the switch is there already: whatever else is broken, it stays so.
        say(f"It could not be written to the audit log: {error}")
