"""Feeds: where records come from, one entry of `feeds:` each.

`kind` names a plug of `tocsin.collect`; the other keys are the fields of the plug's own settings
dataclass. Plugs are found by name, so that one more needs no change here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import getdoc, isclass
from sys import modules
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from pydantic import Field, JsonValue

from tocsin import plugins
from tocsin.errors import SettingsError
from tocsin.settings.plugs import GivenField, defined, given_fields
from tocsin.settings.section import Section
from tocsin.values import Duration, Matching

SOURCES = "tocsin.collect.sources"
RECEIVERS = "tocsin.collect.receivers"
# Shorter words for what people write most, and what only `tocsin demo` makes.
_MODULES = {"file": "files"}
_NO_KINDS = frozenset({"demo"})

FeedName = Annotated[
    str,
    Matching(r"[a-z0-9][a-z0-9_-]{0,62}", "small letters, digits, - and _, at most 63"),
]
SourceName = Annotated[
    str, Matching(r"[a-z0-9_]+(\.[a-z0-9_]+)*", "the name of a mapping such as aws.cloudtrail")
]


class Feed(Section):
    """What all kinds of feeds have in common; each kind adds the settings of its plug."""

    name: FeedName
    """Unique name of the feed: small letters, digits, `-` and `_`. It owns cursor and counters."""
    source: SourceName
    """What the records are; names the mapping, such as `aws.cloudtrail`."""
    silent_after: Duration | None = None
    """Raise a finding when nothing came for so long; otherwise the feed's own rhythm decides."""
    redaction: bool = True
    """Take secrets out of the records before anything is stored; see the section `redaction`."""
    kind: str
    """How the records come."""


class PluginFeed(Feed):
    """A source of another package, as it was written before `kind` could name it."""

    kind: Literal["plugin"]
    """How the records come."""
    plugin: str
    """Name of the source."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """The source's own settings; see its documentation."""


@dataclass(frozen=True, slots=True)
class FeedKind:
    """One kind of feed, made of its plug.

    Attributes:
        name: as written in `kind`.
        plug: the class of the source or the receiver.
        is_received: whether others push to it: all its feeds share one receiver.
        values: the frozen dataclass that says one feed to the plug.
        section: what may be written in `tocsin.yaml`.
        fields: the settings that the plug adds.
    """

    name: str
    plug: type
    is_received: bool
    values: type
    section: type[Feed]
    fields: tuple[GivenField, ...]

    def settings_of(self, feed: Feed, more: Mapping[str, object]) -> object:
        """Return the dataclass of one feed for the plug.

        Args:
            feed: of this kind.
            more: what the mapping adds; what the plug has no field for is left out.

        Raises:
            SettingsError: the plug finds that settings do not fit together.
        """
        known = get_type_hints(self.values)
        taken = {name: value for name, value in more.items() if name in known}
        taken |= {"feed": feed.name, "source": feed.source}
        for field in self.fields:
            taken[field.name] = getattr(feed, field.key)
        made: object = self.values(**taken)
        return made


def kind_names(*, installed: bool = True) -> tuple[str, ...]:
    """Return what `kind` may be, sorted; with what other packages give unless not `installed`."""
    found = set()
    for package in (SOURCES, RECEIVERS):
        found |= set(plugins.names(package) if installed else plugins.own_names(package))
    words = {module: word for word, module in _MODULES.items()}
    named = {words.get(name, name) for name in found - _NO_KINDS}
    return (*sorted(named), "plugin")


@cache
def feed_kind(name: str) -> FeedKind:
    """Return a kind of `kind_names()`; `plugin` is none, it names another.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    module = _MODULES.get(name, name)
    is_received = module not in plugins.names(SOURCES)
    plug = plugins.find(RECEIVERS if is_received else SOURCES, module)
    values = _feed_of(plug) if is_received else plugins.settings_type(plug)
    fields, source = given_fields(values)
    given: dict[str, tuple[object, object]] = {
        "kind": (Literal[name], Field(description="How the records come.")),
        **{field.key: (field.annotation, field.info) for field in fields},
    }
    if source is not None:
        given["source"] = (SourceName, Field(default=source, description="What the records are."))
    called = "".join(part.capitalize() for part in name.split("_")) + "Feed"
    section = defined(called, Feed, _about(plug), given)
    return FeedKind(name, plug, is_received, values, section, fields)


def section_of(kind: str) -> type[Feed]:
    """Return what may be written of a kind of `kind_names()`.

    Raises:
        SettingsError: see `feed_kind`.
    """
    return PluginFeed if kind == "plugin" else feed_kind(kind).section


def _feed_of(receiver: type) -> type:
    """Return `XFeed` of the settings of a receiver, `feeds: tuple[XFeed, ...]`."""
    kind = plugins.settings_type(receiver)
    hint = get_type_hints(kind).get("feeds")
    found = get_args(hint)[0] if get_origin(hint) is tuple else None
    if not isclass(found):
        raise SettingsError(
            f"plug {receiver.__module__}.{receiver.__qualname__}: its settings must have a field"
            " `feeds: tuple[XFeed, ...]`"
        )
    return found


def _about(plug: type) -> str:
    """Return the first paragraph about a plug: what it reads."""
    text = getdoc(modules[plug.__module__]) or getdoc(plug) or ""
    return " ".join(text.split("\n\n")[0].split())


__all__ = [
    "RECEIVERS",
    "SOURCES",
    "Feed",
    "FeedKind",
    "PluginFeed",
    "feed_kind",
    "kind_names",
    "section_of",
]
