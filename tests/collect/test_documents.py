import json
from collections.abc import Iterable, Iterator

import pytest

from tocsin.collect.documents import cut_long
from tocsin.collect.lines import Found

COUNT = 12_000


def element(number: int, **more: object) -> bytes:
    text = {"id": number, "name": "x" * 900, "text": 'a "quoted" } , { "id": part'}
    return json.dumps(text | more).encode()


def blocks(content: bytes, size_bytes: int = 1 << 20) -> Iterator[bytes]:
    for start in range(0, len(content), size_bytes):
        yield content[start : start + size_bytes]


def cut(content: bytes, path: str | None = "Records") -> tuple[list[bytes], list[int], Found]:
    every = Found()
    for found in cut_long(blocks(content), path):
        every.raws += found.raws
        every.positions += found.positions
        every.rejects += found.rejects
    assert len({*every.positions, *(row.position for row in every.rejects)}) == len(
        every.raws
    ) + len(every.rejects)
    return every.raws, every.positions, every


def wrapped(elements: Iterable[bytes], separator: bytes = b",") -> bytes:
    return b'{"kind":"List","Records":[' + separator.join(elements) + b'],"more":{"a":[1]}}'


ELEMENTS = [element(number) for number in range(COUNT)]


@pytest.mark.parametrize(
    "content",
    [
        wrapped(ELEMENTS),
        wrapped(ELEMENTS, b" ,\n  "),
        b"\xef\xbb\xbf" + wrapped(ELEMENTS),
        b"[" + b",".join(ELEMENTS) + b"]",
        b"\n".join(ELEMENTS),
        b"".join(ELEMENTS),
        b"\n".join(wrapped(ELEMENTS[at : at + 500]) for at in range(0, COUNT, 500)),
        b"".join(wrapped(ELEMENTS[at : at + 500]) for at in range(0, COUNT, 500)),
    ],
    ids=[
        "wrapped",
        "spaced",
        "with byte order mark",
        "array",
        "lines",
        "concatenated",
        "lines of documents",
        "concatenated documents",
    ],
)
def test_a_long_document_gives_every_element_once_and_in_order(content):
    raws, positions, every = cut(content)

    assert raws == ELEMENTS
    assert positions == list(range(COUNT))
    assert every.rejects == []


def test_elements_whose_parts_look_like_elements_stay_whole():
    parts = [{"id": part, "note": "y" * 50} for part in range(40)]
    elements = [element(number, parts=parts) for number in range(3_000)]

    raws, _, every = cut(wrapped(elements))

    assert (raws, every.rejects) == (elements, [])


@pytest.mark.parametrize("damage", [b'{"id":}', b'{"id":1', b'{"id":1}}', b'{"id":"', b"nul"])
def test_the_neighbors_of_a_damaged_element_arrive(damage):
    elements = [*ELEMENTS[:6_000], damage, *ELEMENTS[6_000:]]

    raws, _, every = cut(wrapped(elements))

    assert set(ELEMENTS) <= set(raws)
    assert sum(map(len, raws)) + sum(row.size_bytes for row in every.rejects) >= sum(
        map(len, elements)
    )


def test_an_element_beyond_all_bounds_is_one_reject_between_its_neighbors():
    huge = b'{"id":1,"a":"' + b"x" * (9 << 20) + b'"}'

    raws, _, every = cut(wrapped([*ELEMENTS[:6_000], huge, *ELEMENTS[6_000:]]))

    assert raws == ELEMENTS
    assert [(row.size_bytes, row.reason[:9]) for row in every.rejects] == [(len(huge), "too_long:")]


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"0," * (5 << 20) + b"0]",
        b"[" + b"{}," * (2 << 20) + b"{}]",
        b'{"Records":"' + b"x" * (9 << 20) + b'"}',
        b"[" * (9 << 20),
        b"{" * (9 << 20),
    ],
    ids=["numbers", "empty objects", "text", "brackets", "braces"],
)
def test_what_has_no_elements_to_tell_apart_is_one_reject_of_its_size(content):
    raws, _, every = cut(content)

    assert raws == []
    (row,) = every.rejects
    assert row.size_bytes >= len(content) - 1


def test_a_document_that_ends_early_gives_what_came():
    content = wrapped(ELEMENTS)

    raws, _, every = cut(content[: -len(ELEMENTS[0])])

    assert raws == ELEMENTS[:-1]
    assert len(every.rejects) == 1
