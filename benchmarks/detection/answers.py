"""Pairs of event and rule: read, compared, and refused where they differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Pairs: TypeAlias = set[tuple[int, str]]
"""(number of the event in its file, uid of the rule)."""


class DifferentAnswersError(Exception):
    """Two ways gave different answers: no speed is shown."""


@dataclass(frozen=True, slots=True)
class Misses:
    """How a peer's answers differ from those of the specification.

    Attributes:
        expected: pairs that there are.
        missed: of these, how many the peer does not give.
        wrong: pairs of the peer that there are not.
        refused_rules: rules that the peer did not take.
    """

    expected: int
    missed: int
    wrong: int
    refused_rules: int = 0

    @property
    def share(self) -> float:
        """The share of pairs that are missed."""
        return self.missed / self.expected if self.expected else 0.0

    def __str__(self) -> str:
        refused = f", refuses {self.refused_rules:,} rules" if self.refused_rules else ""
        return (
            f"misses {self.share:.1%} of {self.expected:,} pairs, adds {self.wrong:,} wrong ones"
            f"{refused}"
        )


def compare(expected: Pairs, found: Pairs, refused_rules: int = 0) -> Misses:
    """Return how a peer's pairs differ from the expected ones."""
    return Misses(len(expected), len(expected - found), len(found - expected), refused_rules)


def must_be_equal(expected: Pairs, found: Pairs, what: str) -> int:
    """Return how many pairs both ways gave.

    Raises:
        DifferentAnswersError: a pair is missing or too many.
    """
    if expected != found:
        missing, more = sorted(expected - found), sorted(found - expected)
        raise DifferentAnswersError(
            f"{what}: {len(missing)} pairs are missing, such as {missing[:3]}, and {len(more)} are"
            f" too many, such as {more[:3]}"
        )
    return len(expected)


def write(pairs: Iterable[tuple[int, str]], path: Path) -> None:
    """Write pairs, one a line."""
    with path.open("w") as stream:
        stream.writelines(f"{event}\t{rule}\n" for event, rule in pairs)


def read(path: Path) -> Pairs:
    """Return the pairs that `write` wrote."""
    pairs = set()
    with path.open() as stream:
        for line in stream:
            event, _, rule = line.rstrip("\n").partition("\t")
            pairs.add((int(event), rule))
    return pairs


def of_numbers(pairs: Pairs, numbers: "range | set[int]") -> Pairs:
    """Return the pairs of these events."""
    return {pair for pair in pairs if pair[0] in numbers}


def numbered(pairs: Iterable[tuple[str, str]], numbers: Mapping[str, int]) -> Pairs:
    """Return pairs that name the event by its own identifier as pairs of numbers; -1: no event."""
    return {(numbers.get(event, -1), rule) for event, rule in pairs}
