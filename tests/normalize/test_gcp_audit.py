"""Entries of Google Cloud's audit logs have the class that their call is, and lose nothing."""

import json

import pytest

from tests.normalize.cloud_audit import GCP, calls
from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, event, shipped
from tocsin.conditions import lookup
from tocsin.normalize import apply
from tocsin.ocsf.output import event_json


@pytest.fixture(scope="module")
def gcp():
    return shipped("gcp.audit")


def entry(gcp, **payload):
    """Return the event of the example with these fields of its payload replaced."""
    return event(gcp, protoPayload=payload)


def said(found):
    return found["class_name"], found["activity_name"]


@pytest.mark.parametrize(("service", "call", "class_name", "activity"), calls(GCP))
def test_a_call_of_google_is_what_it_is(gcp, service, call, class_name, activity):
    name = service if "." in service else f"{service}.googleapis.com"

    found = entry(gcp, serviceName=name, methodName=call)

    assert said(found) == (class_name, activity)
    assert problems(found) == []


@pytest.mark.parametrize(
    ("call", "path", "expected"),
    [
        ("storage.objects.get", "b/objects/o", ("Datastore Activity", "Read")),
        ("storage.objects.list", "b", ("Datastore Activity", "List")),
        ("storage.objects.create", "b/objects/o", ("Datastore Activity", "Write")),
        ("storage.objects.delete", "b/objects/o", ("Datastore Activity", "Delete")),
        ("storage.buckets.create", "b", ("Datastore Activity", "Create")),
        ("storage.buckets.update", "b", ("Datastore Activity", "Update")),
    ],
)
def test_a_bucket_is_a_datastore(gcp, call, path, expected):
    name = f"projects/_/buckets/{path}"

    found = entry(gcp, serviceName="storage.googleapis.com", methodName=call, resourceName=name)

    assert said(found) == expected
    assert (found["databucket"]["name"], found["databucket"]["type_id"]) == ("b", 3)


@pytest.mark.parametrize(
    ("actions", "activity"),
    [
        (["ADD"], "Assign Privileges"),
        (["REMOVE"], "Revoke Privileges"),
        (["REMOVE", "ADD"], "Assign Privileges"),
    ],
)
def test_a_policy_that_changes_says_for_whom(gcp, actions, activity):
    deltas = [
        {"action": action, "role": f"roles/{action}", "member": f"group:g{number}@example.org"}
        for number, action in enumerate(actions)
    ]

    found = entry(
        gcp,
        serviceName="cloudresourcemanager.googleapis.com",
        methodName="SetIamPolicy",
        serviceData={"policyDelta": {"bindingDeltas": deltas}},
    )

    assert said(found) == ("User Access Management", activity)
    assert found["user"]["name"] == "g0@example.org"
    assert sorted(found["privileges"]) == sorted(f"roles/{action}" for action in actions)
    others = lookup(found, "unmapped.resources") or found["resources"]
    assert [r["name"] for r in others if r["type"] == "member"] == [
        f"g{number}@example.org" for number in range(1, len(actions))
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": {}}, "Success"),
        ({"status": None}, "Success"),
        ({"status": {"code": 0}}, "Success"),
        ({"status": {"code": 7, "message": "no"}}, "Failure"),
        ({"status": None, "authorizationInfo": [{"granted": False}]}, "Failure"),
        # A permission that was asked for beside the one that was needed.
        ({"status": {}, "authorizationInfo": [{"granted": False}]}, "Success"),
        (
            {
                "serviceName": "login.googleapis.com",
                "methodName": "google.login.LoginService.loginFailure",
            },
            "Failure",
        ),
    ],
)
def test_the_status_is_that_of_the_call(gcp, changes, status):
    assert entry(gcp, **changes)["status"] == status


def test_the_name_of_an_error_stands_beside_its_number(gcp):
    found = entry(gcp, status={"code": 7, "message": "no"})

    assert found["api"]["response"] == {
        "code": 7,
        "error": "PERMISSION_DENIED",
        "error_message": "no",
    }
    assert (found["status_code"], found["status_detail"]) == ("7", "no")


@pytest.mark.parametrize(
    ("identity", "name", "kind"),
    [
        ({"principalEmail": "a@example.org"}, "a@example.org", 1),
        ({"principalEmail": "s@p.iam.gserviceaccount.com"}, "s@p.iam.gserviceaccount.com", 4),
        ({"principalEmail": "system@google.com"}, "system@google.com", 3),
        ({"principalEmail": "system:serviceaccount:n:a"}, "system:serviceaccount:n:a", 4),
        ({"principalEmail": "system:kube-scheduler"}, "system:kube-scheduler", 3),
        ({"principalSubject": "serviceAccount:s@p.iam.gserviceaccount.com"}, None, 4),
        ({"principalSubject": "principal://iam.googleapis.com/pools/x/subject/bob"}, "bob", 99),
        ({}, "unknown", 0),
    ],
)
def test_whoever_calls_is_named(gcp, identity, name, kind):
    info = {"principalEmail": None, "principalSubject": None, **identity}

    user = entry(gcp, authenticationInfo=info)["actor"]["user"]

    assert user["name"] == name or name is None
    assert user["type_id"] == kind
    assert user["uid"]


def test_the_chain_of_delegation_is_kept(gcp):
    chain = [
        {"firstPartyPrincipal": {"principalEmail": "first@example.org"}},
        {"principalSubject": "serviceAccount:second@p.iam.gserviceaccount.com"},
    ]

    found = entry(gcp, authenticationInfo={"serviceAccountDelegationInfo": chain})

    assert found["actor"]["session"]["issuer"] == "first@example.org"
    assert [r["name"] for r in found["resources"][1:]] == [
        "first@example.org",
        "second@p.iam.gserviceaccount.com",
    ]


def test_who_is_no_address_is_a_named_endpoint(gcp):
    found = entry(gcp, requestMetadata={"callerIp": "gce-internal-ip"})

    assert found["src_endpoint"] == {"svc_name": "gce-internal-ip"}


@pytest.mark.parametrize(
    ("place", "region", "zone"),
    [
        ("europe-west3-a", "europe-west3", "europe-west3-a"),
        ("us-central1", "us-central1", None),
        ("global", "global", None),
    ],
)
def test_a_zone_lies_in_its_region(gcp, place, region, zone):
    found = event(
        gcp,
        resource={"labels": {"zone": None}},
        protoPayload={"resourceLocation": {"currentLocations": [place]}},
    )

    assert (found["cloud"]["region"], found["cloud"].get("zone")) == (region, zone)


RECORDED = """
API Activity            Read 2  Update 3  Create 3  Delete 1  AuthorizeUser 1  connect 1
Authentication          Logon 1
User Access Management  Assign_Privileges 3
Entity Management       Create 3  Update 1  Delete 1
Account Change          Create 2
Group Management        Add_User 2
"""


def expected():
    for line in RECORDED.strip().splitlines():
        class_name, counts = line[:24].strip(), line[24:].split()
        for activity, count in zip(counts[::2], counts[1::2], strict=True):
            yield (class_name, activity.replace("_", " ")), int(count)


@pytest.fixture(scope="module")
def recorded(corpora, gcp):
    """Return entry and event of every recorded entry; their collector wrote `callerIP`."""
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text("utf-8").splitlines()
    logs = [json.loads(line)["log"] for line in lines]
    logs = [log for log in logs if "protoPayload" in log]
    for log in logs:
        metadata = log["protoPayload"].get("requestMetadata", {})
        if "callerIP" in metadata:
            metadata["callerIp"] = metadata.pop("callerIP")
    found = apply(gcp, batch("gcp.audit", logs))
    assert len(logs) == 24
    assert found.rejects.num_rows == 0
    return list(zip(logs, map(event_json, found.events.to_pylist()), strict=True))


@pytest.mark.corpora
def test_recorded_entries_have_their_class(recorded):
    found = [said(event) for _, event in recorded]

    assert {key: found.count(key) for key in set(found)} == dict(expected())


@pytest.mark.corpora
def test_recorded_entries_are_valid(recorded):
    assert [problem for _, event in recorded for problem in problems(event)] == []


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("native", "path"),
    [
        ("authenticationInfo.principalEmail", "actor.user.name"),
        ("authorizationInfo.permission", "actor.authorizations.policy.name"),
        ("requestMetadata.callerIp", "src_endpoint"),
        ("requestMetadata.callerSuppliedUserAgent", "http_request.user_agent"),
        ("methodName", "api.operation"),
        ("serviceName", "api.service.name"),
        ("resourceName", "resources.uid"),
        ("status.code", "status_code"),
        ("status.message", "status_detail"),
        ("authenticationInfo.serviceAccountKeyName", "actor.session.credential_uid"),
    ],
)
def test_what_recorded_entries_carry_is_filled(recorded, native, path):
    carriers = [event for log, event in recorded if lookup(log["protoPayload"], native)]

    assert carriers
    for found in carriers:
        assert lookup(found, path) or lookup(found, f"unmapped.{path}")
