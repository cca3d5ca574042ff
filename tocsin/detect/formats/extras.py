"""Read the two keys that Tocsin adds to Sigma: `tocsin:` and `examples:`.

Sigma allows attributes of one's own, so that other tools read such a rule unchanged.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from tocsin.detect.document import Reading
from tocsin.detect.rules import ACTOR, DEFAULT_PERIOD, EntityPath, Example
from tocsin.ocsf.yaml_text import YamlValue

_KEYS = ("entity", "links", "dedup", "period", "example_values", "building_block")
_AFTER = re.compile(r"([0-9]{1,6})\s*([smhdw])\Z")
_UNITS_US = {
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86400 * 10**6,
    "w": 604800 * 10**6,
}
_MOST_REPEATS = 1_000
_EXAMPLE_KEYS = ("name", "match", "event", "source")


@dataclass(frozen=True, slots=True)
class Extras:
    """The content of `tocsin:`; see `Rule` for the meaning of each.

    Attributes:
        example_values: placeholders' values that the examples are judged with; in production the
            settings' values count.
    """

    entity: tuple[EntityPath, ...] = ()
    links: tuple[EntityPath, ...] = ()
    dedup: tuple[str, ...] = ()
    period: timedelta = DEFAULT_PERIOD
    example_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_building_block: bool = False


def read_extras(reading: Reading, value: YamlValue) -> Extras:
    """Read `tocsin:`; what is wrong goes to `reading.problems`."""
    if value is None:
        return Extras()
    with reading.collecting():
        found = reading.mapping(value, "tocsin")
        reading.only(found, _KEYS, "tocsin")
        entity = found.get("entity", ACTOR)
        return Extras(
            entity=() if entity == ACTOR else read_entity_paths(reading, entity, "entity"),
            links=read_entity_paths(reading, found.get("links", []), "links"),
            dedup=reading.texts(found.get("dedup", []), "tocsin", "dedup"),
            period=reading.period(found.get("period", "1h"), "tocsin", "period"),
            example_values=_example_values(reading, found.get("example_values")),
            is_building_block=reading.flag(
                found.get("building_block", False), "tocsin", "building_block"
            ),
        )
    return Extras()


def _example_values(reading: Reading, value: YamlValue) -> Mapping[str, tuple[str, ...]]:
    here = ("tocsin", "example_values")
    found = {} if value is None else reading.mapping(value, *here)
    return {name: reading.texts(each, *here, name) for name, each in found.items()}


def read_examples(reading: Reading, value: YamlValue) -> tuple[Example, ...]:
    """Read `examples:`; what is wrong goes to `reading.problems`."""
    examples: list[Example] = []
    with reading.collecting():
        for index, element in enumerate(reading.sequence(value, "examples")):
            with reading.collecting():
                examples.append(_example(reading, element, index))
    _check_names(reading, examples)
    return tuple(examples)


def _check_names(reading: Reading, examples: Sequence[Example]) -> None:
    names = [example.name for example in examples]
    for index, name in enumerate(names):
        if name in names[:index]:
            with reading.collecting():
                raise reading.error(f"two examples are named {name!r}", "examples", index)


def _example(reading: Reading, element: YamlValue, index: int) -> Example:
    here = ("examples", index)
    found = reading.mapping(element, *here)
    reading.only(found, _EXAMPLE_KEYS, *here)
    source = found.get("source")
    return Example(
        name=reading.text(found.get("name"), *here, "name"),
        matches=reading.flag(found.get("match"), *here, "match"),
        record=_json(reading.mapping(found.get("event"), *here, "event")),
        source=None if source is None else reading.text(source, *here, "source"),
    )


def read_stories(reading: Reading, value: YamlValue) -> tuple[Example, ...]:
    """Read `examples:` of a correlation; what is wrong goes to `reading.problems`."""
    examples: list[Example] = []
    for index, element in enumerate(reading.sequence(value, "examples")):
        with reading.collecting():
            examples.append(_story(reading, element, index))
    _check_names(reading, examples)
    return tuple(examples)


def _story(reading: Reading, element: YamlValue, index: int) -> Example:
    here = ("examples", index)
    found = reading.mapping(element, *here)
    reading.only(found, ("name", "match", "events"), *here)
    entries = reading.sequence(found.get("events"), *here, "events")
    if not entries:
        raise reading.error("the example has no `events`", *here)
    told: list[YamlValue] = []
    for at, entry in enumerate(entries):
        told.append(_entry(reading, entry, *here, "events", at))
    return Example(
        name=reading.text(found.get("name"), *here, "name"),
        matches=reading.flag(found.get("match"), *here, "match"),
        record="{}",
        story=_json(told),
    )


def _entry(reading: Reading, value: YamlValue, *path: str | int) -> dict[str, YamlValue]:
    found = reading.mapping(value, *path)
    reading.only(found, ("after", "event", "source", "repeat"), *path)
    after, repeat = found.get("after", "0s"), found.get("repeat", 1)
    match = _AFTER.match(after) if isinstance(after, str) else None
    if match is None:
        raise reading.error(
            f"'after' must be a length such as 10m, found {after!r}", *path, "after"
        )
    if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= _MOST_REPEATS:
        raise reading.error(f"'repeat' must be 1 to {_MOST_REPEATS}", *path, "repeat")
    event = found.get("event")
    source = found.get("source")
    return {
        "after_us": int(match[1]) * _UNITS_US[match[2]],
        "repeat": repeat,
        "source": None if source is None else reading.text(source, *path, "source"),
        "event": None if event is None else reading.mapping(event, *path, "event"),
    }


def _json(value: YamlValue) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def read_entity_paths(reading: Reading, value: YamlValue, key: str) -> tuple[EntityPath, ...]:
    """Read `entity` or `links` of `tocsin:`.

    Raises:
        RuleError: with what is wrong.
    """
    elements = [value] if isinstance(value, dict) else reading.sequence(value, "tocsin", key)
    return tuple(
        _entity_path(reading, element, "tocsin", key, index)
        for index, element in enumerate(elements)
    )


def _entity_path(reading: Reading, element: YamlValue, *path: str | int) -> EntityPath:
    found = reading.mapping(element, *path)
    reading.only(found, ("type", "path"), *path)
    return EntityPath(
        type=reading.text(found.get("type"), *path, "type"),
        path=reading.text(found.get("path"), *path, "path"),
    )
