"""Playbooks: when these incidents, request these actions.

Thin on purpose: `observe` is the only mode, so nothing is ever done, only proposed; approval,
expiry and the order of steps come with the actions (issue 6).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import msgspec

from tocsin.errors import ContentError, Location, PlaybookError
from tocsin.ocsf.yaml_text import Document, Path, YamlValue, load

Mode = Literal["observe"]
SEVERITIES = ("informational", "low", "medium", "high", "critical", "fatal")
"""In order of OCSF's `severity_id`, which begins at 1."""

_DURATION = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Trigger:
    """Which incidents a playbook is for: all that is given must fit.

    Attributes:
        severity_id: the least severity, OCSF.
        tactics: at least one of them is seen; empty fits always.
        entity_types: the type of the incident's first entity; empty fits always.
    """

    severity_id: int
    tactics: frozenset[str] = frozenset()
    entity_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One action to request; `arguments` is the JSON object under `with`."""

    action: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Playbook:
    """What to request for which incidents.

    Attributes:
        uid: stable; part of the identifier of its requests.
        mode: `observe`: requests are stored and shown, never carried out.
        cooldown: how long the same entity is left alone after a request of this playbook.
        most_per_hour: how many entities this playbook may touch in any hour.
    """

    uid: str
    title: str
    trigger: Trigger
    steps: tuple[Step, ...]
    mode: Mode = "observe"
    cooldown: timedelta = timedelta(hours=1)
    most_per_hour: int = 5


def parse_playbook(text: str, file: str) -> Playbook:
    """Read one playbook file.

    Raises:
        PlaybookError: with the line, what was found and what would be right.
    """
    try:
        document = load(text, file)
    except ContentError as error:
        raise PlaybookError(error.message, error.location) from error
    reading = _Reading(document, file)
    known = ("id", "title", "trigger", "steps", "mode", "cooldown", "limits")
    found = reading.mapping(document.value, (), known)
    if found.get("mode", "observe") != "observe":
        raise reading.error(f"mode {found['mode']!r} does not exist yet; write observe", ("mode",))
    limits = reading.mapping(found.get("limits", {}), ("limits",), ("per_hour",))
    return Playbook(
        uid=reading.text(found, "id", ()),
        title=reading.text(found, "title", ()),
        trigger=_trigger(reading, found.get("trigger")),
        steps=_steps(reading, found.get("steps")),
        cooldown=_duration(reading, found.get("cooldown", "1h")),
        most_per_hour=_count(reading, limits.get("per_hour", 5)),
    )


class _Reading:
    """A document and where it came from, for messages."""

    def __init__(self, document: Document, file: str) -> None:
        self._document = document
        self._file = file

    def error(self, message: str, path: Path) -> PlaybookError:
        return PlaybookError(message, Location(self._file, self._document.line(path)))

    def mapping(
        self, value: YamlValue, path: Path, known: tuple[str, ...]
    ) -> Mapping[str, YamlValue]:
        if not isinstance(value, dict):
            raise self.error(f"expected a mapping with {', '.join(known)}", path)
        for key in value:
            if key not in known:
                message = f"{key!r} is not known here; possible: {', '.join(known)}"
                raise self.error(message, (*path, key))
        return value

    def text(self, found: Mapping[str, YamlValue], key: str, path: Path) -> str:
        value = found.get(key)
        if not isinstance(value, str) or not value:
            raise self.error(f"{key!r} must be a text that is not empty", (*path, key))
        return value

    def texts(self, found: Mapping[str, YamlValue], key: str, path: Path) -> frozenset[str]:
        value = found.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(f"{key!r} must be a list of texts", (*path, key))
        return frozenset(map(str, value))


def _trigger(reading: _Reading, value: YamlValue) -> Trigger:
    place: Path = ("trigger",)
    found = reading.mapping(value, place, ("severity", "tactics", "entity_types"))
    severity = reading.text(found, "severity", place)
    if severity not in SEVERITIES:
        message = f"{severity!r} is no severity; possible: {', '.join(SEVERITIES)}"
        raise reading.error(message, (*place, "severity"))
    return Trigger(
        severity_id=SEVERITIES.index(severity) + 1,
        tactics=reading.texts(found, "tactics", place),
        entity_types=reading.texts(found, "entity_types", place),
    )


def _steps(reading: _Reading, value: YamlValue) -> tuple[Step, ...]:
    if not isinstance(value, list) or not value:
        raise reading.error("'steps' must be a list with at least one step", ("steps",))
    steps = []
    for number, element in enumerate(value):
        place: Path = ("steps", number)
        found = reading.mapping(element, place, ("action", "with"))
        arguments = found.get("with", {})
        if not isinstance(arguments, dict):
            raise reading.error("'with' must be a mapping", (*place, "with"))
        encoded = msgspec.json.encode(arguments, order="deterministic").decode()
        steps.append(Step(reading.text(found, "action", place), encoded))
    return tuple(steps)


def _duration(reading: _Reading, value: YamlValue) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise reading.error("'cooldown' must be a duration such as 30m or 4h", ("cooldown",))
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _count(reading: _Reading, value: YamlValue) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise reading.error("'per_hour' must be a number from 1 to 1000", ("limits", "per_hour"))
    return value
