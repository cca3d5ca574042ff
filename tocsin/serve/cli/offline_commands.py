"""Commands that read files and store nothing: `detect` and `normalize`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.errors import UsageError
from tocsin.serve.cli.options import (
    BuiltinOption,
    ConfigOption,
    PipelineOption,
    RulesOption,
    SourceOption,
    permission,
    settings_for,
)
from tocsin.serve.cli.output import Output, inner, print_rows, say, write_json_line
from tocsin.serve.cli.progress import progress_bar

EXIT_FINDINGS = 3
_SHOWN_REJECTS = 10
_COLUMNS = ("time", "severity", "title", "entity", "operation", "address", "rule")

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
    indicators: Annotated[
        Path | None,
        typer.Option(
            "--intelligence",
            help="Lists of indicators (a file, a folder), or a data folder that pulled some.",
        ),
    ] = None,
    pipeline: PipelineOption = None,
    config: ConfigOption = None,
) -> None:
    """Run rules over files; print one OCSF Detection Finding for each match; store nothing."""
    from tocsin.run import RuleChoice, offline

    worst = _severity_number(fail_on) if fail_on else None
    choice = RuleChoice(folders=tuple(rules or ()), with_builtin=with_builtin or not rules)
    is_over = False
    with progress_bar("Detecting") as advance:
        settings = settings_for(config, None, pipeline)
        run = offline.detect_files(
            paths, source, choice, settings, advance, indicators=indicators, tell=say
        )
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
    _report(run.rejects, run.summary(), _SHOWN_REJECTS)
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
    from tocsin.run import offline

    invalid = 0
    with progress_bar("Normalizing") as advance:
        run = offline.normalize_files(paths, source, settings_for(config, None), advance, tell=say)
        for event in run.results:
            write_json_line(event)
            invalid += _complain(event) if validate else 0
    _report(run.rejects, run.summary(), len(run.rejects))
    if invalid:
        say(f"{invalid} events do not validate against OCSF")
        raise typer.Exit(1)


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
    rows = [_flat(finding) for finding in findings]
    print_rows(rows, _COLUMNS, output, wide=("operation", "address", "rule"))


def _flat(finding: dict[str, object]) -> dict[str, object]:
    """Return what a table has room for; findings are OCSF, so every part may be absent."""
    time = finding.get("time")
    evidence = finding.get("evidences")
    first = evidence[0] if isinstance(evidence, list) and evidence else None
    return {
        "time": datetime.fromtimestamp(time / 1000, UTC) if isinstance(time, int) else None,
        "severity": finding.get("severity"),
        "title": inner(finding, "finding_info", "title"),
        "entity": inner(finding, "unmapped", "entity", "name")
        or inner(finding, "unmapped", "entity", "uid"),
        "operation": inner(first, "api", "operation"),
        "address": inner(first, "src_endpoint", "ip") or inner(first, "src_endpoint", "svc_name"),
        "rule": inner(finding, "finding_info", "analytic", "uid"),
    }


def _complain(event: dict[str, object]) -> int:
    from tocsin.serve.cli.validation import ocsf_problems

    problems = ocsf_problems(event)
    for problem in problems[:3]:
        say(f"not valid OCSF: {problem}")
    return 1 if problems else 0


def _report(rejects: list[str], summary: str, most: int) -> None:
    """Tell what could not be read, the first `most` of it, and the counts."""
    for line in rejects[:most]:
        say(line)
    if len(rejects) > most:
        say("... more rejects; `tocsin normalize` names a thousand")
    say(summary)
