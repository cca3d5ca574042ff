"""The index of one field: which rules a value speaks for.

Whole values are looked up; literals inside values are found in one scan by RE2's automaton, many
values at once, because most batches of new values hold few of the literals or none. What a value
speaks for is remembered.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import UNSET

from tocsin.conditions import text_of
from tocsin.conditions.tree import Pattern
from tocsin.detect.engine.heads import size_of
from tocsin.detect.engine.literals import fold
from tocsin.detect.engine.memory import Allowance, Memory
from tocsin.detect.engine.scans import Scan, scan_literals, scan_patterns
from tocsin.detect.engine.witnesses import Witness, texts_of_number

_SCANNED_TOGETHER = 64
_NONE: tuple[int, ...] = ()

Numbers: TypeAlias = tuple[int, ...]
"""Rules by their place in the engine's list, each once."""


class FieldIndex:
    """The witnesses of one path. Holds a memory of values: for one thread.

    Attributes:
        remembered: the rules that values seen before speak for.
    """

    def __init__(self, witnesses: Iterable[tuple[Witness, int]], allowance: Allowance) -> None:
        self.remembered: Memory[object, Numbers] = Memory(self._find, size_of, allowance)
        self._whole: dict[str, set[int]] = {}
        parts: dict[str, _Part] = {}
        for witness, number in witnesses:
            if witness.is_whole:
                self._whole.setdefault(witness.literal, set()).add(number)
            else:
                parts.setdefault(witness.literal, _Part()).add(witness.pattern, number)
        self._literals = sorted(parts)
        self._parts = [parts[literal] for literal in self._literals]
        self._scan = scan_literals(self._literals) if parts else None

    def of_value(self, value: object) -> Numbers:
        """Return the rules that any value speaks for; lists speak through their elements."""
        return self.remembered[value] if isinstance(value, str) else self._find(value)

    def of_column(self, values: Sequence[object]) -> dict[int, Numbers]:
        """Return for many values, by their place, those that speak for rules.

        Args:
            values: texts, truth values or integers (not both), nulls, `UNSET`, tuples of these.
        """
        found = list(map(self.remembered.get, values))
        speaking = {place: numbers for place, numbers in enumerate(found) if numbers}
        if None in found:
            new = [place for place, numbers in enumerate(found) if numbers is None]
            of_new = self._of_new([values[place] for place in new])
            speaking.update((new[at], numbers) for at, numbers in of_new.items())
        return speaking

    def of_texts(self, texts: Sequence[str]) -> dict[int, Numbers]:
        """Return the same for texts that are not to be remembered."""
        speaking: dict[int, Numbers] = {}
        for start in range(0, len(texts), _SCANNED_TOGETHER):
            together = texts[start : start + _SCANNED_TOGETHER]
            for place, numbers in self._look_up_together(together).items():
                speaking[start + place] = numbers
        return speaking

    def _of_new(self, values: Sequence[object]) -> dict[int, Numbers]:
        """Return the same for values that are not remembered, and remember them."""
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) < len(values):
            found = ((place, self.remembered[value]) for place, value in enumerate(values))
            return {place: numbers for place, numbers in found if numbers}
        speaking = self.of_texts(texts)
        learnt: dict[object, Numbers] = dict.fromkeys(texts, _NONE)
        learnt.update((texts[place], numbers) for place, numbers in speaking.items())
        self.remembered.keep_all(texts, learnt, list(map(len, texts)))
        return speaking

    def _find(self, value: object) -> Numbers:
        if isinstance(value, str):
            return self._look_up(value)
        if isinstance(value, list | tuple):
            return tuple({number for each in value for number in self.of_value(each)})
        if value is None or value is UNSET:
            return ()
        texts = {text_of(value) or ""}
        if isinstance(value, int | float) and not isinstance(value, bool):
            texts.update(texts_of_number(value))
        return tuple({number for text in texts for number in self._look_up(text)})

    def _look_up(self, text: str) -> Numbers:
        folded = fold(text)
        return self._numbers(text, folded, self._scan(folded) if self._scan else ())

    def _look_up_together(self, texts: Sequence[str]) -> dict[int, Numbers]:
        """Return the rules of those that speak for any, after one scan of all."""
        folded = _folded(texts)
        places: dict[int, list[int]] = {}
        if self._whole:
            found = enumerate(map(self._whole.get, folded))
            places = {at: [] for at, whole in found if whole is not None}
        for literal in self._scan("\n".join(folded)) if self._scan else ():
            wanted = self._literals[literal]
            for at in [at for at, each in enumerate(folded) if wanted in each]:
                places.setdefault(at, []).append(literal)
        return {
            at: numbers
            for at, literals in places.items()
            if (numbers := self._numbers(texts[at], folded[at], literals))
        }

    def _numbers(self, text: str, folded: str, places: Sequence[int]) -> Numbers:
        whole = self._whole.get(folded)
        if not places:
            return tuple(sorted(whole)) if whole else ()
        found = set(whole or ())
        for place in places:
            found.update(self._parts[place].of_text(text))
        return tuple(sorted(found))


def _folded(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts folded, all at once where none holds a line break."""
    folded = fold("\n".join(texts)).split("\n")
    return folded if len(folded) == len(texts) else list(map(fold, texts))


class _Part:
    """The rules of one literal inside values, and the patterns that are to be found beside it."""

    def __init__(self) -> None:
        self._always: set[int] = set()
        self._patterns: dict[Pattern, set[int]] = {}
        self._scan: Scan | None = None

    def add(self, pattern: Pattern | None, number: int) -> None:
        """Note a rule of the literal."""
        place = self._always if pattern is None else self._patterns.setdefault(pattern, set())
        place.add(number)

    def of_text(self, text: str) -> set[int]:
        """Return the rules that a text with the literal speaks for."""
        if not self._patterns:
            return self._always
        patterns = list(self._patterns)
        self._scan = self._scan or scan_patterns(patterns)
        places = self._scan(text)
        return self._always.union(*(self._patterns[patterns[place]] for place in places))
