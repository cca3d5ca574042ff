"""Files to take away: CSV that no spreadsheet runs, and JSON lines.

There is one way to write CSV here and no switch to turn its care off.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import dropwhile

# A cell that starts with one of these is a formula to some spreadsheet. Full-width forms count too:
# Excel reads them as their plain ones. Source: OWASP, CSV Injection.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield CSV text line by line; every cell is quoted, none is a formula."""
    yield _line(header)
    for cells in rows:
        yield _line(cells)


def safe_cell(value: object) -> str:
    """Return the text of a cell; one that a spreadsheet would run starts with an apostrophe."""
    text = "" if value is None else str(value)
    # What stands before the first character that is seen, some spreadsheets pass over.
    seen = "".join(dropwhile(_is_unseen, text))
    return f"'{text}" if seen.startswith(_FORMULA_STARTS) or seen != text else text


def _is_unseen(character: str) -> bool:
    return character.isspace() or not character.isprintable()


def _line(cells: Iterable[object]) -> str:
    buffer = io.StringIO()
    # Null bytes end a cell early in some readers; they have no business in a table.
    texts = [safe_cell(cell).replace("\x00", "\\0") for cell in cells]
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(texts)
    return buffer.getvalue()
