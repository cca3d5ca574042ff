"""Commands for a first look: `connect aws`, `gcp`, `azure` and `kubernetes`."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    ConfigOption,
    DataOption,
    aware_now,
    permission,
    settings_for,
    since_time,
)
from tocsin.serve.cli.output import (
    Output,
    as_cell,
    inner,
    say,
    write_json_line,
    write_line,
)

if TYPE_CHECKING:
    from tocsin.run import connecting, streaming

connect = typer.Typer(no_args_is_help=True)

_EXAMINED = ("aws", "gcp", "azure")
_SEVERITIES = {6: "fatal", 5: "critical", 4: "high", 3: "medium", 2: "low", 1: "informational"}

SinceOption = Annotated[str, typer.Option("--since", help="How far back: 12h, 1d, 7d.")]
TerraformOption = Annotated[
    Path | None, typer.Option("--terraform", help="Write Terraform for streaming to this folder.")
]
RightsOption = Annotated[
    bool,
    typer.Option("--rights", help="Print the rights that the look needs, and look at nothing."),
]
JsonOption = Annotated[
    Output, typer.Option("--output", "-o", help="Lines for people, or jsonl: findings, summary.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(connect, name="connect", help="First look at a cloud; Terraform for streaming.")


@connect.command("aws")
@permission("ingest")
def aws(
    since: SinceOption = "1d",
    region: Annotated[
        list[str] | None, typer.Option("--region", help="Only this region; repeatable.")
    ] = None,
    role_arn: Annotated[
        list[str] | None, typer.Option("--role-arn", help="A role to assume; repeatable.")
    ] = None,
    external_id: Annotated[
        str | None,
        typer.Option("--external-id", envvar="TOCSIN_EXTERNAL_ID", help="What its trust asks for."),
    ] = None,
    organization: Annotated[
        str | None,
        typer.Option("--organization", help="The name of a role that all accounts have."),
    ] = None,
    terraform: TerraformOption = None,
    rights: RightsOption = False,
    output: JsonOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Read CloudTrail's management events in every region, without a trail or anything built."""
    values = {
        "regions": tuple(region or ()),
        "role_arns": tuple(role_arn or ()),
        "external_id": external_id,
        "organization_role": organization,
    }
    variant = "aws_organization" if organization else "aws"
    _connect("aws", variant, values, since, terraform, rights, output, config, data)


@connect.command("gcp")
@permission("ingest")
def gcp(
    project: Annotated[
        list[str] | None, typer.Option("--project", help="A project; repeatable.")
    ] = None,
    organization: Annotated[
        str | None, typer.Option("--organization", help="The number of an organization.")
    ] = None,
    since: SinceOption = "1d",
    terraform: TerraformOption = None,
    rights: RightsOption = False,
    output: JsonOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Read the audit logs that Cloud Logging keeps, of projects or of an organization."""
    values = {"projects": tuple(project or ()), "organization": organization}
    _connect("gcp", "gcp", values, since, terraform, rights, output, config, data)


@connect.command("azure")
@permission("ingest")
def azure(
    subscription: Annotated[
        list[str] | None, typer.Option("--subscription", help="Only this one; repeatable.")
    ] = None,
    since: SinceOption = "1d",
    terraform: TerraformOption = None,
    rights: RightsOption = False,
    output: JsonOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Read the activity logs of all subscriptions that the credentials reach."""
    values = {"subscriptions": tuple(subscription or ())}
    _connect("azure", "azure", values, since, terraform, rights, output, config, data)


@connect.command("kubernetes")
@permission("ingest")
def kubernetes(
    context: Annotated[
        str | None, typer.Option("--context", help="Of the kubeconfig; else the current one.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="The file.")
    ] = None,
    since: SinceOption = "1d",
    terraform: TerraformOption = None,
    rights: RightsOption = False,
    output: JsonOption = Output.TABLE,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Read the audit log where the API server serves it, and else the events of the cluster."""
    values = {"context": context, "kubeconfig": kubeconfig}
    _connect("kubernetes", "kubernetes", values, since, terraform, rights, output, config, data)


def _connect(
    cloud: str,
    variant: str,
    values: Mapping[str, object],
    since: str,
    terraform: Path | None,
    rights: bool,
    output: Output,
    config: Path | None,
    data: Path | None,
) -> None:
    from tocsin.run import connecting, streaming

    if rights:
        sys.stdout.write(streaming.rights(cloud))
        return
    is_shown = output is Output.TABLE
    with _span_bar(f"Looking at {cloud}") as advance:
        looked = connecting.first_look(
            cloud,
            values,
            _span(since),
            settings_for(config, data),
            advance=advance,
            tell=_write_finding if is_shown else write_json_line,
        )
    (_summarize if is_shown else _write_summary)(cloud, looked)
    _stream(streaming.plan(variant, looked.accounts), terraform, is_shown)


def _span(text: str) -> timedelta:
    """Return how long ago something was.

    Raises:
        UsageError: the text says neither an age nor a time.
    """
    now = aware_now()
    moment = since_time(text, now)
    if moment is None or moment >= now:
        raise UsageError(f"{text!r} is not in the past; write 24h or 7d")
    return now - moment


def _write_finding(finding: Mapping[str, object]) -> None:
    severity = finding["severity_id"]
    entity = inner(finding, "entity", "name") or inner(finding, "entity", "uid")
    word = _SEVERITIES.get(severity, "") if isinstance(severity, int) else ""
    write_line(f"{as_cell(finding['first_time'])}  {word:<13} {finding['title']}  ({entity})")


def _by_word(looked: "connecting.Looked") -> dict[str, int]:
    counted = {word: looked.severities[number] for number, word in _SEVERITIES.items()}
    return {word: count for word, count in counted.items() if count}


def _write_summary(cloud: str, looked: "connecting.Looked") -> None:
    title, url = looked.incident or (None, None)
    write_json_line(
        {
            "cloud": cloud,
            "counts": looked.counts,
            "accounts": looked.accounts,
            "regions": looked.regions,
            "findings": _by_word(looked),
            "problems": looked.problems,
            "incident": {"title": title, "url": url} if title else None,
        }
    )


def _summarize(cloud: str, looked: "connecting.Looked") -> None:
    counts, severities = looked.counts, _by_word(looked)
    say(
        f"{counts['events']} events ({counts['duplicates']} known before, {counts['rejects']}"
        f" rejects) of {_some(looked.accounts, 'accounts')}"
        + (f", {len(looked.regions)} regions" if looked.regions else "")
    )
    told = ", ".join(f"{count} {word}" for word, count in severities.items())
    say(f"{sum(severities.values())} findings{': ' + told if told else ''}")
    for place, why in sorted(looked.problems.items()):
        say(f"not read: {place}: {why}")
    if looked.incident:
        say(f"look first at: {looked.incident[0]}\n  {looked.incident[1]} (`tocsin up` serves it)")
    if cloud in _EXAMINED:
        say(f"`tocsin doctor --cloud {cloud}` names the logs that are switched off.")


def _some(names: tuple[str, ...], word: str) -> str:
    return f"{len(names)} {word}" if len(names) > 3 else ", ".join(names) or f"no {word}"


def _stream(plan: "streaming.Plan", terraform: Path | None, is_shown: bool) -> None:
    from tocsin.run import streaming

    if terraform is not None:
        for path in streaming.write(plan, terraform):
            say(f"written: {path}")
        say(f"To stream from now on: fill in {streaming.VALUES} there, then `terraform apply`.")
    elif is_shown:
        say("\nTo stream from now on, apply this (--terraform DIR writes it):\n")
        write_line(plan.text)


@contextmanager
def _span_bar(label: str) -> "Iterator[connecting.Advance]":
    """Show how much of the time has been looked at, where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    is_shared = sys.stdout.isatty()
    console = Console(stderr=True, highlight=False)
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=is_shared)
    task = bar.add_task(label, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)
