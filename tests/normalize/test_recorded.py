"""Recorded CloudTrail and Kubernetes audit events: classes, filled attributes, validity."""

import json
from collections import Counter

import pytest

from tests.normalize.expected_classes import CLOUDTRAIL, table
from tests.normalize.ocsf_schema import problems
from tests.normalize.records import batch
from tocsin.conditions import lookup
from tocsin.normalize import apply, unwrap
from tocsin.ocsf.output import event_json

pytestmark = pytest.mark.corpora


def cloudtrail_records(corpora):
    """Return raw records: arrays of detonations, lines of otrf, details of CloudWatch events."""
    raws = []
    for path in sorted((corpora / "stratus-red-team" / "docs" / "detonation-logs").glob("*.json")):
        raws += [raw for _, raw in unwrap(path.read_bytes(), "Records").records]
    for path in sorted((corpora / "otrf").glob("*.json")):
        raws += [raw for _, raw in unwrap(path.read_bytes(), "Records").records]
    for path in sorted((corpora / "custodian-aws" / "tests" / "data" / "cwe").glob("*.json")):
        detail = json.loads(path.read_bytes()).get("detail")
        if isinstance(detail, dict) and "eventName" in detail:
            raws.append(json.dumps(detail).encode())
    return raws


@pytest.fixture(scope="module")
def aws(corpora, cloudtrail):
    raws = cloudtrail_records(corpora)
    found = apply(cloudtrail, batch("aws.cloudtrail", raws))
    assert len(raws) > 400
    assert found.rejects.num_rows == 0
    records = [json.loads(raw) for raw in raws]
    return list(zip(records, map(event_json, found.events.to_pylist()), strict=True))


@pytest.fixture(scope="module")
def kubernetes(corpora, audit):
    payload = (corpora / "audit2rbac" / "testdata" / "demo.log").read_bytes()
    raws = [raw for _, raw in unwrap(payload, "items").records]
    found = apply(audit, batch("kubernetes.audit", raws))
    assert len(raws) == 37
    assert found.rejects.num_rows == 0
    records = [json.loads(raw) for raw in raws]
    return list(zip(records, map(event_json, found.events.to_pylist()), strict=True))


def test_every_recorded_call_has_its_class(aws):
    expected = table(CLOUDTRAIL)
    found = {
        (record["eventSource"], record["eventName"]): (event["class_name"], event["activity_name"])
        for record, event in aws
    }

    assert found == expected


def test_recorded_audit_events_are_reads(kubernetes):
    assert {(e["class_name"], e["activity_name"]) for _, e in kubernetes} == {
        ("API Activity", "Read")
    }


@pytest.mark.parametrize("source", ["aws", "kubernetes"])
def test_recorded_events_are_valid(request, source):
    events = [event for _, event in request.getfixturevalue(source)]
    invalid = [found for found in map(problems, events) if found]

    assert len(invalid) <= 0.02 * len(events), invalid[:3]


def named_user(record):
    identity = record.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    return identity.get("userName") or issuer.get("userName") or identity.get("invokedBy")


def at(*path):
    def value(record):
        for name in path:
            record = record.get(name) if isinstance(record, dict) else None
        return record

    return value


CONTEXT = ("userIdentity", "sessionContext")
CARRIED = {
    "actor.user.name": named_user,
    "actor.user.uid": at("userIdentity", "arn"),
    "actor.user.type": at("userIdentity", "type"),
    "actor.user.credential_uid": at("userIdentity", "accessKeyId"),
    "actor.user.account.uid": at("userIdentity", "accountId"),
    "actor.session.credential_uid": at("userIdentity", "accessKeyId"),
    "actor.session.issuer": at(*CONTEXT, "sessionIssuer", "arn"),
    "actor.session.is_mfa": at(*CONTEXT, "attributes", "mfaAuthenticated"),
    "actor.session.created_time": at(*CONTEXT, "attributes", "creationDate"),
    "src_endpoint": at("sourceIPAddress"),
    "api.operation": at("eventName"),
    "api.service.name": at("eventSource"),
    "api.request.uid": at("requestID"),
    "api.response.error": at("errorCode"),
    "status_code": at("errorCode"),
    "cloud.account.uid": at("recipientAccountId"),
    "cloud.region": at("awsRegion"),
    "cloud.provider": at("eventName"),
    "http_request.user_agent": at("userAgent"),
    "status": at("eventName"),
    "observables": at("userIdentity"),
    "metadata.original_event_uid": at("eventID"),
    "metadata.event_code": at("eventType"),
    "resources": at("resources"),
    "time": at("eventTime"),
}


def held(event, path):
    """Return what the event has at `path`; attributes that its class lacks are `unmapped`."""
    return lookup(event, path) or lookup(event, f"unmapped.{path}")


@pytest.mark.parametrize("path", CARRIED)
def test_what_recorded_calls_carry_is_filled(aws, path):
    carriers = [event for record, event in aws if CARRIED[path](record)]
    filled = [event for event in carriers if held(event, path)]

    assert carriers
    assert len(filled) >= 0.95 * len(carriers)


KUBERNETES_CARRIED = {
    "actor.user.name": at("user", "username"),
    "actor.user.groups.name": at("user", "groups"),
    "resources.name": at("requestURI"),
    "resources.type": at("objectRef", "resource"),
    "resources.namespace": at("objectRef", "namespace"),
    "src_endpoint.ip": at("sourceIPs"),
    "api.operation": at("verb"),
    "api.request.uid": at("auditID"),
    "api.response.code": at("responseStatus", "code"),
    "status": at("responseStatus", "code"),
    "observables": at("user"),
    "http_request.url.path": at("requestURI"),
}


@pytest.mark.parametrize("path", KUBERNETES_CARRIED)
def test_what_recorded_audit_events_carry_is_filled(kubernetes, path):
    carriers = [event for record, event in kubernetes if KUBERNETES_CARRIED[path](record)]
    filled = [event for event in carriers if held(event, path)]

    assert carriers
    assert len(filled) >= 0.95 * len(carriers)


def test_borrowed_rights_are_named(kubernetes):
    borrowed = Counter(
        resource["name"]
        for record, event in kubernetes
        if "impersonatedUser" in record
        for resource in event["resources"]
        if resource["type"] == "impersonated user"
    )

    assert set(borrowed) == {"alice", "bob", "system:serviceaccount:ns1:sa1"}


def test_records_without_eventtime_have_the_time_of_their_shipper(aws):
    late = [(record, event) for record, event in aws if "eventTime" not in record]

    assert len(late) == 103
    assert all(event["unmapped"]["tocsin"].get("flags") is None for _, event in late)
    assert late[0][1]["time"] == 1600044263000
