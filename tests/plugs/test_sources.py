"""The suite of the extension point *source*: resumes exactly, never repeats, never skips."""

import pkgutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.plugs.sources import WORLDS, World
from tocsin.collect import Source, sources
from tocsin.errors import SourceError
from tocsin.ocsf import RawBatch, schemas

BUILDERS = {name: build for worlds in WORLDS.values() for name, build in worlds.items()}
Place = tuple[str, int, bytes]


@pytest.fixture(params=sorted(BUILDERS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return BUILDERS[request.param](tmp_path, lambda: request.getfixturevalue("cloud"))


def places(batches: list[RawBatch]) -> list[Place]:
    rows = [row for batch in batches for row in batch.records.to_pylist()]
    return [(row["origin"], row["position"], row["raw"]) for row in rows]


def read_all(source: Source, cursor: str | None = None) -> list[RawBatch]:
    """Read to the end, with a commit and an acknowledgement after each batch."""
    batches = []
    for batch in source.read(cursor):
        batches.append(batch)
        source.acknowledge(batch)
    return batches


def test_every_source_is_in_this_suite():
    assert sorted(WORLDS) == [found.name for found in pkgutil.iter_modules(sources.__path__)]


def test_everything_arrives_once(world):
    batches = read_all(world.source())

    found = places(batches)
    assert len({(origin, position) for origin, position, _ in found}) == len(found) > 0
    if world.expected is not None:
        assert sorted(raw for _, _, raw in found) == sorted(world.expected)
    assert sum(batch.rejects.num_rows for batch in batches) == 0


def test_reading_resumes_exactly_after_each_cursor(world):
    if not world.keeps_cursor:
        assert {batch.cursor for batch in read_all(world.source())} == {None}
        return
    batches = read_all(world.source())

    assert len(batches) > 1
    # All cursors of a short list, a few of a long one: first, last and some between.
    for index in range(0, len(batches), max(1, len(batches) // 8)):
        rest = places(list(world.source().read(batches[index].cursor)))
        assert rest == places(batches[index + 1 :])


def test_nothing_comes_after_the_last_cursor(world):
    last = read_all(world.source())[-1]

    assert places(list(world.source().read(last.cursor))) == []


def test_what_was_not_acknowledged_comes_again_in_the_same_places(world):
    source = world.source()
    reading = source.read(None)
    first, second = next(reading), next(reading)
    source.acknowledge(first)
    reading.close()
    world.lapse()

    again = places(read_all(world.source(), first.cursor))

    assert set(places([second])) <= set(again)
    assert not set(places([first])) & set(again)


def test_batches_are_bounded_and_well_formed(world):
    source = world.source()
    now = datetime.now(UTC).replace(tzinfo=None)

    for batch in source.read(None):
        assert batch.records.schema == schemas.RAW
        assert batch.rejects.schema == schemas.REJECTS
        assert batch.records.num_rows <= 20_000
        assert batch.records["raw"].nbytes <= 18 << 20
        received = batch.records["received_time"].to_pylist()
        assert all(abs(time - now) < timedelta(days=400) for time in received[:1])
    assert source.read(None) is not source.read(None)


def test_a_broken_world_is_a_typed_error(world):
    if world.broken is None:
        return
    with pytest.raises(SourceError) as raised:
        list(world.broken().read(None))

    assert raised.value.retry_after_seconds > 0
    assert "\n" not in str(raised.value)
