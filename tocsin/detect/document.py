"""Take values out of a content document, and say with file and line what is wrong with them.

Problems are collected, so that the writer of a rule sees all of them at once.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches

from tocsin.errors import Location, Problem, RuleError
from tocsin.ocsf.yaml_text import Document, YamlValue

_PERIOD = re.compile(r"([1-9][0-9]{0,5})\s*([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MAX_PERIOD = timedelta(days=31)


class Reading:
    """One document being read: its values by key, and the problems found so far."""

    def __init__(self, document: Document, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.value = document.value if isinstance(document.value, dict) else {}
        self._document = document

    def location(self, *path: str | int) -> Location:
        """Return where the value at `path` stands."""
        return Location(self.file, self._document.line(path))

    @property
    def is_refused(self) -> bool:
        """Whether something was found that keeps the document from being used."""
        return any(not problem.is_warning for problem in self.problems)

    def warn(self, message: str, *path: str | int) -> None:
        """Note what is odd at `path` and does not keep the document from being used."""
        self.problems.append(Problem(self.location(*path), message, is_warning=True))

    def error(self, message: str, *path: str | int) -> RuleError:
        """Return the error that says what is wrong at `path`; for the caller to raise."""
        return RuleError(message, self.location(*path))

    def collecting(self) -> "_Collecting":
        """Turn a `RuleError` raised inside a `with` into a problem, and go on after it."""
        return _Collecting(self.problems)

    def mapping(self, value: YamlValue, *path: str | int) -> dict[str, YamlValue]:
        """Return the value, which must be a mapping."""
        if not isinstance(value, dict):
            raise self.error(f"{_where(path)} must be a mapping, found {_kind(value)}", *path)
        return value

    def sequence(self, value: YamlValue, *path: str | int) -> list[YamlValue]:
        """Return the value, which must be a list; nothing is an empty list."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(f"{_where(path)} must be a list, found {_kind(value)}", *path)
        return value

    def text(self, value: YamlValue, *path: str | int) -> str:
        """Return the value, which must be text that is not empty."""
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{_where(path)} must be text, found {_kind(value)}", *path)
        return value.strip()

    def texts(self, value: YamlValue, *path: str | int) -> tuple[str, ...]:
        """Return the value, which must be a list of texts."""
        elements = self.sequence(value, *path)
        return tuple(self.text(element, *path, index) for index, element in enumerate(elements))

    def flag(self, value: YamlValue, *path: str | int) -> bool:
        """Return the value, which must be true or false."""
        if not isinstance(value, bool):
            raise self.error(f"{_where(path)} must be true or false, found {_kind(value)}", *path)
        return value

    def period(self, value: YamlValue, *path: str | int) -> timedelta:
        """Return a length of time such as `90s`, `30m`, `1h`, `7d`."""
        match = _PERIOD.match(value) if isinstance(value, str) else None
        found = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
        if not timedelta(0) < found <= _MAX_PERIOD:
            message = f"{_where(path)} must be a length such as 30m, 1h or 7d (31d at most)"
            raise self.error(f"{message}, found {value!r}", *path)
        return found

    def only(self, keys: Iterable[str], known: Iterable[str], *path: str | int) -> None:
        """Refuse keys that are not known, each with the nearest one that is."""
        choices = list(known)
        for key in keys:
            if key not in choices:
                message = f"unknown key {key!r}{nearest(key, choices)}"
                self.problems.append(Problem(self.location(*path, key), message))


class _Collecting:
    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, RuleError):
            return False
        self._problems.append(Problem(error.location, error.message))
        return True


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `; did you mean 'x'?` for the nearest choice, else the choices."""
    choices = list(choices)
    close = get_close_matches(word, choices, n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(choices)}"


def _where(path: tuple[str | int, ...]) -> str:
    return "the rule" if not path else f"{'.'.join(map(str, path))!r}"


def _kind(value: YamlValue) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value), repr(value))
