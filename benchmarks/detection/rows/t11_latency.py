"""T11: from a shipper's request to the committed finding, at half of the rate that is reached."""

import json
import shutil
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.detection.children import python, run
from benchmarks.detection.report import Result, Target
from benchmarks.detection.workplace import Workplace

TARGET = Target("T11", "ingest to finding, p99, at half of the maximum rate", 500, 50, "ms", True)
_SECONDS, _QUICK_SECONDS = 20, 5


def measure(workplace: Workplace) -> Sequence[Result]:
    workplace.say("T11: latency")
    most = [_latency(workplace, 0, _QUICK_SECONDS) for _ in range(1 if workplace.is_quick else 3)]
    maximum = statistics.median(_number(each, "events_per_second") for each in most)
    seconds = _QUICK_SECONDS if workplace.is_quick else _SECONDS
    runs = [_latency(workplace, int(maximum / 2), seconds) for _ in range(workplace.turns)]
    unanswered = [each for each in runs if each["attack_matches"] != each["attacks_sent"]]
    if unanswered:
        raise ValueError(f"findings are missing: {unanswered[0]}")
    p99, p50 = (
        statistics.median(1000 * _number(each, name) for each in runs)
        for name in ("p99_seconds", "p50_seconds")
    )
    note = (
        f"{maximum / 2:,.0f} of {maximum:,.0f} events/s through `_bulk`, {seconds} s, built-in"
        f" rules; median {p50:.0f} ms; the shipper shares the processors"
    )
    return [Result(TARGET, p99, note, {"most": most, "half": runs})]


def _latency(workplace: Workplace, rate: int, seconds: int) -> Mapping[str, object]:
    folder = workplace.folder / "latency"
    shutil.rmtree(folder, ignore_errors=True)
    command = python("latency", str(folder), str(rate), str(seconds))
    used = run(command, workplace.folder, workplace.environ)
    found: Mapping[str, object] = json.loads(used.printed.strip().splitlines()[-1])
    return found


def _number(figures: Mapping[str, object], name: str) -> float:
    value = figures[name]
    assert isinstance(value, int | float)
    return float(value)
