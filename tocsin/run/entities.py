"""Everything that is known of one user, role, key, host, pod, address, bucket or account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from tocsin.errors import UsageError
from tocsin.identity import Statement
from tocsin.incidents import Incident, portrait
from tocsin.ocsf import Entity, Scope
from tocsin.store import FindingFilter, IncidentFilter, Span, Store

SHOWN_FINDINGS = 50
SHOWN_INCIDENTS = 20
SHOWN_STATES = 10
SHOWN_EVENTS = 30
SHOWN_IDENTITIES = 30
READ_IDENTITIES = 200
EVENT_SECONDS = 0.4
"""What the search for events may take; then those are shown that findings rest on."""

EVENT_AGE = timedelta(days=7)

PATHS: dict[str, tuple[str, ...]] = {
    "access_key": ("actor.user.credential_uid", "actor.session.credential_uid"),
    "account": ("cloud.account.uid",),
    "address": ("src_endpoint.ip", "dst_endpoint.ip", "device.ip"),
    "host": ("device.hostname", "device.name", "src_endpoint.hostname", "dst_endpoint.hostname"),
    "instance": ("device.instance_uid", "device.uid", "src_endpoint.instance_uid", "resources.uid"),
    "pod": ("resources.uid_alt", "resources.uid", "resources.name", "device.name"),
    "role": ("actor.session.issuer", "actor.user.uid", "resources.uid", "resources.name"),
    "service_account": ("actor.user.name", "actor.user.uid"),
    "session": ("actor.session.uid",),
    "user": ("actor.user.uid", "actor.user.name", "user.uid", "user.name"),
}
"""Where events name a thing of this type."""

OTHER_PATHS = ("resources.uid", "resources.name")


@dataclass(frozen=True, slots=True)
class EntityView:
    """What the state knows of an entity.

    Attributes:
        portrait: what findings say.
        findings: the latest of them, rows of the findings table.
        incidents: the latest that are about it.
        states: how it was seen, newest first, rows of observed resources.
        identities: what it was, or who was it, and when, with the reason.
    """

    portrait: portrait.Portrait
    findings: pa.Table
    incidents: tuple[Incident, ...]
    states: pa.Table
    identities: tuple[Statement, ...]

    @property
    def is_known(self) -> bool:
        """Whether anything names it."""
        known = (self.portrait.findings, self.incidents, self.states.num_rows, self.identities)
        return any(known)


@dataclass(frozen=True, slots=True)
class EntityEvents:
    """The latest events that name an entity.

    Attributes:
        events: newest first.
        problem: why they are only those that findings rest on; "" where they are not.
        query: finds them all in the search language; "" where no stored event names such things.
    """

    events: pa.Table
    problem: str
    query: str


def view_of(store: Store, entity: Entity, scope: Scope, now: datetime) -> EntityView:
    """Return what is known of an entity, as far as a scope sees it."""
    about = FindingFilter(entity=entity.uid)
    mentions = store.entities.mentions(entity.uid, scope)
    return EntityView(
        portrait=portrait.portray(entity.type, entity.uid, mentions, now.date()),
        findings=store.findings.list(about, scope, limit=SHOWN_FINDINGS).rows,
        incidents=store.incidents.list(
            IncidentFilter(entity=entity.uid), scope, limit=SHOWN_INCIDENTS
        ).rows,
        states=store.resources.history(entity.uid, scope, limit=SHOWN_STATES),
        identities=_identities(store, entity, scope),
    )


def _identities(store: Store, entity: Entity, scope: Scope) -> tuple[Statement, ...]:
    """Return statements about an entity; to people with limits those of their accounts alone."""
    told = store.identities.list(entity.uid, limit=READ_IDENTITIES)
    if scope.namespaces is not None:
        return ()
    return tuple(
        each
        for each in told
        if any((one.type, one.uid) == (entity.type, entity.uid) for one in (each.one, each.other))
        and (scope.accounts is None or each.scope in scope.accounts)
    )[:SHOWN_IDENTITIES]


def events_of(
    store: Store,
    entity: Entity,
    scope: Scope,
    now: datetime,
    *,
    timeout_seconds: float = EVENT_SECONDS,
) -> EntityEvents:
    """Return the latest events of a week that name an entity.

    A search that comes late is stopped; the events that findings rest on are there without one.
    """
    known = {field.path for field in store.events.fields()}
    query = query_of(entity, [path for path in paths_of(entity) if path in known])
    problem = ""
    if query:
        span = Span(now - EVENT_AGE, None)
        try:
            found = store.events.search(
                query, scope, span, limit=SHOWN_EVENTS, timeout_seconds=timeout_seconds
            ).rows
        except UsageError as error:
            problem = str(error)
        else:
            if found.num_rows:
                return EntityEvents(found, "", query)
    uids = store.entities.matched_events(entity.uid, scope, limit=SHOWN_EVENTS)
    rows = store.events.many(uids, scope).sort_by([("time", "descending")])
    return EntityEvents(rows, problem, query)


def paths_of(entity: Entity) -> tuple[str, ...]:
    """Return where events name such a thing."""
    return PATHS.get(entity.type, OTHER_PATHS)


def query_of(entity: Entity, paths: Sequence[str]) -> str:
    """Return the search for an entity at these paths; "" without paths."""
    return " OR ".join(f"{path}:{_quoted(_value(entity, path))}" for path in paths)


def _value(entity: Entity, path: str) -> str:
    is_name = path.endswith(("user.name", "resources.name"))
    return (entity.name or entity.uid) if is_name else entity.uid


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
