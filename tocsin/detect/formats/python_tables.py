"""Read lookup tables: a YAML description and a file of rows beside it, as CSV or JSON lines.

The rows are checked here and given to the rule worker as data. Of a table that is fetched from
elsewhere there is nothing to read; it is named and left out.

Source: https://docs.panther.com/enrichment/lookup-tables (2026), and "Import via File Upload": CSV
with a header, or JSON lines, 5 MB at most.
"""

import csv
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import TypeAlias

import msgspec

from tocsin.detect.document import Reading
from tocsin.detect.formats.python_expressions import read_path
from tocsin.errors import Location, RuleError
from tocsin.ocsf.yaml_text import YamlValue

MOST_CHARACTERS = 5_000_000
MOST_ROWS = 100_000
MOST_CELLS_IN_ALL = 2_000_000
_ADDED = "p_"

Row: TypeAlias = dict[str, object]


class PythonTables:
    """The tables of one folder, as the worker gets them."""

    def __init__(self) -> None:
        self.found: list[dict[str, object]] = []
        self._cells = 0

    def read(self, reading: Reading, named: str, text: str | None) -> None:
        """Read one table.

        Args:
            reading: the YAML that describes it.
            named: path of the file that it names; empty for none.
            text: content of that file, `None` where it is not there.

        Raises:
            RuleError: the table is wrong; the text says where.
        """
        value = reading.value
        if value.get("Enabled") is False:
            return
        if "Refresh" in value and not named:
            message = "left out: the table is fetched from a bucket (`Refresh`); put its rows in a"
            reading.warn(f"{message} file beside it and name that under `Filename`", "Refresh")
            return
        if not named:
            reading.warn("left out: a table of Panther's own, which names no file", "AnalysisType")
            return
        if text is None:
            message = "`Filename` names no CSV or JSON lines file beside this one"
            raise reading.error(message, "Filename")
        name = reading.text(value.get("LookupName"), "LookupName")
        if any(table["name"] == name for table in self.found):
            raise reading.error(f"another table is called {name!r} already", "LookupName")
        log_types = reading.mapping(value.get("LogTypeMap"), "LogTypeMap")
        key = reading.text(log_types.get("PrimaryKey"), "LogTypeMap", "PrimaryKey")
        rows = self._rows(named, text, key)
        self.found.append(
            {
                "name": name,
                "selectors": _selectors(reading, log_types),
                "is_network": bool(rows) and all(map(_is_network, rows)),
                "rows": rows,
            }
        )

    def _rows(self, file: str, text: str, key: str) -> dict[str, Row]:
        if len(text) > MOST_CHARACTERS:
            raise RuleError(f"the table is larger than {MOST_CHARACTERS >> 20} MiB", Location(file))
        read = _json_lines if file.endswith((".jsonl", ".json", ".ndjson")) else _csv
        rows: dict[str, Row] = {}
        for line, row in read(file, text):
            found = row.get(key)
            if not isinstance(found, str | int | float) or isinstance(found, bool):
                message = f"the row has no primary key {key!r}; its columns are {', '.join(row)}"
                raise RuleError(message[:500], Location(file, line))
            rows.setdefault(str(found), row)
            self._cells += len(row)
            if len(rows) > MOST_ROWS or self._cells > MOST_CELLS_IN_ALL:
                message = f"more than {MOST_ROWS} rows, or {MOST_CELLS_IN_ALL} cells in all tables"
                raise RuleError(message, Location(file, line))
        return rows


def _selectors(reading: Reading, log_types: Mapping[str, YamlValue]) -> dict[str, tuple[str, ...]]:
    here = ("LogTypeMap", "AssociatedLogTypes")
    found: dict[str, tuple[str, ...]] = {}
    for at, element in enumerate(reading.sequence(log_types.get(here[1]), *here)):
        each = reading.mapping(element, *here, at)
        log_type = reading.text(each.get("LogType"), *here, at, "LogType")
        place = (*here, at, "Selectors")
        selectors = reading.texts(each.get("Selectors"), *place)
        for index, selector in enumerate(selectors):
            read_path(reading, selector, *place, index)
            if selector.startswith(_ADDED):
                reading.warn(f"{selector!r} is added by Panther; records here lack it", *place)
        found[log_type] = found.get(log_type, ()) + selectors
    return found


def _csv(file: str, text: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(text.removeprefix("\ufeff").splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                message = f"the row has {len(cells)} cells, the header {len(header)}"
                raise RuleError(message, Location(file, reader.line_num))
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise RuleError(f"not CSV: {error}", Location(file, reader.line_num)) from error


def _json_lines(file: str, text: str) -> Iterator[tuple[int, Row]]:
    decoder = msgspec.json.Decoder(Row)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, decoder.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            message = "the line is no JSON object, as JSON lines must be"
            raise RuleError(message, Location(file, number)) from error


def _is_network(key: str) -> bool:
    """Return whether a primary key is a network; an address alone is no reason to look for more."""
    try:
        return "/" in key and bool(ip_network(key, strict=False))
    except ValueError:
        return False
