"""What the rules of one source read: which fields the index decodes, and how it uses each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass

from tocsin.conditions.tree import (
    AnyTest,
    Condition,
    Exists,
    Field,
    Flag,
    Leaf,
    Null,
    Number,
    Order,
    Test,
    Text,
    TimePart,
    Wildcard,
    leaves_of,
    paths_of,
)
from tocsin.detect.engine.heads import Kind, can_decode, without_prefixes
from tocsin.detect.engine.witnesses import ANYWHERE, Witness, Witnesses, witnesses_of

_MAX_KEYS = 8
_MAX_MORE = 12
_NEVER_RATHER = 100.0


@dataclass(frozen=True, slots=True)
class Necessary:
    """What is known of one rule.

    Attributes:
        condition: holds for every event that the rule matches; `None` where nothing is known.
        reads_record: whether a path of the condition is read from the source's own record.
        is_exact: whether the rule matches whenever the condition holds, and its paths mean what
            they mean in conditions. Otherwise the rule must be asked, and about each record whose
            keys hold dots.
    """

    condition: Condition | None
    reads_record: Callable[[str], bool]
    is_exact: bool = True


class Shape:
    """Which paths are indexed and how, from all rules together.

    Attributes:
        rules: what is known of each.
        always: rules without a witness: any event may be one of theirs.
        keys: paths whose values are read together.
        values: the other paths that are read of every event.
        kinds: of the values at both.
        paths: those with witnesses.
    """

    def __init__(self, rules: Sequence[Necessary]) -> None:
        leaves = [list(_record_leaves(rule)) for rule in rules]
        paths = {path for found in leaves for leaf in found for path in paths_of(leaf)}
        usable = without_prefixes(filter(can_decode, paths))
        different = _different_literals(leaves)
        self.rules = tuple(rules)
        every = [_witnesses(rule, usable, different) for rule in rules]
        self.always = tuple(number for number, found in enumerate(every) if found is None)
        used = {witness.path for found in every for witness in found or ()} - {ANYWHERE}
        self.keys = _key_paths(leaves, usable)
        self.values = tuple(sorted(used.difference(self.keys)))
        self.paths = tuple(sorted(used))
        self._leaves, self._usable = leaves, usable
        self._tests: dict[str, list[tuple[Test, ...]]] = {}
        for leaf in (leaf for found in leaves for leaf in found):
            if isinstance(leaf, Field):
                self._tests.setdefault(leaf.path, []).append(leaf.tests)
        self._more: frozenset[str] = frozenset()
        self.kinds = self._kinds({*self.keys, *self.values})
        self._by_path: dict[str, list[tuple[Witness, int]]] = {}
        for number, found in enumerate(every):
            for witness in found or ():
                self._by_path.setdefault(witness.path, []).append((witness, number))

    def reading(self, wanted: frozenset[str]) -> "Shape":
        """Return the shape where these paths too are read of every event, this one if it is so."""
        known = frozenset(self.keys).union(self.values)
        new = sorted((wanted & self._usable) - known)[: _MAX_MORE - len(self._more)]
        if not new:
            return self
        wider = copy(self)
        wider._more = self._more.union(new)
        wider.values = tuple(sorted({*self.values, *new}))
        wider.kinds = self._kinds({*self.keys, *wider.values})
        return wider

    def _kinds(self, paths: Iterable[str]) -> dict[str, Kind]:
        return kinds_of((leaf for found in self._leaves for leaf in found), paths)

    def of_path(self, path: str) -> list[tuple[Witness, int]]:
        """Return the witnesses at one path with the number of their rule."""
        return self._by_path.get(path, [])

    def tests_at(self, path: str) -> Iterator[Test]:
        """Yield the tests of all rules of a value at one path."""
        for tests in self._tests.get(path, ()):
            yield from tests


def kinds_of(leaves: Iterable[Leaf], paths: Iterable[str]) -> dict[str, Kind]:
    """Return which values are decoded at each of the paths, from what is asked of it."""
    kinds = dict.fromkeys(sorted(paths), Kind.PRESENCE)
    for leaf in leaves:
        for path in paths_of(leaf):
            if path in kinds:
                kinds[path] = max(kinds[path], _kind(leaf))
    return kinds


def _kind(leaf: Leaf) -> Kind:
    if isinstance(leaf, Exists):
        return Kind.PRESENCE
    if not isinstance(leaf, Field):
        return Kind.TEXT
    if any(map(_is_of_numbers, leaf.tests)):
        return Kind.NUMBER
    return Kind.PRESENCE if all(isinstance(test, Null) for test in leaf.tests) else Kind.TEXT


def _compares_whole(leaf: Leaf) -> bool:
    return isinstance(leaf, Exists) or (isinstance(leaf, Field) and all(map(_is_whole, leaf.tests)))


def _is_whole(test: Test) -> bool:
    if isinstance(test, Text):
        return not any(isinstance(part, Wildcard) for part in test.parts)
    if isinstance(test, AnyTest):
        return all(map(_is_whole, test.tests))
    return isinstance(test, Flag | Null)


def _is_of_numbers(test: Test) -> bool:
    if isinstance(test, AnyTest):
        return any(map(_is_of_numbers, test.tests))
    return isinstance(test, Number | Order | TimePart)


def _witnesses(
    rule: Necessary, usable: frozenset[str], different: Counter[str]
) -> Witnesses | None:
    if rule.condition is None:
        return None

    def weigh(witness: Witness) -> float:
        if witness.path == ANYWHERE:
            return _NEVER_RATHER
        if witness.is_whole:
            return 1 / (1 + different[witness.path])
        return 2 + 4 / len(witness.literal)

    def can_use(path: str) -> bool:
        return path == ANYWHERE or (path in usable and rule.reads_record(path))

    return witnesses_of(rule.condition, can_use, weigh)


def _record_leaves(rule: Necessary) -> Iterator[Leaf]:
    for leaf in leaves_of(rule.condition):
        if all(map(rule.reads_record, paths_of(leaf))):
            yield leaf


def _different_literals(leaves: Sequence[Sequence[Leaf]]) -> Counter[str]:
    literals = {
        (leaf.path, test)
        for found in leaves
        for leaf in found
        if isinstance(leaf, Field)
        for test in leaf.tests
        if _is_whole(test)
    }
    return Counter(path for path, _ in literals)


def _key_paths(leaves: Sequence[Sequence[Leaf]], usable: frozenset[str]) -> tuple[str, ...]:
    """Return the paths that most rules compare as a whole, and no rule as a number or in part."""
    mentions: Counter[str] = Counter()
    other: Counter[str] = Counter()
    numbers: set[str] = set()
    for leaf in (leaf for found in leaves for leaf in found):
        place = mentions if _compares_whole(leaf) else other
        place.update(paths_of(leaf))
        if _kind(leaf) is Kind.NUMBER:
            numbers.update(paths_of(leaf))
    most = [
        (count, path)
        for path, count in mentions.items()
        if path in usable and count > 3 * other[path] and path not in numbers
    ]
    return tuple(path for _, path in sorted(most, reverse=True)[:_MAX_KEYS])
