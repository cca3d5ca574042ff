"""What `tocsin doctor --cloud` finds out: logs that are off, rights too many, what logs cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import yaml

from tocsin import plugins
from tocsin.errors import TocsinError
from tocsin.run.content import content_folder, read_text
from tocsin.run.health import Checked
from tocsin.settings import Settings

COVERAGE = "tocsin.collect.log_coverage"


class LogState(Protocol):
    """What plugs of `COVERAGE` find out; see `tocsin.collect.log_states`."""

    @property
    def place(self) -> str:
        """Where."""
        ...

    @property
    def kind(self) -> str:
        """What kind of log."""
        ...

    @property
    def is_on(self) -> bool | None:
        """Whether all is well; `None` where nobody can tell."""
        ...

    @property
    def message(self) -> str:
        """What is off, and how to switch it on."""
        ...

    @property
    def count(self) -> int:
        """For how many things it is off."""
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """What one kind of log costs: dollars a unit, and how many units a thing has in a month."""

    price: float
    unit: str
    usual: float
    per: str
    about: str
    source: str


def examine_cloud(cloud: str, settings: Settings) -> Iterator[Checked]:
    """Yield what is on and off in a cloud, last the sum of what switching on would cost.

    AWS is asked as whom the feeds of the settings ask it, beside the credentials at hand.
    """
    try:
        plug = plugins.find(COVERAGE, cloud)
        made = plug(plugins.settings_of(plug, _values(cloud, settings)))
        priced, total = prices(), 0.0
        charged: set[str] = set()
        for state in made.examine():
            cost = 0.0 if state.kind in charged else _cost(state, priced)
            if cost and priced[state.kind].per == "tenant":
                charged.add(state.kind)  # all subscriptions share what it pays for
            total += cost
            yield _checked(cloud, state, priced.get(state.kind), cost)
    except TocsinError as error:
        yield Checked(cloud, False, str(error))
        return
    told = f"about ${total:.0f} a month for all that is off, by list prices of {_date()}"
    yield Checked(f"{cloud} cost", True, f"{told}; your volume decides")


def prices() -> Mapping[str, Price]:
    """Return what each kind of log costs."""
    return {kind: Price(**row) for kind, row in _read()["kinds"].items()}


def _checked(cloud: str, state: LogState, price: Price | None, cost: float) -> Checked:
    message = state.message
    if price is not None and state.is_on is False:
        message += f"; about ${cost:.2f} a month ({price.usual:g} {price.unit} a {price.per})"
    kind = state.kind.removeprefix(f"{cloud}.").replace("_", " ")
    return Checked(f"{cloud} {state.place} {kind}", state.is_on is True, message)


def _cost(state: LogState, priced: Mapping[str, Price]) -> float:
    price = priced.get(state.kind)
    if price is None or state.is_on is not False:
        return 0.0
    return price.price * price.usual * max(1, state.count)


def _values(cloud: str, settings: Settings) -> Mapping[str, object]:
    if cloud != "aws":
        return {}
    # One role may ask for several external ids: each is tried, in the name of its feeds.
    feeds: dict[tuple[str, str | None], list[str]] = {}
    for feed in settings.feeds:
        for arn in _roles(feed):
            feeds.setdefault((arn, getattr(feed, "external_id", None)), []).append(feed.name)
    return {
        "roles": [
            {"arn": arn, "external_id": external_id, "feeds": names}
            for (arn, external_id), names in feeds.items()
        ]
    }


def _roles(feed: object) -> Iterator[str]:
    """Yield the roles that a feed assumes; only those of AWS have such settings."""
    own = getattr(feed, "role_arn", None)
    if own:
        yield own
    yield from getattr(feed, "role_arns", ())


def _date() -> str:
    return str(_read()["date"])


def _read() -> Mapping[str, Any]:
    text = read_text(content_folder() / "connect" / "prices.yaml")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found
