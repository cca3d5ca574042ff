"""Search stored events for what a feed has brought anew; findings as if it had been known then.

Findings on old events alert nobody, by the same age as those of rules (`incidents.max_age`). A
search remembers how far it has come after each part; a part that was committed and not remembered
is searched again, and its matches count no second time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from tocsin import intelligence
from tocsin.ocsf import EVERYTHING
from tocsin.run.comparing import concluded, foreign
from tocsin.run.pipeline import commit_found
from tocsin.run.tools import Tools
from tocsin.store import Span, Store
from tocsin.store.answers import FeedState, KeyFile, Search

_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class History:
    """Searches of stored events.

    Attributes:
        tools: gives what turns work with.
        store: events and indicators.
        clock: UTC.
        is_stopping: asked after each part; the rest is done another time.
    """

    tools: Callable[[], Tools]
    store: Store
    clock: Callable[[], datetime]
    is_stopping: Callable[[], bool] = lambda: False

    def search(self, feed: str) -> FeedState:
        """Do the searches of a feed that are to be done, or go on where the last one stopped.

        Raises:
            WorldError: the store fails; what is done is remembered.
        """
        state = self.store.indicators.state(feed)
        for waiting in state.searches:
            if not waiting.is_done and not self.is_stopping():
                state = self._one(feed, waiting)
        return state

    def _one(self, feed: str, wanted: Search) -> FeedState:
        news = self.store.indicators.news(feed, wanted)
        span = Span(_moment(wanted.position), _moment(wanted.until))
        events = self.store.events.in_order("", EVERYTHING, span, rows=_ROWS)
        for table in events if len(news) else ():
            found = self._compare(table, feed, news)
            last = table.column("time")[-1].as_py().replace(tzinfo=UTC).timestamp()
            wanted = replace(
                wanted,
                # Others may lie at the same moment: it is searched again.
                position=min(last, wanted.until),
                events=wanted.events + table.num_rows,
                findings=wanted.findings + found,
            )
            if self.is_stopping():
                return self._remembered(feed, wanted)
            self._remembered(feed, wanted)
        return self._remembered(feed, replace(wanted, position=wanted.until))

    def _compare(self, events: pa.Table, feed: str, news: KeyFile) -> int:
        """Commit what the news say of these events; return how many findings came of it."""
        tools, now = self.tools(), self.clock()
        found = intelligence.sought(events)
        asked = news.concerned(foreign(found.values, tools.knowledge.own))
        answers = self.store.indicators.lookup(asked, now, (feed,))
        if not answers:
            return 0
        said = concluded(events, found, answers, tools, now)
        return commit_found(said.findings, said.matches, tools, self.store, now)

    def _remembered(self, feed: str, done: Search) -> FeedState:
        indicators = self.store.indicators
        with indicators.changing(feed):
            state = indicators.state(feed)
            searches = tuple(
                done if each.snapshot == done.snapshot else each for each in state.searches
            )
            state = replace(state, searches=searches)
            indicators.keep(state)
        return state


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
