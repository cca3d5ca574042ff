"""Mappings are compiled when they are asked for, once, whoever asks."""

import threading

import pytest

from tests.normalize.records import SMALL
from tocsin.errors import MappingError
from tocsin.run.content import find_reader
from tocsin.run.mapping_shelf import MappingShelf
from tocsin.run.wiring import load_mappings


@pytest.fixture
def shelf():
    texts = {"mappings/test.small.yaml": SMALL, "mappings/test.broken.yaml": "source: test.broken"}
    return MappingShelf(texts, "", find_reader)


def test_a_broken_file_harms_only_who_asks_for_it(shelf):
    assert list(shelf) == ["test.small", "test.broken"]
    assert len(shelf) == 2
    assert "test.broken" in shelf
    assert shelf["test.small"].source == "test.small"
    with pytest.raises(MappingError):
        shelf["test.broken"]
    with pytest.raises(MappingError):
        dict(shelf)


def test_a_source_that_is_not_there_is_missing(shelf):
    assert "test.other" not in shelf
    assert shelf.get("test.other") is None


def test_many_threads_get_the_same_mapping(shelf):
    barrier, found = threading.Barrier(8), []

    def ask():
        barrier.wait()
        found.append(shelf["test.small"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len({id(mapping) for mapping in found}) == 1


def test_shipped_files_are_named_for_their_sources():
    for source, mapping in load_mappings().items():
        assert mapping.source == source
