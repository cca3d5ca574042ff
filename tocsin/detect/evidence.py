"""Read the conditions of suppressions, over findings and the events that they rest on.

Paths of events are read as the rule that made the finding reads them, so that a part of its
detection can be copied as it is. `finding.title` and the like read the finding itself.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from textwrap import indent
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.conditions import Condition, PlainReader, compile_condition, lookup
from tocsin.conditions.suppression import Sighting
from tocsin.conditions.tree import leaves_of, paths_of
from tocsin.detect.document import Reading, nearest
from tocsin.detect.entities import account_of, entity_of
from tocsin.detect.fields import Columns, Event, EventReader, Row
from tocsin.detect.placeholders import NOTHING_GIVEN
from tocsin.detect.records import native_texts, read_record
from tocsin.detect.rules import EntityPath
from tocsin.detect.testimony import EventTestimony
from tocsin.errors import ContentError, Location, RuleError
from tocsin.ocsf import schemas
from tocsin.ocsf.yaml_text import load

FINDING = "finding."
NAMESPACES = "resources.namespace"

_PLAIN = PlainReader()
_FINDING_FIELDS = tuple(schemas.FINDINGS.names)

Reads: TypeAlias = Callable[[str, str], tuple[EventReader, tuple[EntityPath, ...]] | None]
"""Gives, for a source and a rule's uid, how that rule reads events and where it finds entities;
`None` where no such rule is in force."""


@dataclass(frozen=True, slots=True)
class _Sight:
    finding: Mapping[str, object]
    event: Event


@dataclass(frozen=True, slots=True)
class _SightReader:
    """Reads `finding.…` from the finding, everything else from the event."""

    inner: EventReader

    def values(self, path: str) -> Callable[[_Sight], list[object]]:
        if path.startswith(FINDING):
            of_finding = _PLAIN.values(path.removeprefix(FINDING))
            return lambda sight: of_finding(sight.finding)
        of_event = self.inner.values(path)
        return lambda sight: of_event(sight.event)

    def presence(self, path: str) -> Callable[[_Sight], bool]:
        if path.startswith(FINDING):
            in_finding = _PLAIN.presence(path.removeprefix(FINDING))
            return lambda sight: in_finding(sight.finding)
        in_event = self.inner.presence(path)
        return lambda sight: in_event(sight.event)

    def leaves(self, sight: _Sight) -> Iterator[object]:
        return self.inner.leaves(sight.event)


@dataclass(slots=True)
class EventEvidence:
    """What is known of findings and their events; an `Evidence` of suppressions.

    Attributes:
        reads: how each rule reads events.
        tables: where events are looked for first.
        wanted: uids of the events that may be asked about.
        fetch: gives events of earlier turns by uid; those that are stored no more are left out.
    """

    reads: Reads
    tables: Iterable[pa.Table]
    wanted: frozenset[str]
    fetch: Callable[[tuple[str, ...]], pa.Table]
    _events: dict[str, Event] | None = field(default=None, init=False)
    _is_complete: bool = field(default=False, init=False)

    def __call__(self, finding: Mapping[str, object], event_uid: str | None) -> Sighting:
        """Return what is known of a finding and one of its events."""
        event = None if event_uid is None else self._event(event_uid)
        known = self.reads(str(finding["source"]), str(finding["rule_uid"]))
        reader = known[0] if known else EventReader()

        def holds(condition: str) -> bool:
            return _holds(condition, reader, finding, event)

        if event is None:
            return Sighting(holds)
        found = lookup(event.row, NAMESPACES)
        namespaces = frozenset(each for each in found if isinstance(each, str) and each)
        entity = entity_of(event, known[1], reader) if known else None
        return Sighting(holds, entity, account_of(event.row), namespaces)

    def testimony(
        self, event_uid: str, reads: tuple[EventReader, tuple[EntityPath, ...]] | None
    ) -> EventTestimony | None:
        """Return what one event says, `None` where it is not at hand.

        Args:
            event_uid: of the event.
            reads: how the finding's rule reads it; `None` for findings that no rule of ours made.
        """
        event = self._event(event_uid)
        if event is None:
            return None
        reader, paths = reads or (EventReader(), ())
        return EventTestimony(str(event.row.get("source", "")), event, reader, paths)

    def source_of(self, event_uid: str) -> str:
        """Return the source of an event, "" where it is not at hand."""
        event = self._event(event_uid)
        return "" if event is None else str(event.row.get("source", ""))

    def _event(self, uid: str) -> Event | None:
        if self._events is None:
            self._events = {}
            for table in self.tables:
                self._take(self._events, table)
        if uid not in self._events and not self._is_complete:
            missing = tuple(sorted(self.wanted - self._events.keys()))
            self._take(self._events, self.fetch(missing))
            self._is_complete = True
        return self._events.get(uid)

    def _take(self, events: dict[str, Event], table: pa.Table) -> None:
        wanted = pa.array(sorted(self.wanted), pa.string())
        # The rules have left few of thousands.
        chosen = table.filter(pc.is_in(table.column("event_uid"), wanted))
        columns = Columns(chosen)
        named = zip(chosen.column("event_uid").to_pylist(), native_texts(chosen), strict=True)
        for place, (uid, text) in enumerate(named):
            events[uid] = Event(read_record(text) or {}, Row(columns, place))


def read_condition(text: str, location: str = "condition") -> Condition:
    """Return a Sigma detection, or its one selection alone, as a condition.

    Args:
        text: YAML: `field|modifier: value` pairs, a list of such maps of which one must hold, or
            named selections with a `condition` over them.
        location: what to call it in messages.

    Raises:
        ContentError: with the line in `text` and every problem.
    """
    value = load(text, location).value
    if not isinstance(value, dict | list) or not value:
        example = "`requestParameters.name|startswith: ci-`"
        raise RuleError(f"write fields with values, such as {example}", Location(location, 1))
    is_whole = isinstance(value, dict) and "condition" in value
    head = "detection:\n" if is_whole else "detection:\n  selection:\n"
    tail = "" if is_whole else "\n  condition: selection\n"
    document = load(head + indent(text, "  " if is_whole else "    ") + tail, location)
    reading = Reading(document, location)
    # pySigma is loaded here: most commands never read a condition.
    from tocsin.detect.formats.sigma_detection import DetectionReader

    condition = DetectionReader(reading, NOTHING_GIVEN).condition(reading.value.get("detection"))
    problems = [each for each in reading.problems if not each.is_warning]
    if condition is None or problems:
        line = max(0, problems[0].location.line - head.count("\n")) if problems else 0
        said = "; ".join(each.message for each in problems) or "it cannot be read"
        raise RuleError(said, Location(location, line))
    _refuse_unknown(condition, location)
    return condition


def _refuse_unknown(condition: Condition, location: str) -> None:
    for path in _paths(condition):
        name = (path or "").removeprefix(FINDING)
        root = name.partition(".")[0]
        if path and path.startswith(FINDING) and root not in _FINDING_FIELDS:
            message = f"findings have no field {name!r}{nearest(root, _FINDING_FIELDS)}"
            raise RuleError(message, Location(location))


def _holds(
    text: str, reader: EventReader, finding: Mapping[str, object], event: Event | None
) -> bool:
    compiled = _compiled(text, reader)
    if compiled is None or (event is None and compiled[1]):
        return False
    shown = {**finding, "context": _context(finding["context"])}
    return compiled[0](_Sight(shown, event or Event({}, {})))


@lru_cache(maxsize=2048)
def _compiled(text: str, reader: EventReader) -> tuple[Callable[[_Sight], bool], bool] | None:
    """Return the condition and whether it asks for an event; `None` where it cannot be read.

    What cannot be read was written for another version of Tocsin; whoever lists it is told.
    """
    try:
        condition = read_condition(text)
    except ContentError:
        return None
    asks_for_event = any(path is None or not path.startswith(FINDING) for path in _paths(condition))
    return compile_condition(condition, _SightReader(reader)), asks_for_event


def _paths(condition: Condition) -> Iterator[str | None]:
    """Yield every path that a condition reads, `None` for a whole record."""
    for leaf in leaves_of(condition):
        yield from paths_of(leaf) or (None,)


def _context(text: object) -> object:
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
