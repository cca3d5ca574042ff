"""Payloads that hold their records in one of several places, in an object, or as text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.collect.cutting import Place, cut
from tocsin.collect.inflate import Bounds
from tocsin.normalize import unwrap
from tocsin.normalize.envelopes import places

ENVELOPE = {
    "messageType": "DATA_MESSAGE",
    "logGroup": "/aws/eks/shop/cluster",
    "logEvents": [
        {"id": "1", "timestamp": 1, "message": '{"kind": "Event", "text": "caf\\u00e9"}'},
        {"id": "2", "timestamp": 1, "message": "plain"},
        {"id": "3", "timestamp": 1},
    ],
}
TEXTS = ['{"kind": "Event", "text": "caf\\u00e9"}', "plain", '{"id": "3", "timestamp": 1}']


def records(payload, path):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return [each.decode() for _, each in unwrap(raw, path).records]


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        ({"findings": [1, 2]}, "findings|Findings|detail.findings", ["1", "2"]),
        ({"Findings": [1]}, "findings|Findings|detail.findings", ["1"]),
        ({"detail": {"findings": [3]}}, "findings|detail.findings", ["3"]),
        ({"detail": {"id": 1}}, "Records|detail{}", ['{"id": 1}']),
        ({"detail": [1]}, "Records|detail{}", ['{"detail": [1]}']),
        ({"Records": [1], "detail": {"id": 1}}, "Records|detail{}", ["1"]),
        ({"findings": {"a": 1}}, "findings", ['{"findings": {"a": 1}}']),
        (ENVELOPE, "items|logEvents[message]", TEXTS),
        ({"message": {"data": "eyJpZCI6IDF9"}}, "entries|message.data()", ['{"id": 1}']),
        ({"message": {"data": '{"id": 2}'}}, "entries|message.data()", ['{"id": 2}']),
        ({"message": {"data": "bm8="}}, "message.data()", ['{"message": {"data": "bm8="}}']),
        ({"message": {"data": "%"}}, "message.data()", ['{"message": {"data": "%"}}']),
        ({"message": {"data": {"id": 1}}}, "message.data()", ['{"message": {"data": {"id": 1}}}']),
        ({"message": {"data": "{"}}, "message.data()", ['{"message": {"data": "{"}}']),
        (
            {"records": [{"properties": {"log": '{"id": 3}'}}]},
            "records[properties.log]",
            ['{"id": 3}'],
        ),
        (
            {"records": [{"properties": 3}, 4]},
            "records[properties.log]",
            ['{"properties": 3}', "4"],
        ),
    ],
)
def test_the_first_place_that_a_payload_has_is_taken(payload, path, expected):
    assert records(payload, path) == expected


def test_envelopes_without_a_break_between_them_are_cut_while_reading():
    content = json.dumps(ENVELOPE).encode() * 3
    path = "items|logEvents[message]"

    spans = list(cut(lambda at: iter([content[at:]]), Place("here", path), Bounds()))

    assert [raw.decode() for span in spans for raw in span.raws] == TEXTS * 3
    assert [place for span in spans for place in span.positions] == list(range(9))


def test_a_long_list_of_texts_is_cut_as_it_streams_by():
    events = [{"id": str(n), "message": f"line {n} " + "x" * 1000} for n in range(20_000)]
    content = json.dumps({"owner": "1", "logEvents": events}).encode()
    blocks = [content[at : at + (1 << 20)] for at in range(0, len(content), 1 << 20)]

    spans = cut(lambda at: iter(blocks), Place("here", "logEvents[message]"), Bounds())

    raws = [raw for span in spans for raw in span.raws]
    assert len(content) > 16 << 20
    assert raws == [event["message"].encode() for event in events]


def test_what_is_no_place_is_none():
    assert places(None) == places("") == ()
    assert places("a[b") == ()


@given(
    payload=st.dictionaries(
        st.sampled_from(["a", "b"]),
        st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)),
    ),
    path=st.sampled_from(["a", "a|b", "a{}|b[c]", "b.a|a", "a[c]"]),
)
def test_any_payload_gives_records(payload, path):
    raw = json.dumps(payload).encode()

    found = unwrap(raw, path)

    assert not found.broken
    assert found.records or any(value == [] for value in payload.values())
