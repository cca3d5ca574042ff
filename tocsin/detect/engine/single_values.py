"""Which tests of one field a value passes: all that counts of the value for any rule."""

from collections.abc import Hashable, Iterable

from msgspec import UNSET

from tocsin.conditions.tree import Null, Test
from tocsin.detect.engine.field_index import FieldIndex
from tocsin.detect.engine.heads import size_of
from tocsin.detect.engine.memory import Allowance, Memory
from tocsin.detect.engine.scans import check_of
from tocsin.detect.engine.witnesses import witnesses_of_test

_MAX_WITHOUT_WITNESS = 8
_OTHER = object()


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
        self._checks = [check_of(test) for test in decided]
        # It is asked about new values only; what it says is remembered here.
        self._index = FieldIndex(witnesses, Allowance(0))
        self._remembered: Memory[object, Hashable] = Memory(self._find, size_of, allowance)

    def of_value(self, value: object) -> Hashable:
        """Return the class of a text, truth value, null, `UNSET`, or a tuple of these."""
        return self._remembered[value]

    def _find(self, value: object) -> Hashable:
        if isinstance(value, tuple):
            return frozenset(map(self._find, value))
        if not isinstance(value, str):
            # Where other values are decoded, nothing but their presence counts.
            return value if value in (None, UNSET, True, False) else _OTHER
        tried = (*self._index.of_value(value), *self._always)
        return tuple(number for number in tried if self._checks[number](value))
