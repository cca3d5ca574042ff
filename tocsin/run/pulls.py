"""Pull the feeds of indicators that the settings name; what worked last stays in force."""

import logging
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tocsin import plugins
from tocsin.act import Outbound, Request
from tocsin.act.outbound import Fetched, Limits
from tocsin.errors import SourceError, TocsinError
from tocsin.intelligence import Defaults, Indicator, Reader
from tocsin.store import Store
from tocsin.store.answers import FeedState, Search

if TYPE_CHECKING:
    from tocsin.settings.knowledge import Intelligence, IntelligenceFeed

_KINDS = "tocsin.collect.intelligence"
_RETRY = timedelta(minutes=5)
_KEPT_SEARCHES = 10
_SECONDS = 600.0

log = logging.getLogger("tocsin.intelligence")


class Pulled(Protocol):
    """What a plug gives; see `tocsin.collect.pulling`."""

    indicators: Iterable[Indicator]
    reader: Reader
    grows: bool
    marks: dict[str, str]
    is_unchanged: bool


class Puller(Protocol):
    """A plug that pulls one feed."""

    def pull(self, defaults: Defaults, marks: Mapping[str, str], room: Path) -> Pulled:
        """Pull what the feed has."""
        ...


def is_due(feed: "IntelligenceFeed", state: FeedState, now: datetime) -> bool:
    """Return whether a feed should be pulled; one that failed is tried again soon."""
    wait = min(feed.every, _RETRY) if state.problem else feed.every
    return feed.enabled and now.timestamp() - state.tried >= wait.total_seconds()


def pull(
    feed: "IntelligenceFeed",
    wanted: "Intelligence",
    store: Store,
    now: datetime,
    *,
    anew: bool = False,
) -> FeedState:
    """Pull one feed and put what it has in force.

    Args:
        feed: which one.
        wanted: the section of the settings that it stands in.
        store: keeps the indicators.
        now: UTC.
        anew: whether to ask for everything, as if nothing had been pulled before.

    Returns:
        Its state; `problem` says why nothing came, and what was there is still in force.

    Raises:
        StoreError: the state cannot be written.
    """
    with store.indicators.changing(feed.name):
        state = replace(store.indicators.state(feed.name), tried=now.timestamp())
        try:
            state = _pulled(feed, wanted, store, state, now, anew=anew)
        except TocsinError as error:
            state = replace(store.indicators.state(feed.name), tried=now.timestamp())
            state = replace(state, problem=str(error))
            log.info("pull failed", extra={"feed": feed.name, "problem": str(error)})
        store.indicators.keep(state)
    return state


def _pulled(
    feed: "IntelligenceFeed",
    wanted: "Intelligence",
    store: Store,
    state: FeedState,
    now: datetime,
    *,
    anew: bool,
) -> FeedState:
    moment = now.timestamp()
    # Half of its time has passed since everything was told: told again, it counts on.
    written = float(state.marks.get("written", 0))
    anew = anew or moment - written > feed.expires.total_seconds() / 2
    defaults = Defaults(
        feed.name, now, feed.confidence, feed.expires, feed.labels, feed.kind, feed.column
    )
    with tempfile.TemporaryDirectory(prefix="pull-", dir=store.folder) as room:
        marks = {} if anew else state.marks
        found = puller_of(feed, wanted).pull(defaults, marks, Path(room))
        if found.is_unchanged:
            return replace(state, problem="", pulled=moment)
        after = store.indicators.write(
            feed.name,
            found.indicators,
            grows=found.grows and not anew,
            gone=found.reader.gone,
        )
    if not found.grows and not found.reader.counts["used"] and state.rows:
        raise SourceError(
            f"it holds nothing that can be used any more ({_told(found.reader.counts)}); the"
            f" {state.rows} indicators of before stay"
        )
    after = replace(
        after,
        tried=moment,
        pulled=moment,
        problem="",
        counts=dict(found.reader.counts),
        marks={
            **{name: value for name, value in found.marks.items() if value},
            "written": str(written if found.grows and not anew else moment),
        },
    )
    log.info(
        "pulled", extra={"feed": feed.name, "counts": dict(found.reader.counts), "rows": after.rows}
    )
    return _with_search(after, wanted.history, now) if after.fresh else after


def _with_search(state: FeedState, history: timedelta, now: datetime) -> FeedState:
    since = (now - history).timestamp()
    search = Search(state.snapshot, since, now.timestamp(), since)
    waiting = [each for each in state.searches if not each.is_done]
    done = [each for each in state.searches if each.is_done]
    return replace(state, searches=(*done[-_KEPT_SEARCHES:], *waiting, search))


def puller_of(feed: "IntelligenceFeed", wanted: "Intelligence") -> Puller:
    """Return what pulls a feed.

    Raises:
        SettingsError: its address can never be used.
    """
    values: dict[str, object]
    if feed.path is not None:
        kind, values = "files", {"path": feed.path, "format": feed.format}
    elif feed.url is not None:
        kind, values = "lists", {"url": feed.url, "format": feed.format}
    elif feed.taxii is not None:
        kind, values = "taxii", {"url": feed.taxii}
    else:
        kind, values = "misp", {"url": feed.misp}
    if kind != "files":
        values["headers"] = tuple(_headers(feed).items())
    plug = plugins.find(_KINDS, kind)
    made: Puller = plug(plugins.settings_of(plug, values), fetch=_Fetch(feed, wanted))
    return made


class _Fetch:
    """The way out for one feed."""

    def __init__(self, feed: "IntelligenceFeed", wanted: "Intelligence") -> None:
        authority = None if feed.certificates is None else str(feed.certificates)
        self._outbound = Outbound(tuple(wanted.allow_private), authority)
        self._limits = Limits(feed.max_size, _SECONDS)

    def __call__(
        self, url: str, headers: Mapping[str, str], target: Path, content: bytes | None = None
    ) -> Fetched:
        method = "GET" if content is None else "POST"
        request = Request(
            url,
            method=method,  # type: ignore[arg-type]  # one of the two words
            content=content or b"",
            content_type="application/json",
            headers=headers,
        )
        return self._outbound.fetch(request, target, self._limits)


def _headers(feed: "IntelligenceFeed") -> Mapping[str, str]:
    if feed.token is None:
        return {}
    token = feed.token.reveal()
    if feed.token_header:
        return {feed.token_header: token}
    if feed.user:
        from base64 import b64encode

        return {"Authorization": f"Basic {b64encode(f'{feed.user}:{token}'.encode()).decode()}"}
    # MISP wants its key alone.
    return {"Authorization": token if feed.misp else f"Bearer {token}"}


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "empty"
