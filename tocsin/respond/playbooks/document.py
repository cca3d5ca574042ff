"""A playbook's document: values with their lines, and mistakes that name place and remedy."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import TypeVar

from tocsin.errors import ContentError, Location, PlaybookError
from tocsin.ocsf.yaml_text import Document, Path, YamlValue, load

_DURATION = re.compile(r"([1-9]\d{0,5})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TEMPLATE = re.compile(r"\{\{|\}\}|\$\{|\{%|\$\(")
_Word = TypeVar("_Word", bound=str)


class Written:
    """The file of one playbook."""

    def __init__(self, text: str, file: str) -> None:
        """Read the file.

        Raises:
            PlaybookError: it is no YAML, or holds a template.
        """
        try:
            self._document: Document = load(text, file)
        except ContentError as error:
            raise PlaybookError(error.message, error.location) from error
        self._file = file
        for path, found in _texts(self._document.value, ()):
            # Records of examples are what a source writes, whatever that looks like.
            is_record = path[:1] == ("examples",) and "findings" in path
            if not is_record and _TEMPLATE.search(found):
                message = f"{found[:60]!r} looks like a template; playbooks have none: name a path"
                raise self.error(f"{message} under `target`, or write the value itself", path)

    @property
    def value(self) -> YamlValue:
        """The whole document."""
        return self._document.value

    def line(self, path: Path) -> int:
        """Return the line of a part, from 1."""
        return self._document.line(path)

    def error(self, message: str, path: Path) -> PlaybookError:
        """Return a mistake at a part of the file."""
        return PlaybookError(message, Location(self._file, self.line(path)))

    def error_at(self, message: str, line: int) -> PlaybookError:
        """Return a mistake at a line of the file."""
        return PlaybookError(message, Location(self._file, line))

    def mapping(
        self, value: YamlValue, path: Path, known: Iterable[str]
    ) -> Mapping[str, YamlValue]:
        """Return a mapping that has no other keys than those known.

        Raises:
            PlaybookError: it is none, or has.
        """
        names = list(known)
        if not isinstance(value, dict):
            raise self.error(f"expected a mapping with {', '.join(names)}", path)
        for key in value:
            if key not in names:
                raise self.error(f"{key!r} is not known here{meant(key, names)}", (*path, key))
        return value

    def text(self, found: Mapping[str, YamlValue], key: str, path: Path) -> str:
        """Return a text that must be there."""
        value = found.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key!r} must be a text that is not empty", (*path, key))
        return value.strip()

    def word(self, value: YamlValue, path: Path, words: tuple[_Word, ...]) -> _Word:
        """Return a value that is one of a few words."""
        if value not in words:
            raise self.error(f"{value!r} is not possible{meant(str(value), words)}", path)
        return value

    def number(self, value: YamlValue, path: Path, most: int) -> int:
        """Return a whole number from 1 on."""
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise self.error(f"{path[-1]!r} must be a number from 1 to {most}", path)
        return value

    def duration(self, value: YamlValue, path: Path) -> timedelta:
        """Return a length of time such as `30m`."""
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise self.error(f"{path[-1]!r} must be a duration such as 30m or 4h", path)
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])

    def rows(self, value: YamlValue, path: Path) -> list[YamlValue]:
        """Return a list."""
        if not isinstance(value, list):
            raise self.error(f"{path[-1]!r} must be a list", path)
        return value


def meant(word: str, choices: Iterable[str]) -> str:
    """Return the end of a sentence that names what may have been meant."""
    names = list(choices)
    close = get_close_matches(word, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; possible: {', '.join(names)}"


def _texts(value: YamlValue, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*path, place))
