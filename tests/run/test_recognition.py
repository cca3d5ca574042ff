"""What `--source auto` says of its choice, and that it compiles few mappings for it."""

import json
from pathlib import Path

import pytest

from tocsin.errors import UsageError
from tocsin.normalize import overlay
from tocsin.run.mapping_shelf import MappingShelf
from tocsin.run.recognition import recognition, recognize
from tocsin.run.wiring import load_mappings


@pytest.fixture
def shelf() -> MappingShelf:
    found = load_mappings()
    assert isinstance(found, MappingShelf)
    return found


def written(shelf: MappingShelf, source: str, folder: Path) -> str:
    mapping = load_mappings()[source]
    file = folder / "records.jsonl"
    records = [overlay(mapping.example, each.record) for each in mapping.samples]
    file.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(file)


@pytest.mark.parametrize("source", ["okta.system", "kubernetes.audit", "suricata.eve"])
def test_the_choice_says_why(shelf: MappingShelf, tmp_path: Path, source: str):
    told: list[str] = []
    path = written(shelf, source, tmp_path)

    assert recognize([path], shelf, told.append).source == source
    found = recognition([path], shelf)
    assert told == [str(found)]
    assert told[0].startswith(f"recognized as {source} (100 % of {found.fit.records} records; has ")
    assert len(found.fields) == 3
    assert set(found.fields) <= shelf.outline(source).names
    assert len(shelf._loaded) <= 6


def test_what_nobody_knows_compiles_nothing(shelf: MappingShelf, tmp_path: Path):
    file = tmp_path / "x.jsonl"
    file.write_text('{"zzz_one": 1, "zzz_two": {"zzz_three": []}}\n')

    with pytest.raises(UsageError, match=r"no source recognizes these records \("):
        recognition([str(file)], shelf)
    assert shelf._loaded == {}


def test_an_outline_names_what_the_mapping_declares(shelf: MappingShelf):
    outline = shelf.outline("okta.system")

    assert {"eventType", "alternateId", "events"} <= outline.names
    assert {"eventType", "published"} == outline.asked
    assert not outline.has_reader
    assert shelf.outline("zeek.log").has_reader
