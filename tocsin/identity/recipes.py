"""Read the files that say which events and things tell who is who.

A file of `content/identities` names a source (or `resources` for the inventory) and what its
records tell; docs/guides/joining.md explains the keys.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tocsin.errors import ContentError, Location
from tocsin.ocsf.yaml_text import YamlValue, load

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
OCSF = "ocsf."
ACTOR = "actor"
RESOURCES = "resources"
_LENGTH = re.compile(r"(\d+)([mhd])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_KEYS = frozenset(
    {
        *("relation", "same", "when", "unless", "like", "each"),
        *("one", "other", "before", "after", "because"),
    }
)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of what is told: the type of entity and the text its uid is made of.

    Attributes:
        type: such as `address`; `actor` is whoever did it.
        uid: with paths in braces; `|last` behind a path takes what follows its last slash,
            `|digest` that of an image, `|function` the function of a network interface.
    """

    type: str
    uid: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one kind of record tells.

    Attributes:
        source: whose records; `resources` for the inventory.
        when: paths and the values of which one must be there; none: any value.
        unless: paths and the values that must not be there.
        like: paths and how a value there must begin.
        each: path of a list whose elements are told of one by one, as `item`; "" for none.
        because: the reason, with paths in braces.
        paths: all that are read.
    """

    source: str
    relation: str
    is_same: bool
    one: Side
    other: Side
    because: str
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)
    like: Mapping[str, str] = field(default_factory=dict)
    each: str = ""
    before: timedelta = timedelta(hours=1)
    after: timedelta = timedelta(hours=4)

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all texts and conditions."""
        texts = (self.one.uid, self.other.uid, self.because)
        named = {path for text in texts for path in PLACEHOLDER.findall(text)}
        return frozenset(named | set(self.when) | set(self.unless) | set(self.like))

    @property
    def is_of_columns(self) -> bool:
        """Whether the normalized event tells all of it, so that no record need be read."""
        sides = (self.one.type, self.other.type)
        return not self.each and ACTOR not in sides and all(map(_is_column, self.paths))


def _is_column(path: str) -> bool:
    return path.startswith(OCSF)


def parse_recipes(texts: Mapping[str, str]) -> tuple[Recipe, ...]:
    """Return what the files say.

    Args:
        texts: YAML by location.

    Raises:
        ContentError: a file is wrong, with its place.
    """
    return tuple(recipe for location, text in texts.items() for recipe in _of_file(text, location))


def _of_file(text: str, location: str) -> Iterator[Recipe]:
    read = load(text, location).value
    for document in read if isinstance(read, list) else [read]:
        if not isinstance(document, dict):
            raise ContentError("give `source` and `statements`", Location(location))
        source, told = document.get("source"), document.get("statements")
        if not isinstance(source, str) or not isinstance(told, list):
            raise ContentError("give `source` and `statements`", Location(location))
        for number, each in enumerate(told):
            try:
                yield _recipe(source, each)
            except (KeyError, TypeError, ValueError) as error:
                place = f"statements.{number} of {source}: {error}"
                raise ContentError(place, Location(location)) from error


def _recipe(source: str, value: YamlValue) -> Recipe:
    if not isinstance(value, dict):
        raise TypeError("a mapping is needed")
    unknown = sorted(set(value) - _KEYS)
    if unknown:
        raise ValueError(f"unknown keys {', '.join(unknown)}")
    return Recipe(
        source=source,
        relation=str(value["relation"]),
        is_same=bool(value.get("same", True)),
        one=_side(value["one"]),
        other=_side(value["other"]),
        because=str(value["because"]),
        when=_limits(value.get("when")),
        unless=_limits(value.get("unless")),
        like=_texts(value.get("like")),
        each=str(value.get("each") or ""),
        before=_length(value.get("before", "1h")),
        after=_length(value.get("after", "4h")),
    )


def _side(value: YamlValue) -> Side:
    if not isinstance(value, dict):
        raise TypeError("`one` and `other` are mappings of `type` and `uid`")
    return Side(str(value["type"]), str(value.get("uid", "")))


def _limits(value: YamlValue) -> dict[str, frozenset[str]]:
    limits = value if isinstance(value, dict) else {}
    return {
        path: frozenset(str(one) for one in (each if isinstance(each, list) else [each]) if one)
        for path, each in limits.items()
    }


def _texts(value: YamlValue) -> dict[str, str]:
    return {path: str(each) for path, each in value.items()} if isinstance(value, dict) else {}


def _length(value: YamlValue) -> timedelta:
    found = _LENGTH.match(str(value))
    if not found:
        raise ValueError(f"{value!r} is no length such as 30m, 4h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
