"""The names and numbers of OCSF 1.8: classes, categories, activities, severities, statuses.

Names are OCSF's own (`api_activity`, `logon`, `informational`); captions are accepted too, whatever
their case. The facts behind them are generated: `tocsin/ocsf/facts.py`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from tocsin.ocsf import facts

VERSION = facts.VERSION
UNKNOWN = 0
OTHER = 99
"""The number of a name outside its enumeration; the name is kept beside it."""

_MARKS = re.compile(r"(?P<name>[^:]+):(?P<type>[^\[!*@]+)(?P<list>\[\])?(?P<required>!)?")


class UnknownNameError(LookupError):
    """A name that OCSF 1.8 does not have; the text suggests close ones."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a class or object.

    Attributes:
        type: an OCSF scalar (`string_t`) or the name of an object (`user`).
        profiles: the profiles of which an event must declare one to have it; empty for all events.
        observable_id: the kind of observable its value is, 0 for none.
    """

    name: str
    type: str
    is_list: bool
    is_required: bool
    profiles: tuple[str, ...]
    observable_id: int

    @property
    def is_object(self) -> bool:
        """Whether the value is an object with attributes of its own."""
        return not self.type.endswith("_t")


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An OCSF object; `at_least_one` of those attributes must be filled where there are any."""

    name: str
    attributes: Mapping[str, Attribute]
    at_least_one: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventClass:
    """An OCSF event class with its activities by number."""

    uid: int
    name: str
    caption: str
    category_uid: int
    category: str
    activities: Mapping[int, str]
    attributes: Mapping[str, Attribute]
    at_least_one: tuple[str, ...]


def class_named(name: str) -> EventClass:
    """Return the class of this OCSF name (`api_activity`) or caption (`API Activity`).

    Raises:
        UnknownNameError: with close names.
    """
    wanted = normal(name)
    for event_class in _classes().values():
        if wanted in (event_class.name, normal(event_class.caption)):
            return event_class
    raise UnknownNameError(unknown("class", name, (c.name for c in _classes().values())))


def class_numbered(uid: int) -> EventClass | None:
    """Return the class with this uid, `None` where OCSF has none."""
    return _classes().get(uid)


def object_named(name: str) -> ObjectType | None:
    """Return the object type with this name, `None` where OCSF has none."""
    return _objects().get(name)


def activity_named(event_class: EventClass, name: str) -> int:
    """Return the number of this activity of `event_class`.

    Raises:
        UnknownNameError: with the activities of the class.
    """
    return _numbered(f"activity of {event_class.name}", event_class.activities, name)


def severity_named(name: str) -> int:
    """Return the number of a severity: `informational` is 1, `fatal` 6."""
    return _numbered("severity", severities(), name)


def status_named(name: str) -> int:
    """Return the number of a status: `success` is 1, `failure` 2."""
    return _numbered("status", statuses(), name)


@cache
def severities() -> Mapping[int, str]:
    """Return the captions of severities by number."""
    return _choices(facts.SEVERITIES)


@cache
def statuses() -> Mapping[int, str]:
    """Return the captions of statuses by number."""
    return _choices(facts.STATUSES)


@cache
def categories() -> Mapping[int, str]:
    """Return the captions of categories by number."""
    split = (line.split(" ", 2) for line in facts.CATEGORIES.strip().splitlines())
    return {int(number): caption for number, _, caption in split}


def normal(name: str) -> str:
    """Return `name` as OCSF writes identifiers: `Password Change` is `password_change`."""
    return re.sub(r"[^a-z0-9/]+", "_", name.strip().lower()).strip("_")


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that is none of `known`, with the closest ones."""
    choices = sorted(set(known))
    close = get_close_matches(normal(name), choices, n=3, cutoff=0.5)
    if close:
        return f"unknown {what} {name!r}; did you mean {' or '.join(close)}?"
    return f"unknown {what} {name!r}; known are {', '.join(choices[:20])}"


def _numbered(what: str, choices: Mapping[int, str], name: str) -> int:
    wanted = normal(name)
    for number, caption in choices.items():
        if normal(caption) == wanted:
            return number
    raise UnknownNameError(unknown(what, name, (normal(caption) for caption in choices.values())))


@cache
def _classes() -> Mapping[int, EventClass]:
    lines = facts.CLASSES.strip().splitlines()
    shared = _attributes(lines[0].split("|")[3], {})
    return {int(line.split(" ", 1)[0]): _event_class(line, shared) for line in lines}


@cache
def _objects() -> Mapping[str, ObjectType]:
    split = (line.split("|") for line in facts.OBJECTS.strip().splitlines())
    return {
        name: ObjectType(name, _attributes(attributes, {}), tuple(one_of.split()))
        for name, one_of, attributes in split
    }


def _event_class(line: str, shared: Mapping[str, Attribute]) -> EventClass:
    head, activities, one_of, attributes = line.split("|")
    uid, name, category, caption = head.split(" ", 3)
    return EventClass(
        uid=int(uid),
        name=name,
        caption=caption,
        category_uid=int(uid) % 100_000 // 1000,
        category=category,
        activities=_choices(activities),
        attributes=_attributes(attributes, shared),
        at_least_one=tuple(one_of.split()),
    )


def _attributes(text: str, shared: Mapping[str, Attribute]) -> Mapping[str, Attribute]:
    attributes = dict(shared)
    for word in text.split():
        if word.startswith("-"):
            attributes.pop(word[1:], None)
        else:
            attribute = _attribute(word)
            attributes[attribute.name] = attribute
    return attributes


def _attribute(word: str) -> Attribute:
    described, _, observable = word.partition("@")
    described, *profiles = described.split("*")
    marks = _MARKS.match(described)
    if marks is None:
        raise ValueError(f"facts.py cannot be read at {word!r}; generate it anew")
    return Attribute(
        name=marks["name"],
        type=marks["type"],
        is_list=bool(marks["list"]),
        is_required=bool(marks["required"]),
        profiles=tuple(profiles),
        observable_id=int(observable or 0),
    )


def _choices(text: str) -> Mapping[int, str]:
    pairs = (pair.split("=", 1) for pair in text.split(";"))
    return {int(number): caption for number, caption in pairs}
