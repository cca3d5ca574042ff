"""One file for each row of the table of targets; `measure(workplace)` gives its results."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.detection.report import Result
from benchmarks.detection.rows import (
    t1_sqlite,
    t2_tenzir,
    t4_most_rules,
    t5_growth,
    t6_parse_limit,
    t7_whole_path,
    t8_substrings,
    t9_equality,
    t10_memory,
    t10b_load,
    t11_latency,
    t13_processes,
)
from benchmarks.detection.workplace import Workplace

# Equality stands last: it also tells what the rows before it compared.
ROWS: Mapping[str, Callable[[Workplace], Sequence[Result]]] = {
    "T1": t1_sqlite.measure,
    "T2": t2_tenzir.measure,
    "T4": t4_most_rules.measure,
    "T5": t5_growth.measure,
    "T6": t6_parse_limit.measure,
    "T7": t7_whole_path.measure,
    "T8": t8_substrings.measure,
    "T10": t10_memory.measure,
    "T10b": t10b_load.measure,
    "T11": t11_latency.measure,
    "T13": t13_processes.measure,
    "T9": t9_equality.measure,
}
