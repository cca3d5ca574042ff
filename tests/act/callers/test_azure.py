"""The callers for Azure and Entra: operations, who asks, which right is missing."""

import pytest

from tests.act.callers.standin import LOOPBACK, WORLDS
from tests.plugs.acted.azure import GROUP, NSG, RULE, VM, caller, world
from tocsin.act.callers.azure import Azure, AzureSubscription, _right
from tocsin.act.callers.entra import _right as graph_right
from tocsin.errors import ActionError, CallRefusedError, OutcomeUnknownError, SettingsError
from tocsin.respond.actions import Call
from tocsin.values import Secret

QUERY = {"api-version": "2024-05-01"}
BODY = {"location": "westeurope", "properties": {}}
PUT = Call("arm", "PUT", {"path": f"{NSG}2", "query": QUERY, "body": BODY})


def test_a_call_returns_once_its_operation_is_done():
    with world() as url:
        caller(url).call(PUT)

        assert f"{NSG}2" in WORLDS[url].state.things


def test_an_operation_that_fails_says_why():
    with world() as url:
        WORLDS[url].state.fails = "no quota"

        with pytest.raises(ActionError, match="Failed: no quota"):
            caller(url).call(PUT)


def test_an_operation_without_end_is_left_to_reading():
    with world() as url:
        made = caller(url)
        made.call(Call("arm", "GET", {"path": VM, "query": {"api-version": "2024-07-01"}}))
        begun = (202, None, {"Location": "https://elsewhere.example/a/b?x=1"})
        WORLDS[url].plans += [lambda ask: begun] * 60

        with pytest.raises(OutcomeUnknownError, match="too long"):
            made.call(PUT)

        # Whatever an answer says, only this interface is asked.
        assert {ask.path for ask in WORLDS[url].asked[-5:]} == {"/a/b"}


def test_a_wrong_secret_is_told():
    with world() as url:
        settings = AzureSubscription(
            account="s",
            tenant="t",
            client_id="app",
            client_secret=Secret("wrong"),
            authority=url,
            endpoint=url,
            allow_private=LOOPBACK,
        )

        with pytest.raises(ActionError, match="no token"):
            Azure(settings).call(PUT)


def test_a_secret_needs_its_application():
    with pytest.raises(SettingsError, match="client_id"):
        Azure(AzureSubscription(account="s", client_secret=Secret("x")))


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", VM, "Microsoft.Compute/virtualMachines/read"),
        ("PUT", RULE, "Microsoft.Network/networkSecurityGroups/securityRules/write"),
        ("DELETE", f"{GROUP}/Microsoft.Compute/disks/d", "Microsoft.Compute/disks/delete"),
    ],
)
def test_the_action_of_a_call_is_named(method, path, right):
    assert _right(Call("arm", method, {"path": path})) == right


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", "/v1.0/users/u", "User.Read.All"),
        ("PATCH", "/v1.0/users/u", "User.EnableDisableAccount.All"),
        ("POST", "/v1.0/users/u/revokeSignInSessions", "User.RevokeSessions.All"),
        ("PATCH", "/v1.0/servicePrincipals/p", "Application.ReadWrite.All"),
    ],
)
def test_the_permission_of_a_call_to_graph_is_named(method, path, right):
    assert graph_right(Call("graph", method, {"path": path})) == right


def test_a_missing_right_is_named():
    with world() as url:
        made = caller(url)
        made.call(Call("arm", "GET", {"path": VM, "query": {"api-version": "2024-07-01"}}))
        WORLDS[url].plans.append(lambda ask: (403, {"error": {"message": "no"}}))

        with pytest.raises(CallRefusedError, match=r"needs Microsoft\.Network/.*/write$"):
            made.call(PUT)
