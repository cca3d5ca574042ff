"""A payload is cut into records, and the neighbors of a broken one arrive."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.normalize.unwrapping import unwrap


def raws(payload, path="Records"):
    return [raw for _, raw in unwrap(payload, path).records]


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        (b'[{"a":1},{"a":2}]', None, [b'{"a":1}', b'{"a":2}']),
        (b'{"Records": [{"a":1}, {"a":2}]}', "Records", [b'{"a":1}', b'{"a":2}']),
        (b'{"kind":"EventList","items":[{"a":1}]}', "items", [b'{"a":1}']),
        (b'{"d":{"r":[{"a":1}]}}', "d.r", [b'{"a":1}']),
        (b'{"a":1}\n{"a":2}\n', None, [b'{"a":1}', b'{"a":2}']),
        (b'{"Records":[{"a":1}]}\n{"Records":[{"a":2}]}', "Records", [b'{"a":1}', b'{"a":2}']),
        (b'{"a":1}{"a":2} {"a":3}', None, [b'{"a":1}', b'{"a":2}', b'{"a":3}']),
        (b'{"Records":[{"a":1}]}{"Records":[{"a":2}]}', "Records", [b'{"a":1}', b'{"a":2}']),
        (b'\xef\xbb\xbf[{"a":1}]', None, [b'{"a":1}']),
        (b'[\n  {\n    "a": 1\n  },\n  {"a": 2}\n]\n', None, [b'{\n    "a": 1\n  }', b'{"a": 2}']),
        (b'{"a":1,"digestEndTime":"x"}', "Records", [b'{"a":1,"digestEndTime":"x"}']),
        (b'{"Records":"x"}', "Records", [b'{"Records":"x"}']),
        (b'{"Records":[]}', "Records", []),
        (b"[]", None, []),
        (b"  \n ", None, []),
        (b"", "Records", []),
        (b"5", None, [b"5"]),
    ],
)
def test_whole_payloads_are_cut_into_their_records(payload, path, expected):
    unwrapped = unwrap(payload, path)

    assert [raw for _, raw in unwrapped.records] == expected
    assert unwrapped.broken == []


def test_records_keep_their_bytes_and_have_positions_in_order():
    unwrapped = unwrap(b'[{"a": 1.50, "b":"\\u00e9"}, {"a":2}]', None)

    assert unwrapped.records == [(0, b'{"a": 1.50, "b":"\\u00e9"}'), (1, b'{"a":2}')]


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b'{"a":oops}', "a word"),
        (b'{"a":1,,"b":2}', "two commas"),
        (b'{"a":"no end}', "an open string"),
        (b'{"a":{"b":1}', "an open object"),
        (b'{"a":1]', "a wrong bracket"),
        (b'{"a":tru,"items":[{"x":1},{"y":2}],"z":[{"x":3}]}', "broken, with objects inside"),
        (b"nul", "a broken scalar"),
        (b'{"a":"line\nbreak"}', "a raw line break"),
    ],
)
def test_neighbors_of_a_broken_element_arrive(broken, why):
    payload = b'{"Records":[{"a":1,"n":0},' + broken + b',{"a":2,"n":1},{"a":3}]}'

    unwrapped = unwrap(payload, "Records")

    assert [raw for _, raw in unwrapped.records] == [
        b'{"a":1,"n":0}',
        b'{"a":2,"n":1}',
        b'{"a":3}',
    ], why
    assert len(unwrapped.broken) == 1
    assert unwrapped.broken[0][2].startswith("not_json: ")


def test_a_broken_first_element_does_not_take_the_others():
    assert raws(b'[{"a":"x},{"a":2},{"a":3}]', None) == [b'{"a":2}', b'{"a":3}']


def test_a_payload_cut_short_gives_what_is_whole():
    unwrapped = unwrap(b'{"Records":[{"a":1},{"a":2},{"a":3', "Records")

    assert [raw for _, raw in unwrapped.records] == [b'{"a":1}', b'{"a":2}']
    assert [(at, raw) for at, raw, _ in unwrapped.broken] == [(2, b'{"a":3')]


@pytest.mark.parametrize(
    ("payload", "records", "broken"),
    [
        (b'[1, 2\n{"a":1}\n{"a":2}\n', [b'{"a":1}', b'{"a":2}'], [b"[1, 2"]),
        (b'[\n{"a":1}\n{"a":2}\n', [b'{"a":1}', b'{"a":2}'], [b"["]),
        (
            b'[1, 2\n{"a":1}\r\noops\n\n{"b":\n{"a":2}',
            [b'{"a":1}', b'{"a":2}'],
            [b"[1, 2", b'oops\n\n{"b":'],
        ),
        # The lines of a value that is cut short are no records.
        (b'[\n{"a":1},\n{"a":2},\n{"b":[\n  {"c":1}\n', [b'{"a":1}', b'{"a":2}'], None),
    ],
)
def test_an_open_bracket_does_not_swallow_the_lines_after_it(payload, records, broken):
    unwrapped = unwrap(payload, None)

    assert [raw for _, raw in unwrapped.records] == records
    if broken is not None:
        assert [raw for _, raw, _ in unwrapped.broken] == broken


def test_a_broken_line_between_lines_is_the_only_loss():
    unwrapped = unwrap(b'{"a":1}\n{"a":\n{"a":3}\n', None)

    assert [raw for _, raw in unwrapped.records] == [b'{"a":1}', b'{"a":3}']
    assert [raw for _, raw, _ in unwrapped.broken] == [b'{"a":']


def test_an_event_list_with_a_broken_item_is_salvaged():
    payload = (
        b'{"kind":"EventList","metadata":{},"items":[{"kind":"Event"},{"kind":x},{"kind":"E"}]}'
    )

    assert raws(payload, "items") == [b'{"kind":"Event"}', b'{"kind":"E"}']


@pytest.mark.parametrize(
    "payload",
    [
        b'[{"a":{x},' * 40_000,
        b'{"a":' * 40_000,
        b"[" * 100_000,
        b'"\\' * 100_000,
        b'[{"a":"' + b'\\"' * 100_000,
        b',{"a":1' * 40_000,
        b'[{"a":x' + b',{"a":[1,2' * 20_000,
    ],
)
def test_no_damage_costs_more_than_a_multiple_of_its_size(payload):
    unwrapped = unwrap(payload, "Records")

    assert len(unwrapped.records) + len(unwrapped.broken) >= 1


def test_what_is_too_damaged_is_given_back_in_one_piece():
    payload = b'{"a":[\n' * 20_000

    unwrapped = unwrap(payload, "Records")

    assert len(unwrapped.broken) < 100
    assert unwrapped.broken[-1][2] == "not_json: too damaged to be cut"


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text()), max_size=6))
def test_any_records_survive_wrapping(records):
    encoded = [json.dumps(record).encode() for record in records]

    assert raws(b'{"Records":[' + b" , ".join(encoded) + b"]}") == encoded
    assert raws(b"[" + b",\n".join(encoded) + b"]", None) == encoded


@given(st.binary(max_size=80) | st.text(alphabet='{}[],:"\\ \n1a', max_size=60).map(str.encode))
def test_any_bytes_are_cut_without_an_error(payload):
    unwrapped = unwrap(payload, "Records")

    positions = [at for at, _ in unwrapped.records] + [at for at, _, _ in unwrapped.broken]
    assert sorted(positions) == list(range(len(positions)))


@given(
    st.text(alphabet='{}[],:"\\ \n1a', max_size=60).map(str.encode)
    | st.lists(st.sampled_from([b"[1, 2", b'{"a":1}', b' {"a":1}', b"{", b"]", b"[a", b"1,"])).map(
        lambda lines: b"[" + b"\n".join(lines)
    )
)
def test_what_is_not_space_is_given_back(payload):
    unwrapped = unwrap(payload, None)
    kept = b"".join(raw for _, raw in unwrapped.records) + b"".join(
        raw for _, raw, _ in unwrapped.broken
    )

    assert payload.count(b"1") == kept.count(b"1")
    assert payload.count(b"a") == kept.count(b"a")
