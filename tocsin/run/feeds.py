"""Turn the feeds of the settings into sources that are read and receivers that are pushed to."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from tocsin import normalize, plugins
from tocsin.collect import PushFeed, Receiver, Source, token_hash
from tocsin.errors import SettingsError
from tocsin.settings import Settings, feeds

_SOURCES = "tocsin.collect.sources"
_RECEIVERS = "tocsin.collect.receivers"


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
        _check(feed, mappings)
        if isinstance(feed, feeds.FileFeed):
            found.append(Pulled(feed.name, _files(feed, mappings, stopping)))
        elif isinstance(feed, feeds.S3Feed):
            found.append(Pulled(feed.name, _s3(feed, mappings, stopping)))
        elif isinstance(feed, feeds.PluginFeed):
            found.append(Pulled(feed.name, _plugged(feed, stopping)))
    return tuple(found)


def receivers(
    settings: Settings, mappings: Mapping[str, normalize.Mapping]
) -> tuple[Receiver, ...]:
    """Return the receivers that the settings have feeds for, one a protocol."""
    by_kind: dict[str, list[PushFeed]] = {}
    for feed in settings.feeds:
        if isinstance(feed, feeds.PushFeed):
            _check(feed, mappings)
            by_kind.setdefault(feed.kind, []).append(_pushed(feed, mappings))
    made: list[Receiver] = []
    for kind, pushed in sorted(by_kind.items()):
        made.append(_made(_RECEIVERS, kind, {"feeds": tuple(pushed)}))
    return tuple(made)


def _check(feed: feeds.Feed, mappings: Mapping[str, normalize.Mapping]) -> None:
    if feed.source not in mappings:
        known = ", ".join(sorted(mappings))
        raise SettingsError(
            f"feed {feed.name!r}: no mapping is called {feed.source!r}; there are {known}"
        )


def _made(package: str, name: str, values: Mapping[str, object]) -> Any:  # the plug's own class
    plug = plugins.find(package, name)
    return plug(plugins.settings_of(plug, values))


def _plugged(feed: feeds.PluginFeed, stopping: threading.Event) -> Source:
    """Return a source that somebody else wrote; where it can wait, it wakes when Tocsin stops."""
    plug = plugins.find(_SOURCES, feed.plugin)
    values = {"feed": feed.name, "source": feed.source, **feed.settings}
    waits = {"pause": stopping.wait} if "pause" in signature(plug).parameters else {}
    made: Source = plug(plugins.settings_of(plug, values), **waits)
    return made


def _files(
    feed: feeds.FileFeed, mappings: Mapping[str, normalize.Mapping], stopping: threading.Event
) -> Source:
    plug = plugins.find(_SOURCES, "files")
    values = {
        "feed": feed.name,
        "source": feed.source,
        "paths": (str(feed.path),),
        "unwrap": mappings[feed.source].unwrap,
        "follow": feed.follow,
    }
    made: Source = plug(plugins.settings_of(plug, values), pause=stopping.wait)
    return made


def _s3(
    feed: feeds.S3Feed, mappings: Mapping[str, normalize.Mapping], stopping: threading.Event
) -> Source:
    plug = plugins.find(_SOURCES, "s3")
    values = {
        "feed": feed.name,
        "source": feed.source,
        "buckets": feed.buckets,
        "prefix": feed.prefix,
        "unwrap": mappings[feed.source].unwrap,
        "queue_url": feed.queue_url,
        "poll_seconds": feed.every.total_seconds(),
        "region": feed.region,
        "endpoint_url": feed.endpoint_url,
        "role_arn": feed.role_arn,
        "external_id": feed.external_id,
    }
    made: Source = plug(plugins.settings_of(plug, values), pause=stopping.wait)
    return made


def _pushed(feed: feeds.PushFeed, mappings: Mapping[str, normalize.Mapping]) -> PushFeed:
    shipper = feed if isinstance(feed, feeds.ElasticsearchFeed) else None
    return PushFeed(
        feed=feed.name,
        source=feed.source,
        token_hash=token_hash(feed.token.reveal()),
        unwrap=mappings[feed.source].unwrap,
        indices=shipper.indices if shipper else ("*",),
        record_field=shipper.record_field if shipper else None,
    )
