"""Records that mean harm or were harmed, each between good neighbors."""

import copy
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

from tests.run.crank import NOW, call

GOOD = json.dumps(call(user="neighbor")).encode()[:-1]

REJECTED: Mapping[str, bytes] = {
    "cut off": GOOD[:80],
    "no value": GOOD + b',"x":}',
    "a trailing comma": GOOD + b",}",
    "single quotes": GOOD.replace(b'"', b"'") + b"}",
    "NaN": GOOD + b',"x":NaN}',
    "Infinity": GOOD + b',"x":-Infinity}',
    "a bare control character": GOOD + b',"x":"a\x01b"}',
    "invalid UTF-8": GOOD + b',"x":"\xff\xfe"}',
    "overlong UTF-8": GOOD + b',"x":"\xc0\xaf"}',
    "latin-1": GOOD + ',"x":"Jürgen"}'.encode("latin-1"),
    "depth 10,000": GOOD + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "objects 10,000 deep": GOOD + b',"x":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "100,000 values": GOOD + b',"x":[' + b",".join([b"1"] * 100_000) + b"]}",
    "2 MiB": GOOD + b',"x":"' + b"a" * (2 << 20) + b'"}',
    "no object": b'"eventName"',
    "a number": b"42",
    "nothing that is told": b"{}",
    "no JSON": b"<xml>no</xml>",
}
"""One record on one line, and it must not become an event."""

ACCEPTED: Mapping[str, bytes] = {
    "a huge integer": GOOD + b',"x":' + b"9" * 300 + b"}",
    "an integer beyond 64 bits in a mapped place": GOOD + b',"apiVersion":18446744073709551616}',
    "a fraction beyond all": GOOD + b',"x":1e400}',
    "duplicate keys": GOOD + b',"eventName":"StopLogging"}',
    "duplicate keys in disguise": GOOD + b',"\\u0065ventName":"StopLogging"}',
    "a NUL in a text": GOOD + b',"x":"a\\u0000b"}',
    "a lone surrogate": GOOD + b',"x":"\\ud800"}',
    "letters that reverse the line": GOOD + ',"x":"\u202egpj.exe"}'.encode(),
    "depth 40": GOOD + b',"x":' + b"[" * 40 + b"]" * 40 + b"}",
}
"""One record on one line that may be read; whatever it becomes, it is accounted for."""

TIMES = (
    "1601-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-11-23T25:61:61Z",
    "1969-12-31T23:59:59.999999Z",
    "-1",
    "",
    "noon",
    "2026-11-23T12:00:00+99:99",
    0,
    -1,
    1e18,
    10**30,
    None,
    True,
    [],
    {},
)

ODD = (None, 7, -1.5, True, "", "\u0000\u202e\u001b[31m", [], ["x", 7, None], [[]], {}, {"a": {}})


def odd_records(
    fields: Iterator[str], example: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    """Yield the example with every odd value in every mapped field, one at a time."""
    for path in fields:
        for value in ODD:
            record = copy.deepcopy(dict(example))
            place = record
            *parents, last = path.replace("[]", "").split(".")
            for name in parents:
                inner = place.get(name)
                place[name] = inner = inner if isinstance(inner, dict) else {}
                place = inner
            place[last] = value
            yield record


def neighbor(number: int) -> bytes:
    """Return a good record, a different one for each number."""
    at = NOW + timedelta(milliseconds=number)
    return json.dumps(call(user=f"neighbor-{number}", at=at)).encode()


def between_neighbors(hostile: bytes) -> bytes:
    return neighbor(1) + b"\n" + hostile + b"\n" + neighbor(2) + b"\n"


def bomb(size: int) -> bytes:
    """Return gzip of so many spaces between two good records."""
    return gzip.compress(neighbor(1) + b"\n" + b" " * size + b"\n" + neighbor(2) + b"\n", 9)
