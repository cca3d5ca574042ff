"""Every mapping that is shipped loads, holds its samples, and reads its own example."""

import pytest

from tests.conftest import PROJECT
from tests.normalize.ocsf_schema import problems
from tests.normalize.records import event, shipped
from tocsin.conditions import lookup
from tocsin.normalize import check_samples

NAMES = sorted(path.stem for path in (PROJECT / "content" / "mappings").glob("*.yaml"))
# Who called what, by the provider of the service: what the engine reads of them is the same.
# Sensors, findings, logs of hosts and of others' products have tests of their own.
CALLS = ("aws.cloudtrail", "azure.activity", "azure.entra", "gcp.audit", "kubernetes.audit")


@pytest.fixture(scope="module", params=NAMES)
def mapping(request):
    return shipped(request.param)


@pytest.fixture(scope="module", params=CALLS)
def acting(request):
    return shipped(request.param)


def test_mappings_are_shipped():
    assert {"aws.cloudtrail", "kubernetes.audit"} <= set(NAMES)


def test_a_mapping_is_named_for_its_source_and_holds_its_samples(mapping):
    assert mapping.source in NAMES
    assert len(mapping.samples) >= 3
    assert check_samples(mapping) == ()


def test_the_example_is_a_valid_event_with_what_the_engine_reads(acting):
    found = event(acting)

    assert problems(found) == []
    for path in ("actor.user.name", "actor.user.uid", "api.operation", "api.service.name"):
        assert lookup(found, path)
    for path in ("src_endpoint.ip", "status", "metadata.event_code"):
        assert lookup(found, path)
    # Not every log of calls says with what the caller came.
    if "http_request.user_agent" in acting.event_trust:
        assert lookup(found, "http_request.user_agent")


def test_columns_that_rules_and_pages_read_are_the_same_for_all(acting):
    def inside(name):
        kind = acting.schema.field(name).type
        return {field.name for field in kind}

    user = {"uid", "name", "type", "credential_uid"}
    session = {"uid", "issuer", "credential_uid"}
    assert user <= {field.name for field in acting.schema.field("actor").type.field("user").type}
    assert session <= {f.name for f in acting.schema.field("actor").type.field("session").type}
    assert {"account", "region"} <= inside("cloud")
    assert {"operation", "service"} <= inside("api")
    assert "ip" in inside("src_endpoint")
    assert {"product", "version", "original_event_uid", "event_code", "profiles"} <= inside(
        "metadata"
    )
    resource = acting.schema.field("resources").type.value_type
    assert {"uid", "name", "type", "namespace"} <= {field.name for field in resource}


def test_who_and_where_are_not_text_that_the_caller_chose(acting):
    for path in (
        "actor.user.name",
        "actor.user.uid",
        "api.operation",
        "metadata.original_event_uid",
    ):
        assert acting.event_trust[path] == "provider"
    assert acting.event_trust.get("http_request.user_agent", "attacker") == "attacker"
