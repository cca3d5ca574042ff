"""Tell a story as native records: who does what, how often and when, in the words of a YAML file.

A record is its source's frame, the identity's part and the event's part laid over one another, with
placeholders filled in. Everything that looks drawn (pauses, choices, identifiers) is a hash of the
story's seed and the place in the story, so the same story gives the same records every time. Pure:
no clock, no randomness, no file.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate, count

from tocsin.errors import ContentError, Location
from tocsin.ocsf.yaml_text import YamlValue, load

_PERIOD = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::(\w+))?(?::(\w+))?\}")
_READS = ("Describe", "Get", "List", "Lookup", "Head", "BatchGet", "Search", "Select")
_NONE = "{none}"
_PAUSE = timedelta(seconds=20)
_OWN_KEYS = ("at", "identity", "source", "repeat", "gap", "weight")
_SHARED_KEYS = ("values", "frames", "identities")
_NOBODY = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One record to come: when, as which identity, and from which part of the story.

    Attributes:
        offset: from the story's beginning.
        key: names the place in the story; the record's own identifiers hang on it.
        scene: names what happens in a row, which is about the same things: choices hang on it.
        identity: name of the identity.
        event: the event's own part of the record.
    """

    offset: timedelta
    key: str
    scene: str
    identity: str
    event: Mapping[str, YamlValue] = field(hash=False)


@dataclass(frozen=True, slots=True)
class _Habit:
    """Something that an identity does again and again.

    Attributes:
        plays_all: whether each time all events happen in a row, or one of them.
    """

    key: str
    source: str
    identity: str
    every: timedelta
    start: timedelta
    end: timedelta
    gap: timedelta
    plays_all: bool
    events: tuple[Mapping[str, YamlValue], ...]


@dataclass(frozen=True)
class Story:
    """A story as written; read with `load_story`.

    Attributes:
        span: from the first record to the last.
        limit: how many records at most, counted over all sources; `None` for all.
    """

    seed: str
    span: timedelta
    limit: int | None
    values: Mapping[str, YamlValue]
    frames: Mapping[str, Mapping[str, YamlValue]]
    identities: Mapping[str, Mapping[str, YamlValue]]
    _habits: tuple[_Habit, ...]
    _steps: tuple[tuple[str, Occurrence], ...]

    def occurrences(self, source: str) -> tuple[Occurrence, ...]:
        """Return what happens in one source within the span, in order of time."""
        return tuple(occurrence for of, occurrence in self._schedule if of == source)

    @property
    def first_step(self) -> timedelta:
        """From the story's beginning to its first step; zero where it only has habits."""
        return min((step.offset for _, step in self._steps), default=timedelta(0))

    def another_day(self, number: int, rarely: timedelta) -> "Story":
        """Return the habits of the story as on another day, none more often than `rarely`.

        Args:
            number: names the day; another one, another course of things.
            rarely: habits that happen more often go on this rarely.
        """
        habits = tuple(replace(each, every=max(each.every, rarely)) for each in self._habits)
        return replace(self, seed=f"{self.seed} {number}", _habits=habits, _steps=())

    def background(self, source: str, position: int) -> Occurrence:
        """Return the occurrence at `position` of the habits going on without end.

        Its offset means nothing: who plays it says when it happens.
        """
        habits = [habit for habit in self._habits if habit.source == source]
        reached = list(accumulate(1 / habit.every.total_seconds() for habit in habits))
        point = _share(self.seed, source, "background", str(position)) * reached[-1]
        habit = habits[bisect_right(reached, point)]
        events = habit.events
        event = events[_number(self.seed, source, "which", str(position)) % len(events)]
        key = f"{habit.key}+{position}"
        return Occurrence(timedelta(0), key, key, habit.identity, event)

    def told(self, source: str, begun: datetime) -> Iterator[dict[str, YamlValue]]:
        """Yield the records of one source, in order, of a story that began at `begun` (UTC)."""
        for occurrence in self.occurrences(source):
            yield self.record(source, occurrence, begun + occurrence.offset)

    def record(self, source: str, occurrence: Occurrence, time: datetime) -> dict[str, YamlValue]:
        """Return the native record of an occurrence that happens at `time` (UTC)."""
        parts = (self.identities.get(occurrence.identity, {}), occurrence.event)
        whole: dict[str, YamlValue] = dict(self.frames[source])
        for part in parts:
            whole = _merged(whole, part)
        filler = _Filler(self, occurrence, time, whole)
        return filler.object(whole)

    @cached_property
    def _schedule(self) -> tuple[tuple[str, Occurrence], ...]:
        """Every occurrence with its source, in order of time."""
        planned = [*self._steps]
        for habit in self._habits:
            planned += [(habit.source, each) for each in self._habitual(habit)]
        planned.sort(key=lambda pair: (pair[1].offset, pair[1].key))
        return tuple(planned[: self.limit])

    def _habitual(self, habit: _Habit) -> Iterator[Occurrence]:
        moment = habit.start + habit.every * _share(self.seed, habit.key, "first")
        for turn in count():
            if moment >= habit.end:
                return
            yield from self._once(habit, turn, moment)
            # Half as long to half as long again: no rhythm that the eye catches.
            moment += habit.every * (0.5 + _share(self.seed, habit.key, str(turn)))

    def _once(self, habit: _Habit, turn: int, moment: timedelta) -> Iterator[Occurrence]:
        chosen: Sequence[Mapping[str, YamlValue]] = habit.events
        if not habit.plays_all:
            index = _number(self.seed, habit.key, "which", str(turn)) % len(habit.events)
            chosen = (habit.events[index],)
        for index, event in enumerate(chosen):
            offset = moment + habit.gap * index
            if offset < habit.end:
                scene = f"{habit.key}/{turn}"
                yield Occurrence(offset, f"{scene}/{index}", scene, habit.identity, event)


def load_story(text: str, location: str, below: str = "") -> Story:
    """Read a story.

    Args:
        text: YAML; `content/demo/story.yaml` says at its head what its keys mean.
        location: the file's name, for messages.
        below: YAML whose `values`, `frames` and `identities` many stories share; the story's own
            lie over them.

    Raises:
        ContentError: something is missing, of another kind, or names what is not there.
    """
    reader = _StoryReader(location)
    found = reader.mapping(load(text, location).value, "the story")
    if below:
        shared = reader.mapping(load(below, location).value, "what stories share")
        found = _merged({key: shared[key] for key in _SHARED_KEYS if key in shared}, found)
    reader.source, reader.identity = found.get("source"), found.get("identity", _NOBODY)
    span = reader.period(found.get("span", "24h"), "span")
    limit = found.get("limit")
    story = Story(
        seed=str(found.get("seed", "")),
        span=span,
        limit=limit if isinstance(limit, int) else None,
        values=reader.mapping(found.get("values", {}), "values"),
        frames=reader.mappings(found.get("frames"), "frames"),
        identities=reader.mappings(found.get("identities"), "identities"),
        _habits=tuple(reader.habits(found.get("habits", []), span)),
        _steps=tuple(reader.steps(found.get("steps", []))),
    )
    reader.check(story)
    return story


class _StoryReader:
    """Takes a story's parts out of YAML values, and says what is wrong with which part."""

    def __init__(self, location: str) -> None:
        self._location = Location(location)
        self.source: YamlValue = None
        self.identity: YamlValue = _NOBODY

    def mapping(self, value: YamlValue, what: str) -> dict[str, YamlValue]:
        if not isinstance(value, dict):
            raise ContentError(f"{what} must be a mapping", self._location)
        return value

    def mappings(self, value: YamlValue, what: str) -> dict[str, Mapping[str, YamlValue]]:
        found = self.mapping(value, what)
        return {name: self.mapping(each, f"{what}.{name}") for name, each in found.items()}

    def period(self, value: YamlValue, what: str) -> timedelta:
        match = _PERIOD.match(value) if isinstance(value, str) else None
        if match is None:
            raise ContentError(f"{what} must be a length such as 40s, 5m or 3h", self._location)
        return timedelta(**{_UNITS[match[2]]: float(match[1])})

    def habits(self, value: YamlValue, span: timedelta) -> Iterator[_Habit]:
        for index, element in enumerate(self._elements(value, "habits")):
            what = f"habits.{index}"
            found = self.mapping(element, what)
            events = [
                self.mapping(each, f"{what}.events")
                for each in self._elements(found.get("events"), f"{what}.events")
            ]
            if not events:
                raise ContentError(f"{what} has no events", self._location)
            start, end = found.get("from"), found.get("until")
            yield _Habit(
                key=what,
                source=str(found.get("source", self.source)),
                identity=str(found.get("identity", self.identity)),
                every=self.period(found.get("every"), f"{what}.every"),
                start=self.period(start, f"{what}.from") if start else timedelta(0),
                end=self.period(end, f"{what}.until") if end else span,
                gap=self.period(found.get("gap", "1s"), f"{what}.gap"),
                plays_all=found.get("play") == "all",
                events=tuple(_weighted(events)),
            )

    def steps(self, value: YamlValue) -> Iterator[tuple[str, Occurrence]]:
        offset = -_PAUSE
        for index, element in enumerate(self._elements(value, "steps")):
            what = f"steps.{index}"
            found = self.mapping(element, what)
            offset = self.period(found["at"], f"{what}.at") if "at" in found else offset + _PAUSE
            gap = self.period(found.get("gap", "2s"), f"{what}.gap")
            repeat = found.get("repeat", 1)
            event = {key: each for key, each in found.items() if key not in _OWN_KEYS}
            source = str(found.get("source", self.source))
            identity = str(found.get("identity", self.identity))
            for turn in range(repeat if isinstance(repeat, int) else 1):
                key = f"{what}/{turn}"
                yield source, Occurrence(offset + gap * turn, key, key, identity, event)
            offset += gap * (repeat - 1 if isinstance(repeat, int) else 0)

    def check(self, story: Story) -> None:
        """Refuse names of frames and identities that the story does not have."""
        used = [(habit.source, habit.identity) for habit in story._habits]
        used += [(source, occurrence.identity) for source, occurrence in story._steps]
        for source, identity in used:
            if source not in story.frames:
                raise ContentError(f"there is no frame {source!r}", self._location)
            if identity not in story.identities and identity != _NOBODY:
                raise ContentError(f"there is no identity {identity!r}", self._location)

    def _elements(self, value: YamlValue, what: str) -> list[YamlValue]:
        if not isinstance(value, list):
            raise ContentError(f"{what} must be a list", self._location)
        return value


@dataclass(frozen=True, slots=True)
class _Filler:
    """Fills the placeholders of one record.

    `{time}`, `{micros}`, `{hour}`: the event's time to the second, to the microsecond, its hour.
    `{uuid:label}`, `{hex:12:label}`, `{digits:12:label}`, `{upper:16:label}`: made-up identifiers.
    `{is_read}`: whether the event's name says so. `{path}`: the address of `objectRef`.
    `{name}`, `{name:label}`: the value of that name; of a list, one element. The same placeholder
    is filled alike throughout a record and what happens in a row. `{none}`: no such key.
    """

    story: Story
    occurrence: Occurrence
    time: datetime
    record: Mapping[str, YamlValue]

    def object(self, value: Mapping[str, YamlValue]) -> dict[str, YamlValue]:
        return {key: self.filled(each) for key, each in value.items() if each != _NONE}

    def filled(self, value: YamlValue) -> YamlValue:
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str) or "{" not in value:
            return value
        whole = _PLACEHOLDER.fullmatch(value)
        if whole:
            return self._value(whole)
        return _PLACEHOLDER.sub(lambda match: str(self._value(match)), value)

    def _value(self, match: re.Match[str]) -> YamlValue:
        name, first, second = match[1], match[2] or "", match[3] or ""
        if name in ("time", "micros", "hour"):
            return self._moment(name)
        if name in ("hex", "digits", "upper"):
            return _letters(name, int(first), self.story.seed, self.occurrence.scene, second)
        if name == "uuid":
            return _uuid(self.story.seed, self.occurrence.key, first)
        if name == "is_read":
            return str(self.record.get("eventName")).startswith(_READS)
        if name == "path":
            return self.filled(_path(self.record))
        return self._named(name, first, match[0])

    def _moment(self, name: str) -> str:
        if name == "micros":
            return self.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        form = "%Y-%m-%dT%H:00:00Z" if name == "hour" else "%Y-%m-%dT%H:%M:%SZ"
        return self.time.strftime(form)

    def _named(self, name: str, label: str, written: str) -> YamlValue:
        if name not in self.story.values:
            return written
        value = self.story.values[name]
        if isinstance(value, list) and value:
            chosen = _number(self.story.seed, self.occurrence.scene, name, label)
            value = value[chosen % len(value)]
        return self.filled(value)


def _merged(below: Mapping[str, YamlValue], over: Mapping[str, YamlValue]) -> dict[str, YamlValue]:
    """Return `below` with `over` laid over it: objects join, all else is replaced."""
    result = dict(below)
    for key, value in over.items():
        under = result.get(key)
        joined = isinstance(under, dict) and isinstance(value, dict)
        result[key] = _merged(under, value) if joined else value  # type: ignore[arg-type] # `joined` says so
    return result


def _weighted(events: Sequence[dict[str, YamlValue]]) -> Iterator[Mapping[str, YamlValue]]:
    """Yield each event as often as its weight says."""
    for event in events:
        weight = event.get("weight", 1)
        own = {key: value for key, value in event.items() if key != "weight"}
        yield from [own] * (weight if isinstance(weight, int) else 1)


def _path(record: Mapping[str, YamlValue]) -> str:
    """Return the address that the API server gives an object.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
    """
    target = record.get("objectRef")
    if not isinstance(target, dict):
        return "/api"
    group, version = target.get("apiGroup"), target.get("apiVersion", "v1")
    parts = ["/apis", group, version] if group else ["/api", version]
    if target.get("namespace") and target.get("resource") != "namespaces":
        parts += ["namespaces", target["namespace"]]
    parts += [target.get(key) for key in ("resource", "name", "subresource")]
    return "/".join(str(part) for part in parts if part)


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=32).digest()


def _number(*parts: str) -> int:
    return int.from_bytes(_digest(*parts)[:8], "big")


def _share(*parts: str) -> float:
    """Return a number from 0 to below 1."""
    return (_number(*parts) >> 11) / 2**53


def _letters(kind: str, length: int, *parts: str) -> str:
    alphabets = {
        "hex": "0123456789abcdef",
        "digits": "0123456789",
        "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    }
    letters, digest = alphabets[kind], _digest(kind, *parts)
    return "".join(letters[digest[index % 32] % len(letters)] for index in range(length))


def _uuid(*parts: str) -> str:
    """Return an identifier in the form of a version 4 UUID."""
    text = _digest("uuid", *parts).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
