"""Measure detection: `make benchmark-detection`, or `python -m benchmarks.detection --quick`."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.detection import report
from benchmarks.detection.peers.environments import DEFAULT_FOLDER, SQLITE, TENZIR
from benchmarks.detection.report import Result
from benchmarks.detection.rows import ROWS
from benchmarks.detection.workplace import Workplace


def main() -> None:
    options = _options()
    chosen = _chosen(options.only)
    folder = Path(tempfile.mkdtemp(prefix="tocsin-detection-", dir=options.folder))
    workplace = Workplace(
        folder,
        is_quick=options.quick,
        say=_said_since(time.monotonic()),
        peers_folder=options.peers_folder,
        with_peers=not options.no_peers,
        zircolite=options.zircolite,
        published=options.published,
    )
    try:
        results, failures = measured(workplace, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    about = _about(workplace)
    if options.json:
        text = json.dumps(report.as_json(results, about), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    print(report.markdown(results, about) if options.markdown else report.text(results, about))
    if failures:
        raise SystemExit("\n".join(failures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer events, three turns")
    add("--only", metavar="T1,T5", help=f"some of {', '.join(ROWS)}")
    add("--json", type=Path, metavar="FILE", help="write everything measured as JSON, too")
    add("--markdown", action="store_true", help="print the table of docs/performance.md")
    add("--no-peers", action="store_true", help="run no other programs")
    add("--peers-folder", type=Path, default=DEFAULT_FOLDER, help="where peers are installed")
    add("--zircolite", type=Path, metavar="FOLDER", help="folder of zircolite.py, run as well")
    add("--published", type=Path, metavar="FOLDER", help="process rules for T8 instead of ours")
    add("--folder", type=Path, help="where to work; needs 2 GiB")
    return parser.parse_args()


def _chosen(only: str | None) -> list[str]:
    names = only.split(",") if only else list(ROWS)
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise SystemExit(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    return [name for name in ROWS if name in names]


def measured(workplace: Workplace, chosen: Sequence[str]) -> tuple[list[Result], list[str]]:
    """Return the results of the rows in the order of the table, and what went wrong."""
    results: list[Result] = []
    failures = []
    for name in chosen:
        try:
            results += ROWS[name](workplace)
        except Exception as error:  # others took minutes: the suite goes on, and fails at its end
            failures.append(f"{name}: {type(error).__name__}: {error}")
            workplace.say(failures[-1])
    return sorted(results, key=_place), failures


def _place(result: Result) -> float:
    row = result.target.row.removeprefix("T")
    return float(row) if row.isdigit() else float(row.rstrip("b")) + 0.5


def _said_since(began: float) -> Callable[[str], None]:
    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {what}", file=sys.stderr, flush=True)

    return say


def _about(workplace: Workplace) -> dict[str, object]:
    peers = {"peers": "left out"} if not workplace.with_peers else {}
    for peer in (SQLITE, TENZIR) if workplace.with_peers else ():
        name, _, version = peer.packages[0].partition("==")
        peers[name] = version
    return {
        "run": "quick, with fewer events" if workplace.is_quick else "full",
        "turns": workplace.turns,
        "processors": os.cpu_count(),
        "versions": report.versions(peers),
    }


if __name__ == "__main__":
    main()
