"""What actions on endpoints share, and what their consoles answer when it goes wrong."""

from dataclasses import replace

import pytest

from tests.act.callers.standin import WORLDS
from tests.plugs.acted.edr import AGENT, STAGES, client, world
from tests.plugs.acted.stage import PURPOSE
from tocsin.act.callers.crowdstrike import CrowdStrike
from tocsin.act.callers.wazuh import Wazuh
from tocsin.act.containment import identifier
from tocsin.errors import ActionError, CallRefusedError
from tocsin.respond.actions import Call, Target
from tocsin.values import Secret

HOST = Target("host", AGENT, "web-1", "wazuh", "console")


@pytest.mark.parametrize("uid", ["", "a b", "a' or type eq 'Isolate", "../x", "a,b", "a" * 65])
def test_nothing_but_an_identifier_reaches_a_console(uid):
    with pytest.raises(ActionError, match="no identifier"):
        identifier(replace(HOST, uid=uid))
    with world() as url:
        for build in STAGES.values():
            made = build(url)
            with pytest.raises(ActionError, match="no identifier"):
                made.action.read_state(replace(made.target, uid=uid), PURPOSE, made.caller)
        assert WORLDS[url].asked == []


def test_a_response_that_no_agent_took_is_an_error_although_the_status_is_200():
    with world() as url:
        body = {"command": "!tocsin-contain", "arguments": ["contain"]}
        given = {"path": "/active-response", "query": {"agents_list": "999"}, "body": body}

        with pytest.raises(ActionError, match="not sent to any agent"):
            Wazuh(client(url)).call(Call("wazuh", "PUT", given))


@pytest.mark.parametrize("kind", [Wazuh, CrowdStrike])
def test_a_wrong_secret_is_told_without_it(kind):
    with world() as url:
        wrong = replace(client(url), client_secret=Secret("s3cr3t"))

        with pytest.raises(CallRefusedError, match="no token") as raised:
            kind(wrong).call(Call(kind.__name__.lower(), "GET", {"path": "/agents"}))

    assert "s3cr3t" not in str(raised.value)


def test_an_isolation_that_failed_does_not_count():
    with world() as url:
        made = STAGES["defender_contain_host"](url)
        action = {
            "type": "Isolate",
            "status": "Failed",
            "creationDateTimeUtc": "2026-11-23T10:00:00Z",
        }
        WORLDS[url].state.actions.append(action)

        state = made.action.read_state(made.target, PURPOSE, made.caller)

    assert state["contained"] is False
