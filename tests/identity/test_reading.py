"""What shipped files read from events: who took a key, who has an address, who stands where."""

import json
from datetime import datetime

import pytest

from tests.run.batches import batch
from tocsin import normalize
from tocsin.errors import ContentError
from tocsin.identity import parse_recipes, statements_from
from tocsin.ocsf import from_rows, schemas
from tocsin.run import content, wiring

RECIPES = parse_recipes(content.identity_texts())


def told(source: str, *records: dict) -> set[tuple[str, str]]:
    """What records, laid over the mapping's example, tell: who is, or stands on, whom."""
    mapping = wiring.load_mapping(source)
    whole = [normalize.overlay(mapping.example, record) for record in records]
    events = normalize.apply(mapping, batch(*whole, source=source)).events
    found = statements_from(events, schemas.RESOURCES.empty_table(), RECIPES)
    mark = {True: "=", False: "on"}
    return {
        (f"{each.one.type}:{each.one.uid}", f"{mark[each.is_same]} {each.other.uid}")
        for each in found
    }


def test_who_takes_a_role_has_its_key():
    found = told(
        "aws.cloudtrail",
        {
            "eventName": "AssumeRole",
            "eventSource": "sts.amazonaws.com",
            "userIdentity": {
                "type": "IAMUser",
                "userName": "eve",
                "arn": "arn:aws:iam::111122223333:user/eve",
                "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                "sessionContext": None,
            },
            "requestParameters": {
                "roleArn": "arn:aws:iam::111122223333:role/admin",
                "roleSessionName": "x",
            },
            "responseElements": {"credentials": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE"}},
        },
    )

    assert ("access_key:ASIAIOSFODNN7EXAMPLE", "= arn:aws:iam::111122223333:user/eve") in found


@pytest.mark.parametrize(
    ("name", "ties"),
    [("system:serviceaccount:shop:web", True), ("repo:ostwind/shop:ref:refs/heads/main", False)],
    ids=["service-account", "pipeline-that-many-share"],
)
def test_tokens_of_pods_name_their_account_and_those_of_pipelines_nobody(name, ties):
    found = told(
        "aws.cloudtrail",
        {
            "eventName": "AssumeRoleWithWebIdentity",
            "eventSource": "sts.amazonaws.com",
            "userIdentity": {"type": "WebIdentityUser", "userName": name},
            "responseElements": {"credentials": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE"}},
        },
    )

    assert (("access_key:ASIAIOSFODNN7EXAMPLE", f"= {name}") in found) is ties


def test_flow_records_name_address_interface_and_instance():
    found = told("aws.vpc_flow", {})

    assert ("address:10.20.0.15", "= eni-0a1b2c3d4e5f60718") in found
    assert ("interface:eni-0a1b2c3d4e5f60718", "= i-0a1b2c3d4e5f60718") in found
    assert not any(one == "address:203.0.113.80" for one, _ in found)


def test_pods_stand_on_node_account_and_image_and_on_who_entered_them():
    pod = {"metadata": {"name": "web-0", "uid": "0a-1"}}
    spec = {
        "nodeName": "node-a",
        "serviceAccountName": "web",
        "containers": [{"image": "registry.example.org/web@sha256:ab"}],
    }
    found = told(
        "kubernetes.audit",
        {
            "verb": "create",
            "objectRef": {"resource": "pods", "namespace": "shop", "name": None},
            "responseObject": {**pod, "spec": spec},
            "user": {"username": "mara@example.com", "uid": None},
        },
        {
            "verb": "patch",
            "auditID": "2",
            "objectRef": {
                "resource": "pods",
                "subresource": "status",
                "namespace": "shop",
                "name": "web-0",
            },
            "responseObject": {**pod, "status": {"podIP": "10.2.0.9"}},
        },
        {
            "verb": "create",
            "auditID": "3",
            "objectRef": {
                "resource": "pods",
                "subresource": "exec",
                "namespace": "shop",
                "name": "web-0",
            },
            "user": {"username": "vik@example.com", "uid": None},
        },
    )

    assert found >= {
        ("pod:shop/web-0", "on node-a"),
        ("pod:shop/web-0", "on system:serviceaccount:shop:web"),
        ("pod:shop/web-0", "on sha256:ab"),
        ("pod:shop/web-0", "on mara@example.com"),
        ("pod:shop/web-0", "on vik@example.com"),
        ("address:10.2.0.9", "= shop/web-0"),
    }


def test_the_inventory_tells_of_machines():
    row = {
        "uid": "i-0a1b2c3d4e5f60718",
        "type": "AWS::EC2::Instance",
        "account": "111122223333",
        "observed_time": datetime(2026, 3, 10),
        "configuration": json.dumps(
            {"instanceId": "i-0a1b2c3d4e5f60718", "privateIpAddress": "10.20.0.15"}
        ),
    }
    table = from_rows([row], schemas.RESOURCES)

    (found,) = statements_from(schemas.EVENT_COLUMNS.empty_table(), table, RECIPES)

    assert (found.one.uid, found.other.uid) == ("10.20.0.15", "i-0a1b2c3d4e5f60718")
    assert found.scope == "111122223333"


@pytest.mark.parametrize(
    "text",
    [
        "[a]",
        "source: x",
        "source: x\nstatements: [{relation: a, one: {}, other: {}, because: b}]",
        "source: x\nstatements: [{what: a}]",
    ],
    ids=["no-mapping", "no-statements", "side-without-type", "unknown-key"],
)
def test_a_file_that_is_wrong_is_named(text):
    with pytest.raises(ContentError, match=r"wrong\.yaml"):
        parse_recipes({"wrong.yaml": text})
