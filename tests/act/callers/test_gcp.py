"""The caller for Google Cloud: operations that take their time or fail, tokens, missing rights."""

import json

import pytest

from tests.act.callers.standin import LOOPBACK, WORLDS, World, serve
from tests.plugs.acted.gcp import VM, caller, world
from tocsin.act.callers.gcp import Gcp, GcpProject, _right
from tocsin.errors import ActionError, CallRefusedError, OutcomeUnknownError
from tocsin.respond.actions import Call

STOP = Call("compute", "POST", {"path": f"{VM}/stop"})


def test_a_call_returns_once_its_operation_is_done():
    with world() as url:
        assert caller(url).call(STOP)["status"] == "DONE"

        assert WORLDS[url].state.things[VM]["status"] == "TERMINATED"


def test_an_operation_that_fails_says_why():
    with world() as url:
        WORLDS[url].state.fails = "the zone has no resources"

        with pytest.raises(ActionError, match="the zone has no resources"):
            caller(url).call(STOP)


def test_an_operation_without_end_is_left_to_reading():
    with world() as url:
        looks = [lambda ask: (200, {"kind": "compute#operation", "selfLink": "https://x/a/b"})]
        WORLDS[url].plans += [lambda ask: None]  # the token
        WORLDS[url].plans += looks * 50

        with pytest.raises(OutcomeUnknownError, match="too long"):
            caller(url).call(STOP)


def test_bad_credentials_are_named_without_what_they_hold(tmp_path):
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"type": "service_account", "private_key": "s3cr3t"}))
    settings = GcpProject(account="p", credentials=file, allow_private=LOOPBACK)

    with pytest.raises(CallRefusedError, match="credentials") as raised:
        Gcp(settings).call(STOP)

    assert "s3cr3t" not in str(raised.value)


def test_a_service_account_can_be_acted_as(tmp_path):
    with serve(World(lambda ask: (200, {}))) as url, world() as project:
        settings = GcpProject(
            account="p",
            credentials=WORLDS[project].state.file,
            impersonate="respond@p.iam.gserviceaccount.com",
            endpoint=url,
            allow_private=LOOPBACK,
        )

        assert Gcp(settings)._credentials.service_account_email.startswith("respond@")


@pytest.mark.parametrize(
    ("service", "method", "path", "right"),
    [
        ("compute", "POST", f"{VM}/setTags", "compute.instances.setTags"),
        ("compute", "GET", VM, "compute.instances.get"),
        ("compute", "POST", "/compute/v1/projects/p/global/firewalls", "compute.firewalls.create"),
        ("iam", "POST", "/v1/projects/p/serviceAccounts/e:disable", "iam.serviceAccounts.disable"),
        ("storage", "PATCH", "/storage/v1/b/files", "storage.buckets.update"),
    ],
)
def test_the_permission_of_a_call_is_named(service, method, path, right):
    assert _right(Call(service, method, {"path": path})) == right
