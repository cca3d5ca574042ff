"""Records of the Azure activity log have the class that their operation is, in either form."""

import json

import pytest

from tests.normalize.cloud_audit import AZURE, calls
from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, event, reasons, shipped
from tocsin.conditions import lookup
from tocsin.normalize import apply, overlay, unwrap
from tocsin.ocsf.output import event_json


@pytest.fixture(scope="module")
def azure():
    return shipped("azure.activity")


def said(found):
    return found["class_name"], found["activity_name"]


@pytest.mark.parametrize("change", [str, str.upper])
@pytest.mark.parametrize(("provider", "operation", "class_name", "activity"), calls(AZURE))
def test_an_operation_is_what_it_is_however_it_is_written(
    azure, provider, operation, class_name, activity, change
):
    found = event(azure, operationName=change(f"{provider}/{operation}"))

    assert said(found) == (class_name, activity)
    assert problems(found) == []


@pytest.mark.parametrize("operation", ["Compute/disks", "Authorization/locks"])
def test_a_write_that_created_is_a_creation(azure, operation):
    found = event(
        azure, operationName=f"Microsoft.{operation}/write", resultSignature="Succeeded.Created"
    )

    assert found["activity_name"] == "Create"


BODY = {"PrincipalId": "p-1", "RoleDefinitionId": "/providers/x/roleDefinitions/r-1"}


@pytest.mark.parametrize(
    ("last", "properties", "activity"),
    [
        ("write", {"requestbody": json.dumps({"Properties": BODY})}, "Assign Privileges"),
        ("delete", {"responseBody": json.dumps({"properties": BODY})}, "Revoke Privileges"),
    ],
)
def test_an_assignment_that_says_to_whom_is_access(azure, last, properties, activity):
    found = event(
        azure,
        operationName=f"Microsoft.Authorization/roleAssignments/{last}",
        properties=properties,
    )

    assert said(found) == ("User Access Management", activity)
    assert (found["user"]["uid"], found["privileges"]) == ("p-1", ["r-1"])


@pytest.mark.parametrize("body", ["{", '{"PrincipalId": 7}', "[]", ""])
def test_an_assignment_whose_body_cannot_be_read_is_still_a_change(azure, body):
    found = event(
        azure,
        operationName="Microsoft.Authorization/roleAssignments/write",
        properties={"requestbody": body},
    )

    assert said(found) == ("Entity Management", "Update")


@pytest.mark.parametrize(
    ("outcome", "signature", "status"),
    [
        ("Success", "Succeeded.OK", "Success"),
        ("Succeeded", None, "Success"),
        ("Failure", "Failed.Forbidden", "Failure"),
        ("Failed", None, "Failure"),
        (None, "403", "Failure"),
        ("Start", "Started.", "Start"),
        ("Accept", "Accepted.Accepted", "Accept"),
        (None, None, "Unknown"),
    ],
)
def test_the_status_is_that_of_the_operation(azure, outcome, signature, status):
    properties = {"statusCode": None}

    found = event(azure, resultType=outcome, resultSignature=signature, properties=properties)

    assert found["status"] == status
    assert found["status_id"] == {"Success": 1, "Failure": 2, "Unknown": 0}.get(status, 99)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:443", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_may_carry_a_port(azure, written, address):
    assert event(azure, callerIpAddress=written)["src_endpoint"] == {"ip": address}


@pytest.mark.parametrize(
    "changes",
    [
        {"operationName": "Sign-in activity", "category": "SignInLogs"},
        {"operationName": "Microsoft.KeyVault/vaults/read", "category": "AuditEvent"},
        {"resourceId": "/tenants/t/providers/Microsoft.aadiam"},
        {"operationName": None},
    ],
)
def test_what_is_of_another_log_is_refused(azure, changes):
    assert reasons(azure, overlay(azure.example, changes)) == ["unrecognized"]


def test_a_blob_of_an_export_holds_many_records(azure):
    payload = json.dumps({"records": [azure.example, azure.example]}).encode()

    assert len(unwrap(payload, azure.unwrap).records) == 2


@pytest.fixture(scope="module")
def recorded(corpora, azure):
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text("utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    logs = [s["log"] for s in samples if s["log_types"] == ["Azure.MonitorActivity"]]
    found = apply(azure, batch("azure.activity", logs))
    assert len(logs) == 18
    assert found.rejects.num_rows == 0
    return list(zip(logs, map(event_json, found.events.to_pylist()), strict=True))


@pytest.mark.corpora
def test_recorded_records_are_valid_calls(recorded):
    assert [problem for _, event in recorded for problem in problems(event)] == []
    assert {event["class_name"] for _, event in recorded} == {"API Activity"}


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("native", "path"),
    [
        ("operationName", "api.operation"),
        ("callerIpAddress", "src_endpoint.ip"),
        ("resourceId", "resources.uid"),
        ("resultType", "status"),
        ("location", "cloud.region"),
        ("tenantId", "cloud.org.uid"),
        ("identity.claims.name", "actor.user.name"),
        ("correlationId", "metadata.correlation_uid"),
    ],
)
def test_what_recorded_records_carry_is_filled(recorded, native, path):
    carriers = [event for log, event in recorded if any(lookup(log, native))]

    assert carriers
    assert all(lookup(event, path) for event in carriers)


EXPORTED = {"resultType": "Success", "resultSignature": "Succeeded.Created"}
LISTED = {
    "time": None,
    "eventTimestamp": "2026-11-02T09:14:27.1234567Z",
    "eventDataId": "31b2c3d4-0000-4000-8000-abcdefabcdef",
    "operationName": {"value": "Microsoft.Compute/virtualMachines/write"},
    "category": {"value": "Administrative"},
    "resourceId": "/subscriptions/11112222-3333-4444-5555-666677778888/resourceGroups/shop"
    "/providers/Microsoft.Compute/virtualMachines/web-0",
    "resultType": None,
    "resultSignature": None,
    "status": {"value": "Succeeded"},
    "subStatus": {"value": "Created"},
    "identity": None,
}
ROW = {
    "TimeGenerated": "2026-11-02T09:14:27.1234567Z",
    "Type": "AzureActivity",
    "OperationNameValue": "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE",
    "CategoryValue": "Administrative",
    "ActivityStatusValue": "Success",
    "ActivitySubstatusValue": "Created",
    "CorrelationId": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "EventDataId": "31b2c3d4-0000-4000-8000-abcdefabcdef",
    "_ResourceId": LISTED["resourceId"],
}


def uids(azure, *records):
    found = apply(azure, batch(azure.source, list(records)))
    assert found.rejects.num_rows == 0
    return found.events.column("event_uid").to_pylist()


def test_a_record_is_one_event_whichever_way_it_comes(azure):
    exported = overlay(azure.example, EXPORTED)

    assert len(set(uids(azure, exported, overlay(azure.example, LISTED), ROW))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": {"value": "Started"}, "subStatus": {"value": ""}},
        {"subStatus": {"value": "Conflict"}},
        {"eventTimestamp": "2026-11-02T09:14:27.1234667Z"},
        {"correlationId": "0f1e2d3c-4b5a-6978-8796-000000000000"},
        {"correlationId": None},
        {"operationName": {"value": "Microsoft.Compute/virtualMachines/delete"}},
        {"resourceId": f"{LISTED['resourceId']}1"},
        {"category": {"value": "Policy"}},
    ],
)
def test_records_that_differ_in_what_happened_are_events_of_their_own(azure, changes):
    listed = overlay(azure.example, LISTED)
    exported = overlay(azure.example, EXPORTED)

    assert len(set(uids(azure, exported, listed, overlay(listed, changes)))) == 2
