"""The same actor has the same uid in every event, whatever the event calls it."""

import pytest

from tocsin.detect.entities import actor_of, entity_of, links_of
from tocsin.detect.fields import Event, EventReader
from tocsin.detect.rules import EntityPath
from tocsin.ocsf import Entity

ACCOUNT = "111122223333"
READER = EventReader()


def row(uid=None, name=None, **values):
    user = {"uid": uid, "name": name, **values.pop("user", {})}
    return {"actor": {"user": user, **values.pop("actor", {})}, **values}


def event(record=None, **values):
    return Event(record or {}, row(**values))


@pytest.mark.parametrize(
    ("values", "entity"),
    [
        (
            {"uid": f"arn:aws:iam::{ACCOUNT}:user/alice", "name": "alice"},
            Entity("user", f"arn:aws:iam::{ACCOUNT}:user/alice", "alice"),
        ),
        (
            {"uid": f"arn:aws:iam::{ACCOUNT}:user/staff/alice"},
            Entity("user", f"arn:aws:iam::{ACCOUNT}:user/alice", "alice"),
        ),
        (
            {"uid": f"arn:aws:iam::{ACCOUNT}:root", "name": "root"},
            Entity("user", f"arn:aws:iam::{ACCOUNT}:root", "root"),
        ),
        (
            {
                "uid": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/session-1",
                "name": "deploy",
                "actor": {"session": {"issuer": f"arn:aws:iam::{ACCOUNT}:role/ci/deploy"}},
            },
            Entity("role", f"arn:aws:iam::{ACCOUNT}:role/deploy", "deploy"),
        ),
        (
            {"uid": f"arn:aws-us-gov:sts::{ACCOUNT}:assumed-role/deploy/session-2"},
            Entity("role", f"arn:aws-us-gov:iam::{ACCOUNT}:role/deploy", "deploy"),
        ),
        (
            {
                "uid": f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
                "actor": {"session": {"issuer": f"arn:aws:iam::{ACCOUNT}:user/alice"}},
            },
            Entity("user", f"arn:aws:sts::{ACCOUNT}:federated-user/bob", "bob"),
        ),
        (
            {"name": "ec2.amazonaws.com"},
            Entity("service", "ec2.amazonaws.com", "ec2.amazonaws.com"),
        ),
        (
            {"actor": {"app_name": "config.amazonaws.com"}},
            Entity("service", "config.amazonaws.com", "config.amazonaws.com"),
        ),
        (
            {"uid": "0c5e…", "name": "system:serviceaccount:web:default"},
            Entity("service_account", "system:serviceaccount:web:default", "web/default"),
        ),
        (
            {"uid": "kubernetes-admin", "name": "kubernetes-admin"},
            Entity("user", "kubernetes-admin", "kubernetes-admin"),
        ),
        (
            {"uid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "name": "alice"},
            Entity("user", "alice", "alice"),
        ),
        (
            {
                "uid": "aws-iam-authenticator:111122223333:AIDAIOSFODNN7EXAMPLE",
                "name": "kubernetes-admin",
                "actor": {"session": {"issuer": f"arn:aws:iam::{ACCOUNT}:user/alice"}},
            },
            Entity("user", f"arn:aws:iam::{ACCOUNT}:user/alice", "alice"),
        ),
        ({"uid": "AIDAIOSFODNN7EXAMPLE"}, Entity("user", *["AIDAIOSFODNN7EXAMPLE"] * 2)),
        ({"name": "alice@example.com"}, Entity("user", "alice@example.com", "alice@example.com")),
        ({"uid": "unknown"}, None),
        ({"name": "system:anonymous"}, None),
        ({"name": "HIDDEN_DUE_TO_SECURITY_REASONS"}, None),
        ({}, None),
    ],
)
def test_an_actor_is_named(values, entity):
    assert actor_of(row(**values)) == entity


@pytest.mark.parametrize(
    ("values", "entity"),
    [
        ({"name": "alice", "src_endpoint": {"ip": "192.0.2.1"}}, Entity("user", "alice", "alice")),
        ({"src_endpoint": {"ip": "192.0.2.1"}}, Entity("address", "192.0.2.1", "192.0.2.1")),
        ({"cloud": {"account": {"uid": ACCOUNT}}}, Entity("account", ACCOUNT, ACCOUNT)),
        ({"source": "aws.cloudtrail"}, Entity("source", "aws.cloudtrail")),
    ],
)
def test_without_a_choice_the_entity_is_the_actor_or_what_comes_next(values, entity):
    assert entity_of(event(**values), (), READER) == entity


def test_the_first_path_with_a_value_gives_the_entity():
    paths = (EntityPath("bucket", "missing"), EntityPath("bucket", "requestParameters.bucketName"))
    found = entity_of(event({"requestParameters": {"bucketName": "logs"}}), paths, READER)

    assert found == Entity("bucket", "logs", "logs")


def test_a_name_in_a_request_is_the_user_that_it_names():
    in_account = {"cloud": {"account": {"uid": ACCOUNT}}}
    paths = (EntityPath("user", "requestParameters.userName"),)
    found = entity_of(
        event({"requestParameters": {"userName": "bob"}}, **in_account), paths, READER
    )

    assert found == actor_of(row(f"arn:aws:iam::{ACCOUNT}:user/people/bob"))


def test_a_name_outside_of_aws_stays_as_it_is():
    paths = (EntityPath("user", "name"),)

    assert entity_of(event({"name": "bob"}), paths, READER) == Entity("user", "bob", "bob")


def test_objects_and_empty_values_name_nothing():
    paths = (EntityPath("x", "a"), EntityPath("x", "b"), EntityPath("x", "c"))
    found = entity_of(event({"a": {"b": 1}, "b": "", "c": None}, name="alice"), paths, READER)

    assert found.uid == "alice"


def test_the_key_and_the_session_are_linked():
    role = f"arn:aws:iam::{ACCOUNT}:role/deploy"
    values = event(
        uid=f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/nightly",
        user={"credential_uid": "ASIAIOSFODNN7EXAMPLE"},
        actor={"session": {"uid": "nightly"}},
    )
    entity = entity_of(values, (), READER)

    assert [(link.type, link.uid) for link in links_of(values, entity, (), READER)] == [
        ("access_key", "ASIAIOSFODNN7EXAMPLE"),
        ("session", f"{role}/nightly"),
    ]


def test_the_actor_is_linked_where_the_finding_is_about_something_else():
    values = event({"bucket": "logs"}, name="alice")
    entity = entity_of(values, (EntityPath("bucket", "bucket"),), READER)

    assert links_of(values, entity, (), READER) == (Entity("user", "alice", "alice"),)


def test_links_of_the_rule_are_told_once_and_never_the_entity_itself():
    values = event({"names": ["bob", "bob", "alice", "carol"]}, name="alice")
    links = links_of(values, Entity("user", "alice"), (EntityPath("user", "names"),), READER)

    assert [link.uid for link in links] == ["bob", "carol"]


def test_links_are_bounded():
    values = event({"names": [f"user-{number}" for number in range(500)]}, name="alice")

    assert len(links_of(values, Entity("user", "a"), (EntityPath("user", "names"),), READER)) == 50
