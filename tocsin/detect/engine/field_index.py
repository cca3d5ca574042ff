"""The index of one field: which rules a value speaks for.

Whole values are looked up; literals inside values are found in one scan by RE2's automaton. What a
value speaks for is remembered for a bounded number of values: whoever writes the values chooses how
many different ones there are, so a full memory is emptied and a long value is not kept.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import re2

from tocsin.conditions import text_of
from tocsin.detect.engine.literals import fold
from tocsin.detect.engine.witnesses import Witness, texts_of_number

MAX_REMEMBERED = 8_192
MAX_REMEMBERED_CHARACTERS = 512
_AUTOMATON_BYTES = 32 << 20

Numbers: TypeAlias = tuple[int, ...]
"""Rules by their place in the engine's list, each once."""


class FieldIndex:
    """The witnesses of one path. Holds a memory of values: for one thread."""

    def __init__(self, witnesses: Iterable[tuple[Witness, int]]) -> None:
        self.remembered: dict[str, Numbers] = {}
        self._whole: dict[str, set[int]] = {}
        parts: dict[str, set[int]] = {}
        for witness, number in witnesses:
            place = self._whole if witness.is_whole else parts
            place.setdefault(witness.literal, set()).add(number)
        self._unscanned: set[int] = set()
        self._parts = [parts[literal] for literal in sorted(parts)]
        self._scan = self._scanner(sorted(parts))

    def of_text(self, text: str) -> Numbers:
        """Return the rules that a text speaks for."""
        found = self.remembered.get(text)
        if found is None:
            found = self._look_up(fold(text))
            if len(text) <= MAX_REMEMBERED_CHARACTERS:
                if len(self.remembered) >= MAX_REMEMBERED:
                    self.remembered.clear()
                self.remembered[text] = found
        return found

    def of_value(self, value: object) -> Numbers:
        """Return the rules that any value speaks for; lists speak through their elements."""
        if isinstance(value, str):
            return self.of_text(value)
        if isinstance(value, list):
            return tuple({number for each in value for number in self.of_value(each)})
        if value is None:
            return ()
        texts = {text_of(value) or ""}
        if isinstance(value, int | float) and not isinstance(value, bool):
            texts.update(texts_of_number(value))
        return tuple({number for text in texts for number in self._look_up(fold(text))})

    def _look_up(self, folded: str) -> Numbers:
        whole = self._whole.get(folded)
        if self._scan is None:
            return tuple(sorted(whole)) if whole else ()
        found = set(whole or ()) | self._unscanned
        for place in self._scan(folded):
            found |= self._parts[place]
        return tuple(sorted(found))

    def _scanner(self, literals: list[str]) -> Callable[[str], list[int]] | None:
        """Return the scan; rules whose literal it does not find are never left out."""
        if not literals:
            return None
        options = re2.Options()
        options.literal = True
        options.log_errors = False
        options.max_mem = _AUTOMATON_BYTES
        automaton = re2.Set.SearchSet(options)
        for literal in literals:
            automaton.Add(literal)
        automaton.Compile()

        def scan(folded: str) -> list[int]:
            try:
                return automaton.Match(folded) or []
            except UnicodeEncodeError:
                # Half a surrogate pair has no UTF-8 form; no literal holds one.
                return automaton.Match(folded.encode("utf-8", "replace").decode("utf-8")) or []

        for place, literal in enumerate(literals):
            if place not in scan(literal):
                self._unscanned |= self._parts[place]
        return scan
