"""Consoles of endpoint agents: one stand-in of Wazuh, Defender, CrowdStrike and SentinelOne.

Sources: Wazuh's server API reference; the pages on isolate-machine, unisolate-machine and
MachineAction of Defender for Endpoint; CrowdStrike's collection *hosts*; the published client of
SentinelOne's management API. None of these products was there to be tested against.
"""

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from tests.act.callers.standin import LOOPBACK, WORLDS, Ask, World, check, must, serve
from tests.plugs.acted import azure
from tests.plugs.acted.stage import Stage
from tocsin.act.actions import (
    crowdstrike_contain_host as crowdstrike,
)
from tocsin.act.actions import (
    defender_contain_host as defender,
)
from tocsin.act.actions import (
    sentinelone_contain_host as sentinelone,
)
from tocsin.act.actions import (
    wazuh_contain_host as wazuh,
)
from tocsin.act.callers.crowdstrike import CrowdStrike
from tocsin.act.callers.defender_endpoint import DefenderDirectory, DefenderEndpoint
from tocsin.act.callers.sentinelone import SentinelOne, SentinelOneConsole
from tocsin.act.callers.wazuh import Wazuh
from tocsin.act.containment import ConsoleClient
from tocsin.respond.actions import Action, Caller, Target
from tocsin.values import Secret

AGENT = "0a3250e0693a109f1affc9217be94590"
TOKEN = "not-a-secret"
SECRET = "not-a-secret-either"
MARKER = "/var/ossec/tocsin/contained"


class Consoles:
    """One endpoint that all four agents run on."""

    def __init__(self) -> None:
        self.agents = {AGENT}
        self.contained = False
        self.pending = False
        self.actions: list[dict[str, Any]] = []

    def __call__(self, ask: Ask) -> tuple[Any, ...]:
        first = ask.path.split("/")[1]
        shown = ask.headers.get("authorization", "")
        if ask.path.endswith("/token"):
            return self.token(ask)
        if ask.path == "/security/user/authenticate":
            pair = base64.b64decode(shown.removeprefix("Basic ")).decode()
            must(pair == f"app:{SECRET}" and ask.query == {"raw": "true"}, 401, {"title": "x"})
            return 200, TOKEN
        scheme = "ApiToken" if first == "web" else "Bearer"
        must(shown == f"{scheme} {TOKEN}", 401, {"title": "Unauthorized"})
        given = {
            "devices": self.crowdstrike,
            "web": self.sentinelone,
            "api": self.defender,
        }.get(first, self.wazuh)
        return given(ask)

    def token(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path != "/oauth2/token":
            return azure.token(ask, "https://api.securitycenter.microsoft.com/.default")
        form = parse_qs(ask.content.decode())
        must(form == {"client_id": ["app"], "client_secret": [SECRET]}, 403, {"errors": []})
        return 201, {"access_token": TOKEN, "expires_in": 1799, "token_type": "bearer"}

    def change(self, contained: bool) -> None:
        self.contained, self.pending = contained, True

    def status(self, words: tuple[str, str, str, str]) -> str:
        """What the console says: at the first look that it is about to be done."""
        said = words[self.contained * 2 + self.pending]
        self.pending = False
        return said

    def crowdstrike(self, ask: Ask) -> tuple[Any, ...]:
        if ask.method == "GET":
            must(ask.path == "/devices/entities/devices/v2", 404, {"errors": []})
            check(ask.query, {"ids!": str})
            if ask.query["ids"] not in self.agents:
                return 200, {"resources": [], "errors": [{"code": 404, "message": "no device"}]}
            words = ("normal", "lift_containment_pending", "contained", "containment_pending")
            return 200, {"resources": [{"device_id": AGENT, "status": self.status(words)}]}
        must(ask.what == "POST /devices/entities/devices-actions/v2", 404, {"errors": []})
        check(ask.query, {"action_name!": {"contain", "lift_containment"}})
        check(ask.body, {"ids!": [{AGENT}], "action_parameters": list})
        self.change(ask.query["action_name"] == "contain")
        return 202, {"resources": [{"id": AGENT, "path": ask.path}], "errors": []}

    def sentinelone(self, ask: Ask) -> tuple[Any, ...]:
        place = ask.path.removeprefix("/web/api/v2.1/agents")
        if ask.method == "GET":
            must(place == "", 404, {"errors": [{"detail": "not found"}]})
            check(ask.query, {"ids!": str})
            if ask.query["ids"] not in self.agents:
                return 200, {"data": [], "pagination": {"totalItems": 0}}
            words = ("connected", "connecting", "disconnected", "disconnecting")
            return 200, {"data": [{"id": AGENT, "networkStatus": self.status(words)}]}
        must(place in ("/actions/connect", "/actions/disconnect"), 404, {"errors": []})
        check(ask.body, {"filter!": {"ids!": [{AGENT}]}, "data": {}})
        self.change(place == "/actions/disconnect")
        return 200, {"data": {"affected": 1}}

    def defender(self, ask: Ask) -> tuple[Any, ...]:
        if ask.path == "/api/machineactions":
            check(ask.query, {"$filter!": {f"machineId eq '{AGENT}'"}})
            return 200, {"value": self.actions}
        machine = ask.path.split("/")[3]
        verb = ask.path.split("/")[4:]
        must(machine in self.agents, 404, {"error": {"code": "ResourceNotFound", "message": "no"}})
        if ask.method == "GET":
            return 200, {"id": AGENT, "healthStatus": "Active"}
        if verb == ["isolate"]:
            check(ask.body, {"Comment!": str, "IsolationType!": {"Full", "Selective"}})
        else:
            must(verb == ["unisolate"], 404, {"error": {"message": "no"}})
            check(ask.body, {"Comment!": str})
        self.change(verb == ["isolate"])
        made = {
            "id": f"a-{len(self.actions)}",
            "type": verb[0].capitalize(),
            "status": "Pending",
            "machineId": AGENT,
            "requestorComment": ask.body["Comment"],
            "creationDateTimeUtc": f"2026-11-23T09:00:{len(self.actions):02}.1Z",
        }
        self.actions.append(made)
        return 201, made

    def wazuh(self, ask: Ask) -> tuple[Any, ...]:
        found: list[Any] = []
        if ask.what == "GET /agents":
            check(ask.query, {"agents_list!": str})
            found = [{"id": each} for each in self.agents if each == ask.query["agents_list"]]
        elif ask.what == f"GET /syscheck/{AGENT}":
            check(ask.query, {"file!": {MARKER}})
            found = [{"file": MARKER}] if self.contained else []
        else:
            must(ask.what == "PUT /active-response", 404, {"title": "Not Found"})
            check(ask.query, {"agents_list!": str})
            body = {"command!": {"!tocsin-contain"}, "arguments!": [{"contain", "release"}]}
            check(ask.body, body | {"alert": dict})
            if ask.query["agents_list"] not in self.agents:
                return 200, {"message": "AR command was not sent to any agent", "error": 1}
            self.change(ask.body["arguments"] == ["contain"])
            found = [AGENT]
        items = {"affected_items": found, "total_affected_items": len(found)}
        return 200, {"data": items, "message": "done", "error": 0 if found else 1}


def world() -> AbstractContextManager[str]:
    consoles = Consoles()
    return serve(World(consoles, consoles))


def client(url: str) -> ConsoleClient:
    return ConsoleClient(
        account="console",
        server=url,
        client_id="app",
        client_secret=Secret(SECRET),
        allow_private=LOOPBACK,
    )


def stage(url: str, action: Action, provider: str, caller: Caller) -> Stage:
    consoles: Consoles = WORLDS[url].state

    def expected() -> None:
        assert consoles.contained

    target = Target("host", AGENT, "web-1", provider, "console")
    return Stage(
        action=action,
        target=target,
        caller=caller,
        snapshot=lambda: consoles.contained,
        gone=replace(target, uid="ff"),
        meddle=consoles.agents.clear,
        expected=expected,
    )


def contain_by_crowdstrike(url: str) -> Stage:
    action = crowdstrike.CrowdStrikeContainHost(crowdstrike.ContainHostArguments())
    return stage(url, action, "crowdstrike", CrowdStrike(client(url)))


def contain_by_sentinelone(url: str) -> Stage:
    action = sentinelone.SentinelOneContainHost(sentinelone.ContainHostArguments())
    settings = SentinelOneConsole(
        account="console", server=url, token=Secret(TOKEN), allow_private=LOOPBACK
    )
    return stage(url, action, "sentinelone", SentinelOne(settings))


def contain_by_defender(url: str) -> Stage:
    action = defender.DefenderContainHost(defender.ContainHostArguments())
    settings = DefenderDirectory(
        account=azure.TENANT,
        tenant=azure.TENANT,
        client_id="app",
        client_secret=Secret(azure.SECRET),
        authority=url,
        endpoint=url,
        allow_private=LOOPBACK,
    )
    return stage(url, action, "defender_endpoint", DefenderEndpoint(settings))


def contain_by_wazuh(url: str) -> Stage:
    action = wazuh.WazuhContainHost(wazuh.ContainHostArguments())
    return stage(url, action, "wazuh", Wazuh(client(url)))


STAGES: dict[str, Callable[[str], Stage]] = {
    "crowdstrike_contain_host": contain_by_crowdstrike,
    "defender_contain_host": contain_by_defender,
    "sentinelone_contain_host": contain_by_sentinelone,
    "wazuh_contain_host": contain_by_wazuh,
}
