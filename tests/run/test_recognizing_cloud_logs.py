"""`--source auto` tells the audit logs of clouds from each other and from every other source."""

import json

import pytest

from tocsin.errors import UsageError
from tocsin.normalize import overlay
from tocsin.run.recognition import recognize
from tocsin.run.wiring import load_mappings

CLOUDS = ["aws.cloudtrail", "azure.activity", "azure.entra", "gcp.audit", "kubernetes.audit"]


@pytest.fixture(scope="module")
def mappings():
    return load_mappings()


def sampled(mapping):
    return [overlay(mapping.example, sample.record) for sample in mapping.samples]


@pytest.mark.parametrize("name", CLOUDS)
def test_the_samples_of_a_source_are_recognized_as_its_own(mappings, name, tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in sampled(mappings[name])), "utf-8")

    assert recognize([str(file)], mappings).source == name


@pytest.mark.parametrize("name", CLOUDS)
def test_an_export_that_holds_many_is_recognized(mappings, name, tmp_path):
    file = tmp_path / "export.json"
    # The first of the places where a payload may hold its records.
    place = mappings[name].unwrap.partition("|")[0]
    wrapped = {place: sampled(mappings[name])}
    file.write_text(json.dumps(wrapped), "utf-8")

    assert recognize([str(file)], mappings).source == name


def test_a_log_of_none_of_them_is_not_guessed(mappings, tmp_path):
    clouds = {name: mappings[name] for name in CLOUDS}
    file = tmp_path / "other.jsonl"
    file.write_text(json.dumps({"operation": "x", "category": "y", "time": 1}), "utf-8")

    with pytest.raises(UsageError, match="no source recognizes"):
        recognize([str(file)], clouds)
