"""Whom actions call: callers by account, here or behind the broker, and actions by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from tocsin import plugins
from tocsin.errors import ActionError, SettingsError
from tocsin.isolate.broker import Broker
from tocsin.respond.actions import Action, ActionFacts, Caller, Target
from tocsin.respond.requests import ActionRequest
from tocsin.run.brokering import BrokeredCaller
from tocsin.run.responding_rights import session_rights
from tocsin.settings import Settings
from tocsin.settings.response import account_kind

ACTIONS = "tocsin.act.actions"
SESSION = "tocsin-respond"
"""How the names of sessions begin: by that, Tocsin knows its own calls in the provider's log."""


class Callers(Protocol):
    """Gives whom to call for a request."""

    def caller(self, request: ActionRequest, facts: ActionFacts) -> Caller:
        """Return a caller to the target's account that may do no more than the action needs.

        Raises:
            ActionError: no such account is in the settings.
        """
        ...


@dataclass(frozen=True, slots=True)
class OwnCallers:
    """Callers in this process: for the commands that people run, and where no broker is."""

    settings: Settings = field(repr=False)
    _made: dict[tuple[str, str], Caller] = field(default_factory=dict, repr=False)

    def caller(self, request: ActionRequest, facts: ActionFacts) -> Caller:
        """Return the caller of the target's account; see `Callers`."""
        if not self._made:
            self._made.update(account_callers(self.settings))
        found = self._made.get((request.target.provider, request.target.account))
        if found is None:
            raise ActionError(_unknown(request.target))
        limited = getattr(found, "limited", None)
        if limited is None:
            return found
        return cast("Caller", limited(session_rights(facts, request.target), session_of(request)))


@dataclass(frozen=True, slots=True)
class BrokeredCallers:
    """Callers behind the broker, the one process that holds credentials."""

    settings: Settings = field(repr=False)
    broker: Broker

    def caller(self, request: ActionRequest, facts: ActionFacts) -> Caller:
        """Return the caller of the target's account; see `Callers`."""
        target = request.target
        if (target.provider, target.account) not in accounts(self.settings):
            raise ActionError(_unknown(target))
        rights = session_rights(facts, target)
        return BrokeredCaller(
            self.broker, target.provider, target.account, rights, session_of(request)
        )


def account_callers(settings: Settings) -> dict[tuple[str, str], Caller]:
    """Return a caller for each account of the settings, by provider and account.

    Raises:
        SettingsError: a plug cannot be made of its settings.
    """
    found = {}
    for section in settings.response.accounts:
        kind = account_kind(section.kind)
        caller: Caller = kind.plug(kind.settings_of(section))
        found[section.kind, _account(section)] = caller
    return found


def accounts(settings: Settings) -> frozenset[tuple[str, str]]:
    """Return provider and account of each account of the settings."""
    return frozenset((each.kind, _account(each)) for each in settings.response.accounts)


def action_names() -> tuple[str, ...]:
    """Return the names of all actions, sorted."""
    return plugins.names(ACTIONS)


def facts_of(name: str) -> ActionFacts:
    """Return what is true of every use of an action.

    Raises:
        SettingsError: there is no such action; the text says which was meant.
    """
    facts: ActionFacts = plugins.find(ACTIONS, name).facts  # type: ignore[attr-defined] # of the plug
    return facts


def action_of(name: str, arguments: str) -> Action:
    """Return an action made of its arguments.

    Args:
        name: of the plug.
        arguments: a JSON object.

    Raises:
        SettingsError: there is no such action, or it does not take these arguments.
    """
    plug = plugins.find(ACTIONS, name)
    try:
        given = json.loads(arguments or "{}")
    except ValueError as error:
        raise SettingsError(f"arguments of {name}: no JSON: {error}") from error
    if not isinstance(given, Mapping):
        raise SettingsError(f"arguments of {name}: expected an object such as {{}}")
    made: Action = plug(plugins.settings_of(plug, given))
    return made


def session_of(request: ActionRequest) -> str:
    """Return the name under which a request's calls stand in the provider's log."""
    return f"{SESSION}-{request.uid.removeprefix('req_')}"[:64]


def _account(section: object) -> str:
    return str(getattr(section, "account", ""))


def _unknown(target: Target) -> str:
    return (
        f"no account {target.account!r} of {target.provider} under `response: accounts:`;"
        " add it, and the role that may act there"
    )
