"""Sign-ins and audits of Entra ID have the class that they are."""

import json

import pytest

from tests.normalize.cloud_audit import ENTRA, calls
from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch, event, reasons, shipped
from tocsin.conditions import lookup
from tocsin.normalize import apply, overlay
from tocsin.ocsf.output import event_json


@pytest.fixture(scope="module")
def entra():
    return shipped("azure.entra")


def said(found):
    return found["class_name"], found["activity_name"]


def audit(entra, deed, **changes):
    """Return the event of an audit of the directory."""
    properties = {
        "activityDisplayName": deed,
        "loggedByService": "Core Directory",
        "result": "success",
        "initiatedBy": {"user": {"id": "u-1", "userPrincipalName": "alice@example.org"}},
        "targetResources": [{"id": "t-1", "type": "User", "displayName": "bob"}],
        **changes,
    }
    return event(entra, operationName=deed, category="AuditLogs", properties=properties)


@pytest.mark.parametrize(("service", "deed", "class_name", "activity"), calls(ENTRA))
def test_a_deed_in_the_directory_is_what_it_is(entra, service, deed, class_name, activity):
    found = audit(entra, deed.replace("_", " "), loggedByService=service.replace("_", " "))

    assert said(found) == (class_name, activity)
    assert found["api"]["service"]["name"] == service.replace("_", " ")
    assert problems(found) == []


@pytest.mark.parametrize(
    ("deed", "activity"),
    [
        ("Add member to group", "Add User"),
        ("Remove member from group", "Remove User"),
        ("Add owner to group", "Add owner to group"),
    ],
)
def test_the_group_of_a_member_stands_among_what_changed(entra, deed, activity):
    changed = [{"displayName": "Group.DisplayName", "newValue": '"admins"'}]
    target = {"id": "t-1", "type": "User", "displayName": "bob", "modifiedProperties": changed}

    found = audit(entra, deed, targetResources=[target])

    assert said(found) == ("Group Management", activity)
    assert (found["group"]["name"], found["user"]["name"]) == ("admins", "bob")


def test_a_group_itself_is_a_target(entra):
    found = audit(
        entra, "Add group", targetResources=[{"id": "g-1", "type": "Group", "displayName": "g"}]
    )

    assert said(found) == ("Group Management", "Create")
    assert found["group"] == {"name": "g", "uid": "g-1"}


@pytest.mark.parametrize(
    ("code", "status"), [("0", "Success"), (0, "Success"), (50126, "Failure"), ("50053", "Failure")]
)
def test_a_sign_in_succeeds_without_an_error(entra, code, status):
    found = event(entra, properties={"status": {"errorCode": code}})

    assert (found["status"], found["status_code"]) == (status, str(code))


@pytest.mark.parametrize(
    "category",
    ["NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs"],
)
def test_every_log_of_sign_ins_is_read(entra, category):
    assert said(event(entra, category=category)) == ("Authentication", "Logon")


@pytest.mark.parametrize(
    ("result", "status"), [("success", "Success"), ("failure", "Failure"), ("timeout", "Failure")]
)
def test_the_status_of_an_audit_is_its_result(entra, result, status):
    assert audit(entra, "Add user", result=result)["status"] == status


def test_an_application_may_be_the_one_who_acts(entra):
    app = {"app": {"displayName": "sync", "servicePrincipalId": "s-1"}}

    found = audit(entra, "Add user", initiatedBy=app)

    assert found["actor"]["user"] == {
        "name": "sync",
        "uid": "s-1",
        "type": "Service Principal",
        "type_id": 4,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {
            "operationName": "MICROSOFT.COMPUTE/DISKS/WRITE",
            "category": "Administrative",
            "resourceId": "/subscriptions/s",
        },
        {"operationName": "Create MobileApp", "category": "AuditLogs", "resourceId": None},
        {"operationName": None},
    ],
)
def test_what_is_of_another_log_is_refused(entra, changes):
    assert reasons(entra, overlay(entra.example, changes)) == ["unrecognized"]


@pytest.fixture(scope="module")
def recorded(corpora, entra):
    lines = (corpora / "panther" / "labelled_logs.jsonl").read_text("utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    logs = [s["log"] for s in samples if s["log_types"] == ["Azure.Audit"]]
    found = apply(entra, batch("azure.entra", logs))
    assert len(logs) == 6
    assert found.rejects.num_rows == 0
    return list(zip(logs, map(event_json, found.events.to_pylist()), strict=True))


@pytest.mark.corpora
def test_recorded_records_are_valid_and_have_their_class(recorded):
    assert [problem for _, event in recorded for problem in problems(event)] == []
    found = [said(event) for _, event in recorded]
    assert (
        sorted(found) == [("Authentication", "Logon")] * 4 + [("Entity Management", "Update")] * 2
    )


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("native", "path"),
    [
        ("operationName", "api.operation"),
        ("callerIpAddress", "src_endpoint.ip"),
        ("properties.userPrincipalName", "user.name"),
        ("properties.initiatedBy.user.userPrincipalName", "actor.user.name"),
        ("properties.userAgent", "http_request.user_agent"),
        ("properties.resourceDisplayName", "service.name"),
        ("properties.location.city", "src_endpoint.location.city"),
        ("tenantId", "cloud.account.uid"),
    ],
)
def test_what_recorded_records_carry_is_filled(recorded, native, path):
    carriers = [event for log, event in recorded if any(lookup(log, native))]

    assert carriers
    assert all(lookup(event, path) for event in carriers)


@pytest.mark.parametrize("absent", [{}, {"id": ""}])
def test_a_risk_that_nothing_names_is_still_a_finding(entra, absent):
    (sample,) = (each for each in entra.samples if each.record.get("category") == "UserRiskEvents")
    record = overlay(entra.example, {**sample.record, "correlationId": None})
    record["properties"] = {**record["properties"], **absent}

    found = apply(entra, batch(entra.source, [record]))

    assert [problems(event_json(row)) for row in found.events.to_pylist()] == [[]]
    assert found.findings.num_rows == 1
