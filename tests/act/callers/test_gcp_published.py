"""What we ask Google Cloud for is what Google's own documents of its interfaces have."""

import pytest

from tests.act.callers.published import misfits
from tests.plugs.acted.gcp import STAGES, world
from tests.plugs.acted.stage import PURPOSE, Notes, Recorded
from tocsin.act import gcp_policies, performing
from tocsin.act.performing import Deed
from tocsin.respond.actions import Call, Target

VM = "/compute/v1/projects/proj-1/zones/europe-west1-b/instances/vm-1"
ACCOUNT = "/v1/projects/proj-1/serviceAccounts/ci%40proj-1.iam.gserviceaccount.com"


def of_call(call: Call) -> str:
    given = call.parameters
    query, body = given.get("query") or {}, given.get("body")
    return misfits(call.operation, str(given["path"]), query, body, call.service)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(STAGES))
def test_all_that_an_action_sends_is_in_the_document_of_its_service(name):
    with world() as url:
        stage = STAGES[name](url)
        caller = Recorded(stage.caller)
        made = Deed(stage.action, stage.target, PURPOSE, caller, Notes(), lambda seconds: None)
        before = made.read()
        after = performing.apply(made, made.plan(before))
        performing.undo(made, before, performing.undo_plan(made, before, after))

    assert caller.sent
    assert {each.service: of_call(each) for each in caller.sent if of_call(each)} == {}


@pytest.mark.parametrize("kind", ["project", "bucket", "service_account", "run_service"])
def test_policies_of_every_type_are_asked_for_and_written_as_documented(kind):
    names = {"service_account": "ci@proj-1.iam.gserviceaccount.com"}
    target = Target(kind, "u", names.get(kind, "some-1"), "gcp", "proj-1", "europe-west1")
    bindings = [{"role": "roles/viewer", "members": ["allUsers"]}]
    policy = {"policy": {"version": 3, "etag": "BwY=", "bindings": bindings}}

    assert of_call(gcp_policies.reading(target)) == ""
    assert of_call(gcp_policies.writing(target, policy, bindings, "remove allUsers")) == ""


@pytest.mark.parametrize(
    ("verb", "path", "query", "body", "said"),
    [
        ("POST", f"{VM}/setTags", {}, {"items": ["a"], "fingerprint": "x"}, ""),
        ("POST", f"{VM}/setTags", {}, {"item": ["a"]}, "body.item is unknown"),
        ("POST", f"{VM}/setTags", {}, {"items": "a"}, "body.items is no array"),
        ("POST", f"{VM}/setTag", {}, {"items": ["a"]}, "no method of any service"),
        ("PUT", f"{VM}/setTags", {}, {"items": ["a"]}, "no method of any service"),
        ("POST", f"{VM}/setTags", {"request": "x"}, {"items": ["a"]}, "query request is unknown"),
        ("POST", f"{VM}/stop", {}, {"force": True}, "it takes no body"),
        ("POST", f"{VM}/stop", {"discardLocalSsd": "false"}, None, ""),
        (
            "POST",
            f"{VM}/deleteAccessConfig",
            {"accessConfig": "x"},
            None,
            "networkInterface is mis",
        ),
        ("POST", f"{VM}/addAccessConfig", {"networkInterface": "n"}, {"type": "NAT"}, "none of"),
        ("POST", f"{ACCOUNT}:disable", {}, {}, ""),
        ("POST", f"{ACCOUNT}:disabled", {}, {}, "no method of any service"),
        ("GET", f"{VM.replace('vm-1', 'VM_1')}", {}, None, "is not like"),
        (
            "PATCH",
            "/storage/v1/b/files",
            {},
            {"iamConfiguration": {"publicAccessPrevention": True}},
            "is no string",
        ),
    ],
)
def test_what_is_misspelled_is_found(verb, path, query, body, said):
    found = misfits(verb, path, query, body)

    assert said in found if said else found == ""
