"""What people ask about notifications: what is set up, what waits, and a test message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.act import Message
from tocsin.errors import UsageError
from tocsin.ocsf import identifiers
from tocsin.run.notifying import made, page_of, routes_of
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.values import duration_text


@dataclass(frozen=True, slots=True)
class ListedNotifier:
    """One notifier with what waits for it.

    Attributes:
        routes: in words, one for each route that names it.
        waiting: messages that are tried, or tried again; `parked` ones wait for a person.
    """

    name: str
    kind: str
    routes: tuple[str, ...]
    waiting: int
    sent: int
    parked: int


def list_notifiers(settings: Settings, store: Store) -> tuple[ListedNotifier, ...]:
    """Return the notifiers of the settings."""
    counts = store.outbox.counts()
    routes = routes_of(settings)
    return tuple(
        ListedNotifier(
            name=one.name,
            kind=one.kind,
            routes=tuple(
                f"{route.name} (severity {route.severity_id} or worse"
                f"{route.digest and f', digest every {duration_text(route.digest)}' or ''})"
                for route in routes
                if one.name in route.targets
            ),
            waiting=counts.get((one.name, "waiting"), 0),
            sent=counts.get((one.name, "sent"), 0),
            parked=counts.get((one.name, "parked"), 0),
        )
        for one in settings.notifiers
    )


def send_test(name: str, settings: Settings, now: datetime) -> None:
    """Send a test message through one notifier, at once and past the outbox.

    Raises:
        UsageError: no notifier is called so.
        ActionError: the other side did not take it.
    """
    sections = {one.name: one for one in settings.notifiers}
    if name not in sections:
        raise UsageError(_unknown(name, tuple(sections)))
    made(sections[name]).send(
        Message(
            uid=identifiers.derive("msg", "test", name, now.isoformat()),
            title="Test message of Tocsin",
            text="If you can read this, incidents will reach you here.",
            severity_id=1,
            time=now,
            stage="test",
            url=page_of(settings, ""),
        )
    )


def _unknown(name: str, known: Sequence[str]) -> str:
    if not known:
        return "there is no notifier; add one under `notifiers` in tocsin.yaml"
    return f"there is no notifier {name!r}; choose one of {', '.join(known)}"
