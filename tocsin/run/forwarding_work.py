"""What people do with forwarders: look at them, send a test record, let records leave again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tocsin.act import Record
from tocsin.errors import UsageError
from tocsin.ocsf import classes, identifiers
from tocsin.ocsf.output import milliseconds
from tocsin.run import forwarding, home
from tocsin.settings import Settings
from tocsin.settings import forwarders as kinds
from tocsin.store import Store
from tocsin.store.answers import ForwarderState

__all__ = ["ListedForwarder", "list_forwarders", "problems", "replay", "test"]

Asked: TypeAlias = tuple[str, datetime]
"""Who asks, for the audit log, and when, UTC."""

_TITLE = "Test of a forwarder"


@dataclass(frozen=True, slots=True)
class ListedForwarder:
    """One forwarder for people.

    Attributes:
        kind: of the settings; "" where it is not in them any more.
        does: `sending`, `failing`, `never run`, or `not in the settings`.
        state: as stored.
    """

    name: str
    kind: str
    does: str
    state: ForwarderState


def list_forwarders(settings: Settings, store: Store) -> tuple[ListedForwarder, ...]:
    """Return the forwarders of the settings, then those that ran and are set no more."""
    known = {state.name: state for state in store.forwarding.states()}
    found = []
    for wanted in settings.forwarders:
        state = known.pop(wanted.name, None)
        if state is None:
            empty = ForwarderState(wanted.name, 0, None, 0, 0, 0, (), "")
            found.append(ListedForwarder(wanted.name, wanted.kind, "never run", empty))
        else:
            does = "failing" if state.problem else "sending"
            found.append(ListedForwarder(wanted.name, wanted.kind, does, state))
    gone = [ListedForwarder(name, "", "not in the settings", known[name]) for name in sorted(known)]
    return (*found, *gone)


def problems(store: Store) -> Iterator[str]:
    """Yield one sentence for each forwarder that sends nothing, or has parked records."""
    for state in store.forwarding.states():
        if state.problem:
            yield f"forwarder {state.name}: {state.problem}"
        if state.parked:
            some = "; ".join(state.reasons)
            yield f"forwarder {state.name}: {state.parked} records are refused and parked: {some}"


def test(name: str, settings: Settings, now: datetime) -> str:
    """Send one test finding and return its identifier.

    Raises:
        UsageError: there is no such forwarder.
        SettingsError: its address can never be used.
        ActionError: the target did not take it; the text says why.
    """
    forwarder = forwarding.forwarder_of(_named(name, settings))
    own = (settings.web.port, settings.receivers.port)
    home.refuse(forwarder.target, [port for port in own if port])
    uid = identifiers.derive("fnd", "test of a forwarder", name, now.isoformat())
    forwarder.forward([Record("finding", uid, now, 1, _TITLE, _example(uid, now))])
    return uid


def replay(
    name: str, settings: Settings, store: Store, since: datetime | None, asked_by: Asked
) -> int:
    """Let records leave again: what is parked, or all findings and incidents changed since then.

    Returns:
        How many findings and incidents wait now; events of a search are not counted.

    Raises:
        UsageError: there is no such forwarder, or it never ran.
    """
    wanted = _named(name, settings)
    if since is None:
        return store.forwarding.unpark(name, *asked_by)
    asked = forwarding.wanted_kinds(wanted, forwarding.forwarder_of(wanted))
    is_searched = forwarding.search_of(wanted) is not None
    return store.forwarding.replay(name, asked, since, *asked_by, events=is_searched)


def _named(name: str, settings: Settings) -> kinds.Forwarder:
    for wanted in settings.forwarders:
        if wanted.name == name:
            return wanted
    listed = ", ".join(wanted.name for wanted in settings.forwarders)
    there = f"there are: {listed}" if listed else "add one under `forwarders` in tocsin.yaml"
    raise UsageError(f"there is no forwarder {name!r}; {there}")


def _example(uid: str, now: datetime) -> dict[str, object]:
    time = milliseconds(now)
    found = classes.class_named("detection_finding")
    return {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": found.category_uid,
        "category_name": "Findings",
        "class_uid": found.uid,
        "class_name": found.caption,
        "type_uid": found.uid * 100 + 1,
        "type_name": f"{found.caption}: Create",
        "time": time,
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 1,
        "status": "New",
        "message": _TITLE,
        "finding_info": {
            "uid": uid,
            "title": _TITLE,
            "desc": "Sent by `tocsin forward test`; it tells of nothing that happened.",
            "types": ["Test"],
            "created_time": time,
            "analytic": {"uid": "tocsin.test", "name": _TITLE, "type": "Rule", "type_id": 1},
        },
        "metadata": {
            "uid": uid,
            "version": classes.VERSION,
            "product": {"name": "Tocsin", "vendor_name": "Tocsin"},
        },
    }
