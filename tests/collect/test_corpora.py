"""Recorded data goes through the reader as it lies on the disk."""

import json
from pathlib import Path

import pytest

from tocsin.collect.sources.files import Files, FilesSettings

pytestmark = pytest.mark.corpora


def read(path: Path, unwrap: str | None) -> tuple[list[dict], list[dict]]:
    settings = FilesSettings("recorded", "recorded", (str(path),), unwrap)
    batches = list(Files(settings).read(None))
    raws = [raw for batch in batches for raw in batch.records["raw"].to_pylist()]
    rejects = [row for batch in batches for row in batch.rejects.to_pylist()]
    return [json.loads(raw) for raw in raws], rejects


def test_arrays_of_events_in_a_folder(corpora):
    folder = corpora / "stratus-red-team" / "docs" / "detonation-logs"
    expected = [
        event for path in sorted(folder.iterdir()) for event in json.loads(path.read_text())
    ]

    assert read(folder, "Records") == (expected, [])


def test_lines_of_cloudtrail(corpora):
    (path,) = (corpora / "otrf").glob("*.json")

    events, rejects = read(path, "Records")

    assert (len(events), rejects) == (103, [])
    assert all("eventName" in event for event in events)


def test_lines_of_kubernetes_events_that_have_lists_inside(corpora):
    path = corpora / "audit2rbac" / "testdata" / "demo.log"
    expected = [json.loads(line) for line in path.read_text().splitlines()]

    assert read(path, "items") == (expected, [])
