"""Print results: tables for people, JSON, JSON lines and CSV for programs.

Machine output goes to standard output, everything else to standard error. Text from logs may hold
terminal escapes and formulas; both are made inert here, on every path out. Rich is loaded only
where a terminal shows something.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Generic, TextIO, TypeVar

from tocsin.serve.exports import csv_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Row = Mapping[str, object]
Thing = TypeVar("Thing")

WIDE_TERMINAL = 140
"""Columns from which a terminal has room for everything."""

_FOLDED = frozenset(
    ("accounts", "actor", "details", "entity", "file", "message", "object", "operation", "origin")
    + ("reason", "title", "what")
)
_SHORT_UID_LENGTH = 12
_BLOCKS = "▁▂▃▄▅▆▇█"


class Output(StrEnum):
    """The shapes that most commands can print."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def print_rows(
    rows: Iterable[Row], columns: Sequence[str], output: Output, *, wide: Sequence[str] = ()
) -> None:
    """Print rows in the chosen shape; JSON shows everything.

    Args:
        rows: what to print.
        columns: of tables and CSV, in order.
        output: the shape.
        wide: of these columns, those that a narrow terminal leaves out.
    """
    if output is Output.JSON:
        write_json(list(rows))
    elif output is Output.JSONL:
        for row in rows:
            write_json_line(row)
    elif output is Output.CSV:
        _print_csv(rows, columns, sys.stdout)
    else:
        _print_table(list(rows), columns, wide)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Thing]):
    """How things of one kind are listed.

    Attributes:
        columns: of tables and CSV, in order.
        row: makes one of a thing.
        wide: of the columns, those that a narrow terminal leaves out.
        nothing: what a person reads in place of an empty table; "" for the usual words.
    """

    columns: Sequence[str]
    row: Callable[[Thing], Row]
    wide: Sequence[str] = ()
    nothing: str = ""

    def print(self, things: Sequence[Thing], output: Output) -> None:
        """Print things in the chosen shape."""
        if self.nothing and not things and output is Output.TABLE:
            say(self.nothing)
            return
        print_rows([self.row(thing) for thing in things], self.columns, output, wide=self.wide)


def minute(moment: datetime | None) -> str | None:
    """Return a time as lists show it, UTC; `None` for none."""
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def write_json(value: object) -> None:
    """Write one indented JSON document and a newline."""
    sys.stdout.write(_json_text(value, indent=2) + "\n")


def write_json_line(value: object) -> None:
    """Write one JSON document on one line."""
    sys.stdout.write(_json_text(value, indent=None) + "\n")


def write_line(text: str) -> None:
    """Write text for people to standard output, its control characters shown."""
    sys.stdout.write(inert(text) + "\n")


def say(text: str) -> None:
    """Tell the person something on standard error, without markup; long lines are not broken."""
    sys.stderr.write(inert(text) + "\n")


def inert(text: str) -> str:
    """Return the text with control characters shown instead of obeyed; line breaks stay."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def as_cell(value: object) -> str:
    """Return one value as people read it: lists joined, times without microseconds."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(as_cell(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(value, default=_as_json, ensure_ascii=False)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def spark(counts: Sequence[int]) -> str:
    """Return one letter a number, as high as the number beside the others; a dot for nothing."""
    highest = max(counts, default=0)
    return "".join(
        _BLOCKS[-(-count * len(_BLOCKS) // highest) - 1] if count else "·" for count in counts
    )


def inner(value: object, *names: str) -> object:
    """Return what lies in the value under these names, None where a part is absent."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def _json_text(value: object, indent: int | None) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    # ASCII only: JSON leaves U+009B, which some terminals obey, and lone surrogates as they are.
    encoder = json.JSONEncoder(
        default=_as_json, separators=separators, indent=indent, allow_nan=False
    )
    try:
        return encoder.encode(value)
    except ValueError:
        return encoder.encode(_without_nan(value))


def _without_nan(value: object) -> object:
    """Return the value with null in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return value


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        # SUM over whole numbers is a decimal without a fraction.
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _print_csv(rows: Iterable[Row], columns: Sequence[str], stream: TextIO) -> None:
    cells = ([inert(as_cell(row.get(column))) for column in columns] for row in rows)
    stream.writelines(csv_lines(chain([map(inert, columns)], cells), line_end="\n"))


def _print_table(rows: Sequence[Row], columns: Sequence[str], wide: Sequence[str]) -> None:
    if not rows:
        say("Nothing found.")
    elif sys.stdout.isatty():
        _print_folded(rows, columns, wide)
    else:
        _print_unfolded(rows, columns)


def _print_unfolded(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print one line a row, however long: another program reads it."""
    lines = [[_heading(column) for column in columns]]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _print_folded(rows: Sequence[Row], columns: Sequence[str], wide: Sequence[str]) -> None:
    """Print a table as wide as the terminal; prose gives way to identifiers and times."""
    from rich.table import Table

    console = _terminal()
    is_narrow = console.width < WIDE_TERMINAL
    kept = [column for column in columns if not (is_narrow and column in wide)]
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in kept:
        table.add_column(_heading(column), overflow="fold", no_wrap=column not in _FOLDED)
    for row in rows:
        table.add_row(*(_colored(column, _short(column, row.get(column))) for column in kept))
    console.print(table)


def _terminal() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _heading(column: str) -> str:
    return _cell(column.replace("_", " "))


def _cell(value: object) -> str:
    """Return the value on one line: a line break from a log must not look like a row."""
    return inert(as_cell(value)).replace("\n", "\\n")


def _short(column: str, value: object) -> str:
    """Return the cell; of an identifier as much as commands need to find it again."""
    text = _cell(value)
    return text[:_SHORT_UID_LENGTH] if column in ("uid", "event_uid") else text


_COLORS = {
    "Fatal": "bold magenta",
    "Critical": "bold red",
    "High": "red",
    "Medium": "yellow",
    "Low": "cyan",
    "Informational": "dim",
}


def _colored(column: str, text: str) -> "Text":
    from rich.text import Text

    return Text(text, style=_COLORS.get(text, "") if column == "severity" else "")
