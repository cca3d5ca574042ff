"""What a playbook is: when these incidents, request these actions on these targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Protocol

from tocsin.conditions import Condition
from tocsin.ocsf.yaml_text import YamlValue
from tocsin.respond.actions import ActionFacts
from tocsin.respond.playbooks.tell import TellKind, TellStep
from tocsin.respond.requests import Mode, OnFailure

ENTITY = "finding.entity"
"""In `from`: what the finding is about."""

LINKS = "finding.links"
"""In `from`: what the finding ties to it."""


class Catalog(Protocol):
    """Says which actions there are; `run` knows the plugs."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all actions, sorted."""
        ...

    def facts(self, action: str) -> ActionFacts:
        """Return the facts of an action of `names`."""
        ...

    def problem(self, action: str, arguments: Mapping[str, object]) -> str:
        """Return why an action cannot take these arguments; "" where it can."""
        ...


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """Where a step finds what it acts on.

    Attributes:
        types: of the targets; one of the action's.
        places: tried on every event that the trigger fits, all of them counting: `ENTITY`,
            `LINKS`, or paths of the event, `ocsf.` before those of OCSF, whose values are joined
            by `/`.
        only: patterns of the uids that the step is for, `*` for any characters; empty: all.
    """

    types: frozenset[str]
    places: tuple[tuple[str, ...], ...] = ((ENTITY,), (LINKS,))
    only: tuple[str, ...] = ()

    def fits(self, uid: str) -> bool:
        """Say whether the step is for a thing with this uid."""
        return not self.only or any(fnmatchcase(uid, pattern) for pattern in self.only)


@dataclass(frozen=True, slots=True)
class Step:
    """One action to request.

    Attributes:
        number: from 0, in the order in which steps happen.
        action: name of the plug.
        facts: of the action.
        target: where it is looked for.
        arguments: a JSON object, what stands under `with`.
        on_failure: whether later steps go on where this one fails.
        lasts: after which time it is taken back; `None` while the incident is open.
    """

    number: int
    action: str
    facts: ActionFacts
    target: TargetChoice
    arguments: str = "{}"
    on_failure: OnFailure = "stop"
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """One request that an example must give.

    Attributes:
        target: the uid or the name of the target.
        is_certain: whether the target is certain; otherwise it is written down and no more.
    """

    action: str
    target: str
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """Findings of one incident and exactly the requests that they lead to.

    Attributes:
        findings: as written; `run` makes findings of them by the rules that they name.
        requests: in any order; empty for a near miss.
        tells: kinds of what is told, in order.
    """

    name: str
    findings: tuple[Mapping[str, YamlValue], ...]
    requests: tuple[Expected, ...]
    line: int
    tells: tuple[TellKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Caps:
    """How much one playbook may ask for before it is stopped.

    Attributes:
        per_ten_minutes: requests in any ten minutes.
        per_incident: targets of one step in one incident.
    """

    per_ten_minutes: int = 5
    per_incident: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """What to request for which incidents.

    Attributes:
        uid: stable; part of the identifier of its requests.
        description: what happened, and why these steps, in plain words.
        trigger: over `incident.…`, `finding.…` and `ocsf.…`: some finding of an incident that is
            open, with some event of it, fits.
        steps: in order; one applies where there is a target for it.
        tells: said once for each incident that the trigger fits.
        mode: `observe` unless somebody says otherwise.
        approvals: the least number of persons who must agree where anybody must.
        cooldown: how long a target is left alone after a request of this playbook.
        location: the file.
    """

    uid: str
    title: str
    description: str
    trigger: Condition
    steps: tuple[Step, ...] = ()
    tells: tuple[TellStep, ...] = ()
    mode: Mode = "observe"
    approvals: int = 1
    cooldown: timedelta = timedelta(hours=1)
    caps: Caps = field(default_factory=Caps)
    examples: tuple[Example, ...] = ()
    location: str = ""
