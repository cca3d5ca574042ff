"""What the fields that are read together say about an event, remembered for each combination.

A combination that was not seen before is first reduced to what counts of it: a text that no rule
writes is like any other such text. So values that nobody has seen before cost little.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from msgspec import UnsetType

from tocsin.conditions.tree import Leaf, Text
from tocsin.detect.engine.checks import CanDecide, Checks, Left
from tocsin.detect.engine.field_index import FieldIndex, Numbers
from tocsin.detect.engine.heads import Getter, Heads, size_of
from tocsin.detect.engine.looks import Answer, Looks
from tocsin.detect.engine.memory import Allowance, Remembered
from tocsin.detect.engine.shape import (
    Necessary,
    Shape,
    compares_whole,
    leaves_of,
    paths_of,
    whole_texts,
)

_OTHER = object()


@dataclass(frozen=True, slots=True, eq=False)
class OfKeys:
    """What one combination says.

    Attributes:
        named: the rules that it was asked about.
        sure: rules that match.
        asked: rules that must be asked in full.
        left: rules left open, with what is left of their conditions.
        answer: the same as one answer, for events whose other fields speak for no rule.
    """

    named: frozenset[int]
    sure: Numbers
    asked: Numbers
    left: Left
    answer: Answer


class Combinations:
    """What combinations of the key fields say; remembers them, so it is for one thread.

    Attributes:
        seen: what each combination of values says.
    """

    def __init__(
        self,
        shape: Shape,
        heads: Heads,
        indexes: dict[str, FieldIndex],
        looks: Looks,
        allowance: Allowance,
    ) -> None:
        rules = shape.rules
        self._together = heads.together(shape.keys)
        self._always = shape.always
        self._looks = looks
        self._checks = Checks(rules, heads, _decides(shape.keys))
        self._keys = [_Key(path, rules, heads, indexes.get(path)) for path in shape.keys]
        self._classes: Remembered[tuple[Hashable, ...], OfKeys] = Remembered(allowance)
        self.seen: Remembered[tuple[object, ...], OfKeys] = Remembered(allowance)

    def of_heads(self, heads: Sequence[object]) -> list[OfKeys]:
        """Return what each head's key fields say."""
        keys = list(map(self._together, heads))
        found = list(map(self.seen.get, keys))
        return [
            self._of_new(key, head) if each is None else each
            for key, head, each in zip(keys, heads, found, strict=True)
        ]

    def of_head(self, head: object) -> OfKeys:
        """Return what one head's key fields say."""
        key = self._together(head)
        return self.seen.get(key) or self._of_new(key, head)

    def _of_new(self, key: tuple[object, ...], head: object) -> OfKeys:
        named: set[int] = set(self._always)
        classes, characters = [], 0
        for each in self._keys:
            value = each.value(head)
            numbers = each.numbers(value)
            named.update(numbers)
            classes.append((each.class_of(value, head), numbers))
            characters += size_of(value)
        of_class = tuple(classes)
        found = self._classes.get(of_class)
        if found is None:
            found = self._asked(frozenset(named), head)
            self._classes.keep(of_class, found, 0)
        self.seen.keep(key, found, characters)
        return found

    def _asked(self, named: frozenset[int], head: object) -> OfKeys:
        found = self._checks.ask(named, head)
        sure, asked, left = tuple(found.sure), tuple(found.asked), tuple(found.left)
        return OfKeys(named, sure, asked, left, self._looks.answer(found))


class _Key:
    """One of the fields that are read together."""

    def __init__(
        self, path: str, rules: Sequence[Necessary], heads: Heads, index: FieldIndex | None
    ) -> None:
        self.value: Getter = heads.value(path)
        self._is_there, self._index = heads.presence(path), index
        self._texts: set[str] = set()
        self._is_cased = False
        for rule in rules:
            if rule.reads_record(path):
                for leaf in leaves_of(rule.condition):
                    if compares_whole(leaf) and path in paths_of(leaf):
                        self._learn(leaf)

    def _learn(self, leaf: Leaf) -> None:
        for test in whole_texts(leaf):
            if isinstance(test, Text):
                self._texts.add("".join(map(str, test.parts)).lower())
                self._is_cased |= test.is_cased
            else:
                self._texts.update(("true", "false"))

    def numbers(self, value: object) -> Numbers:
        """Return the rules that the value speaks for."""
        return self._index.of_value(value) if self._index else ()

    def class_of(self, value: object, head: object) -> Hashable:
        """Return what counts of the value: values of one class fulfill the same conditions."""
        if isinstance(value, tuple):
            return self._is_there(head), frozenset(map(self._of_one, value))
        return self._of_one(value)

    def _of_one(self, value: object) -> Hashable:
        if isinstance(value, str):
            folded = value.lower()
            if folded not in self._texts:
                return _OTHER
            return value if self._is_cased else folded
        # Beside texts, only presence, null and truth values are asked for.
        return value if value is None or isinstance(value, bool | UnsetType) else _OTHER


def _decides(keys: Sequence[str]) -> CanDecide:
    paths = frozenset(keys)
    return lambda leaf: compares_whole(leaf) and paths.issuperset(paths_of(leaf))
