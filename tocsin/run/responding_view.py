"""A request as people and programs read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING
from tocsin.respond.actions import ActionFacts
from tocsin.respond.requests import ALLOWED, Agreement, Approval, agreement, check_approval
from tocsin.run.responding_accounts import facts_of
from tocsin.run.responding_words import approval_text, closed_need, title_of
from tocsin.settings import Settings
from tocsin.store import Store
from tocsin.store.answers import KeptRequest

SHOWN_STATES: Mapping[str, tuple[str, ...]] = {
    "waiting": ("proposed", "approved", "applying", "reverting"),
    "active": ("active",),
    "failed": ("failed",),
    "over": ("reverted", "verified", "refused", "lapsed", "superseded"),
    "observed": ("observed",),
}
"""The lists in which people look for requests."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as people read it.

    Attributes:
        title: what it wants, in words.
        needs: who is still to agree, or what is to be decided now that the incident is over, in one
            sentence; "" where nobody has to do anything.
        left: until it is taken back by itself; `None` where it is not.
        can_approve: whether its state waits for approvals.
        can_refuse: whether it is early enough to refuse it.
        can_undo: whether there is something to take back.
        agreement: what the approvals that there are amount to.
    """

    kept: KeptRequest
    title: str
    needs: str
    left: timedelta | None
    can_approve: bool
    can_refuse: bool
    can_undo: bool
    agreement: Agreement


def view(kept: KeptRequest, settings: Settings, store: Store, now: datetime) -> RequestView:
    """Return a request as people read it."""
    return view_with(kept, settings.response.lone_delay, store, now)


def view_with(
    kept: KeptRequest, lone_delay: timedelta | None, store: Store, now: datetime
) -> RequestView:
    """Return a request as people read it, for a team with this delay of a team of one."""
    request = kept.request
    approvals = store.requests.approvals(request.uid)
    found = agreement(request, kept.digest, approvals, now, lone_delay)
    is_proposed = request.state == "proposed"
    left = None
    if kept.expires_time is not None and request.state in ("active", "failed"):
        left = max(timedelta(), kept.expires_time - now)
    return RequestView(
        kept=kept,
        title=title_of(request),
        needs=approval_text(kept, found, now) if is_proposed else _closed_need(kept, store),
        left=left,
        can_approve=is_proposed and bool(kept.digest),
        can_refuse="refused" in ALLOWED[request.state],
        can_undo=request.state in ("active", "failed") and kept.before is not None,
        agreement=found,
    )


def _closed_need(kept: KeptRequest, store: Store) -> str:
    if kept.asked_time is None:
        return ""
    return closed_need(kept, store.incidents.get(kept.request.incident_uid, EVERYTHING))


def hindrance(
    kept: KeptRequest, who: str, lone_delay: timedelta | None, store: Store, now: datetime
) -> str:
    """Return why this person's approval of the present plan would not count; "" where it would."""
    earlier = store.requests.approvals(kept.request.uid)
    mine = Approval(kept.digest, who, now)
    try:
        check_approval(kept.request, kept.digest, mine, lone_delay, earlier)
    except UsageError as error:
        return str(error)
    return ""


def facts_for(kept: KeptRequest) -> ActionFacts | None:
    """Return what is true of every use of a request's action; `None` where it is not there."""
    try:
        return facts_of(kept.request.action)
    except Exception:  # the edge of plugs: a request of one that was uninstalled is still shown
        return None


def document(seen: RequestView, store: Store) -> dict[str, object]:
    """Return all that is known of a request as JSON would have it."""
    kept = seen.kept
    uid = kept.request.uid
    found: dict[str, object] = msgspec.to_builtins(
        {
            **listed(seen),
            "incident_uid": kept.request.incident_uid,
            "action": kept.request.action,
            "target": kept.request.target,
            "arguments": kept.request.arguments,
            "mode": kept.request.mode,
            "playbook_uid": kept.request.playbook_uid,
            "digest": kept.digest,
            "plan": kept.plan,
            "before": kept.before,
            "after": kept.after,
            "undo": kept.undo,
            "approvals": store.requests.approvals(uid),
            "calls": store.requests.calls(uid),
            "history": store.requests.history(uid),
        },
        enc_hook=_plain,
    )
    return found


def listed(seen: RequestView) -> dict[str, object]:
    """Return what a list shows of a request."""
    kept, request = seen.kept, seen.kept.request
    return {
        "uid": request.uid,
        "state": request.state,
        "title": seen.title,
        "needs": seen.needs,
        "expires_time": kept.expires_time if seen.left is not None else None,
        "author": request.author,
        "reason": request.reason,
        "requested_time": request.requested_time,
        "updated_time": kept.updated_time,
        "problem": kept.problem,
    }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be shown")
