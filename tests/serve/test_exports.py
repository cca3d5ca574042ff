"""CSV is written in one place, and no cell of it is a formula."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.serve.web.attacks import FORMULAS
from tocsin.serve.cli.output import Output, print_rows
from tocsin.serve.exports import csv_lines, safe_cell

TOCSIN = Path(__file__).resolve().parents[2] / "tocsin"
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠", "｜", "％")
UNSEEN = " \u00a0\u3000\ufeff\x00"


def parse(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def is_formula(cell: str) -> bool:
    return cell.lstrip(UNSEEN).startswith(STARTS)


def written(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return parse("".join(csv_lines(rows)))


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_starts_a_formula(formula: str) -> None:
    [header, row] = written([[formula, "b"], ["a", formula]])

    for cell in (header[0], row[1]):
        assert not is_formula(cell)
        assert cell.endswith(formula.replace("\x00", "\\0")[-3:])
    assert (header[1], row[0]) == ("b", "a")


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_that_a_command_prints_starts_a_formula(
    formula: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"plain": formula, "list": [formula, "x"], formula: "named", "bytes": formula.encode()}]

    print_rows(rows, ("plain", "list", formula, "bytes"), Output.CSV)

    cells = [cell for row in parse(capsys.readouterr().out) for cell in row]
    assert len(cells) == 8
    assert not [cell for cell in cells if is_formula(cell)]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
@example("\x1f|")
def test_any_text_stays_one_cell_and_is_no_formula(value: str) -> None:
    [cells] = written([[value, "next"]])

    assert cells[1:] == ["next"]
    assert not cells[0].lstrip().startswith(STARTS)


def test_a_semicolon_parts_no_cell() -> None:
    assert "".join(csv_lines([["a;=1+1", 1]], line_end="\n")) == '"a;=1+1","1"\n'


def test_plain_values_are_left_alone() -> None:
    assert [safe_cell(value) for value in ("alice", 12, None)] == ["alice", "12", ""]


def test_csv_is_written_in_one_place() -> None:
    writers = ("csv.writer", "csv.DictWriter", "write_csv(", "to_csv(", "FORMAT CSV")
    found = [
        path.relative_to(TOCSIN).as_posix()
        for path in sorted(TOCSIN.rglob("*.py"))
        if any(word in path.read_text("utf-8") for word in writers)
    ]

    assert found == ["serve/exports.py"]
