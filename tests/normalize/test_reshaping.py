"""Several forms of the same record become one: names, clouds around Kubernetes, tables of Azure."""

import json

import pytest
import yaml

from tests.conftest import PROJECT
from tests.normalize.records import event, normalized, rows, shipped, small
from tocsin.conditions import lookup
from tocsin.errors import SettingsError
from tocsin.run.content import find_reader

MAPPINGS = PROJECT / "content" / "mappings"


def read(name, record, **options):
    [found] = find_reader(name, options).read([json.dumps(record).encode()], None)
    return json.loads(found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Id", "id"),
        ("AccountId", "accountId"),
        ("IPAddress", "ipAddress"),
        ("URLs", "urls"),
        ("S3BucketDetails", "s3BucketDetails"),
        ("already", "already"),
    ],
)
def test_capitals_at_the_beginning_of_names_become_small(before, after):
    assert read("names", {"Id": 1, "x": [{before: 2}]}, marks=("Id",))["x"] == [{after: 2}]


def test_only_records_with_all_marks_get_other_names():
    record = {"Id": 1, "inner": {"Service": 2}}

    assert read("names", record, marks=("Id", "Service")) == record
    assert read("names", record, marks=("Id",), renamed={"Service": "svc"}) == {
        "id": 1,
        "inner": {"svc": 2},
    }
    with pytest.raises(SettingsError, match="marks"):
        find_reader("names", {})


def test_the_form_of_the_api_of_guardduty_is_that_of_its_exports():
    mapping = shipped("aws.guardduty")

    def capital(value):
        if isinstance(value, dict):
            return {key[:1].upper() + key[1:]: capital(inner) for key, inner in value.items()}
        return [capital(each) for each in value] if isinstance(value, list) else value

    whole = dict(mapping.example)
    as_exported, as_listed = normalized(mapping, whole), normalized(mapping, capital(whole))

    def lasting(found):
        own = {"event_uid", "raw_data", "native"}
        [row] = found.events.to_pylist()
        return {name: value for name, value in row.items() if name not in own}

    assert lasting(as_listed) == lasting(as_exported)
    [finding] = as_listed.findings.to_pylist()
    assert finding["uid"] == as_exported.findings.to_pylist()[0]["uid"]


def test_rules_read_the_shape_that_the_mapping_declares():
    mapping = shipped("gcp.gke_audit")
    [row] = rows(mapping, mapping.samples[0].raw.encode())
    native = json.loads(row["native"])

    assert native["verb"] == "create"
    assert native["objectRef"] == {
        "resource": "pods",
        "subresource": "exec",
        "namespace": "shop",
        "name": "web-0",
        "apiVersion": "v1",
    }
    assert json.loads(row["raw_data"])["protoPayload"]["serviceName"] == "k8s.io"


def test_events_of_gke_are_those_of_kubernetes():
    """Both mappings are the same but for what names them: change one, change the other."""
    gke, plain = (
        yaml.safe_load((MAPPINGS / f"{name}.yaml").read_text("utf-8"))
        for name in ("gcp.gke_audit", "kubernetes.audit")
    )

    same = ("record", "uid", "time", "derived", "event", "observables", "classes")
    for key in (*same, "trust", "reader"):
        assert gke[key] == plain[key]
    assert gke["accept"] == "cluster.provider = 'GCP' and " + plain["accept"]
    assert gke["example"] == {"cluster": {"provider": "GCP"}, **plain["example"]}


@pytest.mark.parametrize(
    ("method", "resource", "expected"),
    [
        ("io.k8s.core.v1.pods.list", "core/v1/pods", {"verb": "list", "resource": "pods"}),
        (
            "io.k8s.core.v1.namespaces.delete",
            "core/v1/namespaces/shop",
            {"verb": "delete", "resource": "namespaces", "namespace": "shop", "name": "shop"},
        ),
        (
            "io.k8s.app.v1.deployments.scale.update",
            "apps/v1/namespaces/shop/deployments/web/scale",
            {"resource": "deployments", "subresource": "scale", "name": "web", "apiGroup": "apps"},
        ),
        (
            "org.example.v1beta1.things.create",
            "example.org/v1beta1/namespaces/shop/things",
            {"resource": "things", "apiVersion": "v1beta1", "apiGroup": "example.org"},
        ),
    ],
)
def test_methods_of_gke_say_verb_and_object(method, resource, expected):
    payload = {"serviceName": "k8s.io", "methodName": method, "resourceName": resource}
    found = read("kubernetes_audit", {"protoPayload": payload})

    told = found["objectRef"] | {"verb": found["verb"]}
    assert {key: told.get(key) for key in expected} == expected


def test_other_records_of_google_and_azure_stay_as_they_are():
    for record in (
        {"protoPayload": {"serviceName": "compute.googleapis.com"}},
        {"properties": {"log": "a line"}},
        {"requestObject": {"properties": {}}},
    ):
        assert read("kubernetes_audit", record) == record


def test_aks_keeps_the_id_of_its_cluster():
    mapping = shipped("kubernetes.audit")
    uid = "/SUBSCRIPTIONS/1-2/RESOURCEGROUPS/A/PROVIDERS/B/MANAGEDCLUSTERS/C"
    log = json.dumps(dict(mapping.example))
    [found] = rows(mapping, {"resourceId": uid, "properties": {"log": log}})

    assert lookup(found, "cloud.account.uid") == ["1-2"]
    assert uid in lookup(found, "resources.uid")
    assert event(mapping)["resources"][0]["type"] == "pods"


def test_readers_that_ask_for_json_get_it_and_others_do_not():
    text = """
source: test.shapes
product: {vendor_name: Tests, name: Shapes}
reader: READER
record: {id: text, time: timestamp}
uid: id
time: time
event: {severity: informational}
classes: [{class: api_activity, activity: read}]
example: {id: a, time: "2026-11-03T11:00:00Z"}
"""
    record = {"Id": "b", "Time": "2026-11-03T11:00:00Z"}
    names = small(text.replace("READER", "{name: names, marks: [Id]}"))
    [row] = rows(names, record)
    [unread] = rows(small(text.replace("READER", "csv")), record)

    assert lookup(row, "metadata.original_event_uid") == ["b"]
    assert row["native"] == '{"id":"b","time":"2026-11-03T11:00:00Z"}'
    assert lookup(unread, "metadata.original_event_uid") == [None]
    broken = normalized(names, b'{"Id": ', b"line").rejects.column("reason").to_pylist()
    assert [reason.split(":")[0] for reason in broken] == ["not_json", "not_json"]
