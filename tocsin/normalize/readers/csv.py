"""Read lines of values between commas (or another mark), named by the first line or the mapping."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.errors import SettingsError
from tocsin.ocsf.reading import LineReader

_MOST_FIELDS = 1_000
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """How lines are read.

    Attributes:
        delimiter: what stands between two values, one character.
        fields: the names of the values in their order; empty where the first line says them.
        least: with how many values a line is taken; 0 for all.
    """

    delimiter: str = ","
    fields: tuple[str, ...] = ()
    least: int = 0


class Csv(LineReader):
    """Reads values between commas; a record is one line. An empty value is none."""

    has_header = True

    def __init__(self, settings: CsvSettings) -> None:
        """Take how lines are read.

        Raises:
            SettingsError: the delimiter is not one character.
        """
        if len(settings.delimiter) != 1 or settings.delimiter in '"\r\n':
            raise SettingsError("`delimiter` is one character, and no quote or line break")
        self._settings = settings

    def header_after(self, header: bytes, line: bytes) -> bytes | None:
        """Return the first line, where the mapping does not name the values; see `LineReader`."""
        if self._settings.fields:
            return None
        own = line + b"\n"
        # Files put together have the line of names again.
        return own if not header or header == own else None

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        names = list(self._settings.fields)
        if not names:
            names = self._values((header or b"").removeprefix(b"\xef\xbb\xbf")) or []
        names = [name.strip() or f"column_{place}" for place, name in enumerate(names)]
        if not names or len(names) > _MOST_FIELDS:
            return ["no_header: no line of names stands above"] * len(raws)
        least = min(self._settings.least or len(names), len(names))
        return [self._read_line(raw, names, least) for raw in raws]

    def _read_line(self, raw: bytes, names: list[str], least: int) -> bytes | str:
        values = self._values(raw)
        if values is None:
            return "bad_csv: the line cannot be split into values"
        if not least <= len(values) <= len(names):
            return f"bad_columns: {len(values)} values where {len(names)} are expected"
        pairs = zip(names, values, strict=False)
        return _encode({name: value for name, value in pairs if value})

    def _values(self, line: bytes) -> list[str] | None:
        text = line.decode("utf-8", "backslashreplace")
        try:
            return next(csv.reader([text], delimiter=self._settings.delimiter), [])
        except csv.Error:
            return None
