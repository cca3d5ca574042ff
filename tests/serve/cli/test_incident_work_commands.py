"""`tocsin incidents`: tags, tasks, links, reporting and many at once from a terminal."""

from pathlib import Path

import pytest

from tests.serve.cli.shell import tocsin


@pytest.fixture
def uid(own_data: Path) -> str:
    (incident,) = tocsin("incidents", "list", "--data", own_data, "--output", "json").json
    return str(incident["uid"])


def shown(uid: str, data: Path) -> dict[str, object]:
    return tocsin("incidents", "show", uid, "--data", data, "--output", "json").json


def test_work_is_attached_to_an_incident(uid: str, own_data: Path):
    for step in (
        ("comment", uid, "Looked at it"),
        ("tag", uid, "--add", "Phishing", "--add", "apac"),
        ("task", uid, "--add", "Revoke the key", "--owner", "ada"),
        ("task", uid, "--number", "1", "--done"),
        ("link", uid, "https://wiki.example.org/runbook", "--note", "runbook"),
        ("report", uid, "needed", "--reason", "Personal data"),
        ("report", uid, "sent"),
    ):
        ended = tocsin("incidents", *step, "--data", own_data)
        assert ended.code == 0, ended.err

    told = shown(uid, own_data)
    assert told["tags"] == ["apac", "phishing"]
    assert told["tasks"] == [
        {"number": 1, "text": "Revoke the key", "owner": "ada", "is_done": True}
    ]
    assert told["references"] == [{"target": "https://wiki.example.org/runbook", "note": "runbook"}]
    assert told["report"]["sent"]
    found = tocsin("incidents", "list", "--tag", "APAC", "--data", own_data, "--output", "json")
    assert [each["uid"] for each in found.json] == [uid]


def test_many_are_changed_and_a_refusal_is_told(uid: str, own_data: Path):
    ended = tocsin(
        "incidents", "change", uid, "inc_none", "--tag", "sweep", "--assign", "ada",
        "--data", own_data, "--output", "json",
    )  # fmt: skip

    assert ended.code == 1
    assert [(each["uid"], bool(each["problem"])) for each in ended.json] == [
        (uid, False),
        ("inc_none", True),
    ]
    assert shown(uid, own_data)["assignee"] == "ada"


@pytest.mark.parametrize(
    "step",
    [
        ("tag", "--add", "two words"),
        ("task", "--number", "7", "--done"),
        ("link", "javascript:alert(1)"),
        ("report", "soon"),
        ("report", "sent"),
    ],
)
def test_what_cannot_be_attached_is_one_line(uid: str, own_data: Path, step: tuple[str, ...]):
    ended = tocsin("incidents", step[0], uid, *step[1:], "--data", own_data)

    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
