"""Each call has the class and activity that it is, and never the base event."""

import pytest

from tests.normalize.expected_classes import MORE_CALLS, audit_table, table
from tests.normalize.records import event
from tocsin.normalize import check_samples


def said(found):
    return found["class_name"], found["activity_name"]


@pytest.mark.parametrize(("call", "expected"), table(MORE_CALLS).items())
def test_a_call_of_aws_is_what_it_is(cloudtrail, call, expected):
    service, name = call

    found = event(cloudtrail, eventSource=service, eventName=name, readOnly=name in ("Decrypt",))

    assert said(found) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (("iam", "AddUserToGroup", {"groupName": "g"}), ("Group Management", "Add User")),
        (("iam", "RemoveUserFromGroup", {"groupName": "g"}), ("Group Management", "Remove User")),
        (
            ("iam", "AttachGroupPolicy", {"groupName": "g"}),
            ("Group Management", "Assign Privileges"),
        ),
        (
            ("iam", "DeleteGroupPolicy", {"groupName": "g"}),
            ("Group Management", "Revoke Privileges"),
        ),
        (("iam", "CreateGroup", {"groupName": "g"}), ("Group Management", "Create")),
        (("resource-groups", "CreateGroup", {"name": "g"}), ("API Activity", "Create")),
        (("iam", "UpdateAccessKey", {"status": "Inactive"}), ("Account Change", "Disable")),
        (("iam", "UpdateAccessKey", {"status": "Active"}), ("Account Change", "Enable")),
        (("s3", "PutObject", {"bucketName": "b"}), ("Datastore Activity", "Write")),
        (("s3", "DeleteObjects", {"bucketName": "b"}), ("Datastore Activity", "Delete")),
        (("s3", "PutBucketPolicy", {"bucketName": "b"}), ("Datastore Activity", "Update")),
        (("s3", "ListObjects", {"bucketName": "b"}), ("Datastore Activity", "List")),
        (("s3", "GetBucketAcl", {"bucketName": "b"}), ("Datastore Activity", "Read")),
        (("dynamodb", "Scan", {"tableName": "t"}), ("Datastore Activity", "Query")),
        (("dynamodb", "GetItem", {"tableName": "t"}), ("Datastore Activity", "Read")),
        (("dynamodb", "DeleteTable", {"tableName": "t"}), ("Datastore Activity", "Delete")),
        (
            ("rds", "DeleteDBInstance", {"dBInstanceIdentifier": "d"}),
            ("Datastore Activity", "Delete"),
        ),
        (
            ("rds", "CreateDBCluster", {"dBClusterIdentifier": "d"}),
            ("Datastore Activity", "Create"),
        ),
        (
            ("kms", "CreateGrant", {"granteePrincipal": "p", "operations": ["Decrypt"]}),
            ("User Access Management", "Assign Privileges"),
        ),
        (
            (
                "ec2",
                "ModifyImageAttribute",
                {"launchPermission": {"remove": {"items": [{"group": "all"}]}}},
            ),
            ("User Access Management", "Revoke Privileges"),
        ),
        (
            (
                "rds",
                "ModifyDBSnapshotAttribute",
                {"attributeName": "restore", "valuesToAdd": ["all"]},
            ),
            ("User Access Management", "Assign Privileges"),
        ),
        (("ec2", "ModifySnapshotAttribute", {}), ("API Activity", "Update")),
        (
            ("sso", "DeleteAccountAssignment", {"principalId": "p", "permissionSetArn": "a"}),
            ("User Access Management", "Revoke Privileges"),
        ),
    ],
)
def test_what_a_call_is_may_hang_on_its_parameters(cloudtrail, record, expected):
    service, name, parameters = record

    found = event(
        cloudtrail,
        eventSource=f"{service}.amazonaws.com",
        eventName=name,
        readOnly=False,
        requestParameters=parameters,
    )

    assert said(found) == expected


@pytest.mark.parametrize(("call", "expected"), audit_table().items())
def test_a_verb_on_a_resource_of_a_cluster_is_what_it_is(audit, call, expected):
    path, verb = call
    resource, _, subresource = path.partition("/")
    reference = {"resource": resource, "subresource": subresource or None, "name": "x"}

    assert said(event(audit, verb=verb, objectRef=reference)) == expected


@pytest.mark.parametrize("resource", ["rolebindings", "clusterrolebindings"])
@pytest.mark.parametrize("verb", ["create", "update", "patch"])
def test_a_binding_that_says_to_whom_is_access(audit, resource, verb):
    request = {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "u"}],
    }

    found = event(audit, verb=verb, objectRef={"resource": resource}, requestObject=request)

    assert said(found) == ("User Access Management", "Assign Privileges")
    assert (found["user"]["name"], found["privileges"]) == ("u", ["Role/r"])


def test_whoever_is_not_known_to_the_cluster_fails_to_log_on(audit):
    found = event(audit, responseStatus={"code": 401})

    assert (*said(found), found["status"]) == ("Authentication", "Logon", "Failure")


@pytest.mark.parametrize("name", ["cloudtrail", "audit"])
def test_the_samples_of_a_mapping_hold(request, name):
    assert check_samples(request.getfixturevalue(name)) == ()
