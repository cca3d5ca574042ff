"""Nothing vanishes between the file and the store (invariant 2), whatever the file holds."""

import gzip
import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.run.crank import call, counters, is_conserved, turned
from tocsin.run.offline import file_source
from tocsin.run.tools import Tools
from tocsin.store import Store

SOURCES = ["aws.cloudtrail", "kubernetes.audit"]
_numbers = count()

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
TRAIL = json.dumps({"Records": [call(), call(user="trent"), call("StopLogging")]}).encode()
AUDIT = b"".join(
    json.dumps(
        {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "auditID": f"audit-{number}",
            "stage": "ResponseComplete",
            "verb": "list",
            "requestURI": "/api/v1/pods",
            "user": {"username": "eve"},
            "stageTimestamp": "2026-11-23T12:00:00.000000Z",
        }
    ).encode()
    + b"\n"
    for number in range(3)
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return good records with bytes cut out, put in, or turned over."""
    content = draw(st.sampled_from([TRAIL, AUDIT, TRAIL + b"\n" + TRAIL]))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 40)))
        content = content[:begin] + draw(st.binary(max_size=12)) + content[end:]
    return content


SHAPED = st.lists(JSON, max_size=5).map(
    lambda values: b"\n".join(json.dumps(value).encode() for value in values)
)
WRAPPED = st.lists(JSON, max_size=5).map(lambda values: json.dumps({"Records": values}).encode())
SQUEEZED = st.binary(max_size=300).map(gzip.compress) | damaged().map(
    lambda content: gzip.compress(content)[:-6]
)
CONTENT = st.binary(max_size=300) | SHAPED | WRAPPED | damaged() | SQUEEZED


class Mill:
    """Reads files into one store; no dataclass, so that a failing example stays readable."""

    def __init__(self, tools: Tools, store: Store, folder: Path) -> None:
        self.tools, self.store, self.folder = tools, store, folder

    def carry_twice(
        self, content: bytes, source: str
    ) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Read a file with this content twice; return the feed's counters after each pass."""
        number = next(_numbers)
        path = self.folder / f"records-{number}"
        path.write_bytes(content)
        feed = f"feed-{number}"
        mapping = self.tools.mappings[source]
        passes = []
        for _ in range(2):
            reader = file_source([str(path)], mapping, feed, lambda done, total: None)
            for batch in reader.read(None):
                turned(self.tools, self.store, batch)
            passes.append(counters(self.store, feed))
        return passes[0], passes[1]


@pytest.fixture(scope="module")
def mill(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    folder = tmp_path_factory.mktemp("conservation")
    with Store.open(folder / "data") as opened:
        yield Mill(tools, opened, folder)


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=40)
@given(content=CONTENT)
@example(content=b"")
@example(content=b"\xff\xfe{\x00}\x00")
@example(content=b"\x1f\x8b\x08\x00")
@example(content=b"[" * 5_000)
@example(content=b'{"Records": [{"eventName": "x"}, {"eventName": ')
def test_whatever_a_file_holds_is_accounted_for_and_known_again(
    source: str, mill: Mill, content: bytes
):
    first, second = mill.carry_twice(content, source)

    assert is_conserved(first)
    assert is_conserved(second)
    new = {name: second[name] - first[name] for name in second}
    assert new["received"] == first["received"]
    assert new["duplicates"] == new["received"]


LINE = st.one_of(
    st.just(None),
    st.sampled_from([b"{", b"nonsense", b"[1, 2", b"\xff\xfe", b'{"eventName": }', b"7", b"\0"]),
)


@settings(max_examples=30)
@given(lines=st.lists(LINE, max_size=12))
def test_every_good_record_between_bad_ones_arrives(mill: Mill, lines: list[bytes | None]):
    run = next(_numbers)
    # The ledger: what was written, counted here and not by Tocsin.
    # The first one is good: a file that begins with an open bracket is read as one array.
    lines = [None, *lines]
    good = lines.count(None)
    written = [
        line or json.dumps(call(user=f"user-{run}-{place}")).encode()
        for place, line in enumerate(lines)
    ]

    first, _ = mill.carry_twice(b"\n".join(written) + b"\n", "aws.cloudtrail")

    assert first["events"] == good
    assert first["received"] >= len(lines)
    assert is_conserved(first)
