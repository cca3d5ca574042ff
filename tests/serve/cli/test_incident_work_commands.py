"""`tocsin incidents`: tags, tasks, links, reporting and many at once from a terminal."""

from pathlib import Path

import pytest

from tests.run.crank import stopped_trail
from tests.serve.cli.records import START
from tests.serve.cli.shell import json_lines, tocsin


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


def elsewhere() -> dict[str, object]:
    """Return the same deed by somebody else in another account."""
    account, arn = "444455556666", "arn:aws:iam::444455556666:user/eve"
    who = {"type": "IAMUser", "userName": "eve", "arn": arn, "accountId": account}
    return stopped_trail("eve", START) | {"recipientAccountId": account, "userIdentity": who}


def test_incidents_are_merged_and_split_and_that_is_taken_back(
    uid: str, own_data: Path, tmp_path: Path
):
    at, why = ("--data", own_data), ("--reason", "One person")
    more = json_lines(tmp_path / "more.jsonl", [elsewhere()])
    tocsin("ingest", more, "--source", "aws.cloudtrail", *at)
    rows = tocsin("incidents", "list", *at, "--output", "json").json
    [other] = {row["uid"] for row in rows} - {uid}

    merged = tocsin("incidents", "merge", uid, other, *why, *at)
    [decision] = tocsin("incidents", "decisions", other, *at, "--output", "json").json
    undone = tocsin("incidents", "undo", decision["uid"], *why, *at)
    refused = tocsin("incidents", "split", uid, "--entity", "nobody", *why, *at)

    assert (merged.code, undone.code, refused.code) == (0, 0, 2)
    assert (decision["kind"], decision["findings"], decision["reason"]) == (
        "merge", 1, "One person",
    )  # fmt: skip
    after = tocsin("incidents", "list", *at, "--output", "json").json
    assert {row["uid"] for row in after} == {uid, other}
    assert len(refused.err.splitlines()) == 1


def test_figures_tell_mean_times_and_clocks(data: Path):
    told = tocsin("incidents", "figures", "--since", "2000-01-01", "--data", data, "-o", "json")
    shown = tocsin("incidents", "figures", "--since", "2000-01-01", "--data", data)

    assert (told.json["means"][0]["severity"], told.json["means"][0]["incidents"]) == ("all", 1)
    assert {each["clock"] for each in told.json["clocks"]} == {"acknowledge", "close", "report"}
    assert shown.out.startswith("1 incidents opened, 1 still open")
