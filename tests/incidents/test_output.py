"""An incident is a valid Incident Finding of OCSF 1.8 in every state of its life."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tests.incidents.tables import NOON, finding, grouped, incident
from tocsin.incidents import Change, Status, Verdict, incident_json, transition
from tocsin.incidents.output import STATUS_IDS, VERDICT_IDS


@pytest.fixture(scope="module")
def schema():
    return get_ocsf_schema("1.8.0")


@pytest.fixture(scope="module")
def validator(schema):
    return jsonschema.Draft202012Validator(
        OcsfJsonSchemaEmbedded(schema).get_class_schema("incident_finding")
    )


@pytest.mark.parametrize("status", get_args(Status))
@pytest.mark.parametrize("verdict", [None, "True Positive"])
@pytest.mark.parametrize("assignee", ["", "dana"])
def test_every_status_is_valid_ocsf(validator, status, verdict, assignee):
    value = replace(incident(), status=status, verdict=verdict, assignee=assignee)

    validator.validate(incident_json(value))


def test_absorbed_and_grown_incidents_are_valid_ocsf(validator):
    alice, key = incident(finding("user/alice")), incident(finding("access_key/K"))

    result = grouped(finding(minute=1, links=["access_key/K"]), known=[alice, key])

    assert len(result.changed) == 2
    for changed in result.changed:
        validator.validate(incident_json(changed))


def test_numbers_are_those_of_the_schema(schema):
    attributes = schema["classes"]["incident_finding"]["attributes"]

    for name, ids, words in (
        ("status_id", STATUS_IDS, Status),
        ("verdict_id", VERDICT_IDS, Verdict),
    ):
        captions = {entry["caption"]: int(key) for key, entry in attributes[name]["enum"].items()}
        assert ids == {word: captions[word] for word in get_args(words)}


def test_the_activity_follows_the_life_cycle():
    opened = incident()
    taken = transition(opened, Change(status="In Progress"), NOON)
    closed = transition(taken, Change(status="Closed", verdict="Benign", reason="Planned."), NOON)

    assert [incident_json(one)["activity_name"] for one in (opened, taken, closed)] == [
        "Create",
        "Update",
        "Close",
    ]
    assert incident_json(closed)["type_uid"] == 200503


def test_times_are_milliseconds():
    later = replace(incident(), last_time=NOON + timedelta(microseconds=1_999))

    assert incident_json(later)["start_time"] == 1_795_435_200_000
    assert incident_json(later)["end_time"] == 1_795_435_200_001


def test_tactics_and_techniques_are_named_or_numbered():
    value = replace(
        incident(), tactics=("TA0003", "exfiltration"), techniques=("t1098.001", "T1098")
    )

    assert incident_json(value)["attacks"] == [
        {"tactic": {"uid": "TA0003"}},
        {"tactic": {"uid": "TA0010", "name": "Exfiltration"}},
        {"sub_technique": {"uid": "T1098.001"}},
        {"technique": {"uid": "T1098"}},
    ]
