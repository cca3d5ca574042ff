"""Read YAML as plain values with line numbers: rules, mappings, settings, log sources.

A subset on purpose, because these files come from many hands: no aliases, no tags, no merge keys,
no duplicate keys, bounded size and depth. Values are JSON values. Keys are always text. Dates and
the odd integers of YAML 1.1 (`0777`, `12:30`) stay text, so that an account number with a leading
zero remains one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from tocsin.errors import ContentError, Location

YamlValue: TypeAlias = "None | bool | int | float | str | list[YamlValue] | dict[str, YamlValue]"
Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)\Z")
_TEXT_TAG = "tag:yaml.org,2002:str"
_TAGS_READ = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value and the line of each part of it.

    Attributes:
        value: JSON values only; `None` for an empty document.
    """

    value: YamlValue
    _lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line, from 1, of the key or element at `path`, or of its nearest parent."""
        for length in range(len(path), -1, -1):
            found = self._lines.get(path[:length])
            if found is not None:
                return found
        return 1


def load(text: str, location: str) -> Document:
    """Read the only document of `text`.

    Args:
        text: the file's content.
        location: the file's name, for messages.

    Raises:
        ContentError: with the line, for anything but one document of the subset.
    """
    documents = load_all(text, location)
    if len(documents) > 1:
        second = documents[1].line(())
        raise ContentError("one YAML document expected, found several", Location(location, second))
    return documents[0] if documents else Document(None, {})


def load_all(text: str, location: str) -> tuple[Document, ...]:
    """Read every document of `text` (Sigma collections separate them by `---`).

    Raises:
        ContentError: with the line, for anything outside the subset.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ContentError(f"the file is larger than {MAX_BYTES // 1024} KiB", Location(location))
    try:
        return _Composer(text, location).documents()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise ContentError(_explain(error), Location(location, line)) from error
    except (yaml.YAMLError, UnicodeError) as error:
        message = f"not YAML: {str(error).splitlines()[0]}"
        raise ContentError(message, Location(location)) from error


def _explain(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    message = ", ".join(parts) or "cannot be read"
    if "'\\t'" in message:
        message += "; indent with spaces"
    return f"not YAML: {message}"


class _Composer:
    """Turns the parser's events into values, one document after the other."""

    def __init__(self, text: str, location: str) -> None:
        self._events: Iterator[Event] = yaml.parse(text, Loader=_Loader)
        self._resolver = yaml.SafeLoader("")
        self._location = location
        self._lines: dict[Path, int] = {}

    def documents(self) -> tuple[Document, ...]:
        found = []
        for event in self._events:
            if isinstance(event, StreamEndEvent):
                break
            if isinstance(event, DocumentStartEvent):
                self._lines = {}
                value = self._value(next(self._events), ())
                found.append(Document(value, self._lines))
        return tuple(found)

    def _value(self, event: Event, path: Path) -> YamlValue:
        self._lines.setdefault(path, _line(event))
        self._check(event, path)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, ScalarEvent)
        return self._scalar(event)

    def _check(self, event: Event, path: Path) -> None:
        if isinstance(event, AliasEvent):
            raise self._error("aliases (`*name`) are not supported; write the value out", event)
        if len(path) > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", event)
        if getattr(event, "anchor", None) is not None:
            raise self._error("anchors (`&name`) are not supported; write the value out", event)
        if getattr(event, "tag", None) not in (None, _TEXT_TAG, "!"):
            raise self._error("tags (`!name`) are not supported; write the plain value", event)

    def _mapping(self, path: Path) -> dict[str, YamlValue]:
        mapping: dict[str, YamlValue] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, path)
            if key in mapping:
                raise self._error(f"the key {key!r} stands here twice", event)
            inner = (*path, key)
            self._lines[inner] = _line(event)
            mapping[key] = self._value(next(self._events), inner)
        return mapping

    def _key(self, event: Event, path: Path) -> str:
        self._check(event, path)
        if not isinstance(event, ScalarEvent):
            raise self._error("a key must be text, not a list or mapping", event)
        if event.value == "<<" and event.implicit[0]:
            raise self._error("merge keys (`<<`) are not supported; write the keys out", event)
        return str(event.value)

    def _sequence(self, path: Path) -> list[YamlValue]:
        elements: list[YamlValue] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            elements.append(self._value(event, (*path, len(elements))))
        return elements

    def _scalar(self, event: ScalarEvent) -> YamlValue:
        text = str(event.value)
        if not event.implicit[0] or event.tag is not None:
            return text
        resolve = self._resolver.resolve
        tag = resolve(yaml.ScalarNode, text, event.implicit)  # type: ignore[no-untyped-call] # PyYAML
        if tag not in _TAGS_READ:
            return text
        if tag.endswith(":int") and not _PLAIN_INTEGER.match(text):
            return text
        if tag.endswith(":float") and ":" in text:
            return text
        return self._number_or_word(tag, text, event)

    def _number_or_word(self, tag: str, text: str, event: ScalarEvent) -> YamlValue:
        try:
            value = self._resolver.construct_object(yaml.ScalarNode(tag, text))
        except ValueError as error:
            raise self._error("a number this long must stand in quotes", event) from error
        assert value is None or isinstance(value, bool | int | float)
        return value

    def _error(self, message: str, event: Event) -> ContentError:
        return ContentError(message, Location(self._location, _line(event)))


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
