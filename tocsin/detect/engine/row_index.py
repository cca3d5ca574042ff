"""The index over rules that read the normalized form of events: columns instead of records.

A column is looked at by its distinct values, which Arrow finds; only rows with a value that speaks
for some rule are named. So a rule that is written for all clouds costs no reading of records.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from tocsin.conditions import lookup
from tocsin.conditions.tree import Keyword, leaves_of, paths_of
from tocsin.detect.engine.field_index import FieldIndex
from tocsin.detect.engine.heads import can_decode
from tocsin.detect.engine.memory import Allowance
from tocsin.detect.engine.shape import Necessary
from tocsin.detect.engine.witnesses import ANYWHERE, Witness, Witnesses, witnesses_of
from tocsin.detect.fields import Columns, Row, leaf_at

_FOR_VALUES = 2_000_000
_PREFIX = "ocsf."


class RowIndex:
    """Rules that only the normalized form can rule out; remembers values, so for one thread.

    Attributes:
        numbers: these rules; the others are for `Engine`.
        reads_rows_alone: rules for which the records need not be read.
    """

    def __init__(self, rules: Sequence[Necessary]) -> None:
        by_path: dict[str, list[tuple[Witness, int]]] = {}
        numbers: set[int] = set()
        for number, rule in enumerate(rules):
            for witness in _row_witnesses(rule):
                numbers.add(number)
                path = witness.path.removeprefix(_PREFIX)
                by_path.setdefault(path, []).append((witness, number))
        allowance = Allowance(_FOR_VALUES)
        self.numbers = frozenset(numbers)
        self.reads_rows_alone = frozenset(
            filter(lambda number: _is_of_rows(rules[number]), numbers)
        )
        self._indexes = {path: FieldIndex(each, allowance) for path, each in by_path.items()}

    def select(self, events: pa.Table) -> dict[int, set[int]]:
        """Return by its place in the table each event that rules must be asked about, with them."""
        named: dict[int, set[int]] = {}
        for path, index in self._indexes.items():
            for place, numbers in _named(events, path, index):
                named.setdefault(place, set()).update(numbers)
        return named


def _row_witnesses(rule: Necessary) -> Witnesses:
    """Return the witnesses in the row of a rule that has none in the record."""
    condition = rule.condition
    if condition is None or not rule.is_exact or not _reads_row(rule):
        return frozenset()

    def in_record(path: str) -> bool:
        return path == ANYWHERE or (can_decode(path) and rule.reads_record(path))

    def in_row(path: str) -> bool:
        return path != ANYWHERE and not rule.reads_record(path)

    if witnesses_of(condition, in_record, _weigh) is not None:
        return frozenset()
    return witnesses_of(condition, in_row, _weigh) or frozenset()


def _reads_row(rule: Necessary) -> bool:
    return not all(
        rule.reads_record(path) for leaf in leaves_of(rule.condition) for path in paths_of(leaf)
    )


def _weigh(witness: Witness) -> float:
    return 1.0 if witness.is_whole else 2 + 4 / len(witness.literal)


def _is_of_rows(rule: Necessary) -> bool:
    return not any(
        isinstance(leaf, Keyword) or any(map(rule.reads_record, paths_of(leaf)))
        for leaf in leaves_of(rule.condition)
    )


def _named(events: pa.Table, path: str, index: FieldIndex) -> Iterator[tuple[int, Sequence[int]]]:
    values = leaf_at(events, path)
    if values is None:
        columns = Columns(events)
        for place in range(events.num_rows):
            for value in lookup(Row(columns, place), path):
                yield place, index.of_value(value)
        return
    encoded = values.dictionary_encode()
    of_code = {
        code: numbers
        for code, value in enumerate(encoded.dictionary.to_pylist())
        if (numbers := index.of_value(value))
    }
    if of_code:
        for place, code in enumerate(encoded.indices.to_pylist()):
            if code in of_code:
                yield place, of_code[code]
