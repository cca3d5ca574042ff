"""Give records of text to the reader of their mapping; what is JSON passes by, if it may."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tocsin.normalize.limits import MAX_RECORD_BYTES
from tocsin.ocsf.reading import MAX_HEADER_BYTES, LineReader

NOT_UTF8 = "not_utf8"
"""Flag of events whose raw text was not UTF-8: its other bytes stand there as `\\xNN`."""

_WHITE = b" \t\r\n"

FindReader = Callable[[str, Mapping[str, object]], LineReader]
"""Makes a reader by its name and options; raises `SettingsError` where it cannot."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader made of records, one entry each.

    Attributes:
        raws: as received, without their headers.
        headers: the lines above them.
        texts: a JSON object as bytes, or the reason of a reject as text.
    """

    raws: list[bytes]
    headers: list[bytes | None]
    texts: list[bytes | str]


def read_texts(reader: LineReader, raws: Sequence[bytes], headers: Sequence[bytes | None]) -> Read:
    """Return the JSON of each record; never raises.

    A record may begin with its header itself, as those do that come back from the rejects.
    """
    pairs = list(map(_parted, [reader] * len(raws), raws, headers))
    texts: list[bytes | str] = [raw for raw, _ in pairs]
    wanted = [
        index
        for index, (raw, _) in enumerate(pairs)
        if reader.takes_json or raw.lstrip(_WHITE)[:1] != b"{"
    ]
    for header, group in groupby(wanted, key=lambda index: pairs[index][1]):
        for index, text in _read_group(reader, pairs, list(group), header):
            texts[index] = text
    return Read([raw for raw, _ in pairs], [header for _, header in pairs], texts)


def shown(raw: bytes) -> str:
    """Return raw text for people; bytes that are not UTF-8 as escapes of their numbers."""
    return raw.decode("utf-8", "backslashreplace")


def _read_group(
    reader: LineReader,
    pairs: Sequence[tuple[bytes, bytes | None]],
    indices: list[int],
    header: bytes | None,
) -> Iterator[tuple[int, bytes | str]]:
    good = []
    for index in indices:
        size = len(pairs[index][0])
        if size > MAX_RECORD_BYTES:
            yield index, f"too_large: {size} bytes, at most {MAX_RECORD_BYTES} are read"
        elif not pairs[index][0].strip(_WHITE):
            yield index, "empty: nothing but space"
        else:
            good.append(index)
    lines = [pairs[index][0].rstrip(b"\r\n") for index in good]
    yield from zip(good, _safely(reader, lines, header), strict=True)


def _safely(reader: LineReader, lines: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
    """Ask a reader, one record at a time where it fails on many: it may be somebody else's."""
    try:
        found = reader.read(lines, header)
        if len(found) == len(lines):
            return found
        problem = f"the reader gave {len(found)} texts for {len(lines)} records"
    except Exception as error:  # the edge of a plug: a fault on one record is its reject
        problem = f"{type(error).__name__}: {error}"
    if len(lines) == 1:
        return [f"reader_failed: {problem}"]
    return [text for line in lines for text in _safely(reader, [line], header)]


def _parted(reader: LineReader, raw: bytes, header: bytes | None) -> tuple[bytes, bytes | None]:
    """Return a record without the header that may stand above it, and its header."""
    if header is not None or not reader.has_header or b"\n" not in raw:
        return raw, header
    found, rest = b"", raw
    while True:
        line, newline, behind = rest.partition(b"\n")
        after = reader.header_after(found, line.rstrip(b"\r")) if newline else None
        if after is None or len(after) > MAX_HEADER_BYTES:
            return rest, found or None
        found, rest = after, behind
