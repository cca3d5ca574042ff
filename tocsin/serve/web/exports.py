"""Files to take away: CSV that no spreadsheet runs, and JSON lines.

There is one way to write CSV here and no switch to turn its care off.
"""

import csv
import io
from collections.abc import Iterable, Iterator

# A cell that starts with one of these is a formula to some spreadsheet. Full-width forms count too:
# Excel reads them as their plain ones. Source: OWASP, CSV Injection.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_LEADING_BLANKS = " \u00a0\u200b\ufeff\x00"


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield CSV text line by line; every cell is quoted, none is a formula."""
    yield _line(header)
    for cells in rows:
        yield _line(cells)


def safe_cell(value: object) -> str:
    """Return the text of a cell; one that a spreadsheet would run starts with an apostrophe."""
    text = "" if value is None else str(value)
    stripped = text.lstrip(_LEADING_BLANKS)
    return f"'{text}" if stripped.startswith(_FORMULA_STARTS) or text != stripped else text


def _line(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    # Null bytes end a cell early in some readers; they have no business in a table.
    texts = [safe_cell(cell).replace("\x00", "\\0") for cell in cells]
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(texts)
    return buffer.getvalue()
