"""Commands for suppressions: `suppressions list|show|preview|add|end|apply`."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    settings_for,
)
from tocsin.serve.cli.output import Output, print_rows, say, write_json, write_line

if TYPE_CHECKING:
    from tocsin.run.suppressing import Preview, Suppression
    from tocsin.store import Store
    from tocsin.store.answers import KeptSuppression

suppressions = typer.Typer(no_args_is_help=True)

RuleOption = Annotated[
    list[str] | None,
    typer.Option("--rule", help="A rule's uid; repeatable. * is all, beside --entity or --where."),
]
EntityOption = Annotated[
    str, typer.Option("--entity", help="Only this one: type:uid, with * for any characters.")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where", help="Only where it holds: 'field|modifier: value', as in Sigma; repeatable."
    ),
]
ConditionOption = Annotated[
    Path | None,
    typer.Option("--condition-file", help="A whole Sigma detection in YAML, instead of --where."),
]
UidArgument = Annotated[str, typer.Argument(help="A suppression's uid, or its first letters.")]

_LISTED = ("uid", "state", "rules", "entity", "reason", "owner", "expires", "findings", "last_hit")
_SHOWN_FINDINGS = 20


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(suppressions, name="suppressions", help="Dated reasons not to alert.")


@suppressions.command("list")
@permission("suppressions.read")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Those that ended or expired too.")
    ] = False,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Show the suppressions in force, newest first, and what somebody should see to."""
    from tocsin.run import suppressing

    now = aware_now()
    with existing_store(config, data) as store:
        found = store.suppressions.list(local_scope())
    kept = [each for each in found if everything or each.holds_at(now)]
    print_rows([_row(each, now) for each in kept], _LISTED, output, wide=("entity", "last_hit"))
    if output is Output.TABLE:
        for each in kept:
            for said in suppressing.remarks(each, now):
                say(f"{each.suppression.uid} {said}")


@suppressions.command()
@permission("suppressions.read")
def show(
    uid: UidArgument,
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Tell one suppression, and the newest findings that it hides."""
    from tocsin.store import FindingFilter

    now = aware_now()
    with existing_store(config, data) as store:
        kept = _found(store, uid)
        which = FindingFilter(suppression_uid=kept.suppression.uid)
        page = store.findings.list(which, local_scope(), limit=_SHOWN_FINDINGS)
    hidden = [
        {
            "uid": row["uid"],
            "title": row["title"],
            "entity": row["entity"]["name"] or row["entity"]["uid"],
            "matches": row["match_count"],
            "last_time": row["last_time"],
        }
        for row in page.rows.to_pylist()
    ]
    told = _row(kept, now)
    if output is not Output.TABLE:
        write_json(told | {"hidden": hidden})
        return
    for name, value in told.items():
        if value not in (None, "", []):
            write_line(f"{name.replace('_', ' ') + ':':14}{_text(value)}")
    write_line("")
    print_rows(hidden, ("uid", "title", "entity", "matches", "last_time"), Output.TABLE)


@suppressions.command()
@permission("suppressions.read")
def preview(
    rule: RuleOption = None,
    entity: EntityOption = "",
    where: WhereOption = None,
    condition_file: ConditionOption = None,
    reason: Annotated[str, typer.Option("--reason", help="As for `add`.")] = "preview",
    owner: Annotated[str, typer.Option("--owner", help="As for `add`.")] = "preview",
    expires: Annotated[str, typer.Option("--expires", help="As for `add`.")] = "30d",
    uid: Annotated[str, typer.Option("--uid", help="As for `add`.")] = "",
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Tell what a suppression would have hidden over the last 30 days; nothing is written."""
    now = aware_now()
    condition = _condition(where, condition_file)
    one = _read((rule, entity, condition), (reason, owner, expires, uid), now)
    with existing_store(config, data) as store:
        told = _foretold(one, store, now, config, data)
    if output is Output.TABLE:
        _tell(told)
    else:
        write_json(_preview_row(told))


@suppressions.command()
@permission("suppressions.change")
def add(
    reason: Annotated[str, typer.Option("--reason", help="Why this is harmless, in your words.")],
    expires: Annotated[str, typer.Option("--expires", help="30d, or a day; at most a year ahead.")],
    rule: RuleOption = None,
    entity: EntityOption = "",
    where: WhereOption = None,
    condition_file: ConditionOption = None,
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it; you by default.")] = "",
    uid: Annotated[str, typer.Option("--uid", help="Its name; made up by default.")] = "",
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Add a suppression, and tell what it would have hidden over the last 30 days."""
    now = aware_now()
    condition = _condition(where, condition_file)
    written = (reason, owner or _me(), expires, uid)
    one = _read((rule, entity, condition), written, now)
    with existing_store(config, data) as store:
        if store.suppressions.get(one.uid, local_scope()) is not None:
            raise UsageError(f"there is a suppression {one.uid} already; `apply` changes it")
        told = _foretold(one, store, now, config, data)
        store.suppressions.put((one,), local_actor(), now, local_scope())
    if output is Output.TABLE:
        _tell(told)
        say(f"{one.uid} holds until {one.expires:%Y-%m-%d %H:%M} UTC.")
    else:
        write_json({"uid": one.uid, "expires": one.expires, "preview": _preview_row(told)})


@suppressions.command()
@permission("suppressions.change")
def end(
    uid: UidArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, in your words.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """End a suppression before its time; what it hid stays hidden."""
    with existing_store(config, data) as store:
        kept = _found(store, uid).suppression
        store.suppressions.end(kept.uid, reason, local_actor(), aware_now(), local_scope())
    say(f"{kept.uid} has ended; what comes from now on is found.")


@suppressions.command()
@permission("suppressions.change")
def apply(
    file: Annotated[Path, typer.Argument(help="YAML: a list of suppressions, each with a uid.")],
    output: OutputOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Add and change what a file says, all or nothing; a second time it changes nothing."""
    from tocsin.run import suppressing

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    with existing_store(config, data) as store:
        done = suppressing.apply_file(text, str(file), store, local_actor(), aware_now())
    print_rows([{"uid": uid, "done": what} for uid, what in done], ("uid", "done"), output)


def _condition(where: list[str] | None, file: Path | None) -> str:
    if where and file:
        raise UsageError("give --where or --condition-file, not both")
    if file is None:
        return "\n".join(where or ())
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _read(
    scope: tuple[list[str] | None, str, str], written: tuple[str, str, str, str], now: datetime
) -> "Suppression":
    from tocsin.run import suppressing

    rules, entity, condition = scope
    reason, owner, expires, uid = written
    return suppressing.read(
        suppressing.Written(
            rules=tuple(rules or ()),
            reason=reason,
            owner=owner,
            expires=expires,
            origin="command line",
            entity=entity,
            condition=condition,
            uid=uid,
        ),
        now,
        local_scope(),
    )


def _foretold(
    one: "Suppression", store: "Store", now: datetime, config: Path | None, data: Path | None
) -> "Preview":
    from tocsin.run import suppressing

    return suppressing.preview(one, settings_for(config, data), store, local_scope(), now)


def _found(store: "Store", uid: str) -> "KeptSuppression":
    """Return the suppression with this uid, or the only one that begins with it."""
    every = store.suppressions.list(local_scope())
    whole = [each for each in every if each.suppression.uid == uid]
    close_ones = whole or [each for each in every if each.suppression.uid.startswith(uid)]
    if len(close_ones) != 1 or not uid:
        raise UsageError(f"no suppression is called {uid}; see `tocsin suppressions list --all`")
    return close_ones[0]


def _row(kept: "KeptSuppression", now: datetime) -> dict[str, object]:
    one = kept.suppression
    return {
        "uid": one.uid,
        "state": kept.state_at(now),
        "rules": list(one.rules),
        "entity": str(one.entity) if one.entity else "",
        "condition": one.condition,
        "reason": one.reason,
        "owner": one.owner,
        "origin": one.origin,
        "created": one.created,
        "expires": one.expires,
        "added_by": kept.added_by,
        "ended": kept.ended,
        "ended_by": kept.ended_by,
        "ended_reason": kept.ended_reason,
        "findings": kept.findings,
        "matches": kept.matches,
        "last_hit": kept.last_hit,
        "warnings": list(kept.warnings(now)),
    }


def _preview_row(told: "Preview") -> dict[str, object]:
    return {
        **asdict(told),
        "by_day": {day.isoformat(): count for day, count in told.by_day},
    }


def _tell(told: "Preview") -> None:
    """Tell a preview to a person."""
    if not told.findings:
        write_line(f"Nothing of the last {told.days} days would have been hidden.")
        write_line(f"The rules named have {told.looked_at} findings in these days.")
        return
    write_line(
        f"Over the last {told.days} days this would have hidden {told.matches} matches of"
        f" {told.findings} findings, of {told.looked_at} looked at."
    )
    if not told.is_whole:
        write_line("There are more findings than could be looked at: these are the newest.")
    write_line("")
    most = max(count for _, count in told.by_day)
    for day, count in told.by_day:
        if count:
            write_line(f"{day}  {count:>7}  {'#' * max(1, round(40 * count / most))}")
    write_line("")
    rules = ("rule_uid", "title", "findings", "matches")
    print_rows(list(map(asdict, told.by_rule)), rules, Output.TABLE)
    write_line("")
    samples = ("uid", "title", "entity", "last_time", "hidden", "matches")
    print_rows(list(map(asdict, told.samples)), samples, Output.TABLE)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("\n", "\n" + " " * 14)


def _me() -> str:
    return local_actor().removeprefix("local:")
