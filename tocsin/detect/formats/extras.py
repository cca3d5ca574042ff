"""Read the two keys that Tocsin adds to Sigma: `tocsin:` and `examples:`.

Sigma allows attributes of one's own, so that other tools read such a rule unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from tocsin.detect.document import Reading
from tocsin.detect.rules import ACTOR, DEFAULT_PERIOD, EntityPath, Example
from tocsin.ocsf.yaml_text import YamlValue

_KEYS = ("entity", "links", "dedup", "period", "example_values")
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


def read_extras(reading: Reading, value: YamlValue) -> Extras:
    """Read `tocsin:`; what is wrong goes to `reading.problems`."""
    if value is None:
        return Extras()
    with reading.collecting():
        found = reading.mapping(value, "tocsin")
        reading.only(found, _KEYS, "tocsin")
        entity = found.get("entity", ACTOR)
        return Extras(
            entity=() if entity == ACTOR else _entity_paths(reading, entity, "entity"),
            links=_entity_paths(reading, found.get("links", []), "links"),
            dedup=reading.texts(found.get("dedup", []), "tocsin", "dedup"),
            period=reading.period(found.get("period", "1h"), "tocsin", "period"),
            example_values=_example_values(reading, found.get("example_values")),
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
    names = [example.name for example in examples]
    for index, name in enumerate(names):
        if name in names[:index]:
            with reading.collecting():
                raise reading.error(f"two examples are named {name!r}", "examples", index)
    return tuple(examples)


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


def _json(value: YamlValue) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _entity_paths(reading: Reading, value: YamlValue, key: str) -> tuple[EntityPath, ...]:
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
