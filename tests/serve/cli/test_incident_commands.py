"""`tocsin incidents`: triage from a terminal."""

from pathlib import Path

import pytest

from tests.serve.cli.shell import Ended, has_no_controls, tocsin


@pytest.fixture
def uid(own_data: Path) -> str:
    (incident,) = tocsin("incidents", "list", "--data", own_data, "--output", "json").json
    return incident["uid"]


def shown(uid: str, data: Path) -> dict[str, object]:
    return tocsin("incidents", "show", uid, "--data", data, "--output", "json").json


def failed_in_one_line(ended: Ended) -> bool:
    return ended.code == 2 and ended.out == "" and len(ended.err.splitlines()) == 1


def test_the_list_is_a_json_array_for_programs(data: Path):
    ended = tocsin("incidents", "list", "--output", "json", "--data", data)

    (incident,) = ended.json
    assert isinstance(ended.json, list)
    assert (incident["status"], incident["severity"], incident["severity_id"]) == ("New", "High", 4)
    assert incident["first_time"].endswith(("Z", "+00:00"))


def test_no_incidents_are_an_empty_array(data: Path):
    ended = tocsin("incidents", "list", "--status", "Closed", "--output", "json", "--data", data)

    assert (ended.code, ended.json) == (0, [])


def test_no_incidents_are_said_to_people(data: Path):
    ended = tocsin("incidents", "list", "--status", "Closed", "--data", data)

    assert (ended.code, ended.out, ended.err) == (0, "", "Nothing found.\n")


def test_an_identifier_is_whole_where_a_program_reads(data: Path):
    (incident,) = tocsin("incidents", "list", "--output", "json", "--data", data).json

    ended = tocsin("incidents", "list", "--data", data)

    assert ended.out.splitlines()[1].split()[0] == incident["uid"]


def test_show_tells_risk_entities_and_timeline(data: Path):
    (incident,) = tocsin("incidents", "list", "--output", "json", "--data", data).json

    ended = tocsin("incidents", "show", incident["uid"], "--data", data)

    assert "mallory" in ended.out and "risk" in ended.out and "finding" in ended.out
    assert has_no_controls(ended.out)


def test_the_first_letters_of_an_identifier_are_enough(uid: str, own_data: Path):
    assert shown(uid[:10], own_data)["uid"] == uid


def test_an_unknown_incident_is_one_line(data: Path):
    assert failed_in_one_line(tocsin("incidents", "show", "inc_nothing", "--data", data))


def test_an_incident_is_taken_worked_on_closed_and_reopened(uid: str, own_data: Path):
    at = ("--data", own_data)
    states = []
    for step in (
        ("take", uid, "ada"),
        ("status", uid, "in progress"),
        ("close", uid, "--verdict", "false positive", "--reason", "A planned migration"),
        ("reopen", uid, "--reason", "It was not planned"),
    ):
        ended = tocsin("incidents", *step, *at)
        assert ended.code == 0, ended.err
        incident = shown(uid, own_data)
        states.append((incident["status"], incident["assignee"], incident["verdict"]))

    assert states[0][1] == "ada"
    assert states[1][0] == "In Progress"
    assert states[2] == ("Closed", "ada", "False Positive")
    assert states[3][0] == "In Progress"


def test_every_change_is_in_the_audit_log_under_the_name_of_the_person(uid: str, own_data: Path):
    tocsin("incidents", "take", uid, "ada", "--data", own_data)

    rows = tocsin("audit", "list", "--data", own_data, "--output", "json").json
    assert [row["action"] for row in rows] == ["incident.change"]
    assert rows[0]["actor"].startswith("local:")
    head = tocsin("audit", "verify", "--data", own_data).out.split()[-1]
    assert tocsin("audit", "verify", "--head", head, "--data", own_data).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "Nonsense"),
        ("status", "Closed"),
        ("close", "--verdict", "Maybe", "--reason", "x"),
        ("close", "--verdict", "Benign", "--reason", ""),
        ("reopen", "--reason", "it is open"),
    ],
)
def test_a_change_that_the_life_cycle_forbids_is_one_line(
    uid: str, own_data: Path, arguments: tuple[str, ...]
):
    before = shown(uid, own_data)

    ended = tocsin("incidents", arguments[0], uid, *arguments[1:], "--data", own_data)

    assert failed_in_one_line(ended)
    assert shown(uid, own_data) == before
