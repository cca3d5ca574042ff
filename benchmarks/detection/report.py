"""What was measured, as a table for people, as Markdown and as JSON."""

import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version

from benchmarks.detection.children import PROJECT

_FORMATS = {
    "×": "×{:,.1f}",
    "%": "{:.1f} %",
    "s": "{:,.2f} s",
    "ms": "{:,.0f} ms",
    "MiB": "{:,.0f} MiB",
}
_GROWTH = "×{:,.2f}"


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table of targets.

    Attributes:
        row: its number, such as `T1`.
        what: what is measured, in few words.
        floor: what must be reached.
        moonshot: what is aimed at.
        unit: `×`, `%` (as a share of 1), `s`, `ms` or `MiB`.
        is_at_most: whether smaller is better.
    """

    row: str
    what: str
    floor: float
    moonshot: float
    unit: str
    is_at_most: bool = False

    def shown(self, value: float) -> str:
        """Return a value with its unit."""
        if self.unit == "×" and value < 10:
            return _GROWTH.format(value)
        return _FORMATS[self.unit].format(100 * value if self.unit == "%" else value)

    def goal(self, value: float) -> str:
        """Return one of the two goals with its unit."""
        sign = "≤ " if self.is_at_most else ""
        if self.unit in ("%", "×"):
            return sign + (f"×{value:,g}" if self.unit == "×" else f"{100 * value:g} %")
        return f"{sign}{value:,g} {self.unit}"

    def is_reached(self, goal: float, value: float) -> bool:
        """Return whether a value reaches the goal."""
        return value <= goal if self.is_at_most else value >= goal


@dataclass(frozen=True, slots=True)
class Result:
    """What one line of the table came to.

    Attributes:
        target: the line.
        value: in the target's unit; `None` where it could not be measured.
        note: what it was made of, or why there is no value.
        figures: seconds, rates and counts behind it.
    """

    target: Target
    value: float | None
    note: str
    figures: Mapping[str, object] = field(default_factory=dict)

    @property
    def reached(self) -> str:
        """What is reached: nothing, the floor or the moonshot."""
        if self.value is None:
            return "not measured"
        if self.target.is_reached(self.target.moonshot, self.value):
            return "moonshot"
        return "floor" if self.target.is_reached(self.target.floor, self.value) else "no"


def versions(peers: Mapping[str, str]) -> dict[str, str]:
    """Return the versions of everything that took part."""
    found = {"python": platform.python_version(), "tocsin": _commit()}
    for name in ("msgspec", "duckdb", "pysigma", "google-re2", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found | dict(peers)


def as_json(results: Sequence[Result], about: Mapping[str, object]) -> dict[str, object]:
    """Return everything as one JSON object."""
    rows = [
        {**asdict(each.target), "value": each.value, "reached": each.reached, "note": each.note}
        | {"figures": dict(each.figures)}
        for each in results
    ]
    return {**about, "rows": rows}


def markdown(results: Sequence[Result], about: Mapping[str, object]) -> str:
    """Return the table for `docs/performance.md`, and below it what each figure is made of."""
    head = ("#", "what", "floor", "moonshot", "measured", "reached")
    rows = [_row(cells[:-1]) for cells in _cells(results)]
    notes = [f"- {row}, {what}: {note}." for row, what, *_, note in _cells(results)]
    return "\n".join([_row(head), _row(["---"] * len(head)), *rows, "", *notes, "", _foot(about)])


def text(results: Sequence[Result], about: Mapping[str, object]) -> str:
    """Return the table for a terminal: one line a row, what it is made of below it."""
    lines = []
    for row, what, floor, moonshot, measured, reached, note in _cells(results):
        lines.append(f"{row:4} {measured:>10}  {reached:12} floor {floor}, moonshot {moonshot}")
        lines += [f"     {what}", f"     {note}"]
    return "\n".join([*lines, "", _foot(about)])


def _cells(results: Sequence[Result]) -> Iterable[tuple[str, ...]]:
    for each in results:
        target = each.target
        yield (
            target.row,
            target.what,
            target.goal(target.floor),
            target.goal(target.moonshot),
            "" if each.value is None else target.shown(each.value),
            each.reached,
            each.note,
        )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _foot(about: Mapping[str, object]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in about.items() if name != "versions") + (
        ". Versions: "
        + ", ".join(f"{name} {value}" for name, value in _mapping(about["versions"]).items())
        + "."
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _commit() -> str:
    """Return the commit, with a plus where files of the program differ from it."""
    try:
        head, changed = (
            subprocess.run(
                ["git", *words], cwd=PROJECT, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (
                ("rev-parse", "--short=10", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no", "tocsin", "content"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "without git"
    return f"{head}+" if changed else head
