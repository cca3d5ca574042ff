"""Recorded data through the whole pipeline into a store, counted by a ledger of its own."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.run.crank import is_conserved, settings_in
from tocsin.ocsf import EVERYTHING
from tocsin.run import loading, offline
from tocsin.run.wiring import RuleChoice
from tocsin.settings import Settings
from tocsin.store import IncidentFilter, Store

pytestmark = pytest.mark.corpora


@dataclass(frozen=True)
class Recorded:
    """One recorded data set, and where it lies below the corpora."""

    source: str
    path: str
    query: str


SETS = [
    Recorded(
        "aws.cloudtrail", "stratus-red-team/docs/detonation-logs", "api.operation:StopLogging"
    ),
    Recorded(
        "aws.cloudtrail",
        "otrf/ec2_proxy_s3_exfiltration_2020-09-14011940.json",
        "api.operation:GetObject",
    ),
    Recorded(
        "kubernetes.audit",
        "audit2rbac/testdata/demo.log",
        "actor.user.name:bob OR actor.user.name:system*",
    ),
]
NAMES = ["stratus-red-team", "otrf", "audit2rbac"]


def records_of(path: Path) -> Iterator[bytes]:
    """Yield the records of a recorded file by the simplest reading, not by Tocsin's."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        text = file.read_text()
        try:
            whole = json.loads(text)
        except ValueError:
            yield from (line.encode() for line in text.splitlines() if line.strip())
            continue
        listed = whole.get("Records", [whole]) if isinstance(whole, dict) else whole
        yield from (json.dumps(record).encode() for record in listed)


def ignore(done: int, total: int | None) -> None:
    """Progress is of no interest here."""


def loaded(one: Recorded, path: Path, settings: Settings) -> Counter[str]:
    return loading.ingest_files([str(path)], one.source, settings, ignore)


def feed_counts(store: Store) -> Iterable[dict[str, int]]:
    from tests.run.crank import NOW

    names = ("received", "events", "findings", "resources", "duplicates", "rejects")
    for feed in store.sources.list(EVERYTHING, NOW):
        yield {name: getattr(feed, name) for name in names}


@pytest.mark.parametrize("one", SETS, ids=NAMES)
def test_recorded_data_is_stored_whole_found_and_known_again(
    one: Recorded, corpora: Path, tmp_path: Path
):
    path = corpora / one.path
    ledger = list(records_of(path))
    settings = settings_in(tmp_path)

    first = loaded(one, path, settings)
    copy = tmp_path / "copy"
    copy.symlink_to(path)
    second = loaded(one, copy, settings)

    assert first["records"] == len(ledger)
    assert first["events"] + first["duplicates"] + first["rejects"] == len(ledger)
    assert first["rejects"] <= len(ledger) * 0.02
    assert (second["events"], second["rejects"]) == (0, 0)
    assert second["duplicates"] == len(ledger)
    with Store.open(settings.data) as store:
        assert all(map(is_conserved, feed_counts(store)))
        assert store.maintenance.figures().events == first["events"]
        assert store.events.search(one.query, EVERYTHING, limit=10).rows.num_rows
        assert store.incidents.list(IncidentFilter(), EVERYTHING).rows == ()
        assert store.maintenance.fsck() == ()


def test_the_same_files_are_not_read_again(corpora: Path, tmp_path: Path):
    settings = settings_in(tmp_path)
    path = corpora / SETS[0].path
    loaded(SETS[0], path, settings)

    again = loaded(SETS[0], path, settings)

    assert again["records"] == 0


def test_what_detect_prints_is_what_ingest_stores(corpora: Path, tmp_path: Path):
    settings = settings_in(tmp_path)
    path = corpora / SETS[0].path
    loaded(SETS[0], path, settings)

    run = offline.detect_files([str(path)], "aws.cloudtrail", RuleChoice(), settings, ignore)
    printed = {str(finding["metadata"]["uid"]) for finding in run.results}  # type: ignore[index]

    with Store.open(settings.data) as store:
        rows = store.events.sql("SELECT uid FROM findings", EVERYTHING).to_pylist()
    assert printed == {row["uid"] for row in rows}
    assert len(printed) > 20


@pytest.mark.parametrize("one", SETS, ids=NAMES)
def test_the_source_of_recorded_data_is_recognized(one: Recorded, corpora: Path, tmp_path: Path):
    counts = loading.ingest_files([str(corpora / one.path)], "auto", settings_in(tmp_path), ignore)

    with Store.open(tmp_path / "data") as store:
        rows = store.events.sql("SELECT DISTINCT source FROM events", EVERYTHING).to_pylist()
    assert rows == [{"source": one.source}]
    assert counts["events"] > 0
