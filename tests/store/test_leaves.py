"""Texts at paths of an events table, column by column, are those that a look-up of rows gives."""

import pyarrow as pa
import pytest

from tocsin.conditions import lookup
from tocsin.store.leaves import chosen, first_texts, texts_at

ROWS = [
    {"event_uid": "a", "user": {"name": "alice", "groups": ["x", "", None, "y"]}, "things": None},
    {"event_uid": "b", "user": None, "things": [{"type": "pod", "tags": [["p"], None, []]}]},
    {"event_uid": "c", "user": {"name": "", "groups": None}, "things": [None, {"type": "job"}]},
    {"event_uid": "d", "user": {"name": "dora", "groups": []}, "things": [], "count": 7},
    {"event_uid": "e", "user": {"name": "eve", "groups": ["z"]}, "things": [{"type": "node"}]},
]
EVENTS = pa.Table.from_pylist(
    ROWS,
    pa.schema(
        [
            ("event_uid", pa.string()),
            ("user", pa.struct({"name": pa.string(), "groups": pa.list_(pa.string())})),
            (
                "things",
                pa.list_(
                    pa.struct(
                        {
                            "type": pa.dictionary(pa.int32(), pa.string()),
                            "tags": pa.list_(pa.list_(pa.string())),
                        }
                    )
                ),
            ),
            ("count", pa.int64()),
        ]
    ),
)
PATHS = ("event_uid", "user.name", "user.groups", "things.type", "things.tags", "count", "user")


@pytest.mark.parametrize("path", [*PATHS, "user.gone", "gone", "user.name.more", "things"])
@pytest.mark.parametrize(
    "events",
    [EVENTS, EVENTS.slice(1, 3), EVENTS.slice(2, 0), pa.concat_tables([EVENTS, EVENTS.slice(3)])],
    ids=["whole", "sliced", "empty", "chunked"],
)
def test_texts_are_those_that_rows_give(events: pa.Table, path: str) -> None:
    expected = [
        (place, value)
        for place, row in enumerate(events.to_pylist())
        for value in lookup(row, path)
        if isinstance(value, str) and value
    ]

    assert list(texts_at(events, path)) == expected


def test_the_first_path_that_has_a_text_wins() -> None:
    assert first_texts(EVENTS, ("user.name", "things.type")) == [
        *("alice", "pod", "job", "dora", "eve")
    ]


def test_only_wanted_events_and_columns_are_looked_at() -> None:
    found = chosen(EVENTS, {"d", "a", "gone"}, ("user.name", "gone.name"))

    assert found.column_names == ["event_uid", "user"]
    assert found.column("event_uid").to_pylist() == ["a", "d"]
