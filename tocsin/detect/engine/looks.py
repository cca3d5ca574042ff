"""What is known of an event after a look at some of its fields, and the further look it may need.

Rules that the first fields leave open mostly need two or three others. These are decoded in a
second look, and what they decide is remembered as well; only what no decoded field can decide
(keywords, paths of the normalized form, records of odd shape) needs the record in full.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from tocsin.conditions.tree import Condition, Leaf, leaves_of, paths_of
from tocsin.detect.engine.checks import Checks, Left, Open
from tocsin.detect.engine.field_index import Numbers
from tocsin.detect.engine.heads import Heads, Kind, can_decode, without_prefixes
from tocsin.detect.engine.memory import Allowance, Memory
from tocsin.detect.engine.shape import Necessary, kinds_of

MAX_LOOKS = 4_096

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What is known of an event.

    Attributes:
        sure: rules that match.
        asked: rules that must be asked about the event in full.
        look: decides further rules from further fields; `None` where there are none.
    """

    sure: Numbers = ()
    asked: Numbers = ()
    look: "SecondLook | None" = None


NOTHING = Answer()
"""No rule matches, none is to be asked."""


def gathered(coming: Iterator[T], count: int) -> list[T | None]:
    """Return `count` results of an iterator that may raise for some, `None` for these.

    The loop over the events runs inside `list.extend`: what it appended before an error stays, and
    it goes on behind the record that raised it.
    """
    results: list[T | None] = []
    while len(results) < count:
        try:
            results.extend(coming)
        except (msgspec.MsgspecError, RecursionError):
            results.append(None)
    return results


class SecondLook:
    """Decides rules from fields that only these rules need; remembers, so it is for one thread.

    Attributes:
        paths: the fields.
        asked: about how many events it was asked.
    """

    def __init__(
        self, left: Left, rules: Sequence[Necessary], heads: Heads, allowance: Allowance
    ) -> None:
        self._in_full = Answer(asked=tuple(number for number, _ in left))
        self.paths = heads.paths
        self.asked = 0
        self._decode = heads.decode
        checks = Checks(rules, heads)
        self._checks = [
            (number, rules[number].is_exact, checks.check(condition, rules[number]))
            for number, condition in left
        ]
        self._remembered = Memory(self._find, heads.size, allowance)

    def answers(self, texts: Sequence[str]) -> list[Answer]:
        """Return what the look says of each text."""
        self.asked += len(texts)
        coming = map(self._remembered.__getitem__, map(self._decode, texts))
        found = gathered(coming, len(texts))
        return [self._in_full if answer is None else answer for answer in found]

    def _find(self, head: object) -> Answer:
        found = Open()
        for number, is_exact, check in self._checks:
            found.note(number, check(head), is_exact=is_exact)
        asked = (*found.asked, *(number for number, _ in found.left))
        return Answer(tuple(found.sure), asked) if found.sure or asked else NOTHING


class Looks:
    """The second looks of an engine, each made when rules are first left open for it."""

    def __init__(self, rules: Sequence[Necessary], allowance: Allowance) -> None:
        self._rules, self._allowance = rules, allowance
        self._looks: dict[Left, SecondLook | None] = {}
        self._heads: dict[tuple[tuple[str, Kind], ...], Heads] = {}

    def answer(self, found: Open) -> Answer:
        """Return what was found as an answer, with the look that decides what was left open."""
        if not (found.sure or found.asked or found.left):
            return NOTHING
        left = tuple(found.left)
        look = None if found.asked or not left else self._of(left)
        asked = found.asked if look else [*found.asked, *(number for number, _ in left)]
        return Answer(tuple(found.sure), tuple(asked), look)

    def paths_of_more(self, least: float) -> frozenset[str]:
        """Return the paths that were decoded for at least so many events; begin to count anew."""
        counts: Counter[str] = Counter()
        for look in self._looks.values():
            if look is not None:
                counts.update(dict.fromkeys(look.paths, look.asked))
                look.asked = 0
        return frozenset(path for path, count in counts.items() if count >= least)

    def _of(self, left: Left) -> SecondLook | None:
        """Return the look, `None` where the record must be read in full at any rate."""
        if left not in self._looks:
            if len(self._looks) >= MAX_LOOKS:
                return None
            self._looks[left] = self._made(left)
        return self._looks[left]

    def _made(self, left: Left) -> SecondLook | None:
        leaves = [list(_record_leaves(each, self._rules)) for each in left]
        if not all(map(_decodable, leaves)):
            return None
        every = [leaf for found in leaves for leaf in found]
        kinds = kinds_of(every, without_prefixes(_decodable(every)))
        key = tuple(kinds.items())
        heads = self._heads.get(key)
        if heads is None:
            heads = self._heads[key] = Heads(kinds)
        return SecondLook(left, self._rules, heads, self._allowance)


def _record_leaves(open_rule: tuple[int, Condition], rules: Sequence[Necessary]) -> Iterator[Leaf]:
    number, condition = open_rule
    for leaf in leaves_of(condition):
        if all(map(rules[number].reads_record, paths_of(leaf))):
            yield leaf


def _decodable(leaves: Iterable[Leaf]) -> frozenset[str]:
    return frozenset(path for leaf in leaves for path in paths_of(leaf) if can_decode(path))
