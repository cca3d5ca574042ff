"""Run rounds of cases against parsers; what breaks one becomes a file of `findings`."""

import gzip
import re
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import hypothesis
from hypothesis import strategies as st

from tests.fuzz import damage
from tests.fuzz.parser import Parser

FINDINGS = Path(__file__).parent / "findings"
MOST_SECONDS = 0.05
"""Of the processor, for a case of 64 KiB, where nothing else runs beside it."""

_LOOP = 100_000
_LOOP_SECONDS = 0.005
"""What a loop of so many rounds takes on a quiet core of a usual server."""

_TRIES = 8
_LOOKED_AT = 3
Given = TypeVar("Given")


class TooSlowError(AssertionError):
    """A case takes longer than a parser may."""


def search(parser: Parser, count: int, *, is_random: bool) -> None:
    """Give a parser so many damaged inputs.

    Args:
        parser: what reads them.
        count: of inputs.
        is_random: whether each round tries others; otherwise the same every time.

    Raises:
        Exception: whatever the parser raised, with the smallest inputs that do so as `inputs`.
    """
    inputs = st.lists(damage.cases(parser.seeds()), min_size=parser.batch, max_size=parser.batch)
    smallest: list[Sequence[bytes]] = []

    def parse(found: Sequence[bytes]) -> None:
        try:
            parser.parse(found)
        except Exception:  # whatever a parser raises is the finding: noted, and raised again
            smallest[:] = [found]
            raise

    try:
        _hunt(inputs, parse, max(1, count // parser.batch), is_random=is_random)
    except Exception as error:  # the same finding, with the inputs that lead to it
        error.inputs = smallest[0] if smallest else ()  # type: ignore[attr-defined]
        raise


def search_slow(parser: Parser, count: int, *, is_random: bool, slack: float = 1.0) -> None:
    """Give a parser so many inputs of 64 KiB, each of which must be read in time, times `slack`.

    Raises:
        TooSlowError: one takes too long, however often it is read; with it as `inputs`.
    """
    if parser.once is None:
        return
    slowest: list[tuple[float, bytes]] = []
    once = parser.once

    def parse(text: bytes) -> None:
        slowest.append((seconds(once, text), text))
        slowest.sort(reverse=True)
        del slowest[_LOOKED_AT:]

    _hunt(damage.long_cases(parser.seeds()), parse, count, is_random=is_random)
    for _, text in slowest:
        hold_time(parser, text, slack)


def hold_time(parser: Parser, text: bytes, slack: float = 1.0) -> None:
    """Hold what reading takes against what it may; what disturbs a measure only adds to it.

    Args:
        parser: what reads.
        text: what is read.
        slack: how many times longer it may take, where others crowd the machine.

    Raises:
        TooSlowError: it takes longer.
    """
    if parser.once is None:
        return
    best = float("inf")
    for _ in range(_TRIES):
        slowness = max(1.0, seconds(_loop, b"") / _LOOP_SECONDS)
        best = min(best, seconds(parser.once, text) / slowness)
        most = slack * MOST_SECONDS
        if best <= most or best <= most + slack * _extra(parser, text):
            return
    error = TooSlowError(
        f"{len(text)} bytes take {best * 1000:.0f} ms: {text[:60]!r}...{text[-60:]!r}"
    )
    error.inputs = [text]  # type: ignore[attr-defined]
    raise error


def _extra(parser: Parser, text: bytes) -> float:
    """Return what a case may take longer for what comes out of it."""
    if parser.once is None or not parser.item_seconds:
        return 0.0
    count = parser.once(text)
    return parser.item_seconds * count if isinstance(count, int) else 0.0


def _loop(text: bytes) -> None:
    """Do what takes equally long on an equally busy core: neighbors slow everything down."""
    for number in range(_LOOP):
        text[number:]


def seconds(once: Callable[[bytes], object], text: bytes) -> float:
    """Return what reading takes of the processor, in all threads."""
    began = time.process_time()
    once(text)
    return time.process_time() - began


def _hunt(
    inputs: st.SearchStrategy[Given], parse: Callable[[Given], None], count: int, *, is_random: bool
) -> None:
    @hypothesis.settings(
        max_examples=count,
        derandomize=not is_random,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=False,
    )
    @hypothesis.given(found=inputs)
    def one_round(found: Given) -> None:
        parse(found)

    one_round()


def keep(name: str, inputs: Sequence[bytes]) -> list[Path]:
    """Write what broke a parser beside the tests, where every later run tries it."""
    folder = folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for text in inputs:
        paths.append(folder / f"{sha256(text).hexdigest()[:16]}.gz")
        paths[-1].write_bytes(gzip.compress(text, mtime=0))
    return paths


def kept(name: str) -> list[bytes]:
    """Return what once broke a parser."""
    paths = sorted(folder_of(name).glob("*.gz"))
    return [gzip.decompress(path.read_bytes()) for path in paths]


def folder_of(name: str) -> Path:
    """Return where the findings of a parser lie."""
    return FINDINGS / re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
