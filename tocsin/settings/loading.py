"""Read the settings: the file, then the environment over it, then every problem at once.

`${NAME}` inside a text is replaced by the environment variable; `$${` stands for `${` itself.
`TOCSIN_WEB__PORT=8443` overrides `web: port:`; lists and mappings are written as in the file:
`TOCSIN_ORGANIZATION__COUNTRIES='[DE, FR]'`.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tocsin.errors import ContentError, Location, Problem, SettingsError
from tocsin.ocsf.yaml_text import Document, YamlValue
from tocsin.ocsf.yaml_text import load as load_yaml
from tocsin.settings.crossing import cross_problems
from tocsin.settings.explaining import explain, kind_problem
from tocsin.settings.feeds import Feed, feed_kind, kind_names, section_of
from tocsin.settings.forwarders import (
    Forwarder,
    forwarder_kind,
    forwarder_kinds,
    forwarder_section,
)
from tocsin.settings.model import Settings
from tocsin.settings.notifiers import check_notifier, notifier_kinds, notifier_section
from tocsin.settings.response import account_kinds, account_section, check_account
from tocsin.settings.section import Section
from tocsin.settings.tickets import check_tickets, ticket_kinds, ticket_section
from tocsin.values import FromEnvironment, Override, Surroundings, shown

PREFIX = "TOCSIN_"
NOT_SETTINGS = ("TOCSIN_CONFIG", "TOCSIN_TEST_")
MAX_FILE_BYTES = 256 * 1024
_REFERENCE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|\{)")

Keys = tuple[str | int, ...]


@dataclass(slots=True)
class _Reading:
    """One file and one environment on their way to settings, with the problems met so far."""

    document: Document
    location: str
    environ: Mapping[str, str]
    overrides: dict[Keys, str]
    problems: list[Problem]

    def place(self, keys: Keys) -> Location:
        """Return where a value was written: a variable, or a line of the file."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.overrides:
                return Location(self.overrides[keys[:length]])
        return Location(self.location, self.document.line(keys))

    def report(self, keys: Keys, message: str) -> None:
        self.problems.append(Problem(self.place(keys), message))


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file and an environment; without a file, defaults and environment.

    Secrets are read now, so that a missing one is found at the start. Nothing is written.

    Raises:
        SettingsError: one line for every problem, `tocsin.yaml:LINE: what was found, what would be
            right`; secrets and values of variables are not shown.
    """
    reading = _Reading(_read_file(path), str(path or "settings"), environ, {}, [])
    folder = path.parent.resolve() if path else Path.cwd()
    value = reading.document.value
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise SettingsError(f"{reading.location}:1: expected settings such as `web:`, found a list")
    tree = _with_overrides(_interpolated(value, (), reading), reading)
    tree.setdefault("data", Override(_default_data(environ)))
    around = Surroundings(environ, folder)
    try:
        settings = Settings.model_validate(
            {**tree, **_plugged(tree, around, reading)}, context=around
        )
    except ValidationError as error:
        for keys, message in explain(error, Settings):
            reading.report(keys, message)
    for keys, message in cross_problems(tree):
        reading.report(keys, message)
    if reading.problems:
        raise SettingsError("\n".join(_in_order(reading)))
    return settings


@dataclass(frozen=True, slots=True)
class _Plugged:
    """A list of the file whose entries are made of plugs, by their `kind`.

    `name` is dotted where the list lies in a section.
    """

    name: str
    kinds: Callable[[], tuple[str, ...]]
    section_of: Callable[[str], type[Section]]
    check: Callable[[Any], object]
    """Makes the plug's own settings, which may find fault with the whole of them."""


def _check_feed(feed: Feed) -> None:
    if feed.kind != "plugin":
        feed_kind(feed.kind).settings_of(feed, {})


def _check_forwarder(forwarder: Forwarder) -> None:
    forwarder_kind(forwarder.kind).settings_of(forwarder)


_PLUGGED = (
    _Plugged("feeds", kind_names, section_of, _check_feed),
    _Plugged("forwarders", forwarder_kinds, forwarder_section, _check_forwarder),
    _Plugged("notifiers", notifier_kinds, notifier_section, check_notifier),
    _Plugged("response.accounts", account_kinds, account_section, check_account),
    _Plugged("tickets", ticket_kinds, ticket_section, check_tickets),
)


def _plugged(
    tree: Mapping[str, YamlValue], around: Surroundings, reading: _Reading
) -> dict[str, object]:
    """Return entries made of plugs in place of what was written, where that is a list."""
    found: dict[str, object] = {}
    for plugged in _PLUGGED:
        section, _, name = plugged.name.rpartition(".")
        holder = tree.get(section) if section else tree
        listed = holder.get(name) if isinstance(holder, Mapping) else None
        if isinstance(listed, list) and isinstance(holder, Mapping):
            place = tuple(plugged.name.split("."))
            made = [
                _entry(each, plugged, (*place, n), around, reading) for n, each in enumerate(listed)
            ]
            entries = tuple(entry for entry in made if entry is not None)
            found[section or name] = {**holder, name: entries} if section else entries
    return found


def _entry(
    written: YamlValue, plugged: _Plugged, keys: Keys, around: Surroundings, reading: _Reading
) -> Section | None:
    """Return an entry, or report what is wrong with it."""
    if not isinstance(written, dict):
        message = f"`{plugged.name}`: expected settings below it, found {shown(written)}"
        reading.report(keys, message)
        return None
    kind, kinds = written.get("kind"), plugged.kinds()
    if not isinstance(kind, str) or kind not in kinds:
        reading.report((*keys, "kind") if kind else keys, kind_problem(kind, kinds))
        return None
    section = Section
    try:
        section = plugged.section_of(kind)
        entry = section.model_validate(written, context=around)
        plugged.check(entry)
        return entry
    except ValidationError as error:
        for place, message in explain(error, section, keys):
            reading.report(place, message)
    except SettingsError as error:
        # What a plug finds between its settings begins with the key that should change.
        named = re.match(r"`(\w+)`", str(error))
        place = (*keys, named[1]) if named and named[1] in written else (*keys, "kind")
        reading.report(place, str(error))
    return None


def _read_file(path: Path | None) -> Document:
    if path is None:
        return Document(None, {})
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(
                f"{path}: larger than 256 KiB; move rules into folders of their own"
            )
        return load_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8; save it as UTF-8") from error
    except ContentError as error:
        raise SettingsError(str(error)) from error


def _default_data(environ: Mapping[str, str]) -> str:
    # https://specifications.freedesktop.org/basedir-spec/latest/: ~/.local/share where not set.
    if environ.get("XDG_DATA_HOME"):
        return f"{environ['XDG_DATA_HOME']}/tocsin"
    if environ.get("HOME") and os.geteuid() != 0:
        return f"{environ['HOME']}/.local/share/tocsin"
    return "/var/lib/tocsin"


def _interpolated(value: YamlValue, keys: Keys, reading: _Reading) -> "YamlValue":
    """Return the value with its references replaced and keys without a value left out."""
    if isinstance(value, dict):
        return {
            key: _interpolated(inner, (*keys, key), reading)
            for key, inner in value.items()
            if inner is not None
        }
    if isinstance(value, list):
        return [_interpolated(inner, (*keys, n), reading) for n, inner in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _text(value, keys, reading)
    return value


def _text(text: str, keys: Keys, reading: _Reading) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match[1] == "${":
            return "${"
        name = match[2]
        if name is None:
            reading.report(keys, "found `${` without a name and `}`; write ${NAME}, or $${ for ${")
        elif name not in reading.environ:
            reading.report(keys, f"the environment variable {name} is not set; set it")
        else:
            return reading.environ[name]
        return match[0]

    result = _REFERENCE.sub(replaced, text)
    has_variable = any(match[2] for match in _REFERENCE.finditer(text))
    return FromEnvironment(result) if has_variable else result


def _with_overrides(tree: YamlValue, reading: _Reading) -> dict[str, YamlValue]:
    assert isinstance(tree, dict)
    for name, keys in _override_names(reading):
        reading.overrides[keys] = name
        section = tree
        for key in keys[:-1]:
            inner = section.setdefault(key, {})
            if not isinstance(inner, dict):
                reading.report(keys, f"`{key}` holds no further settings; shorten the variable")
                break
            section = inner
        else:
            section[keys[-1]] = _override_value(name, reading)
    return tree


def _override_names(reading: _Reading) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the variables that override a setting, and the setting.

    A variable without a double underscore that names no setting is somebody else's: Kubernetes sets
    TOCSIN_PORT where a service is called tocsin. A misspelled one is reported.
    """
    known = tuple(Settings.model_fields)
    for name in sorted(reading.environ):
        if not name.startswith(PREFIX) or name.startswith(NOT_SETTINGS):
            continue
        keys = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if keys[0] in known:
            yield name, keys
        elif len(keys) > 1 or get_close_matches(keys[0], known, cutoff=0.8):
            close = get_close_matches(keys[0], known, n=1, cutoff=0)[0]
            message = f"`{keys[0]}` is no setting; did you mean {PREFIX}{close.upper()}?"
            reading.problems.append(Problem(Location(name), message))


def _override_value(name: str, reading: _Reading) -> YamlValue:
    text = reading.environ[name]
    if not text.lstrip().startswith(("[", "{")):
        return Override(text)
    try:
        return load_yaml(text, name).value
    except ContentError as error:
        reading.problems.append(Problem(Location(name), error.message))
        return None


def _in_order(reading: _Reading) -> list[str]:
    """Return the lines: those of the file from top to bottom, then those of variables."""

    def order(problem: Problem) -> tuple[bool, str, int, str]:
        place = problem.location
        return place.file != reading.location, place.file, place.line, problem.message

    ordered = sorted(reading.problems, key=order)
    return list(dict.fromkeys(str(problem) for problem in ordered))
