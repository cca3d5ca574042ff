"""What the fields that are read together say about an event, remembered for each combination.

A combination that was not seen before is first reduced to what counts of it: which tests its values
pass. So values that nobody has seen before cost little.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.conditions.tree import Exists, Field, Leaf
from tocsin.detect.engine.checks import CanDecide, Checks, Left
from tocsin.detect.engine.field_index import FieldIndex, Numbers
from tocsin.detect.engine.heads import Getter, Heads, size_of
from tocsin.detect.engine.looks import Answer, Looks
from tocsin.detect.engine.memory import Allowance, Remembered
from tocsin.detect.engine.shape import Shape
from tocsin.detect.engine.single_values import HitClasses


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
        self._together = heads.together(shape.keys)
        self._always = shape.always
        self._looks = looks
        keys = {path: _Key(path, shape, heads, indexes.get(path), allowance) for path in shape.keys}
        self._keys = tuple(keys.values())
        self._checks = Checks(shape.rules, heads, _decides(keys))
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
        classes: list[Hashable] = []
        characters = 0
        for each in self._keys:
            value = each.value(head)
            named.update(each.numbers(value))
            classes.append(each.class_of(value, head))
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
        self, path: str, shape: Shape, heads: Heads, index: FieldIndex | None, allowance: Allowance
    ) -> None:
        self.value: Getter = heads.value(path)
        self.classes = HitClasses(shape.tests_at(path), allowance)
        self._is_there, self._index = heads.presence(path), index

    def numbers(self, value: object) -> Numbers:
        """Return the rules that the value speaks for."""
        return self._index.of_value(value) if self._index else ()

    def class_of(self, value: object, head: object) -> Hashable:
        """Return what counts of the value: values of one class fulfill the same conditions."""
        of_value = self.classes.of_value(value)
        return (self._is_there(head), of_value) if isinstance(value, tuple) else of_value


def _decides(keys: Mapping[str, _Key]) -> CanDecide:
    def can_decide(leaf: Leaf) -> bool:
        match leaf:
            case Field(path, tests):
                return path in keys and keys[path].classes.tests.issuperset(tests)
            case Exists(path):
                return path in keys
            case _:
                return False

    return can_decide
