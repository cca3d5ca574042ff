"""A directory of Entra ID: a stand-in of Microsoft Graph v1.0."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from tests.act.callers.standin import LOOPBACK, WORLDS, Ask, World, check, must, serve
from tests.plugs.acted.azure import SECRET, TENANT, TOKEN, error, token
from tests.plugs.acted.stage import Stage
from tocsin.act.actions.entra_disable_service_principal import (
    DisableServicePrincipalArguments,
    EntraDisableServicePrincipal,
)
from tocsin.act.actions.entra_disable_user import DisableUserArguments, EntraDisableUser
from tocsin.act.actions.entra_revoke_sessions import EntraRevokeSessions, RevokeSessionsArguments
from tocsin.act.callers.entra import Entra, EntraDirectory
from tocsin.respond.actions import Action, Target
from tocsin.values import Secret

UID = "00000000-0000-4000-8000-00000000000e"
USER = f"/v1.0/users/{UID}"
PRINCIPAL = f"/v1.0/servicePrincipals/{UID}"


class Directory:
    """Answers as Microsoft Graph does."""

    def __init__(self) -> None:
        self.things: dict[str, Any] = {
            USER: {
                "id": UID,
                "accountEnabled": True,
                "onPremisesSyncEnabled": None,
                "signInSessionsValidFromDateTime": "2026-01-02T03:04:05Z",
            },
            PRINCIPAL: {"id": UID, "accountEnabled": True, "appOwnerOrganizationId": TENANT},
        }

    def __call__(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path.endswith("/token"):
            return token(ask, "https://graph.microsoft.com/.default")
        shown = ask.headers.get("authorization") == f"Bearer {TOKEN}"
        must(shown, 401, error("InvalidAuthenticationToken"))
        path = ask.path.removesuffix("/revokeSignInSessions")
        must(path in self.things, 404, error("Request_ResourceNotFound"))
        found = self.things[path]
        if ask.method == "GET":
            check(ask.query, {"$select!": str})
            wanted = ask.query["$select"].split(",")
            must(set(wanted) <= found.keys(), 400, error("unknown property"))
            return 200, {key: found[key] for key in wanted}
        must(not ask.query, 400, error("unknown query"))
        if ask.method == "PATCH" and path == ask.path:
            check(ask.body, {"accountEnabled!": bool})
            found.update(ask.body)
            return 204, None
        must(ask.method == "POST" and path == USER != ask.path, 405, error("method"))
        must(ask.body is None, 400, error("no body"))
        found["signInSessionsValidFromDateTime"] = "2026-11-23T09:00:10Z"
        return 200, {"value": True}


def world() -> AbstractContextManager[str]:
    directory = Directory()
    return serve(World(directory, directory))


def caller(url: str) -> Entra:
    settings = EntraDirectory(
        account=TENANT,
        tenant=TENANT,
        client_id="app",
        client_secret=Secret(SECRET),
        authority=url,
        endpoint=url,
        allow_private=LOOPBACK,
    )
    return Entra(settings)


def stage(url: str, action: Action, kind: str, path: str, after: dict[str, Any]) -> Stage:
    things = WORLDS[url].state.things
    target = Target(kind, UID, "mallory@example.com", "entra", TENANT)

    def expected() -> None:
        assert after.items() <= things[path].items()

    return Stage(
        action=action,
        target=target,
        caller=caller(url),
        snapshot=lambda: {key: dict(value) for key, value in things.items()},
        gone=replace(target, uid="other"),
        meddle=lambda: things.pop(path),
        expected=expected,
    )


def disable_user(url: str) -> Stage:
    action = EntraDisableUser(DisableUserArguments())
    return stage(url, action, "user", USER, {"accountEnabled": False})


def disable_service_principal(url: str) -> Stage:
    action = EntraDisableServicePrincipal(DisableServicePrincipalArguments())
    return stage(url, action, "service_principal", PRINCIPAL, {"accountEnabled": False})


def revoke_sessions(url: str) -> Stage:
    action = EntraRevokeSessions(RevokeSessionsArguments())
    after = {"signInSessionsValidFromDateTime": "2026-11-23T09:00:10Z"}
    return replace(stage(url, action, "user", USER, after), meddle=None)


STAGES: dict[str, Callable[[str], Stage]] = {
    "entra_disable_service_principal": disable_service_principal,
    "entra_disable_user": disable_user,
    "entra_revoke_sessions": revoke_sessions,
}
