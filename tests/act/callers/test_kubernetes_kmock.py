"""Actions on Kubernetes against kmock: a server that does not share our understanding of it."""

import pytest

from tests.act.callers.kmock_cluster import world
from tests.act.callers.standin import WORLDS
from tests.plugs.acted.kubernetes import POD, STAGES, caller
from tests.plugs.test_actions import (
    test_a_change_by_somebody_else_is_not_undone,
    test_a_plan_changes_nothing_and_says_what_would_change,
    test_a_target_that_is_gone_is_named,
    test_applying_twice_is_harmless,
    test_lost_answers_repeat_nothing,
    test_undoing_restores_what_was,
)
from tocsin.errors import ActionError, CallRefusedError, OutcomeUnknownError, TargetGoneError
from tocsin.respond.actions import Call

__all__ = [
    "test_a_change_by_somebody_else_is_not_undone",
    "test_a_plan_changes_nothing_and_says_what_would_change",
    "test_a_target_that_is_gone_is_named",
    "test_applying_twice_is_harmless",
    "test_lost_answers_repeat_nothing",
    "test_undoing_restores_what_was",
]
"""The suite of all actions, on the stage below."""


@pytest.fixture(params=sorted(STAGES))
def stage(request):
    with world() as url:
        yield STAGES[request.param](url)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, CallRefusedError, "it needs patch pods"),
        (403, CallRefusedError, "it needs patch pods"),
        (404, TargetGoneError, "not here"),
        (409, ActionError, "changed at the same time, nothing was done"),
        (422, ActionError, "not here"),
        (500, OutcomeUnknownError, "not here"),
    ],
)
def test_what_the_server_refuses_is_said(status, error, said):
    with world() as url:
        server = WORLDS[url].state.server
        told = {"kind": "Status", "status": "Failure", "message": "not here", "code": status}
        server[f"patch {POD}"] << status << told

        with pytest.raises(error, match=said):
            caller(url).call(Call("kubernetes", "PATCH", {"path": POD, "body": {}}))

        assert len(server["patch"]) == 1
