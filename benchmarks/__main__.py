"""Measure Tocsin on this machine: `make benchmark`, or `python -m benchmarks --quick`.

Figures are ratios within one run where something is compared; sides take turns.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks import measure, normalize, recorded


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    parser.add_argument(
        "--only", choices=("store", "normalize", "latency", "search"), help="one part"
    )
    parser.add_argument("--source", help="of `normalize`: mappings whose names hold this")
    parser.add_argument("--folder", type=Path, help="where to work; needs 4 GiB")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    folder = Path(tempfile.mkdtemp(prefix="tocsin-benchmark-", dir=options.folder))
    try:
        if options.only in (None, "store"):
            _store(folder, 1_000_000 // scale)
        if options.only in (None, "normalize"):
            _normalize(20_000 // scale, options.source)
        if options.only in (None, "latency"):
            _latency(folder, 60 // scale)
        if options.only in (None, "search"):
            _search(folder, 5_000_000 // scale)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _store(folder: Path, events: int) -> None:
    lines = folder / "events.jsonl"
    size = recorded.write(lines, events)
    print(f"\nnormalize + store of {events:,} CloudTrail events ({size / 2**20:,.0f} MiB of JSON)")
    ratios = []
    for turn in range(3):
        statement = measure.run("reference_statement", str(lines), str(folder))
        ours = measure.run("store_events", str(lines), str(folder / f"store-{turn}"))
        shutil.rmtree(folder / f"store-{turn}")
        ratios.append(statement.seconds / ours.seconds)
        print(
            f"  one statement {events / statement.seconds:9,.0f}/s   Tocsin"
            f" {events / ours.seconds:9,.0f}/s   {ratios[-1]:.0%} of it,"
            f" peak of the tree {ours.peak_mib:.0f} MiB"
        )
    lines.unlink()
    print(f"  median ratio {statistics.median(ratios):.0%} (target: at least 50 %)")


def _normalize(records: int, source: str | None) -> None:
    print(f"\neach mapping, {records:,} records (target: at least 50 % of from_json alone)")
    for line in normalize.measure(records, source):
        print(line)


def _latency(folder: Path, seconds: int) -> None:
    print(
        f"\ningest to finding at 1,000 events/s through _bulk for {seconds} s, all built-in rules"
    )
    for name, value in measure.run(
        "latency", str(folder / "latency"), "1000", str(seconds)
    ).printed.items():
        print(f"  {name:16} {value}")


def _search(folder: Path, events: int) -> None:
    lines = folder / "events.jsonl"
    recorded.write(lines, events)
    measure.run("store_events", str(lines), str(folder / "store"))
    lines.unlink()
    print(f"\nsearch by principal and day over {events:,} stored events; start with them present")
    for name, value in measure.run("search_events", str(folder / "store")).printed.items():
        print(f"  {name:16} {value}")


if __name__ == "__main__":
    main()
