"""Random searches find in files what a plain reading of the same records finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from re import IGNORECASE
from re import compile as regex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.tables import event, store_events
from tocsin.conditions import lookup
from tocsin.ocsf import EVERYTHING
from tocsin.store import Store

Row = dict[str, Any]
TEXTS = ("a", "A", "ab", "b%", "a_b", "a*b", "ä", "Ä b", "x.y", "")
PATHS = ("actor.user.name", "resources.uid", "resources.namespace")


@dataclass(frozen=True)
class Asked:
    """A search, and what it means for one record."""

    text: str
    holds: Callable[[Row], bool]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def equal(path: str, text: str) -> Asked:
    return Asked(
        f"{path}:{quoted(text)}",
        lambda row: any(
            value.lower() == text.lower() for value in lookup(row, path) if value is not None
        ),
    )


def like(path: str, pattern: str) -> Asked:
    matcher = regex(translate(pattern.lower()), IGNORECASE)
    return Asked(
        f"{path}:{pattern}",
        lambda row: any(
            matcher.match(value.lower()) for value in lookup(row, path) if value is not None
        ),
    )


def exists(path: str) -> Asked:
    return Asked(
        f"_exists_:{path}",
        lambda row: any(value is not None for value in lookup(row, path)),
    )


def above(number: int) -> Asked:
    return Asked(f"severity_id:>={number}", lambda row: row["severity_id"] >= number)


def negated(part: Asked) -> Asked:
    return Asked(f"NOT ({part.text})", lambda row: not part.holds(row))


def both(parts: list[Asked]) -> Asked:
    text = " AND ".join(f"({part.text})" for part in parts)
    return Asked(text, lambda row: all(part.holds(row) for part in parts))


def either(parts: list[Asked]) -> Asked:
    text = " OR ".join(f"({part.text})" for part in parts)
    return Asked(text, lambda row: any(part.holds(row) for part in parts))


paths = st.sampled_from(PATHS)
leaves = st.one_of(
    st.builds(equal, paths, st.sampled_from(TEXTS)),
    st.builds(like, paths, st.sampled_from(["a*", "*b", "?", "a?b", "*_*", "*%", "x.?"])),
    st.builds(exists, paths),
    st.builds(above, st.integers(0, 6)),
)
searches = st.recursive(
    leaves,
    lambda parts: st.one_of(
        parts.map(negated),
        st.lists(parts, min_size=1, max_size=3).map(both),
        st.lists(parts, min_size=1, max_size=3).map(either),
    ),
    max_leaves=6,
)


def records() -> list[Row]:
    names = (*TEXTS, None)
    rows = []
    for number in range(60):
        resources = [
            {
                "uid": names[(number * 7 + place) % len(names)],
                "namespace": names[(number + 3 * place) % len(names)],
            }
            for place in range(number % 4)
        ]
        row = event(str(number), number, user=names[number % len(names)], resources=resources)
        row["severity_id"] = number % 6 + 1
        row["actor"] = None if number % 13 == 0 else row["actor"]
        row["resources"] = None if number % 17 == 0 else resources
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("search") / "data") as store:
        store_events(store, records()[:30])
        store_events(store, records()[30:])
        yield store


@given(searches)
def test_a_search_finds_what_a_plain_reading_finds(stored: Store, asked: Asked) -> None:
    table = stored.events.search(asked.text, EVERYTHING, limit=100).rows

    found = set(table.column("event_uid").to_pylist()) if table.num_rows else set()
    assert found == {row["event_uid"] for row in records() if asked.holds(row)}
    assert stored.events.count(asked.text, EVERYTHING) == len(found)
