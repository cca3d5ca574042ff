"""A request as people and programs read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.respond.requests import ALLOWED, Agreement, agreement
from tocsin.run.responding_words import approval_text, title_of
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
        needs: who is still to agree, in one sentence; "" where nobody has to any more.
        left: until it is taken back by itself; `None` where it is not.
        can_approve: whether its state waits for approvals.
        can_refuse: whether it is early enough to refuse it.
        can_undo: whether there is something to take back.
    """

    kept: KeptRequest
    title: str
    needs: str
    left: timedelta | None
    can_approve: bool
    can_refuse: bool
    can_undo: bool


def view(kept: KeptRequest, settings: Settings, store: Store, now: datetime) -> RequestView:
    """Return a request as people read it."""
    request = kept.request
    found = found_agreement(kept, settings, store, now)
    left = None
    if kept.expires_time is not None and request.state in ("active", "failed"):
        left = max(timedelta(), kept.expires_time - now)
    return RequestView(
        kept=kept,
        title=title_of(request),
        needs=approval_text(kept, found, now) if request.state == "proposed" else "",
        left=left,
        can_approve=request.state == "proposed" and bool(kept.digest),
        can_refuse="refused" in ALLOWED[request.state],
        can_undo=request.state in ("active", "failed") and kept.before is not None,
    )


def found_agreement(
    kept: KeptRequest, settings: Settings, store: Store, now: datetime
) -> Agreement:
    """Return what the approvals of a request amount to."""
    approvals = store.requests.approvals(kept.request.uid)
    return agreement(kept.request, kept.digest, approvals, now, settings.response.lone_delay)


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
