"""Commands that read files and store nothing: `detect` and `normalize`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    BuiltinOption,
    ConfigOption,
    RulesOption,
    SourceOption,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, errors, print_rows, say, write_json_line

EXIT_FINDINGS = 3

PathsArgument = Annotated[list[str], typer.Argument(help="Files or folders; - is standard input.")]
SEVERITIES = ("informational", "low", "medium", "high", "critical", "fatal")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(detect)
    app.command()(normalize)


@permission("detect")
def detect(
    paths: PathsArgument,
    source: SourceOption = "auto",
    rules: RulesOption = None,
    with_builtin: BuiltinOption = False,
    output: Annotated[Output, typer.Option("--output", "-o")] = Output.JSONL,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", help="Exit with 3 on a finding of this severity or above."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run rules over files; print one OCSF Detection Finding for each match; store nothing."""
    from tocsin.run import RuleChoice, detect_files

    worst = _severity_number(fail_on) if fail_on else None
    choice = RuleChoice(folders=tuple(rules or ()), with_builtin=with_builtin or not rules)
    is_over = False
    with progress_bar("Detecting") as advance:
        run = detect_files(paths, source, choice, settings_for(config, None), advance)
        for problem in run.problems:
            say(problem)
        findings = run.results
        if output is Output.JSONL:
            for finding in findings:
                is_over = is_over or _reaches(finding, worst)
                write_json_line(finding)
        else:
            rows = list(findings)
            is_over = any(_reaches(finding, worst) for finding in rows)
            _print_findings(rows, output)
    _report(run.summary())
    if is_over:
        raise typer.Exit(EXIT_FINDINGS)


@permission("detect")
def normalize(
    paths: PathsArgument,
    source: SourceOption = "auto",
    validate: Annotated[
        bool,
        typer.Option("--validate", help="Check every event against OCSF (needs ocsf-json-schema)."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Print OCSF events as JSON lines; what cannot be read goes to standard error with reasons."""
    from tocsin.run import normalize_files

    invalid = 0
    with progress_bar("Normalizing") as advance:
        run = normalize_files(paths, source, settings_for(config, None), advance)
        for event in run.results:
            write_json_line(event)
            invalid += _complain(event) if validate else 0
    for line in run.rejects:
        say(line)
    _report(run.summary())
    if invalid:
        say(f"{invalid} events do not validate against OCSF")
        raise typer.Exit(1)


@contextmanager
def progress_bar(label: str) -> Iterator["Advance"]:
    """Show a bar of bytes on standard error where that is a terminal and output goes elsewhere."""
    is_shown = sys.stderr.isatty() and not sys.stdout.isatty()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=not is_shown,
        transient=True,
    )
    with progress:
        yield Advance(progress, label)


class Advance:
    """Tell the progress bar how many bytes of how many are done."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=None)

    def __call__(self, done_bytes: int, total_bytes: int | None) -> None:
        """Move the bar; `total_bytes` is None where nobody knows it (standard input)."""
        self._progress.update(self._task, completed=done_bytes, total=total_bytes)


def _severity_number(name: str) -> int:
    if name.lower() not in SEVERITIES:
        raise UsageError(f"{name!r} is no severity; choose one of {', '.join(SEVERITIES)}")
    return SEVERITIES.index(name.lower()) + 1


def _reaches(finding: dict[str, object], worst: int | None) -> bool:
    severity = finding.get("severity_id")
    return worst is not None and isinstance(severity, int) and severity >= worst


def _print_findings(findings: list[dict[str, object]], output: Output) -> None:
    if output is Output.JSON:
        print_rows(findings, (), output)
        return
    print_rows(
        [_flat(finding) for finding in findings],
        ("time", "severity", "title", "entity", "rule"),
        output,
    )


def _flat(finding: dict[str, object]) -> dict[str, object]:
    described = finding.get("finding_info")
    details = described if isinstance(described, dict) else {}
    analytic = details.get("analytic")
    return {
        "time": finding.get("time_dt", finding.get("time")),
        "severity": finding.get("severity"),
        "title": details.get("title"),
        "entity": finding.get("message"),
        "rule": analytic.get("uid") if isinstance(analytic, dict) else None,
    }


def _complain(event: dict[str, object]) -> int:
    from tocsin.serve.cli.validation import ocsf_problems

    problems = ocsf_problems(event)
    for problem in problems[:3]:
        say(f"not valid OCSF: {problem}")
    return 1 if problems else 0


def _report(summary: str) -> None:
    if sys.stderr.isatty():
        say(summary)
