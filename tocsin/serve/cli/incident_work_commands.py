"""Commands for work on incidents: `incidents comment|tag|task|link|report|change`."""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from tocsin.errors import UsageError
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
    from tocsin.incidents import Change, Incident, Status, Verdict
    from tocsin.store import Store

UidArgument = Annotated[str, typer.Argument(help="An incident's identifier, or its first letters.")]
UidsArgument = Annotated[list[str], typer.Argument(help="Incidents, by identifier.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in your words.")]

_STEPS = ("needed", "sent", "not needed")


def add_to(incidents: typer.Typer) -> None:
    """Add the commands of this file to `tocsin incidents`."""
    for command in (comment, tag, task, link, report, change):
        incidents.command()(command)


@permission("incidents.change")
def comment(
    uid: UidArgument,
    text: Annotated[str, typer.Argument(help="What to remember.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write a comment into the timeline."""
    from tocsin.incidents import Change

    _apply(uid, Change(comment=text), config, data)


@permission("incidents.change")
def tag(
    uid: UidArgument,
    add: Annotated[list[str] | None, typer.Option("--add", help="A tag; repeatable.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A tag.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Add tags, or take them off."""
    from tocsin.incidents import Change

    wish = Change(add_tags=tuple(add or ()), remove_tags=tuple(remove or ()))
    changed = _apply(uid, wish, config, data)
    say(f"Tags: {', '.join(changed.tags) or 'none'}.")


@permission("incidents.change")
def task(
    uid: UidArgument,
    text: Annotated[str, typer.Option("--add", help="Text of a new task.")] = "",
    number: Annotated[int | None, typer.Option("--number", help="A task that is there.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help='Who does it; "" nobody.')] = None,
    is_done: Annotated[bool | None, typer.Option("--done/--open", help="Its state.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Add a task, give it to somebody, finish it or open it again."""
    from tocsin.incidents import Change

    wish = Change(add_task=text, task=number, owner=owner, is_done=is_done)
    changed = _apply(uid, wish, config, data)
    for each in changed.tasks:
        mark = "done" if each.is_done else "open"
        say(f"  {each.number}. [{mark}] {each.text} ({each.owner or 'nobody'})")


@permission("incidents.change")
def link(
    uid: UidArgument,
    target: Annotated[str, typer.Argument(help="Another incident, or an https address.")],
    note: Annotated[str, typer.Option("--note", help="What it is.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take the link off.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Link another incident or an https address."""
    from tocsin.incidents import Change

    wish = Change(remove_link=target) if remove else Change(add_link=target, link_note=note)
    _apply(uid, wish, config, data)


@permission("incidents.change")
def report(
    uid: UidArgument,
    step: Annotated[str, typer.Argument(help='needed, sent, or "not needed".')],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Mark an incident as reportable, note that it was reported, or take the mark off."""
    from tocsin.incidents import Change

    if step not in _STEPS:
        raise UsageError(f"{step!r} is no step of reporting; possible: {', '.join(_STEPS)}")
    chosen = cast("Literal['needed', 'sent', 'not needed']", step)
    changed = _apply(uid, Change(report=chosen, reason=reason), config, data)
    if changed.report:
        say(f"Reportable since {changed.report.since:%Y-%m-%d %H:%M} UTC.")


@permission("incidents.change")
def change(
    uids: UidsArgument,
    status: Annotated[str | None, typer.Option("--status", help="In Progress, ...")] = None,
    assignee: Annotated[str | None, typer.Option("--assign", help='Who; "" for nobody.')] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="Benign, ...")] = None,
    reason: ReasonOption = "",
    text: Annotated[str, typer.Option("--comment", help="For the timelines.")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag; repeatable.")] = None,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Change many incidents alike; one that refuses keeps none of the others back."""
    from tocsin.incidents import Change

    wish = Change(
        status=cast("Status", status.title()) if status else None,
        assignee=assignee,
        verdict=cast("Verdict", verdict.title()) if verdict else None,
        reason=reason,
        comment=text,
        add_tags=tuple(tags or ()),
    )
    with existing_store(config, data) as store:
        who, now, scope = local_actor(), aware_now(), local_scope()
        done = store.incidents.change_many(uids, wish, who, now, scope)
    rows = [{"uid": each.uid, "problem": each.problem} for each in done]
    print_rows(rows, ("uid", "problem"), output)
    if any(each.problem for each in done):
        raise typer.Exit(1)


def _apply(uid: str, wish: "Change", config: ConfigOption, data: DataOption) -> "Incident":
    with existing_store(config, data) as store:
        known = found(store, uid)
        changed = store.incidents.change(known.uid, wish, local_actor(), aware_now(), local_scope())
    say(f"{changed.uid} is changed.")
    return changed


def found(store: "Store", uid: str) -> "Incident":
    """Return the incident with this identifier, or the only one that begins with it.

    Raises:
        UsageError: there is none, or there are several.
    """
    from tocsin.store import IncidentFilter

    whole = store.incidents.get(uid, local_scope())
    if whole is not None:
        return whole
    every = store.incidents.list(IncidentFilter(), local_scope(), limit=10_000).rows
    close_ones = [each for each in every if each.uid.startswith(uid)] if len(uid) >= 6 else []
    if len(close_ones) != 1:
        raise UsageError(f"no incident is called {uid}; see `tocsin incidents list`")
    return close_ones[0]
