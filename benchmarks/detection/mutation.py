"""Many rules from few: the same rule with other literals, still valid Sigma.

Rules are changed as documents and written as YAML, so that every side reads the same files. Names
of fields, modifiers and conditions stay as they are; texts get a tail that no other variant has.
"""

import copy
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TypeAlias

Document: TypeAlias = dict[str, object]
Keep: TypeAlias = Callable[[str, str, int], bool]
"""Whether a literal stays: given the field, the literal and the number of the variant."""

_WORDS = ("condition", "timeframe")
_FLAGS = re.compile(r"\(\?[a-z]+\)")
_NOT_TEXT = frozenset({"exists", "fieldref", "gt", "gte", "lt", "lte"})


def multiplied(documents: Sequence[Document], count: int, keep: Keep) -> list[Document]:
    """Return that many rules: those given, then variants of each in turn."""
    made = list(documents[:count])
    for number in range(count - len(made)):
        made.append(variant(documents[number % len(documents)], number, keep))
    return made


def variant(document: Document, number: int, keep: Keep) -> Document:
    """Return the rule with another identifier and other literals."""
    made = copy.deepcopy(document)
    made["id"] = uuid_of(f"{document['id']} {number}")
    made["title"] = f"{document['title']} ({number})"
    # Some peers refuse a second rule of the same name.
    made.pop("name", None)
    made["detection"] = _other_detection(document["detection"], number, keep)
    if made["detection"] == document["detection"]:
        # It has nothing but what is kept: another rule is wanted, and not the same one twice.
        made["detection"] = _other_detection(document["detection"], number, _keep_nothing)
    return made


def _other_detection(detection: object, number: int, keep: Keep) -> Document:
    assert isinstance(detection, dict)
    return {
        name: part if name in _WORDS else _other(part, "", number, keep)
        for name, part in detection.items()
    }


def _keep_nothing(field: str, literal: str, number: int) -> bool:
    return False


def uuid_of(text: str) -> str:
    """Return an identifier in the form of a UUID, the same for the same text."""
    digits = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _other(part: object, key: str, number: int, keep: Keep) -> object:
    match part:
        case dict():
            return {inner: _other(value, inner, number, keep) for inner, value in part.items()}
        case list():
            return [_other(each, key, number, keep) for each in part]
        case str():
            return _other_text(part, key, number, keep)
        case _:
            return part


def _other_text(text: str, key: str, number: int, keep: Keep) -> str:
    field, *modifiers = key.split("|")
    if not text or not _NOT_TEXT.isdisjoint(modifiers) or keep(field, text, number):
        return text
    tail = blake2b(f"{field} {text} {number}".encode(), digest_size=3).hexdigest()
    if "re" in modifiers:
        flags = _FLAGS.match(text)
        start = flags.end() if flags else 0
        return f"{text[:start]}(?:{text[start:]}){tail}"
    if "cidr" in modifiers:
        return f"10.{number >> 8 & 255}.{number & 255}.0/24"
    stem = text.rstrip("*")
    # Stars at the end stay there: they are what makes the literal a beginning.
    return f"{stem}{tail}{text[len(stem) :]}"
