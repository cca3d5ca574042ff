"""Which tests of one field a value passes: all that counts of the value for any rule."""

from collections.abc import Callable, Hashable, Iterable, Sequence

from msgspec import UNSET

from tocsin.conditions.tree import Null, Test
from tocsin.detect.engine.field_index import FieldIndex
from tocsin.detect.engine.heads import size_of
from tocsin.detect.engine.memory import Allowance, Memory
from tocsin.detect.engine.scans import check_of
from tocsin.detect.engine.witnesses import witnesses_of_test

_MAX_WITHOUT_WITNESS = 8
_NULL = object()


class HitClasses:
    """Puts the values of one field into classes: values of a class pass the same tests.

    Only tests that a literal in the value speaks for are tried, and the few without a literal.
    Remembers values, so it is for one thread.

    Attributes:
        tests: what the classes tell apart.
    """

    def __init__(self, tests: Iterable[Test], allowance: Allowance) -> None:
        witnesses = []
        self._always: list[int] = []
        decided: list[Test] = []
        for test in dict.fromkeys(tests):
            found = frozenset() if test == Null() else witnesses_of_test("", test)
            if found is None:
                if len(self._always) >= _MAX_WITHOUT_WITNESS:
                    continue
                self._always.append(len(decided))
            witnesses += [(witness, len(decided)) for witness in found or ()]
            decided.append(test)
        self.tests = frozenset(decided)
        self._tests = decided
        self._checks: dict[int, Callable[[object], bool]] = {}
        # It is asked about new values only; what it says is remembered here.
        self._index = FieldIndex(witnesses, Allowance(0))
        self._remembered: Memory[object, Hashable] = Memory(self._find, size_of, allowance)

    def of_column(self, values: Sequence[object]) -> list[Hashable]:
        """Return the classes of texts, truth values, nulls, `UNSET`, or tuples of these."""
        found = list(map(self._remembered.get, values))
        if None not in found:
            return found
        new = [values[place] for place, each in enumerate(found) if each is None]
        texts = [value for value in new if isinstance(value, str)]
        if len(texts) == len(new):
            self._learn(texts)
        known = self._remembered
        return [
            known[value] if each is None else each
            for value, each in zip(values, found, strict=True)
        ]

    def _learn(self, texts: Sequence[str]) -> None:
        """Remember the classes of new texts, after one scan of all."""
        speaking = self._index.of_texts(texts)
        asked = range(len(texts)) if self._always else speaking
        learnt: dict[object, Hashable] = dict.fromkeys(texts, ())
        learnt.update((texts[at], self._passed(texts[at], speaking.get(at, ()))) for at in asked)
        self._remembered.keep_all(texts, learnt, list(map(len, texts)))

    def _find(self, value: object) -> Hashable:
        if value is None:
            return _NULL
        if value is UNSET:
            return UNSET
        if isinstance(value, tuple):
            return frozenset(map(self._find, value))
        return self._passed(value, self._index.of_value(value))

    def _passed(self, value: object, speaking: Sequence[int]) -> Hashable:
        tried = (*speaking, *self._always)
        return tuple(number for number in tried if self._check(number)(value))

    def _check(self, number: int) -> Callable[[object], bool]:
        """Return a test as a function, made when a value first needs it."""
        check = self._checks.get(number)
        if check is None:
            check = self._checks[number] = check_of(self._tests[number])
        return check
