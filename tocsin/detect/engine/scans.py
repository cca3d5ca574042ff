"""Search many literals or patterns in one text at once, with RE2's automata.

An automaton that runs out of its memory finds nothing and does not say so. So each has one entry
that is in every text; where even that is not found, everything counts as found.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import re2

from tocsin.conditions import compile_condition
from tocsin.conditions.tree import Field, Pattern, Test

_BYTES = 32 << 20
_PATTERN_BYTES = 8 << 20
_MANY = 1
_MAX_CHARACTERS = 1_024
_END = r"\z"

Scan: TypeAlias = Callable[[str], Sequence[int]]
"""A text to the places of what is found in it, in the order given."""


class _OneValue:
    """Reads a value as an event that is nothing but this value."""

    def values(self, path: str) -> Callable[[object], list[object]]:
        return lambda value: [value]

    def presence(self, path: str) -> Callable[[object], bool]:
        return lambda value: True

    def leaves(self, event: object) -> Iterator[object]:
        return iter((event,))


_ONE_VALUE = _OneValue()


def check_of(test: Test) -> Callable[[object], bool]:
    """Return a test as a function of one value that is no list."""
    return compile_condition(Field("", (test,)), _ONE_VALUE)


def scan_literals(literals: Sequence[str]) -> Scan:
    """Return the scan for texts and literals that are folded alike."""
    options = re2.Options()
    options.max_mem = _BYTES
    return _scan([str(re2.escape(literal)) for literal in literals], options)


def scan_patterns(patterns: Sequence[Pattern]) -> Scan:
    """Return the scan for patterns; each finds what the pattern as a condition finds."""
    checks = [check_of(each) for each in patterns]

    def one_by_one(text: str) -> Sequence[int]:
        return [place for place, check in enumerate(checks) if check(text)]

    if len(patterns) < _MANY:
        return one_by_one
    options = re2.Options()
    options.max_mem = _PATTERN_BYTES
    texts = [f"(?{each.flags}){each.pattern}" if each.flags else each.pattern for each in patterns]
    try:
        together = _scan(texts, options)
    except re2.error:
        return one_by_one
    # States of the automaton are made while it runs: a long text could have many made.
    return lambda text: together(text) if len(text) <= _MAX_CHARACTERS else one_by_one(text)


def _scan(entries: Sequence[str], options: "re2.Options") -> Scan:
    options.log_errors = False
    automaton = re2.Set.SearchSet(options)
    for entry in (*entries, _END):
        automaton.Add(entry)
    automaton.Compile()
    always, every = len(entries), range(len(entries))

    def scan(text: str) -> Sequence[int]:
        try:
            found = automaton.Match(text)
        except UnicodeEncodeError:
            # Half a surrogate pair has no UTF-8 form; no literal holds one.
            found = automaton.Match(text.encode("utf-8", "replace").decode("utf-8"))
        if not found or always not in found:
            return every
        return [place for place in found if place != always]

    return scan
