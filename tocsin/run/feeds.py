"""Turn the feeds of the settings into sources that are read and receivers that are pushed to."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import signature

from tocsin import normalize, plugins
from tocsin.collect import Receiver, Source
from tocsin.errors import SettingsError
from tocsin.settings import Settings, feeds

Counts = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A source with the name of its feed."""

    feed: str
    source: Source


def pulled(
    settings: Settings, mappings: Mapping[str, normalize.Mapping], stopping: threading.Event
) -> tuple[Pulled, ...]:
    """Return the sources that Tocsin reads; nothing is opened yet.

    Raises:
        SettingsError: a feed names a source without a mapping, or a plug that is not installed.
    """
    found = []
    for feed in settings.feeds:
        if isinstance(feed, feeds.PluginFeed):
            plug, made = _named(feed, mappings)
        elif (kind := feeds.feed_kind(feed.kind)).is_received:
            continue
        else:
            plug, made = kind.plug, kind.settings_of(feed, _of_mapping(feed, mappings))
        found.append(Pulled(feed.name, _source(plug, made, stopping)))
    return tuple(found)


def receivers(
    settings: Settings, mappings: Mapping[str, normalize.Mapping]
) -> tuple[Receiver, ...]:
    """Return the receivers that the settings have feeds for, one a protocol.

    Raises:
        SettingsError: a feed names a source without a mapping, or feeds do not fit together.
    """
    by_kind: dict[str, list[object]] = {}
    for feed in settings.feeds:
        if isinstance(feed, feeds.PluginFeed):
            continue
        kind = feeds.feed_kind(feed.kind)
        if kind.is_received:
            one = kind.settings_of(feed, _of_mapping(feed, mappings))
            by_kind.setdefault(feed.kind, []).append(one)
    return tuple(_receiver(kind, tuple(pushed)) for kind, pushed in sorted(by_kind.items()))


def _of_mapping(
    feed: feeds.Feed, mappings: Mapping[str, normalize.Mapping]
) -> Mapping[str, object]:
    """Return what the mapping of a feed's source says about reading it."""
    if feed.source not in mappings:
        known = ", ".join(sorted(mappings))
        raise SettingsError(
            f"feed {feed.name!r}: no mapping is called {feed.source!r}; there are {known}"
        )
    mapping = mappings[feed.source]
    return {"unwrap": mapping.unwrap, "reader": mapping.reader}


def _source(plug: type, made: object, stopping: threading.Event) -> Source:
    """Return a source; where it can wait, it wakes when Tocsin stops."""
    waits = {"pause": stopping.wait} if "pause" in signature(plug).parameters else {}
    source: Source = plug(made, **waits)
    return source


def _named(
    feed: feeds.PluginFeed, mappings: Mapping[str, normalize.Mapping]
) -> tuple[type, object]:
    """Return the plug of another package and its settings, as `kind: plugin` names them."""
    _of_mapping(feed, mappings)
    plug = plugins.find(feeds.SOURCES, feed.plugin)
    values = {"feed": feed.name, "source": feed.source, **feed.settings}
    return plug, plugins.settings_of(plug, values)


def _receiver(kind: str, pushed: tuple[object, ...]) -> Receiver:
    plug = feeds.feed_kind(kind).plug
    made: Receiver = plug(plugins.settings_type(plug)(feeds=pushed))
    return made


def ways_in(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return the kind and the guarantee of each feed of the settings."""
    found = {}
    for feed in settings.feeds:
        if isinstance(feed, feeds.PluginFeed):
            plug = plugins.find(feeds.SOURCES, feed.plugin)
        else:
            plug = feeds.feed_kind(feed.kind).plug
        found[feed.name] = (feed.kind, str(getattr(plug, "guarantee", "resumable")))
    return found


def counted(pulled: Iterable[tuple[str, object]], receivers: Iterable[object]) -> Counts:
    """Return what plugs lost, refused or skipped, by feed and kind; see their `counts`.

    Args:
        pulled: sources by the names of their feeds.
        receivers: each counts for all its feeds, by `{feed}/{what}`.
    """
    found: Counts = {}
    named = [(f"{feed}/", plug) for feed, plug in pulled]
    for prefix, plug in [*named, *(("", plug) for plug in receivers)]:
        # A copy at one stroke: the plug goes on counting in its own thread.
        for key, count in dict(getattr(plug, "counts", {})).items():
            feed, _, what = f"{prefix}{key}".partition("/")
            if count:
                found[feed, what] = found.get((feed, what), 0) + count
    return found
