"""Files of network sensors are recognized among all sources, by what they hold."""

import json

import pytest

from tocsin.normalize import overlay
from tocsin.run.recognition import recognize
from tocsin.run.wiring import load_mappings


@pytest.fixture(scope="module")
def mappings():
    return load_mappings()


@pytest.mark.parametrize("source", ["aws.vpc_flow", "suricata.eve", "zeek.log"])
def test_the_records_of_a_sensor_are_recognized(tmp_path, mappings, source):
    mapping = mappings[source]
    records = [overlay(mapping.example, sample.record) for sample in mapping.samples]
    file = tmp_path / "records.json"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")

    assert recognize([str(file)], mappings).source == source


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("suricata-sample/samples/honeypot-2018/alerts-only.json", "suricata.eve"),
        ("zat/data/json/conn.log", "zeek.log"),
        ("zat/data/json/kerberos.log", "zeek.log"),
        ("zed-zeek/zeek-json/ftp.json.gz", "zeek.log"),
    ],
)
def test_recorded_files_of_sensors_are_recognized(corpora, mappings, path, source):
    assert recognize([str(corpora / path)], mappings).source == source
