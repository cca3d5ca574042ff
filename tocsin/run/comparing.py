"""Compare a batch with the indicators of threat intelligence."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from tocsin import detect, intelligence
from tocsin.intelligence import Concluded, Indicator
from tocsin.ocsf.addresses import Ranges, address_of, is_public
from tocsin.run.tools import Tools
from tocsin.store import Store

if TYPE_CHECKING:
    from tocsin.settings import Settings


def feeds_of(settings: "Settings") -> tuple[str, ...]:
    """Return the names of the feeds of indicators that are in use."""
    return tuple(feed.name for feed in settings.intelligence.feeds if feed.enabled)


def compare(events: pa.Table, tools: Tools, store: Store, now: datetime) -> Concluded | None:
    """Return what the indicators in force say of these events; `None` where no feed is set.

    Args:
        events: new ones, enriched.
        tools: whose settings name the feeds.
        store: keeps the indicators.
        now: UTC; what has expired then says nothing.
    """
    feeds = feeds_of(tools.settings)
    if not feeds or not events.num_rows:
        return None
    found = intelligence.sought(events)
    asked = foreign(found.values, tools.knowledge.own)
    answers = store.indicators.lookup(asked, now, feeds)
    return concluded(events, found, answers, tools, now)


def concluded(
    events: pa.Table,
    found: intelligence.Sought,
    answers: Mapping[tuple[str, str], Sequence[Indicator]],
    tools: Tools,
    now: datetime,
) -> Concluded:
    """Return what the answers say of these events."""
    return intelligence.conclude(
        events,
        found,
        answers,
        detect.RuleSet.actor_of,
        period=tools.settings.intelligence.period,
        alert_from=now - tools.rules.alert_age,
    )


def foreign(values: Iterable[tuple[str, str]], own: Ranges[bool]) -> list[tuple[str, str]]:
    """Return the values without addresses that no list may name: private ones and one's own."""
    return [each for each in values if each[0] != "address" or is_foreign(each[1], own)]


def is_foreign(text: str, own: Ranges[bool]) -> bool:
    """Return whether an address is public and not one's own."""
    address = address_of(text)
    return address is not None and is_public(address) and not own.of(address)
