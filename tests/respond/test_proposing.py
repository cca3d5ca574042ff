"""Proposals follow the trigger, name their targets for certain, and stay within every limit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.incidents.tables import NOON
from tests.respond.cases import Shelf, about, changed, event, playbook, surroundings
from tocsin.respond.ports import KnownResource
from tocsin.respond.proposing import propose

KEY = about("access_key/AKIAIOSFODNN7EXAMPLE")
BOOK = playbook()
AROUND = surroundings()


def states(proposed) -> list[tuple[str, str]]:
    return [(one.target.name, one.state) for one in proposed.requests]


def test_an_incident_that_fits_gives_exactly_this_request():
    (request,) = propose([BOOK], [KEY], AROUND, (), NOON).requests

    assert (request.action, request.state, request.mode) == (
        "aws_disable_access_key",
        "proposed",
        "approve",
    )
    assert request.target.name == "AKIAIOSFODNN7EXAMPLE"
    assert (request.target.account, request.target.region) == ("111122223333", "eu-central-1")
    assert request.target.resolution == (
        "ocsf.actor.user.credential_uid of aws.cloudtrail, which the provider writes"
    )
    assert request.reason.startswith("Disable the key: Something happened: AKIA")
    assert request.needed_approvals == 1


def test_the_same_call_gives_the_same_identifiers():
    first = propose([BOOK], [KEY], AROUND, (), NOON)

    assert propose([BOOK], [KEY], AROUND, (), NOON) == first


def test_a_request_of_before_is_not_made_again():
    before = propose([BOOK], [KEY], AROUND, (), NOON).requests

    assert propose([BOOK], [KEY], AROUND, before, NOON + timedelta(days=9)).requests == ()


def test_what_only_observes_is_written_down_as_such():
    proposed = propose([playbook(mode="observe")], [KEY], AROUND, (), NOON)

    assert states(proposed) == [("AKIAIOSFODNN7EXAMPLE", "observed")]


@pytest.mark.parametrize(
    "changes", [{"status": "Resolved"}, {"status": "Closed"}, {"merged_into": "inc_older"}]
)
def test_an_incident_that_is_over_asks_for_nothing(changes):
    case = changed(KEY, replace(KEY.incident, **changes))

    assert propose([BOOK], [case], AROUND, (), NOON).requests == ()


def test_a_finding_that_does_not_fit_asks_for_nothing():
    book = playbook(trigger="{finding.severity_id|gte: 5}")

    assert propose([book], [KEY], AROUND, (), NOON).requests == ()


def test_a_trigger_over_the_event_takes_the_targets_of_fitting_events_alone():
    book = playbook(trigger="{ocsf.api.operation: ListBuckets}")
    other = about("access_key/other", event=event(api={"operation": "GetUser"}))

    assert len(propose([book], [KEY, other], AROUND, (), NOON).requests) == 1


def test_a_step_for_another_cloud_is_left_out():
    book = playbook(steps="[{action: kubernetes_quarantine_pod}, {action: aws_disable_access_key}]")

    (request,) = propose([book], [KEY], AROUND, (), NOON).requests

    assert request.step == 1


@pytest.mark.parametrize("entity", ["address/203.0.113.9", "address/8.8.8.8"])
def test_what_an_outsider_wrote_is_no_target(entity):
    case = about(entity, ("userAgent",), record={"userAgent": entity.partition("/")[2]})

    proposed = propose([playbook("aws_block_address")], [case], AROUND, (), NOON)

    assert [one.state for one in proposed.requests] == ["refused"]
    assert "an outsider can choose" in proposed.requests[0].reason


def test_a_name_in_the_request_of_a_call_that_succeeded_is_a_target():
    record = {"requestParameters": {"userName": "bob"}}
    case = about("user/bob", ("requestParameters.userName",), record=record)
    step = "[{action: aws_deny_user, target: {type: user, from: requestParameters.userName}}]"

    (request,) = propose([playbook(steps=step)], [case], AROUND, (), NOON).requests

    assert (request.state, request.target.uid) == ("proposed", "bob")
    assert "succeeded in 111122223333" in request.target.resolution


def test_a_name_in_the_request_of_a_call_that_failed_is_none():
    record = {"requestParameters": {"userName": "bob"}}
    failed = event(status_id=2)
    case = about("user/bob", ("requestParameters.userName",), record=record, event=failed)
    step = "[{action: aws_deny_user, target: {type: user, from: requestParameters.userName}}]"

    (request,) = propose([playbook(steps=step)], [case], AROUND, (), NOON).requests

    assert request.state == "refused"


@pytest.mark.parametrize(("is_known", "state"), [(True, "proposed"), (False, "refused")])
def test_what_a_sensor_says_is_a_target_where_the_inventory_knew_it(is_known, state):
    case = about("pod/web-1", ("pod_uid",), source="falco.alert")
    known = KnownResource("uid-1", "pod", "shop/web-1", "111122223333", "", NOON)
    shelf = Shelf({"pod/web-1": known} if is_known else {})
    book = playbook("kubernetes_quarantine_pod")

    (request,) = propose([book], [case], surroundings(inventory=shelf), (), NOON).requests

    assert request.state == state
    assert request.target.name == ("shop/web-1" if is_known else "web-1")


def test_what_was_not_certain_may_become_so():
    vague = about("access_key/AKIAIOSFODNN7EXAMPLE", ("userAgent",))
    before = propose([BOOK], [vague], AROUND, (), NOON).requests

    after = propose([BOOK], [KEY], AROUND, before, NOON).requests

    assert [one.state for one in (*before, *after)] == ["refused", "proposed"]


def test_nothing_wide_happens_by_itself():
    book = playbook("aws_deny_user", mode="automatic")

    (request,) = propose([book], [about("user/bob")], AROUND, (), NOON).requests

    assert (request.mode, request.needed_approvals) == ("approve", 1)
    assert "its level 3 is too high" in request.reason


def test_what_destroys_needs_two_persons_in_every_mode():
    for mode in ("propose", "approve", "automatic"):
        book = playbook("aws_wipe", mode=mode)
        (request,) = propose([book], [about("user/bob")], AROUND, (), NOON).requests

        assert request.needed_approvals == 2
        assert request.mode != "automatic"


@given(st.permutations([about(f"access_key/AKIA{n}") for n in range(4)]), st.booleans())
@settings(max_examples=25)
def test_the_order_of_incidents_and_playbooks_changes_nothing(cases, is_reversed):
    books = [BOOK, replace(BOOK, uid="another", trigger=playbook().trigger)]
    ordered = sorted(cases, key=lambda one: one.incident.uid)
    around = surroundings()

    shuffled = propose(books[::-1] if is_reversed else books, cases, around, (), NOON)

    assert shuffled == propose(books, ordered, around, (), NOON)
