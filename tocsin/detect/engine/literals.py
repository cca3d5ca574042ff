"""Literals that a text must hold before a test can pass, and the form in which they are compared.

Everything is compared folded: lower case as the compiled conditions have it, and the long s (`ſ`)
as `s`, because RE2 takes the two for the same letter where case does not count and `lower` does
not. Folding ASCII does not depend on the letters around it; folding a capital sigma does, so that
parts of texts whose case counts are cut down to their ASCII.
"""

import re
from collections.abc import Iterable

from tocsin.conditions.tree import Text, Wildcard

_ANY = Wildcard.ANY
_LONG_S = "\u017f"
_BREAKS = re.compile(r"[^\x00-\x7f]|\?")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_REPETITION = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_GROUP_FLAGS = re.compile(r"\?[ims]*:")
_INLINE_FLAGS = re.compile(r"\(\?[ims]*\)")
_REPEATED = "*?{"
_PLAIN_ESCAPES = frozenset(r"\.+*?()|[]{}^$/-_ '\"@#%&,:;<>=!~`")
_EMPTY_ESCAPES = frozenset("dDsSwWbBAzafnrtv")
_SHAPES = frozenset({(str, _ANY), (_ANY, str), (_ANY, str, _ANY)})


def fold(text: str) -> str:
    """Return the form in which texts and literals are compared."""
    folded = text.lower()
    return folded if folded.isascii() else folded.replace(_LONG_S, "s")


def whole_of(test: Text) -> str | None:
    """Return the folded text that a value must equal, `None` where the test has wildcards."""
    words = [part for part in test.parts if isinstance(part, str)]
    is_compared = not test.is_cased or len(words) < 2
    return fold("".join(words)) if is_compared and len(words) == len(test.parts) else None


def part_of(test: Text) -> str:
    """Return the longest folded literal that a value must hold; empty where there is none."""
    words = [part for part in test.parts if isinstance(part, str)]
    shape = tuple(str if isinstance(part, str) else part for part in test.parts)
    if shape in _SHAPES and not test.is_cased:
        return longest(_SURROGATES.split(fold(words[0])))
    # RE2 compares the others, and reads half of a surrogate pair as a question mark.
    return longest(run for word in words for run in ascii_runs(word))


def ascii_runs(text: str) -> list[str]:
    """Return the folded stretches of the text that stay themselves whatever stands around them."""
    return [run.lower() for run in _BREAKS.split(text)]


def longest(runs: Iterable[str]) -> str:
    """Return the longest, the first of several; empty where there is none."""
    return max(runs, key=len, default="")


def literals_of_pattern(pattern: str) -> frozenset[str]:
    """Return folded literals of which one is in every text that the RE2 pattern is found in.

    Empty where nothing can be proved: what is not surely understood is passed over.
    """
    reader = _PatternReader(pattern)
    try:
        found = reader.alternatives()
    except (_NotUnderstoodError, RecursionError):
        return frozenset()
    return found if reader.is_at_end else frozenset()


class _NotUnderstoodError(Exception):
    """The pattern holds something that this reader has no rule for."""


class _PatternReader:
    """Reads a pattern from left to right; groups are read by calling itself."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._pattern)

    def alternatives(self) -> frozenset[str]:
        """Read up to the end or the closing parenthesis; one literal set for all branches."""
        branches = [self._branch()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._branch())
        return frozenset().union(*branches) if all(branches) else frozenset()

    def _branch(self) -> frozenset[str]:
        best: frozenset[str] = frozenset()
        run = ""
        while self._peek() not in ("", "|", ")"):
            literal, inside = self._atom()
            may_miss, is_one = self._quantifier()
            if literal and not may_miss:
                run += literal
            if not literal or may_miss or not is_one:
                best, run = _better(best, run), ""
            if inside and not may_miss:
                best = inside if _weight(inside) > _weight(best) else best
        return _better(best, run)

    def _atom(self) -> tuple[str, frozenset[str]]:
        """Read one atom: its letter where it is one, else what its inside must hold."""
        sign = self._peek()
        self._at += 1
        if sign == "(":
            return "", self._group()
        if sign == "[":
            self._character_class()
        elif sign == "\\":
            return self._escape(), frozenset()
        elif sign in _REPEATED or sign == "+":
            raise _NotUnderstoodError
        elif sign not in ".^$" and sign.isascii():
            return sign, frozenset()
        return "", frozenset()

    def _group(self) -> frozenset[str]:
        flags = _INLINE_FLAGS.match(self._pattern, self._at - 1)
        if flags:
            self._at = flags.end()
            return frozenset()
        if self._peek() == "?":
            named = _GROUP_FLAGS.match(self._pattern, self._at)
            if not named:
                raise _NotUnderstoodError
            self._at = named.end()
        inside = self.alternatives()
        if self._peek() != ")":
            raise _NotUnderstoodError
        self._at += 1
        return inside

    def _character_class(self) -> None:
        if self._peek() == "^":
            self._at += 1
        if self._peek() == "]":
            self._at += 1
        while self._peek() != "]":
            sign = self._peek()
            if sign in ("", "["):
                raise _NotUnderstoodError
            self._at += 2 if sign == "\\" else 1
        self._at += 1

    def _escape(self) -> str:
        sign = self._peek()
        self._at += 1
        if sign in _EMPTY_ESCAPES:
            return ""
        if sign and sign in _PLAIN_ESCAPES:
            return sign
        raise _NotUnderstoodError

    def _quantifier(self) -> tuple[bool, bool]:
        """Read what follows an atom: whether it may be missing, whether it stands exactly once."""
        sign = self._peek()
        if sign not in ("*", "?", "{", "+"):
            return False, True
        if sign == "{":
            repetition = _REPETITION.match(self._pattern, self._at)
            if not repetition:
                raise _NotUnderstoodError
            self._at = repetition.end() - 1
        self._at += 1
        if self._peek() == "?":
            self._at += 1
        return sign != "+", False

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]


def _better(best: frozenset[str], run: str) -> frozenset[str]:
    literal = longest(ascii_runs(run))
    return frozenset({literal}) if len(literal) > _weight(best) else best


def _weight(literals: frozenset[str]) -> int:
    """Return how much the weakest literal tells."""
    return min(map(len, literals), default=0)
