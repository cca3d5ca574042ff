"""Which rules must be asked about an event: the index over all rules of one source.

Fields with few different values (`eventName`, `errorCode`) are read together: for each combination
the rules that can still hold are remembered, after every rule that the index names for it has been
evaluated as far as those fields decide. The other fields are looked up one by one. Memories are
bounded, for whoever writes the records chooses the values.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.conditions import lookup
from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    AnyTest,
    Condition,
    Exists,
    Field,
    Flag,
    Not,
    Null,
    Order,
    Test,
    Text,
    TimePart,
    Wildcard,
)
from tocsin.conditions.tree import Number as NumberTest
from tocsin.detect.engine.field_index import FieldIndex, Numbers
from tocsin.detect.engine.heads import Heads, can_decode, without_prefixes
from tocsin.detect.engine.partial import ABSENT, Known, Partial, partial
from tocsin.detect.engine.witnesses import Witness, Witnesses, witnesses_of

MAX_COMBINATIONS = 16_384
_MAX_KEYS = 8
_MAX_KEY_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Necessary:
    """What is known of one rule.

    Attributes:
        condition: holds for every event that the rule matches; `None` where nothing is known.
        reads_record: whether a path of the condition is read from the source's own record.
        is_exact: whether a path means here what it means in conditions, even in records whose keys
            hold dots; otherwise the rule is asked about each such record.
    """

    condition: Condition | None
    reads_record: Callable[[str], bool]
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Selected:
    """What the index says about some records.

    Attributes:
        asked: index of a record, and the rules that must be asked about it, by their numbers.
        odd: records that the index cannot read quickly; ask `Engine.of_record`.
    """

    asked: list[tuple[int, Numbers]] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)


class Engine:
    """The index over the rules of one source; remembers values, so it is for one thread.

    Attributes:
        always: rules without a witness.
        combinations: the rules left for each combination of the fields that are read together.
        decode: reads the index fields of a record.
    """

    def __init__(self, rules: Sequence[Necessary]) -> None:
        shape = _Shape(rules)
        self.always: Numbers = tuple(
            number for number, witnesses in enumerate(shape.witnesses) if witnesses is None
        )
        self.combinations: dict[tuple[object, ...], Numbers] = {}
        self._keys, self._values = shape.keys, shape.values
        self._heads = Heads(self._keys, self._values)
        self.decode = self._heads.decode
        self._indexes = {path: FieldIndex(shape.of_path(path)) for path in shape.paths}
        self._inexact = tuple(number for number, rule in enumerate(rules) if not rule.is_exact)
        self._partial = [_partial(rule, frozenset(self._keys)) for rule in rules]

    def select(self, texts: Sequence[str]) -> Selected:
        """Return which rules must be asked about which of these records."""
        selected = Selected()
        decode, keys_of, values_of = self.decode, self._heads.keys, self._heads.values
        combinations = self.combinations
        memories = [
            (each.remembered, each) for each in map(self._indexes.get, self._values) if each
        ]
        for place, text in enumerate(texts):
            try:
                head = decode(text)
            except (msgspec.MsgspecError, RecursionError):
                selected.odd.append(place)
                continue
            keys = keys_of(head)
            asked = combinations.get(keys)
            if asked is None:
                asked = self._of_keys(keys)
            found = _found(memories, values_of(head))
            if found:
                asked = self._with(keys, asked, found)
            if asked:
                selected.asked.append((place, asked))
        return selected

    def of_record(self, record: Mapping[str, object]) -> Numbers:
        """Return the rules that must be asked about one decoded record, however odd it is."""
        found = {*self.always, *self._inexact}
        for path, index in self._indexes.items():
            for value in lookup(record, path):
                found.update(index.of_value(value))
        return tuple(sorted(found))

    def _of_keys(self, keys: tuple[object, ...]) -> Numbers:
        """Return the rules that a combination leaves, those of other fields aside."""
        found = set(self.always)
        for path, value in zip(self._keys, keys, strict=True):
            if value is not msgspec.UNSET and path in self._indexes:
                found.update(self._indexes[path].of_value(value))
        left = self._undecided(keys, found)
        if sum(len(value) for value in keys if isinstance(value, str)) <= _MAX_KEY_CHARACTERS:
            if len(self.combinations) >= MAX_COMBINATIONS:
                self.combinations.clear()
            self.combinations[keys] = left
        return left

    def _with(self, keys: tuple[object, ...], asked: Numbers, found: Numbers) -> Numbers:
        """Return the rules asked so far and those found that the keys do not rule out."""
        more = self._undecided(keys, set(found).difference(asked))
        return (*asked, *more) if more else asked

    def _undecided(self, keys: tuple[object, ...], found: set[int]) -> Numbers:
        if not found:
            return ()
        known = {
            path: ABSENT if value is msgspec.UNSET else value
            for path, value in zip(self._keys, keys, strict=True)
        }
        return tuple(sorted(number for number in found if _may_hold(self._partial[number], known)))


def _found(
    memories: Sequence[tuple[Mapping[str, Numbers], FieldIndex]], values: tuple[object, ...]
) -> Numbers:
    """Return the rules that values speak for; runs for every event."""
    together: Numbers = ()
    for (remembered, index), value in zip(memories, values, strict=True):
        if value is msgspec.UNSET or value is None:
            continue
        if value.__class__ is str:
            found = remembered.get(value)
            if found is None:
                found = index.of_value(value)
        else:
            found = index.of_value(value)
        if found:
            together += found
    return together


def _may_hold(check: Partial | None, known: Known) -> bool:
    return check is None or check(known) is not False


def _partial(rule: Necessary, keys: frozenset[str]) -> Partial | None:
    if rule.condition is None:
        return None
    return partial(rule.condition, lambda path: path in keys and rule.reads_record(path))


class _Shape:
    """Which paths are indexed and how, from all rules together.

    Attributes:
        witnesses: of each rule; `None` for rules that are asked about every event.
        keys: paths whose values are read together.
        values: the other indexed paths.
    """

    def __init__(self, rules: Sequence[Necessary]) -> None:
        leaves = [list(_record_leaves(rule)) for rule in rules]
        usable = without_prefixes(
            leaf.path for found in leaves for leaf in found if can_decode(leaf.path)
        )
        different = _different_literals(leaves)
        self.witnesses = [_witnesses(rule, usable, different) for rule in rules]
        used = {witness.path for found in self.witnesses for witness in found or ()}
        self.keys = _key_paths(leaves, usable)
        self.values = tuple(sorted(used.difference(self.keys)))
        self.paths = tuple(sorted(used))
        self._by_path: dict[str, list[tuple[Witness, int]]] = {}
        for number, found in enumerate(self.witnesses):
            for witness in found or ():
                self._by_path.setdefault(witness.path, []).append((witness, number))

    def of_path(self, path: str) -> list[tuple[Witness, int]]:
        """Return the witnesses at one path with the number of their rule."""
        return self._by_path[path]


def _witnesses(
    rule: Necessary, usable: frozenset[str], different: Counter[str]
) -> Witnesses | None:
    if rule.condition is None:
        return None

    def weigh(witness: Witness) -> float:
        if witness.is_whole:
            return 1 / (1 + different[witness.path])
        return 2 + 4 / len(witness.literal)

    def can_use(path: str) -> bool:
        return path in usable and rule.reads_record(path)

    return witnesses_of(rule.condition, can_use, weigh)


def _record_leaves(rule: Necessary) -> Iterator[Field | Exists]:
    stack = [] if rule.condition is None else [rule.condition]
    while stack:
        top = stack.pop()
        match top:
            case AllOf(inner) | AnyOf(inner):
                stack.extend(inner)
            case Not(inner_condition):
                stack.append(inner_condition)
            case Field(path) | Exists(path) if rule.reads_record(path):
                yield top
            case _:
                pass


def _different_literals(leaves: Sequence[Sequence[Field | Exists]]) -> Counter[str]:
    literals = {
        (leaf.path, test)
        for found in leaves
        for leaf in found
        if isinstance(leaf, Field)
        for test in leaf.tests
        if _is_whole(test)
    }
    return Counter(path for path, _ in literals)


def _key_paths(
    leaves: Sequence[Sequence[Field | Exists]], usable: frozenset[str]
) -> tuple[str, ...]:
    """Return the paths that most rules compare as a whole, and no rule as a number or in part."""
    mentions: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for found in leaves:
        for leaf in found:
            place = mentions if _compares_whole(leaf) else other
            place[leaf.path] += 1
    most = [
        (count, path)
        for path, count in mentions.items()
        if path in usable and count > 3 * other[path] and not _has_numbers(path, leaves)
    ]
    return tuple(path for _, path in sorted(most, reverse=True)[:_MAX_KEYS])


def _has_numbers(path: str, leaves: Sequence[Sequence[Field | Exists]]) -> bool:
    return any(
        isinstance(test, NumberTest | Order | TimePart)
        for found in leaves
        for leaf in found
        if isinstance(leaf, Field) and leaf.path == path
        for test in leaf.tests
    )


def _compares_whole(leaf: Field | Exists) -> bool:
    return isinstance(leaf, Exists) or all(map(_is_whole, leaf.tests))


def _is_whole(test: Test) -> bool:
    if isinstance(test, Text):
        return not any(isinstance(part, Wildcard) for part in test.parts)
    if isinstance(test, AnyTest):
        return all(map(_is_whole, test.tests))
    return isinstance(test, Flag | Null)
