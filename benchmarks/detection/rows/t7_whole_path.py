"""T7: lines to OCSF to Parquet to findings with 1,000 rules, as a share of one DuckDB statement.

The statement is `benchmarks.reference_statement`: the same columns from the same lines, no rules,
no duplicates looked for, nothing committed. Seconds are those of processors, so both are per core.
"""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.detection.children import python, run
from benchmarks.detection.report import Result, Target
from benchmarks.detection.rule_sets import CLOUDTRAIL, MANY
from benchmarks.detection.turns import interleave
from benchmarks.detection.workplace import Workplace

TARGET = Target(
    "T7", "lines → OCSF → 1,000 rules → Parquet → findings, share of one statement", 0.4, 0.75, "%"
)
_MOST_EVENTS = 100_000


def measure(workplace: Workplace) -> Sequence[Result]:
    workplace.say("T7: the whole path")
    count = min(workplace.events, _MOST_EVENTS)
    events = workplace.event_file("repeated", count)
    rules = workplace.rule_folder(CLOUDTRAIL, MANY)
    counts: dict[str, int] = {}
    taken = interleave(
        {
            "statement": partial(_statement, workplace, events),
            "tocsin": partial(_tocsin, workplace, events, rules, counts),
        },
        workplace.turns,
    )
    if counts["events"] != count:
        raise ValueError(f"{count} lines became {counts['events']} events")
    if not counts["findings"]:
        raise ValueError("no rule gave a finding")
    statement, tocsin = taken["statement"].median, taken["tocsin"].median
    note = (
        f"{count / tocsin:,.0f} against {count / statement:,.0f} events/s of"
        f" one core, start included; {counts['findings']:,} findings"
    )
    figures = {"seconds": {name: list(side.turns) for name, side in taken.items()}, **counts}
    return [Result(TARGET, statement / tocsin, note, figures)]


def _statement(workplace: Workplace, events: Path) -> float:
    command = python("reference_statement", str(events), str(workplace.folder))
    return run(command, workplace.folder).cpu_seconds


def _tocsin(workplace: Workplace, events: Path, rules: Path, counts: dict[str, int]) -> float:
    folder = workplace.folder / "store"
    shutil.rmtree(folder, ignore_errors=True)
    command = python("store_events", str(events), str(folder), str(rules))
    used = run(command, workplace.folder, workplace.environ)
    shutil.rmtree(folder, ignore_errors=True)
    printed = json.loads(used.printed.strip().splitlines()[-1])
    counts |= {name: int(printed[name]) for name in ("events", "findings")}
    return used.cpu_seconds
