"""What happened to an incident that somebody may want to be told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tocsin.incidents import Incident
from tocsin.ocsf import identifiers

Stage = Literal["opened", "grown", "reopened", "closed"]

_FINISHED = frozenset({"Resolved", "Closed"})


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happened to an incident.

    Attributes:
        uid: the same whenever the same thing is seen again.
        severity_id: of the incident then, OCSF 1 to 6.
        time: when Tocsin saw it, UTC.
    """

    uid: str
    incident_uid: str
    stage: Stage
    severity_id: int
    time: datetime


def occasion_of(before: Incident | None, after: Incident) -> Occasion | None:
    """Return what a change means to people; `None` where there is nothing to tell.

    An incident grows when its severity rises: more of the same is no news. One that another has
    absorbed says nothing: the other one speaks. Loaded history raises no severity and opens
    nothing, as it is no alert.

    Args:
        before: as it was stored; `None` where it is new.
        after: as it is now.
    """
    stage = None if after.merged_into else _stage(before, after)
    if stage is None:
        return None
    which = {"opened": "", "grown": str(after.severity_id)}.get(stage, str(after.version))
    return Occasion(
        uid=identifiers.derive("msg", after.uid, stage, which),
        incident_uid=after.uid,
        stage=stage,
        severity_id=after.severity_id,
        time=after.updated_time,
    )


def _stage(before: Incident | None, after: Incident) -> Stage | None:
    is_finished = after.status in _FINISHED
    if before is None:
        return None if is_finished else "opened"
    if before.status in _FINISHED:
        return None if is_finished else "reopened"
    if is_finished:
        return "closed"
    return "grown" if after.severity_id > before.severity_id else None
