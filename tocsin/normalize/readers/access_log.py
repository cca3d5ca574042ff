"""Read lines of values between spaces: access logs of S3, load balancers, CDNs and web servers.

A value that holds spaces stands in quotes or brackets; `-` is no value. The names of the values
come from the mapping, or from a line above them: `#Fields: date time ...` of the W3C's extended log
format.
https://www.w3.org/TR/WD-logfile.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.normalize.spaced import split_spaced
from tocsin.ocsf.reading import LineReader

_MOST_FIELDS = 1_000
_FIELDS = b"#Fields:"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class AccessLogSettings:
    """How lines are read.

    Attributes:
        fields: the names of the values in their order; empty where lines above them say so.
        least: with how many values a line is taken, for logs that gained fields over the years;
            0 for all.
        rest: the name of the list of values behind the named ones.
    """

    fields: tuple[str, ...] = ()
    least: int = 0
    rest: str = "_rest"


class AccessLog(LineReader):
    """Reads values between spaces."""

    has_header = True

    def __init__(self, settings: AccessLogSettings) -> None:
        """Take the names of the values."""
        self._settings = settings

    def header_after(self, header: bytes, line: bytes) -> bytes | None:
        """Return the header after a line that begins with `#`; see `LineReader`."""
        if not line.startswith(b"#"):
            return None
        return line + b"\n" if line.startswith(_FIELDS) else header

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        names = self._settings.fields
        if header and header.startswith(_FIELDS):
            names = tuple(header[len(_FIELDS) :].decode("utf-8", "replace").split())
        if not names or len(names) > _MOST_FIELDS:
            return ["no_header: nothing says which values these are"] * len(raws)
        least = min(self._settings.least or len(names), len(names))
        return [self._read_line(raw, names, least) for raw in raws]

    def _read_line(self, raw: bytes, names: tuple[str, ...], least: int) -> bytes | str:
        line = raw.decode("utf-8", "backslashreplace")
        values = line.split("\t") if "\t" in line else split_spaced(line)
        if len(values) < least:
            return f"bad_columns: {len(values)} values where at least {least} are expected"
        record: dict[str, object] = {
            name: value
            for name, value in zip(names, values, strict=False)
            if value not in ("-", "")
        }
        if len(values) > len(names):
            record[self._settings.rest] = values[len(names) : len(names) + _MOST_FIELDS]
        return _encode(record)
