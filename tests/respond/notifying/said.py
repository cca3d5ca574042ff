"""Incidents, routes and notices of the tests about notifications."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.incidents.tables import NOON, finding, incident
from tocsin.incidents import Incident
from tocsin.respond.notifying import Notice, Occasion, Route, noticed, occasion_of

ALL = Route("all", ("chat",))


def about(entity: str = "user/alice", severity: int = 4, **changes: Any) -> Incident:
    return replace(incident(finding(entity, severity=severity)), **changes)


def happened(before: Incident | None, after: Incident) -> Occasion:
    occasion = occasion_of(before, after)
    assert occasion is not None
    return occasion


def told(
    route: Route, after: Incident, before: Incident | None = None, known: bool = False
) -> list[Notice]:
    occasion = happened(before, after)
    names = frozenset({route.name}) if known else frozenset()
    return list(noticed([route], occasion, after, ("aws.cloudtrail",), names))


def notice(name: str, severity: int = 4, minutes: float = 0, **changes: Any) -> Notice:
    made = Notice(
        uid=f"msg_{name}",
        route="all",
        lane="urgent" if severity >= 5 else "normal",
        incident_uid=f"inc_{name}",
        stage="opened",
        severity_id=severity,
        subject="Something happened",
        time=NOON + timedelta(minutes=minutes),
    )
    return replace(made, **changes)


def later(**stretch: float) -> datetime:
    return NOON + timedelta(**stretch)
