"""CSV that no spreadsheet runs: the one way in which pages and commands write it.

There is no switch to turn its care off.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import dropwhile

# A cell that starts with one of these is a formula to some spreadsheet. Full-width forms count too:
# Excel reads them as their plain ones. Source: OWASP, CSV Injection.
_FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "|",
    "%",
    "＝",
    "＋",
    "－",
    "＠",
    "｜",
    "％",
)


def csv_lines(rows: Iterable[Iterable[object]], *, line_end: str = "\r\n") -> Iterator[str]:
    """Yield one piece of CSV text a row; every cell is quoted, none is a formula.

    Quoted all: where a semicolon parts cells, an unquoted `a;=1+1` would be a formula after all.

    Args:
        rows: cells; the first row may be the header. What is no text is written as `str` does.
        line_end: as RFC 4180 has it, or a plain newline for a terminal.
    """
    for cells in rows:
        buffer = io.StringIO()
        # Null bytes end a cell early in some readers; they have no business in a table.
        texts = [safe_cell(cell).replace("\x00", "\\0") for cell in cells]
        csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator=line_end).writerow(texts)
        yield buffer.getvalue()


def safe_cell(value: object) -> str:
    """Return the text of a cell; one that a spreadsheet would run starts with an apostrophe."""
    text = "" if value is None else str(value)
    # What stands before the first character that is seen, some spreadsheets pass over.
    seen = "".join(dropwhile(_is_unseen, text))
    return f"'{text}" if seen.startswith(_FORMULA_STARTS) or seen != text else text


def _is_unseen(character: str) -> bool:
    return character.isspace() or not character.isprintable()
