"""Fuzz every parser for minutes: `make fuzz`; what breaks one is kept for the tests.

Every input is a good one after a few edits; each round tries others. Only records and rejects may
come out, and 64 KiB must be read in 50 ms.
"""

import argparse
import sys
import time
import warnings

import hypothesis.errors

from tests.fuzz.every import parsers
from tests.fuzz.parser import Parser
from tests.fuzz.running import keep, search, search_slow


def main() -> None:
    told = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    told.add_argument("names", nargs="*", help="parts of names of parsers; all without")
    told.add_argument("--cases", type=int, default=110_000, help="in all, at least")
    told.add_argument("--long", type=int, default=80, help="cases of 64 KiB for each parser")
    options = told.parse_args()
    # Hypothesis says that inputs of 64 KiB are long to print.
    warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)
    chosen = {
        name: parser
        for name, parser in parsers().items()
        if not options.names or any(part in name for part in options.names)
    }
    base = options.cases / sum(1 / parser.cost for parser in chosen.values())
    broken = tried = 0
    for name, parser in chosen.items():
        count = round(base / parser.cost + 0.5 + parser.batch)
        began = time.monotonic()
        broken += not _holds(name, parser, count, options.long)
        tried += count + (options.long if parser.once else 0)
        _say(f"{name:55} {count:7,} cases {time.monotonic() - began:6.1f} s")
    _say(f"{tried:,} cases, {len(chosen)} parsers, {broken} broken")
    raise SystemExit(bool(broken))


def _holds(name: str, parser: Parser, count: int, long: int) -> bool:
    has_held = True
    for hunt, many in ((search, count), (search_slow, long)):
        try:
            hunt(parser, many, is_random=True)
        except Exception as error:  # noqa: BLE001 - whatever a parser raises is the finding
            has_held = False
            paths = keep(name, getattr(error, "inputs", ()))
            _say(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            _say("\n".join(f"  kept as {path}" for path in paths))
    return has_held


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
