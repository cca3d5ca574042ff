"""What is known of a value while a Python rule is read, and what tests of it say of the record.

Every function returns conditions that hold wherever the test passes; none where nothing is known.
A text that is found inside an object or a list is found in its JSON too, which is how conditions
see such values.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    Condition,
    Field,
    Flag,
    Not,
    Number,
    Pattern,
    Test,
    Text,
    Wildcard,
)
from tocsin.detect.engine.python_module import Constant

NEVER: Condition = AnyOf(())
"""The condition of what cannot happen."""

_ADDED_PREFIX = "p_"
_NOT_TEXT = ("None", "True", "False", "nan", "inf")
_LARGEST_EXACT = 1 << 53
_WRITTEN_ALIKE = re.compile(r"[ !#-\[\]-~]+\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """The value of the record at a path, or what stands for it where there is none.

    Attributes:
        path: keys, one inside the other; empty for the record itself.
        form: what was done to it: nothing, `lower()`, or `str()`.
        is_element: whether it is one of what the value at the path holds: an element of a list, a
            letter of a text, a key of an object.
        is_inside: whether a list is on the way, so that there are several such values.
    """

    path: tuple[str, ...]
    form: Literal["plain", "lower", "text"] = "plain"
    is_element: bool = False
    is_inside: bool = False

    def under(self, *keys: str) -> "Part | Data":
        """Return the value under these keys."""
        if self.form != "plain":
            return DATA
        return Part(self.path + keys, is_inside=self.is_inside or self.is_element)

    @property
    def element(self) -> "Part | Data":
        """Some element of the value."""
        if self.form != "plain" or self.is_element or not self.path:
            return DATA
        return replace(self, is_element=True)


@dataclass(frozen=True, slots=True)
class Known:
    """A value that the text writes out."""

    value: Constant | None


@dataclass(frozen=True, slots=True)
class Data:
    """Some value made of plain ones; asking it runs no code of a rule."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that may run code of its own when it is used."""


Value: TypeAlias = Part | Known | Data | Opaque
DATA = Data()
OPAQUE = Opaque()


def equals(part: Part, wanted: Constant | None) -> list[Condition]:
    """Return what holds where the value equals this one."""
    return equals_one_of(part, (wanted,))


def equals_one_of(part: Part, wanted: tuple[Constant | None, ...]) -> list[Condition]:
    """Return what holds where the value equals one of these; a missing one may stand as empty."""
    tests: list[Test] = []
    for each in wanted:
        found = _number_tests(part, each) if not isinstance(each, str) else _text_test(part, each)
        if not found:
            return []
        tests += found
    return _field(part, tuple(tests)) if tests else [NEVER]


def holds_text(part: Part, wanted: Constant | None) -> list[Condition]:
    """Return what holds where a text is inside the value: in a text, a list, or among the keys."""
    if not isinstance(wanted, str) or part.form == "text" or not _is_found_in_json(wanted):
        return []
    return _contains(part, wanted)


def starts(part: Part, wanted: Constant | None) -> list[Condition]:
    """Return what holds where the value starts with this text, or one of these."""
    return _edged(part, wanted, is_start=True)


def ends(part: Part, wanted: Constant | None) -> list[Condition]:
    """Return what holds where the value ends with this text, or one of these."""
    return _edged(part, wanted, is_start=False)


def is_false(part: Part) -> list[Condition]:
    """Return what holds where the value is taken for false: whatever it is, it prints otherwise."""
    if part.is_inside or part.is_element or part.form != "plain":
        return []
    return [Not(each) for each in _field(part, (Pattern("^[A-Z]"),))]


def joined(branches: list[list[Condition]]) -> list[Condition]:
    """Return that one of the branches is taken; nothing where one of them demands nothing."""
    alive = [branch for branch in branches if NEVER not in branch]
    if not alive:
        return [NEVER]
    if len(alive) == 1:
        return alive[0]
    return [AnyOf(tuple(AllOf(tuple(branch)) for branch in alive))] if all(alive) else []


def _text_test(part: Part, wanted: str) -> list[Test]:
    if not wanted or (part.form == "lower" and wanted != wanted.lower()):
        return []
    if part.form == "text" and _may_print(wanted):
        return []
    is_cased = part.form != "lower"
    if not part.is_element:
        return [Text((wanted,), is_cased)]
    return [_inside(wanted, is_cased)] if _is_found_in_json(wanted) else []


def _number_tests(part: Part, wanted: Constant | None) -> list[Test]:
    if part.form != "plain" or part.is_element or not isinstance(wanted, int | float):
        return []
    if wanted in (0, 1):  # Python takes false and true for the same
        return [Number(int(wanted)), Flag(bool(wanted))] if wanted else []
    return [Number(wanted)] if abs(wanted) <= _LARGEST_EXACT else []


def _contains(part: Part, wanted: str) -> list[Condition]:
    if part.form == "lower" and wanted != wanted.lower():
        return []
    return _field(part, (_inside(wanted, part.form != "lower"),))


def _inside(wanted: str, is_cased: bool) -> Text:
    return Text((Wildcard.ANY, wanted, Wildcard.ANY), is_cased)


def _edged(part: Part, wanted: Constant | None, *, is_start: bool) -> list[Condition]:
    words = wanted if isinstance(wanted, tuple) else (wanted,)
    tests: list[Test] = []
    for word in words:
        if not isinstance(word, str) or not word or not _is_surely_edged(part, word, is_start):
            return []
        is_cased = part.form != "lower"
        if part.is_element:
            tests.append(_inside(word, is_cased))
        else:
            edged = (word, Wildcard.ANY) if is_start else (Wildcard.ANY, word)
            tests.append(Text(edged, is_cased))
    return _field(part, tuple(tests)) if tests else []


def _is_surely_edged(part: Part, word: str, is_start: bool) -> bool:
    match part.form:
        case "lower":
            return word == word.lower() and (not part.is_element or _is_found_in_json(word))
        case "text":
            return is_start and not part.is_element and not _may_print(word)
        case _:
            return not part.is_element or _is_found_in_json(word)


def _field(part: Part, tests: tuple[Test, ...]) -> list[Condition]:
    path = part.path
    is_added = bool(path) and path[0].startswith(_ADDED_PREFIX)
    # Fields that the worker adds are not in the record; a dot would be read as a step.
    if not path or is_added or not all(path) or any("." in key for key in path):
        return []
    return [Field(".".join(path), tests)]


def _is_found_in_json(text: str) -> bool:
    """Return whether a text stands in JSON as it is."""
    return bool(_WRITTEN_ALIKE.match(text))


def _may_print(text: str) -> bool:
    """Return whether `str` of something that is no text may start so."""
    return not text[0].isalpha() or any(word.startswith(text[:4]) for word in _NOT_TEXT)
