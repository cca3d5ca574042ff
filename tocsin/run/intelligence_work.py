"""What people do with threat intelligence: look at its feeds, pull them, look up a value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin import intelligence
from tocsin.errors import UsageError
from tocsin.run import pulls
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import FeedState, Search

__all__ = ["ListedFeed", "ListedIndicator", "list_feeds", "pull", "show"]


@dataclass(frozen=True, slots=True)
class ListedFeed:
    """One feed for people.

    Attributes:
        state: `in force`, `never pulled`, `failed`, `switched off`, or `not in the settings`.
        rows: indicators in force.
        pulled: when it last succeeded; `None` before.
        counts: what became of the entries of the last pull.
        search: the search of history that runs or ran last.
    """

    name: str
    state: str
    rows: int
    pulled: datetime | None
    problem: str
    counts: Mapping[str, int]
    search: Search | None


@dataclass(frozen=True, slots=True)
class ListedIndicator:
    """One indicator for people; `is_expired` ones match nothing."""

    indicator: intelligence.Indicator
    is_expired: bool


def list_feeds(settings: Settings, store: Store) -> tuple[ListedFeed, ...]:
    """Return the feeds of the settings, then those that were pulled and are set no more."""
    wanted = {feed.name: feed for feed in settings.intelligence.feeds}
    known = {state.feed: state for state in store.indicators.feeds()}
    found = []
    for name in (*wanted, *sorted(known.keys() - wanted.keys())):
        state = known.get(name, FeedState(name))
        is_set, is_on = name in wanted, name in wanted and wanted[name].enabled
        found.append(_listed(state, is_set=is_set, is_on=is_on))
    return tuple(found)


def _listed(state: FeedState, *, is_set: bool, is_on: bool) -> ListedFeed:
    if not is_set:
        word = "not in the settings"
    elif not is_on:
        word = "switched off"
    elif state.problem:
        word = "failed"
    else:
        word = "in force" if state.pulled else "never pulled"
    return ListedFeed(
        state.feed,
        word,
        state.rows,
        datetime.fromtimestamp(state.pulled, UTC) if state.pulled else None,
        state.problem,
        state.counts,
        state.searches[-1] if state.searches else None,
    )


def pull(
    names: tuple[str, ...], settings: Settings, store: Store, now: datetime, *, anew: bool = False
) -> Iterator[ListedFeed]:
    """Pull feeds now, whether or not they are due; yield each when it is done.

    History is searched by the Tocsin that runs.

    Raises:
        UsageError: no such feed.
        StoreError: the data folder cannot be written.
    """
    wanted = {feed.name: feed for feed in settings.intelligence.feeds}
    unknown = [name for name in names if name not in wanted]
    if unknown or not wanted:
        listed = ", ".join(wanted) or "none; add one under `intelligence.feeds`"
        what = f"there is no feed {unknown[0]!r}" if unknown else "there is no feed"
        raise UsageError(f"{what} of indicators; there are: {listed}")
    for name in names or tuple(wanted):
        state = pulls.pull(wanted[name], settings.intelligence, store, now, anew=anew)
        yield _listed(state, is_set=True, is_on=wanted[name].enabled)


def show(text: str, store: Store, now: datetime) -> tuple[ListedIndicator, ...]:
    """Return what is known of a value, in whatever form people write it; expired ones too.

    Raises:
        UsageError: it is nothing that indicators speak of.
    """
    found = intelligence.recognized(text)
    if found is None:
        raise UsageError(
            f"{text!r} is no address, network, domain, URL, hash, mail address or fingerprint"
        )
    values = [found]
    if found[0] == "hash":
        # A fingerprint looks like a hash.
        values += [("ja3", found[1]), ("certificate", found[1])]
    everything = store.indicators.lookup(values, datetime.min.replace(tzinfo=UTC))
    moment = now.astimezone(UTC).replace(tzinfo=None)
    return tuple(
        ListedIndicator(each, each.valid_until <= moment)
        for value in values
        for each in everything.get(value, ())
    )
