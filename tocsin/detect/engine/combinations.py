"""What the indexed fields say about an event, remembered for each combination of their values.

Fields with few different values count as they are, the others by their hit class: which tests they
pass. A combination that was not seen before is first reduced to hit classes altogether. So values
that nobody has seen before cost little.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.conditions.tree import Exists, Field, Leaf
from tocsin.detect.engine.checks import CanDecide, Checks
from tocsin.detect.engine.field_index import FieldIndex, Numbers
from tocsin.detect.engine.heads import Getter, Heads, size_of
from tocsin.detect.engine.looks import Answer, Looks
from tocsin.detect.engine.memory import Allowance, Remembered
from tocsin.detect.engine.shape import Shape
from tocsin.detect.engine.single_values import HitClasses

_SOME = 32


@dataclass(frozen=True, slots=True)
class FieldsRead:
    """What is known of values whatever else is read: by path, the witnesses and the hit classes."""

    indexes: Mapping[str, FieldIndex]
    classes: Mapping[str, HitClasses]


class Combinations:
    """What combinations of values say; remembers them, so it is for one thread."""

    def __init__(
        self,
        shape: Shape,
        heads: Heads,
        read: FieldsRead,
        looks: Looks,
        answers: Allowance,
    ) -> None:
        self._together = heads.together(shape.keys)
        self._always, self._looks = shape.always, looks
        fields = {path: _IndexedField(path, heads, read) for path in (*shape.keys, *shape.values)}
        self._keys = [fields[path] for path in shape.keys]
        self._values = [fields[path] for path in shape.values]
        self._checks = Checks(shape.rules, heads, _decides(fields))
        self._seen: Remembered[tuple[Hashable, ...], Answer] = Remembered(answers)
        self._classes: Remembered[tuple[Hashable, ...], Answer] = Remembered(answers)

    def answers(self, heads: Sequence[object]) -> list[Answer]:
        """Return what each head says."""
        columns = [each.classes_of(heads) for each in self._values]
        seen = list(zip(map(self._together, heads), *columns, strict=True))
        found = list(map(self._seen.get, seen))
        new = [place for place, each in enumerate(found) if each is None]
        if not new:
            return [each for each in found if each is not None]
        of_new = self._of_new(
            [heads[place] for place in new], [[each[at] for at in new] for each in columns]
        )
        # Where most are new they are not seen again soon; a few are kept to find out.
        for at in range(len(new) if 2 * len(new) <= len(heads) else min(len(new), _SOME)):
            size = sum(size_of(each.value(heads[new[at]])) for each in self._keys)
            self._seen.keep(seen[new[at]], of_new[at], size)
        fresh = iter(of_new)
        return [next(fresh) if each is None else each for each in found]

    def _of_new(
        self, heads: Sequence[object], columns: Sequence[Sequence[Hashable]]
    ) -> list[Answer]:
        columns = [*columns, *(each.classes_of(heads) for each in self._keys)]
        classes = list(zip(*columns, strict=True)) if columns else [()] * len(heads)
        return [
            self._classes.get(of_class) or self._of_class(of_class, head)
            for of_class, head in zip(classes, heads, strict=True)
        ]

    def _of_class(self, of_class: tuple[Hashable, ...], head: object) -> Answer:
        named = set(self._always)
        for each in (*self._keys, *self._values):
            named.update(each.numbers(head))
        found = self._looks.answer(self._checks.ask(named, head))
        self._classes.keep(of_class, found, 0)
        return found


class _IndexedField:
    """One of the fields that the engine reads of every event."""

    def __init__(self, path: str, heads: Heads, read: FieldsRead) -> None:
        self.value: Getter = heads.value(path)
        self.classes = read.classes[path]
        self._is_there, self._index = heads.presence(path), read.indexes.get(path)

    def numbers(self, head: object) -> Numbers:
        """Return the rules that the value speaks for."""
        return self._index.of_value(self.value(head)) if self._index else ()

    def classes_of(self, heads: Sequence[object]) -> list[Hashable]:
        """Return what counts of the values: those of one class fulfill the same conditions."""
        values = list(map(self.value, heads))
        classes = self.classes.of_column(values)
        for place, value in enumerate(values):
            if value.__class__ is tuple:
                classes[place] = (self._is_there(heads[place]), classes[place])
        return classes


def _decides(fields: Mapping[str, _IndexedField]) -> CanDecide:
    def can_decide(leaf: Leaf) -> bool:
        match leaf:
            case Field(path, tests):
                return path in fields and fields[path].classes.tests.issuperset(tests)
            case Exists(path):
                return path in fields
            case _:
                return False

    return can_decide
