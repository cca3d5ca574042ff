"""What people do with requests: ask for an action, see what it would do, let it happen now."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.errors import SettingsError, UsageError
from tocsin.isolate.broker import Broker
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.respond.actions import ActionFacts, Target
from tocsin.respond.requests import (
    ActionRequest,
    needed_approvals,
    request_uid,
)
from tocsin.respond.requests import run_uid as run_of
from tocsin.run.responding import Responding
from tocsin.run.responding_accounts import (
    BrokeredCallers,
    Callers,
    OwnCallers,
    accounts,
    action_names,
    action_of,
    facts_of,
)
from tocsin.settings import Settings
from tocsin.settings.response import Response
from tocsin.store import Store
from tocsin.store.answers import KeptRequest, Once


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for.

    Attributes:
        action: name of the plug.
        target: as the provider names it.
        incident: uid, or the beginning of it.
        reason: why, for the one who approves.
        type: of the target; "" where the action is for one type alone.
        name: as calls want it; "" for the last part of the target's uid.
        account: "" for the only one of the provider in the settings.
        region: "" where there is none.
        arguments: a JSON object.
        lasts: after which time it is taken back; `None` for what the action says.
    """

    action: str
    target: str
    incident: str
    reason: str
    type: str = ""
    name: str = ""
    account: str = ""
    region: str = ""
    arguments: str = "{}"
    lasts: timedelta | None = None


def responding(
    settings: Settings,
    store: Store,
    stopping: threading.Event,
    clock: Callable[[], datetime],
    broker: Broker | None = None,
) -> Responding:
    """Return what carries requests out, its calls through the broker where there is one.

    The demo has no accounts: its incidents are a story, and nothing real is touched for them.
    """
    if store.is_demo:
        settings = settings.model_copy(update={"response": Response()})
    callers: Callers = OwnCallers(settings) if broker is None else BrokeredCallers(settings, broker)
    return Responding(settings, store, callers, stopping, clock)


def ask(
    wish: Wish,
    settings: Settings,
    store: Store,
    author: tuple[str, Scope],
    now: datetime,
    *,
    once: Once | None = None,
) -> str:
    """Store a person's request; return its uid. It is planned at the next look of the loop.

    Raises:
        UsageError: something of it cannot be; the text says what would be right.
    """
    who, scope = author
    try:
        facts = facts_of(wish.action)
        action_of(wish.action, wish.arguments)
    except SettingsError as error:
        raise UsageError(str(error)) from error
    if not wish.reason.strip():
        raise UsageError("say why: the one who approves reads it")
    incident = store.incidents.get(wish.incident, scope)
    if incident is None:
        raise UsageError(f"there is no incident {wish.incident}: a request belongs to one")
    target = _target(wish, facts, settings, who)
    if scope.accounts is not None and target.account not in scope.accounts:
        raise UsageError(f"you may not act in account {target.account}")
    # The moment is part of it: the same may be asked for again once the first is over.
    run = run_of(f"{who} {now.isoformat()}", incident.uid)
    made = ActionRequest(
        uid=request_uid(run, 0, wish.action, target),
        run_uid=run,
        playbook_uid="",
        step=0,
        incident_uid=incident.uid,
        action=wish.action,
        target=target,
        arguments=wish.arguments,
        mode="approve",
        state="proposed",
        author=who,
        reason=wish.reason.strip(),
        requested_time=now,
        lasts=wish.lasts or facts.lasts,
        needed_approvals=needed_approvals(facts, "approve", by_person=True),
    )
    return store.requests.put(made, who, now, once)


def look_once(
    settings: Settings, store: Store, clock: Callable[[], datetime], broker: Broker | None = None
) -> bool:
    """Take every request one step further now; return whether this process could.

    False: another process, such as a running Tocsin, carries requests out and does so by itself.

    Raises:
        UsageError: responding is stopped.
    """
    if store.response_stop.is_set:
        raise UsageError("responding is stopped: `tocsin respond resume` lets it go on")
    runner = responding(settings, store, threading.Event(), clock, broker)
    try:
        runner.once()
        return runner.is_holding
    finally:
        runner.release()


def known(store: Store, uid: str, scope: Scope = EVERYTHING) -> KeptRequest:
    """Return a request by its identifier or the beginning of it.

    Raises:
        UsageError: there is none, or more than one.
    """
    kept = store.requests.get(uid, scope)
    if kept is None:
        raise UsageError(f"there is no request {uid}, or more than one begins so")
    return kept


@dataclass(frozen=True, slots=True)
class ListedAction:
    """An action as people choose it."""

    name: str
    facts: ActionFacts


def list_actions() -> tuple[ListedAction, ...]:
    """Return all actions, by name."""
    return tuple(ListedAction(name, facts_of(name)) for name in action_names())


def action_facts(name: str) -> ActionFacts:
    """Return what is true of every use of an action.

    Raises:
        UsageError: there is no such action.
    """
    try:
        return facts_of(name)
    except SettingsError as error:
        raise UsageError(str(error)) from error


def _target(wish: Wish, facts: ActionFacts, settings: Settings, who: str) -> Target:
    type_ = wish.type or (next(iter(facts.targets)) if len(facts.targets) == 1 else "")
    if type_ not in facts.targets:
        raise UsageError(f"{wish.action} is for {', '.join(sorted(facts.targets))}: name the type")
    ours = sorted(account for kind, account in accounts(settings) if kind == facts.provider)
    account = wish.account or (ours[0] if len(ours) == 1 else "")
    if account not in ours:
        known_ones = ", ".join(ours) or "none"
        raise UsageError(
            f"name the account of {facts.provider}; under `response: accounts:` stand: {known_ones}"
        )
    name = wish.name or wish.target.rpartition(":")[2].rpartition("/")[2]
    if "/" in wish.target and not wish.target.startswith("arn:"):
        name = wish.name or wish.target
    return Target(type_, wish.target, name, facts.provider, account, wish.region, f"named by {who}")
