"""Print results: tables for people, JSON, JSON lines and CSV for programs.

Machine output goes to standard output, everything else to standard error. Text from logs may hold
terminal escapes and formulas; both are made inert here, on every path out.
"""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, object]

errors = Console(stderr=True, highlight=False)
"""Where people read progress and complaints."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Output(StrEnum):
    """The shapes that most commands can print."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def print_rows(
    rows: Iterable[Row], columns: Sequence[str], output: Output, title: str = ""
) -> None:
    """Print rows in the chosen shape; tables and CSV show `columns` only, JSON everything."""
    if output is Output.JSON:
        write_json(list(rows))
    elif output is Output.JSONL:
        for row in rows:
            write_json_line(row)
    elif output is Output.CSV:
        _write_csv(rows, columns, sys.stdout)
    else:
        _print_table(rows, columns, title)


def write_json(value: object) -> None:
    """Write one indented JSON document and a newline."""
    sys.stdout.write(json.dumps(value, default=_as_json, indent=2, ensure_ascii=False) + "\n")


def write_json_line(value: object) -> None:
    """Write one JSON document on one line."""
    line = json.dumps(value, default=_as_json, separators=(",", ":"), ensure_ascii=True)
    sys.stdout.write(line + "\n")


def say(text: str) -> None:
    """Tell the person something on standard error, without markup."""
    errors.print(Text(inert(text)))


def inert(text: str) -> str:
    """Return the text with control characters shown instead of obeyed."""
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
    return str(value)


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def _as_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _write_csv(rows: Iterable[Row], columns: Sequence[str], stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_safe_cell(inert(as_cell(row.get(column)))) for column in columns])


def _safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _print_table(rows: Iterable[Row], columns: Sequence[str], title: str) -> None:
    table = Table(
        title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    count = 0
    for row in rows:
        table.add_row(*(_colored(column, inert(as_cell(row.get(column)))) for column in columns))
        count += 1
    console = Console(highlight=False)
    if count:
        console.print(table)
    else:
        errors.print(Text("Nothing found.", style="dim"))


_COLORS = {
    "Fatal": "bold magenta",
    "Critical": "bold red",
    "High": "red",
    "Medium": "yellow",
    "Low": "cyan",
    "Informational": "dim",
}


def _colored(column: str, text: str) -> Text:
    return Text(text, style=_COLORS.get(text, "") if column == "severity" else "")
