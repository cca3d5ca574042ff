"""Read the events of groups of CloudWatch Logs in order of time, and later what was added.

An event may arrive minutes after its time. So each pass asks again for what is younger than the
youngest event seen, less a margin; within the margin the events that were read are remembered.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from tocsin.collect.buckets import LogsClient, error_code
from tocsin.collect.records import Span
from tocsin.errors import SourceError

_PAGE = 10_000
# Beyond, the oldest are forgotten: events read twice are dropped by the store.
_MOST_REMEMBERED = 20_000
_WHOLE = -1


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one group has been read; times in milliseconds since 1970.

    Attributes:
        newest: time of the youngest event read.
        floor: events older than this are not asked for again.
        recent: time by position of the events read that are not older than `floor`.
    """

    newest: int
    floor: int
    recent: Mapping[int, int] = field(default_factory=dict, repr=False)

    def after(self, seen: list[tuple[int, int]], margin_ms: int) -> "Reach":
        """Return the reach after reading events, given as position and time."""
        newest = max([self.newest, *(moment for _, moment in seen)])
        floor = max(self.floor, newest - margin_ms)
        recent = {**self.recent, **dict(seen)}
        kept = sorted((m, p) for p, m in recent.items() if m >= floor)
        if len(kept) > _MOST_REMEMBERED:
            kept = kept[-_MOST_REMEMBERED:]
            floor = max(floor, kept[0][0])
        return Reach(newest, floor, {place: moment for moment, place in kept})


@dataclass(frozen=True, slots=True)
class Reaches:
    """How far every group has been read."""

    groups: Mapping[str, Reach] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: str | None) -> "Reaches":
        """Read a cursor."""
        kept = json.loads(cursor) if cursor else {}
        return cls(
            {
                name: Reach(newest, floor, {place: moment for place, moment in recent})
                for name, (newest, floor, recent) in kept.items()
            }
        )

    def cursor(self) -> str:
        """Return the cursor for resuming here."""
        return json.dumps(
            {
                name: [reach.newest, reach.floor, list(reach.recent.items())]
                for name, reach in self.groups.items()
            }
        )

    def with_group(self, name: str, reach: Reach) -> "Reaches":
        """Return these with one group replaced."""
        return replace(self, groups={**self.groups, name: reach})


@dataclass(frozen=True, slots=True)
class Page:
    """Events that were read together, and how far all groups had been read before.

    Attributes:
        name: of their group in the cursor.
        seen: position and time of each, in order.
    """

    before: Reaches
    name: str
    begin: Reach
    seen: list[tuple[int, int]]
    margin_ms: int

    def cursor(self, resume: int) -> str:
        """Return the cursor for resuming at the event with position `resume`."""
        return self._until(resume).cursor()

    def after(self) -> Reaches:
        """Return how far all groups have been read with this page."""
        return self._until(_WHOLE)

    def _until(self, resume: int) -> Reaches:
        places = [place for place, _ in self.seen]
        end = places.index(resume) if resume in places else len(places)
        return self.before.with_group(self.name, self.begin.after(self.seen[:end], self.margin_ms))


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One group, in one region of one account.

    Attributes:
        name: of the group in the cursor.
        origin: of its records.
        arguments: what FilterLogEvents is asked with.
        margin: how late events may come.
    """

    client: LogsClient
    name: str
    origin: str
    arguments: Mapping[str, str]
    margin: timedelta

    def read(self, reaches: Reaches, first_ms: int) -> Iterator[tuple[Page, Span]]:
        """Yield what came after `reaches`, a page at a time.

        Args:
            reaches: how far all groups have been read.
            first_ms: from when to read a group that was not read before.

        Raises:
            SourceError: the group cannot be read.
        """
        margin_ms = int(self.margin.total_seconds() * 1000)
        reach = reaches.groups.get(self.name, Reach(first_ms, first_ms))
        streams = self.arguments.get("logStreamNamePrefix", "")
        for events in self._pages(reach.floor):
            fresh = {
                place: event
                for event in events
                if str(event.get("logStreamName", "")).startswith(streams)
                and (place := _place(str(event["eventId"]))) not in reach.recent
            }
            if not fresh:
                continue
            seen = [(place, int(event["timestamp"])) for place, event in fresh.items()]
            raws = [str(event["message"]).encode() for event in fresh.values()]
            page = Page(reaches, self.name, reach, seen, margin_ms)
            yield page, Span(self.origin, raws, list(fresh), (), _WHOLE)
            reaches = page.after()
            reach = reaches.groups[self.name]

    def _pages(self, start_ms: int) -> Iterator[list[Mapping[str, Any]]]:
        from botocore.exceptions import BotoCoreError, ClientError

        more: dict[str, str] = {}
        while True:
            try:
                answer = self.client.filter_log_events(
                    **self.arguments, startTime=start_ms, limit=_PAGE, **more
                )
            except (BotoCoreError, ClientError) as error:
                raise SourceError(f"{self.origin} cannot be read: {_why(error)}") from error
            yield answer.get("events", [])
            token = answer.get("nextToken")
            if not token or token == more.get("nextToken"):
                return
            more = {"nextToken": token}


def group_names(client: LogsClient, prefix: str) -> Iterator[str]:
    """Yield the names of the groups that begin with `prefix`.

    Raises:
        SourceError: they cannot be listed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    more: dict[str, str] = {}
    while True:
        try:
            answer = client.describe_log_groups(logGroupNamePrefix=prefix, **more)
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"log groups {prefix}* cannot be listed: {_why(error)}") from error
        yield from (row["logGroupName"] for row in answer.get("logGroups", []))
        if not answer.get("nextToken"):
            return
        more = {"nextToken": answer["nextToken"]}


def _why(error: Exception) -> str:
    return f"{error_code(error)}: {error}"


def _place(event_id: str) -> int:
    """Return a position that stays the same however often an event is read."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=7).digest())
