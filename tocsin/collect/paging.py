"""Read an HTTP API page by page, and later what was added, without a gap.

APIs order records by time, by arrival, or not at all, and a record may show up minutes after its
time. So each pass asks for what is younger than the youngest record seen, less a margin, and reads
all pages; records within the margin are remembered. The floor moves only once a pass is complete.
Where the last page names the place of what comes later, that place is kept instead.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import blake2b
from typing import Annotated, ClassVar, Protocol

from tocsin.collect.asking import Answer, Ask, Asker, Refused
from tocsin.collect.lines import Found
from tocsin.collect.records import HISTORY, Span, fill
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch
from tocsin.ocsf.reading import LineReader
from tocsin.values import Duration, FilePath, Unwritten, Written

Pause = Callable[[float], bool | None]
"""Waits so many seconds; true when reading should end (`threading.Event().wait` fits)."""

# Beyond, the oldest are forgotten: records read twice are dropped by the store.
_MOST_REMEMBERED = 20_000
_MOST_PAGES_WITHOUT_NEWS = 500
_MOST_WAITS = 20
_LONGEST_WAIT_SECONDS = 3_600.0
_WHOLE = -1
_LOST_PLACE = (400, 404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What all feeds of HTTP APIs share.

    Attributes:
        feed: unique name, owner of the cursor.
        source: the type of the records, which names their mapping.
        unwrap: unused: the API says where its records are.
        follow: ask again and again. One pass otherwise.
        poll_seconds: how often the API is asked for what is new.
        first_seconds: how far back the first pass reads.
        late_seconds: how long after its time a record may still show up.
        certificates: PEM file of an authority of one's own, where the API has a certificate of it.
        reader: of lines of text, as the mapping says.
    """

    feed: str
    source: str
    unwrap: str | None = None
    follow: Annotated[bool, Unwritten()] = True
    poll_seconds: Annotated[float, Written("every", Duration, timedelta.total_seconds, "1m")] = 60.0
    first_seconds: Annotated[float, Written("first", Duration, timedelta.total_seconds, "1d")] = (
        86_400.0
    )
    late_seconds: Annotated[float, Written("late", Duration, timedelta.total_seconds, "15m")] = (
        900.0
    )
    certificates: FilePath | None = None
    reader: LineReader | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One record; `moment` is its time in milliseconds since 1970, 0 where it says none."""

    raw: bytes
    uid: str
    moment: int

    @property
    def place(self) -> int:
        """A position that stays the same however often the record is read."""
        return int.from_bytes(blake2b(self.uid.encode(), digest_size=7).digest())


@dataclass(frozen=True, slots=True)
class Content:
    """The records of a page, and how to ask for the next; `None` behind the last."""

    items: list[Item]
    next: Ask | None


class Api(Protocol):
    """What is particular about one API."""

    @property
    def origin(self) -> str:
        """The origin of its records."""
        ...

    @property
    def asker(self) -> Asker:
        """What asks it."""
        ...

    @property
    def keeps_place(self) -> bool:
        """Whether the page behind the last, once empty, is where later records come."""
        ...

    def begin(self, since: int) -> Ask:
        """Return the request for the first page of what is not older than `since`, in ms."""
        ...

    def content(self, ask: Ask, answer: Answer) -> Content:
        """Return what an answer holds.

        Raises:
            SourceError: it is not what the API promises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the API has been read; times in milliseconds since 1970.

    Attributes:
        floor: what is older is not asked for.
        newest: time of the youngest record read.
        next: the page to go on with; `None` at the beginning of a pass.
        skipped: places of the records of that page that were read.
        recent: time by place of the records read that are younger than `newest` less the margin.
    """

    floor: int
    newest: int
    next: Ask | None = None
    skipped: tuple[int, ...] = ()
    recent: Mapping[int, int] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, cursor: str) -> "Reach":
        """Read a cursor."""
        kept = json.loads(cursor)
        page = kept["next"]
        return cls(
            kept["floor"],
            kept["newest"],
            Ask(*page) if page else None,
            tuple(kept["skipped"]),
            {place: moment for place, moment in kept["recent"]},
        )

    def cursor(self) -> str:
        """Return the cursor for resuming here."""
        return json.dumps(
            {
                "floor": self.floor,
                "newest": self.newest,
                "next": [self.next.url, self.next.content] if self.next else None,
                "skipped": self.skipped,
                "recent": list(self.recent.items()),
            }
        )

    def with_items(self, items: list[Item], margin_ms: int) -> "Reach":
        """Return the reach with these records read."""
        # A record from the future must not carry the floor beyond those of today.
        now = int(time.time() * 1000)
        newest = max([self.newest, *(min(item.moment, now) for item in items)])
        recent = {**self.recent, **{item.place: item.moment for item in items}}
        kept = sorted((moment, place) for place, moment in recent.items())
        kept = [entry for entry in kept if entry[0] >= newest - margin_ms or not entry[0]]
        remembered = {place: moment for moment, place in kept[-_MOST_REMEMBERED:]}
        return replace(self, newest=newest, recent=remembered)


@dataclass(frozen=True, slots=True)
class Page:
    """New records of one page, and the reach before them."""

    before: Reach
    ask: Ask
    items: list[Item]
    next: Ask | None
    margin_ms: int

    def cursor(self, resume: int) -> str:
        """Return the cursor for resuming at the record with position `resume`."""
        if resume == _WHOLE:
            return self.after().cursor()
        places = [item.place for item in self.items]
        read = self.items[: places.index(resume)] if resume in places else self.items
        skipped = (*self.before.skipped, *(item.place for item in read))
        reach = self.before.with_items(read, self.margin_ms)
        return replace(reach, next=self.ask, skipped=skipped).cursor()

    def after(self) -> Reach:
        """Return the reach behind the page; behind the last, where the next pass begins."""
        reach = self.before.with_items(self.items, self.margin_ms)
        reach = replace(reach, next=self.next, skipped=())
        if self.next is None:
            reach = replace(reach, floor=max(reach.floor, reach.newest - self.margin_ms))
        return reach


class ApiSource:
    """A source that reads one API: plugs inherit it and say what is particular."""

    guarantee: ClassVar[str] = "resumable"

    def __init__(self, settings: ApiSettings, api: Api, pause: Pause) -> None:
        self._settings = settings
        self._api = api
        self._pause = pause
        self._margin_ms = int(settings.late_seconds * 1000)

    def read(self, cursor: str | None) -> Iterator[RawBatch]:
        """Yield what comes after `cursor`; see `Source.read`."""
        settings = self._settings
        try:
            for filled in fill(self._passes(cursor), HISTORY, settings.source):
                page, resume = filled.marks[-1]
                yield RawBatch(
                    source=settings.source,
                    feed=settings.feed,
                    records=filled.records,
                    cursor=page.cursor(resume),
                    receipt=None,
                    rejects=filled.rejects,
                )
        finally:
            self._api.asker.close()

    def acknowledge(self, batch: RawBatch) -> None:
        """Do nothing: the cursor is the place."""

    def examine(self) -> str:
        """Ask once what `read` would ask; return a sentence for `tocsin doctor`.

        Raises:
            SourceError: the API cannot be read; the text says why.
        """
        api = self._api
        ask = api.begin(int((time.time() - 300) * 1000))
        try:
            answer = api.asker.ask(ask)
            if answer.wait_seconds is not None:
                raise SourceError(f"the API asks to wait {answer.wait_seconds:.0f} s")
            api.content(ask, answer)
            return f"the API answers{api.asker.clock(answer)}"
        finally:
            api.asker.close()

    def _passes(self, cursor: str | None) -> Iterator[tuple[Page, Span] | None]:
        first = int((time.time() - self._settings.first_seconds) * 1000)
        reach = Reach.of(cursor) if cursor else Reach(first, first)
        while True:
            try:
                after = yield from self._pass(reach)
            except SourceError:
                # What came before is whole: it need not be asked for again.
                yield None
                raise
            yield None
            if after is None or not self._settings.follow:
                return
            reach = after
            if self._pause(self._settings.poll_seconds):
                return

    def _pass(self, reach: Reach) -> Generator[tuple[Page, Span] | None, None, Reach | None]:
        """Yield the pages up to the last; return the reach then, or `None` when told to end."""
        asked: set[Ask] = set()
        without_news = 0
        is_resumed = reach.next is not None
        while True:
            ask = reach.next or self._api.begin(reach.floor)
            if ask in asked or without_news > _MOST_PAGES_WITHOUT_NEWS:
                raise SourceError(f"{self._api.origin} leads in a circle")
            asked.add(ask)
            try:
                answer = yield from self._patiently(ask)
            except Refused as refused:
                if not is_resumed or refused.status not in _LOST_PLACE:
                    raise
                # It has forgotten the place: the pass begins again.
                reach = self._without_place(reach)
                is_resumed = False
                asked.clear()
                continue
            is_resumed = False
            if answer is None:
                return None
            content = self._api.content(ask, answer)
            page = self._page(reach, ask, content)
            without_news = 0 if page.items else without_news + 1
            if page.items:
                yield page, self._span(page)
            is_end = page.next is None or (self._api.keeps_place and not content.items)
            reach = page.after()
            if is_end:
                return reach

    def _without_place(self, reach: Reach) -> Reach:
        floor = reach.floor
        if self._api.keeps_place:
            # Its passes never end, and what it gives is in order.
            floor = max(floor, reach.newest - self._margin_ms)
        return replace(reach, floor=floor, next=None, skipped=())

    def _patiently(self, ask: Ask) -> Generator[None, None, Answer | None]:
        """Ask, waiting where the API wants that; return its answer, `None` when told to end."""
        for _ in range(_MOST_WAITS):
            answer = self._api.asker.ask(ask)
            if answer.wait_seconds is None:
                return answer
            yield None
            if self._pause(min(answer.wait_seconds, _LONGEST_WAIT_SECONDS)):
                return None
        raise SourceError(f"{self._api.origin} only asks to wait")

    def _page(self, reach: Reach, ask: Ask, content: Content) -> Page:
        known = set(reach.skipped)
        fresh = {
            item.place: item
            for item in content.items
            if item.place not in known and item.place not in reach.recent
        }
        return Page(reach, ask, list(fresh.values()), content.next, self._margin_ms)

    def _span(self, page: Page) -> Span:
        found = Found()
        for item in page.items:
            found.add(item.place, item.raw)
        return found.span(self._api.origin, _WHOLE)
