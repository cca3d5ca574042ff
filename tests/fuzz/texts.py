"""Parsers of payloads and texts: cutting, unwrapping, readers, Parquet, intelligence, hints."""

import gzip
import json
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.parser import Parser, each, is_object, is_reason
from tests.intelligence.reading import reader as indicator_reader
from tests.normalize.test_readers import HEADERS, LINES, OPTIONS
from tocsin.collect.cutting import Place, cut, cut_body
from tocsin.collect.documents import cut_long
from tocsin.collect.lines import Found
from tocsin.collect.notifications import NotANotification, read_notification
from tocsin.collect.pulling import read_file
from tocsin.collect.ranges import read_ranges
from tocsin.collect.records import Span
from tocsin.errors import SourceError
from tocsin.normalize import unwrap
from tocsin.ocsf.reading import LineReader
from tocsin.run.content import find_reader

PATHS = (None, "Records", "Records|detail{}|logEvents[message]", "a.b")
PAYLOADS = (
    b'{"eventID":"1","n":1}\n{"eventID":"2","text":"\xc3\xa4"}\n',
    b'[{"eventID":"1"},{"eventID":"2","x":[1,{"y":null}]}]',
    b'{"Records":[{"eventID":"1","a":{"b":[{"c":1}]}},{"eventID":"2"}]}',
    b'{"version":"0","detail-type":"x","detail":{"eventID":"1"}}',
    b'{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","message":"{\\"eventID\\":\\"1\\"}"}]}',
    b'{"Records":[{"eventID":"1"}]}{"Records":[{"eventID":"2"}]}',
    b'{\n  "a": {\n    "b": [\n      {"c": "d"}\n    ]\n  }\n}\n',
    b"\xef\xbb\xbf" + b'{"a":1}\r\n{"a":2}\r\n',
    gzip.compress(b'{"eventID":"1"}\n{"eventID":"2"}\n', mtime=0),
)


def parsers() -> dict[str, Parser]:
    """Return them by name."""
    found: dict[str, Parser] = {}
    for path in PATHS:
        place, cut_at = Place("fuzz", path), f" at {path}" if path else ""
        found[f"cutting{cut_at}"] = Parser(
            lambda: PAYLOADS, each(partial(_cut, place)), once=partial(_cut_once, place)
        )
        unwrapping = partial(_unwrap, path)
        found[f"unwrapping{cut_at}"] = Parser(lambda: PAYLOADS, each(unwrapping), once=unwrapping)
        body = partial(_cut_body, path)
        found[f"bodies{cut_at}"] = Parser(lambda: PAYLOADS, each(body), once=body)
    found |= {
        "long documents": Parser(lambda: PAYLOADS[:7], each(_cut_long), once=_cut_long),
        "parquet": Parser(_parquet_files, each(_cut_parquet), cost=400),
        "notifications": Parser(lambda: NOTIFICATIONS, each(_notification), once=_notification),
        "address ranges": Parser(lambda: RANGES, each(_ranges)),
    }
    for form, seeds in INDICATORS.items():
        read = partial(_indicators, form)
        found[f"indicators {form}"] = Parser(
            partial(tuple, seeds), each(read), once=read, item_seconds=2e-5
        )
        guess = partial(_indicators, "auto")
        found[f"indicators like {form}"] = Parser(partial(tuple, seeds), each(guess))
    for name in LINES:
        found |= _of_reader(name)
    return found


def _of_reader(name: str) -> dict[str, Parser]:
    reader = find_reader(name, OPTIONS.get(name, {}))
    header = HEADERS.get(name, b"")
    place = Place("fuzz", None, 0, reader)

    def text_of(case: bytes) -> bytes:
        return header + case.replace(b"|", b"\n") + b"\n" + LINES[name]

    def read_line(line: bytes) -> None:
        _check_read(reader, [line], reader.read([line], header or None))

    def read_lines(text: bytes) -> None:
        _cut_once(place, text_of(text))

    seeds = partial(_reader_seeds, name)
    lines = each(lambda case: _cut(place, text_of(case)))
    return {
        f"reader {name}": Parser(seeds, partial(_read, reader, header), batch=10, once=read_line),
        f"lines {name}": Parser(seeds, lines, once=read_lines),
    }


def _check_spans(spans: Sequence[Span]) -> list[bytes]:
    """Hold records and rejects to what they promise; return the records."""
    for span in spans:
        places = [*span.positions, *(row.position for row in span.rejects)]
        assert len(span.raws) == len(span.positions)
        assert not span.headers or len(span.headers) == len(span.raws)
        assert all(place < span.resume for place in places)
        assert all(is_reason(row.reason) for row in span.rejects), span.rejects
    return [raw for span in spans for raw in span.raws]


def _cut_once(place: Place, payload: bytes) -> list[bytes]:
    return _check_spans(list(cut(lambda at: [payload[at:]], place)))


def _cut(place: Place, payload: bytes) -> None:
    """Cut a stream whole, and in pieces as a disk may give them: the same records come out."""
    piece = 1 + len(payload) // 3
    pieces = [payload[at : at + piece] for at in range(0, len(payload), piece)]
    parts = _check_spans(list(cut(lambda at: _from(pieces, at), place)))
    assert parts == _cut_once(place, payload)


def _from(pieces: Sequence[bytes], at: int) -> list[bytes]:
    return [b"".join(pieces)[at:]] if at else list(pieces)


def _check_found(found: Found | None) -> None:
    if found is not None:
        assert len(found.raws) == len(found.positions)
        assert all(is_reason(row.reason) for row in found.rejects), found.rejects


def _cut_body(path: str | None, body: bytes) -> None:
    _check_found(cut_body(body, path, 50_000))


def _cut_long(document: bytes) -> None:
    pieces = [document[at : at + 20_000] for at in range(0, len(document), 20_000)]
    for found in cut_long(iter(pieces), "Records"):
        _check_found(found)


def _unwrap(path: str | None, payload: bytes) -> None:
    found = unwrap(payload, path)
    assert all(is_reason(reason) for _, _, reason in found.broken), found.broken


def _reader_seeds(name: str) -> list[bytes]:
    return [LINES[name], HEADERS.get(name, b"").rstrip(b"\n") or LINES[name]]


def _check_read(reader: LineReader, lines: Sequence[bytes], found: Sequence[bytes | str]) -> None:
    """Hold what a reader says to be objects or reasons; JSON it may pass on as it came."""
    assert len(found) == len(lines)
    for line, one in zip(lines, found, strict=True):
        if isinstance(one, str):
            assert is_reason(one), one
        else:
            assert (reader.takes_json and one == line) or is_object(one), one


def _read(reader: LineReader, header: bytes, lines: Sequence[bytes]) -> None:
    for each_header in (header or None, None, lines[0][:1000] + b"\n"):
        _check_read(reader, lines, reader.read(lines, each_header))
    header = b""
    for line in lines:
        after = reader.header_after(header, line)
        header = header if after is None else after
        reader.join_key(line)


def _parquet_files() -> list[bytes]:
    table = pa.table({"eventID": ["1", "2"], "n": [1, None], "deep": [{"a": [1, 2]}, None]})
    found = []
    for compression in ("none", "gzip"):
        file = BytesIO()
        pq.write_table(table, file, compression=compression)
        found.append(file.getvalue())
    return found


def _cut_parquet(content: bytes) -> None:
    _check_spans(list(cut(lambda at: [content[at:]], Place("fuzz"))))


NOTIFICATIONS = tuple(
    json.dumps(each_of).encode()
    for each_of in (
        {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%20c"}},
                }
            ]
        },
        {"Type": "Notification", "Message": '{"s3Bucket":"b","s3ObjectKey":["k"]}'},
        {
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": "b"}, "object": {"key": ""}},
        },
    )
)


def _notification(body: bytes) -> None:
    with suppress(NotANotification):
        read_notification(body.decode("utf-8", "replace"))


INDICATORS = {
    "text": (
        b"# a list\n192.0.2.1\n0.0.0.0 bad.example # x\nhxxps://evil[.]example/a?b=1\n"
        + b"ab" * 32,
        b"198.51.100.0/24\n2001:db8::1\n;\n//\nxn--bcher-kva.example\n",
    ),
    "csv": (
        b'# first,second\n"first_seen","ioc_value","threat","confidence_level"\n'
        b'"2026-11-01","203.0.113.9:8080","Loader","75"\n',
        b"ip,note\n192.0.2.7,x\n192.0.2.8,y\n",
    ),
    "stix": (
        json.dumps(
            {
                "type": "bundle",
                "objects": [
                    {
                        "type": "indicator",
                        "id": "indicator--1",
                        "pattern": "[ipv4-addr:value = '192.0.2.5' OR domain-name:value = 'a.b']",
                        "pattern_type": "stix",
                        "valid_from": "2026-11-01T00:00:00Z",
                        "valid_until": "2027-11-01T00:00:00Z",
                        "confidence": 90,
                        "labels": ["x"],
                        "external_references": [{"url": "https://example.org"}],
                    },
                    {
                        "type": "indicator",
                        "id": "indicator--2",
                        "revoked": True,
                        "pattern": "[file:hashes.'SHA-256' = '" + "ab" * 32 + "']",
                    },
                ],
            }
        ).encode(),
    ),
    "misp": (
        json.dumps(
            {
                "Event": {
                    "uuid": "1",
                    "info": "an event",
                    "threat_level_id": "2",
                    "Tag": [{"name": "tlp:clear"}],
                    "Attribute": [
                        {
                            "uuid": "2",
                            "type": "ip-dst|port",
                            "value": "192.0.2.1|80",
                            "to_ids": True,
                        },
                        {"uuid": "3", "type": "domain", "value": "a.example", "deleted": "1"},
                    ],
                    "Object": [
                        {"Attribute": [{"type": "sha256", "value": "ab" * 32, "to_ids": True}]}
                    ],
                }
            }
        ).encode(),
    ),
}
_ROOM = Path(tempfile.mkdtemp(prefix="tocsin-fuzz-"))


def _indicators(form: str, content: bytes) -> int:
    """Read a list; return how many values it named, used or not."""
    path = _ROOM / form
    path.write_bytes(content)
    reading = indicator_reader()
    with suppress(SourceError):
        for indicator in read_file(path, "the list", form, reading):
            assert indicator.value
            assert 0 <= indicator.confidence <= 100
            assert len(indicator.uid) <= 300
    return sum(reading.counts.values())


RANGES = tuple(
    json.dumps(each_of).encode()
    for each_of in (
        {
            "syncToken": "1",
            "createDate": "x",
            "prefixes": [{"ip_prefix": "192.0.2.0/24", "region": "eu", "service": "S3"}],
            "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "service": "AMAZON"}],
        },
        {"prefixes": [{"ipv4Prefix": "192.0.2.0/24", "scope": "x", "service": "y"}]},
        {
            "values": [
                {
                    "properties": {
                        "region": "",
                        "systemService": "",
                        "addressPrefixes": ["10.0.0.0/8"],
                    }
                }
            ]
        },
    )
)


def _ranges(content: bytes) -> None:
    path = _ROOM / "ranges.json"
    path.write_bytes(content)
    with suppress(SourceError):
        read_ranges(path)
