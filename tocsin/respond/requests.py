"""Action requests: a stored wish to act, the states it goes through, and who must agree to it.

A request is data until it is approved as exactly the plan that people saw; what may follow which
state stands in `ALLOWED`, and nothing else ever changes a state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tocsin.errors import UsageError
from tocsin.ocsf.identifiers import derive
from tocsin.respond.actions import ActionFacts, Target

Mode = Literal["observe", "propose", "approve", "automatic"]
"""Kept in a ledger; shown with its plan; people are asked; carried out where the limits allow."""

RequestState = Literal[
    "observed",
    "proposed",
    "refused",
    "lapsed",
    "approved",
    "applying",
    "active",
    "verified",
    "reverting",
    "reverted",
    "superseded",
    "failed",
]
OnFailure = Literal["stop", "continue"]

ALLOWED: dict[RequestState, frozenset[RequestState]] = {
    "observed": frozenset(),
    "proposed": frozenset({"approved", "refused", "lapsed", "superseded", "verified", "failed"}),
    "approved": frozenset(
        {"applying", "proposed", "refused", "lapsed", "superseded", "verified", "failed"}
    ),
    "applying": frozenset({"active", "verified", "proposed", "superseded", "failed"}),
    "active": frozenset({"reverting"}),
    "failed": frozenset({"reverting"}),
    "reverting": frozenset({"reverted", "superseded", "active", "failed"}),
    "refused": frozenset(),
    "lapsed": frozenset(),
    "verified": frozenset(),
    "reverted": frozenset(),
    "superseded": frozenset(),
}
"""From which state to which."""

DONE: frozenset[RequestState] = frozenset({"active", "verified", "reverting", "reverted"})
"""After which the next step of a run may follow."""

OVER: frozenset[RequestState] = frozenset({"refused", "lapsed", "superseded", "failed"})
"""After which the next step follows only where the playbook says `on_failure: continue`."""

APPROVAL_LASTS = timedelta(minutes=30)
"""How long an approval may wait to be carried out."""

HIGHEST_AUTOMATIC_LEVEL = 2
"""Reversible and narrow: the most that happens without a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """A wish to act on one target, to be stored before it can ever be a deed.

    Attributes:
        uid: derived from playbook or author, step, incident and target: it happens once.
        run_uid: shared by the steps of one playbook for one incident, which happen in order.
        playbook_uid: "" where a person asks.
        step: its number in the playbook, from 0.
        incident_uid: of the incident; never empty.
        action: name of the plug.
        target: resolved: the provider's own name of it.
        arguments: a JSON object, as the playbook or the person wrote it.
        mode: of the playbook when this was made; `approve` for a person's.
        state: how far it has come; new ones are `observed` or `proposed`.
        author: who asks: a person, or `playbook:UID`.
        reason: why, in one sentence for the one who approves.
        requested_time: UTC.
        lasts: after which time it is taken back by itself; `None` while the incident is open.
        needed_approvals: of how many different persons; see `needed_approvals`.
        on_failure: whether later steps of the run follow where this one does not succeed.
        evidence_for: uid of the request that this one gathers evidence for; "" otherwise.
    """

    uid: str
    run_uid: str
    playbook_uid: str
    step: int
    incident_uid: str
    action: str
    target: Target
    arguments: str
    mode: Mode
    state: RequestState
    author: str
    reason: str
    requested_time: datetime
    lasts: timedelta | None
    needed_approvals: int
    on_failure: OnFailure = "stop"
    evidence_for: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's word for one exact plan.

    Attributes:
        digest: of the plan that they saw.
        approver: who.
        time: when, UTC.
    """

    digest: str
    approver: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the approvals that there are amount to.

    Attributes:
        is_given: whether the plan may be carried out now.
        missing: how many persons are still to agree.
        due: when a team of one may go on without another person; `None` where nobody else is
            needed or no delay is set.
        is_lone: whether a delay took the place of a person, which the history records.
    """

    is_given: bool
    missing: int = 0
    due: datetime | None = None
    is_lone: bool = False


def run_uid(playbook_uid: str, incident_uid: str) -> str:
    """Return what the steps of one playbook for one incident share."""
    return derive("req", "run", playbook_uid, incident_uid)


def request_uid(run: str, step: int, action: str, target: Target) -> str:
    """Return the identifier of a step of a run on a target: a replay gives the same."""
    return derive("req", run, str(step), action, target.type, target.account, target.uid)


def is_by_person(request: ActionRequest) -> bool:
    """Say whether a person asked for it, and not a playbook."""
    return not request.playbook_uid


def person(name: str) -> str:
    """Return whom a name means: `local:alice` at the keyboard and `alice` on the pages are one."""
    return name.removeprefix("local:").strip().casefold()


def needed_approvals(facts: ActionFacts, mode: Mode, *, by_person: bool) -> int:
    """Return how many persons other than the author must agree.

    Destructive: two. Restoring what an attacker switched off: nobody, except in `observe`, where
    nothing is carried out at all. Automatic: nobody, for what is reversible and narrow alone.
    """
    if facts.category == "destructive" or facts.level > 3:
        return 2
    if facts.restores_safety and mode != "observe":
        return 0
    is_narrow = facts.level <= HIGHEST_AUTOMATIC_LEVEL and facts.category == "reversible"
    is_harmless = facts.level <= 1
    if mode == "automatic" and not by_person and (is_narrow or is_harmless):
        return 0
    return 1


def check_transition(present: RequestState, following: RequestState) -> None:
    """Refuse what the states do not allow.

    Raises:
        UsageError: names both states and what would be possible.
    """
    if following in ALLOWED[present]:
        return
    possible = ", ".join(sorted(ALLOWED[present])) or "nothing: it is over"
    raise UsageError(
        f"the request is {present}; it cannot become {following} (possible: {possible})"
    )


def check_approval(
    request: ActionRequest,
    digest: str,
    approval: Approval,
    lone_delay: timedelta | None,
    earlier: Iterable[Approval],
) -> None:
    """Refuse an approval that must not count.

    Args:
        request: as stored.
        digest: of the plan that is stored; "" where there is none.
        approval: whose word for which plan, and when.
        lone_delay: the delay that stands for a second person, where the team has set one.
        earlier: approvals of this request.

    Raises:
        UsageError: says why it does not count.
    """
    if request.state not in ("proposed", "approved"):
        raise UsageError(f"the request is {request.state}: there is nothing to approve")
    if not digest:
        raise UsageError("there is no plan yet that could be approved")
    if approval.digest != digest:
        raise UsageError("the plan has changed since you saw it: read the new one and decide again")
    is_author = is_by_person(request) and person(approval.approver) == person(request.author)
    if is_author and lone_delay is None:
        raise UsageError("somebody else must approve what you asked for yourself")
    for one in standing(earlier, digest, approval.time, lone_delay):
        if person(one.approver) == person(approval.approver):
            raise UsageError("you have approved this plan already")


def standing(
    approvals: Iterable[Approval], digest: str, now: datetime, lone_delay: timedelta | None
) -> tuple[Approval, ...]:
    """Return the approvals of this plan that still hold, the oldest of each person, in order."""
    lasts = APPROVAL_LASTS + (lone_delay or timedelta())
    found: dict[str, Approval] = {}
    for one in sorted(approvals, key=lambda each: (each.time, each.approver)):
        if one.digest == digest and one.time <= now < one.time + lasts:
            found.setdefault(person(one.approver), one)
    return tuple(found.values())


def agreement(
    request: ActionRequest,
    digest: str,
    approvals: Iterable[Approval],
    now: datetime,
    lone_delay: timedelta | None,
) -> Agreement:
    """Return whether the approvals suffice for the plan with this digest.

    The author of a person's request does not count, except where a team of one has set
    `lone_delay`: then one person suffices once the delay is over.
    """
    needed = request.needed_approvals
    if needed == 0 and request.mode != "observe":
        return Agreement(is_given=True)
    held = standing(approvals, digest, now, lone_delay)
    author = person(request.author) if is_by_person(request) else ""
    # Without the delay's help an approval holds for no more than its thirty minutes.
    others = [
        one for one in held if person(one.approver) != author and now < one.time + APPROVAL_LASTS
    ]
    missing = max(0, needed - len(others))
    if request.mode == "observe" or needed == 0:
        return Agreement(is_given=False, missing=missing)
    if missing == 0:
        return Agreement(is_given=True)
    if lone_delay is None or not held or len(held) < needed - 1:
        return Agreement(is_given=False, missing=missing)
    due = held[0].time + lone_delay
    return Agreement(is_given=now >= due, missing=missing, due=due, is_lone=True)


def may_follow(earlier: Iterable[ActionRequest]) -> bool | None:
    """Say whether a step may happen now, after the earlier steps of its run.

    Returns:
        `None` where it never will: an earlier step did not succeed and stops the run.
    """
    steps = tuple(earlier)
    if any(one.state in OVER and one.on_failure == "stop" for one in steps):
        return None
    return all(one.state in DONE or one.state in OVER for one in steps)
