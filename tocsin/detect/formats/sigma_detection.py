"""Read the named parts of a Sigma detection, or of a filter, and the conditions over them.

Every problem is told with the line of what is wrong.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import re2
from sigma.exceptions import SigmaError
from sigma.rule.detection import SigmaDetection

from tocsin.conditions.tree import AnyOf, Condition
from tocsin.detect.document import Reading
from tocsin.detect.formats.sigma_condition import read_condition
from tocsin.detect.formats.sigma_item import Part, all_of, any_of, read_item
from tocsin.detect.formats.sigma_meaning import condition_of
from tocsin.detect.placeholders import Placeholders
from tocsin.errors import Problem, RuleError
from tocsin.ocsf.yaml_text import YamlValue

Process: TypeAlias = Callable[
    [dict[str, SigmaDetection], list[str]], tuple[Mapping[str, SigmaDetection], Sequence[str]]
]
"""What pipelines do with the parts and expressions of one rule; raises `ValueError`."""

_MOST_PARTS = 1_000
_MOST_PATTERNS = 500
_LONGEST_SHOWN = 80
_LONGEST_REASON = 400
_ERRORS = (SigmaError, re2.error, TypeError, AttributeError, ValueError)


@dataclass(frozen=True, slots=True)
class DetectionReader:
    """Reads the section `at` of one document; what is wrong goes to `reading.problems`.

    Attributes:
        placeholders: values for `expand`.
        process: applies pipelines, where there are any.
    """

    reading: Reading
    placeholders: Placeholders
    at: str = "detection"
    process: Process | None = None

    def condition(self, value: YamlValue, apart: Iterable[str] = ()) -> Condition | None:
        """Return the whole section as one condition, `None` where it has a problem.

        Args:
            value: the section.
            apart: keys of it that are no parts of the detection.
        """
        with self.reading.collecting():
            found = self.reading.mapping(value, self.at)
            self._check_size(found)
            parts = {
                name: self._definition(part, self.at, name)
                for name, part in found.items()
                if name not in ("condition", "timeframe", *apart)
            }
            expressions = self._expressions(found.get("condition"))
            if self.process:
                return self._processed(parts, [text for text, _ in expressions])
            return self._conditions(expressions, {n: _meant(part) for n, part in parts.items()})
        return None

    def _check_size(self, found: Mapping[str, YamlValue]) -> None:
        """Refuse what would take long: no rule that people write comes near these limits."""
        patterns = sum(_patterns(part) for part in found.values())
        for count, most, what in (
            (len(found), _MOST_PARTS, "detections"),
            (patterns, _MOST_PATTERNS, "patterns"),
        ):
            if count > most:
                raise self.reading.error(f"more than {most:,} {what}; split the rule", self.at)

    def _expressions(self, value: YamlValue) -> list[tuple[str, tuple[str | int, ...]]]:
        """Return the condition expressions, each with its place."""
        reading = self.reading
        found: list[tuple[str, tuple[str | int, ...]]] = []
        for index, expression in enumerate(value if isinstance(value, list) else [value]):
            path = (self.at, "condition", index)[: 3 if isinstance(value, list) else 2]
            if not isinstance(expression, str) or not expression.strip():
                message = (
                    "the condition is empty; name the parts of the detection, as in `selection`"
                )
                raise reading.error(message, *path)
            found.append((expression, path))
        if not found:
            raise reading.error("the condition is empty", self.at, "condition")
        return found

    def _conditions(
        self,
        expressions: Iterable[tuple[str, tuple[str | int, ...]]],
        parts: Mapping[str, Condition | None],
    ) -> Condition:
        read_all: list[Condition] = []
        for expression, path in expressions:
            try:
                read_all.append(read_condition(expression, parts))
            except ValueError as error:
                raise self.reading.error(first_line(error), *path) from error
        return read_all[0] if len(read_all) == 1 else AnyOf(tuple(read_all))

    def _processed(
        self, parts: Mapping[str, Part | None], expressions: list[str]
    ) -> Condition | None:
        """Return the condition after pipelines have changed its parts."""
        assert self.process is not None
        whole = {name: _detection(part) for name, part in parts.items() if part is not None}
        if len(whole) < len(parts) or self.reading.is_refused:
            return None
        here = (self.at, "condition")
        try:
            changed, changed_expressions = self.process(whole, expressions)
            conditions = {name: condition_of(part) for name, part in changed.items()}
            left = {name: each for name, each in conditions.items() if each is not None}
            dropped = frozenset(conditions.keys() - left.keys())
            read_all = [read_condition(each, left, dropped) for each in changed_expressions]
        except _ERRORS as error:
            raise self.reading.error(first_line(error), *here) from error
        return read_all[0] if len(read_all) == 1 else AnyOf(tuple(read_all))

    def _definition(self, value: YamlValue, *path: str | int) -> Part | None:
        """Read one search identifier; `None` where a problem was found in it."""
        if value in ({}, []):
            message = f"the detection {path[-1]!r} is empty; write at least one field"
            self.reading.problems.append(Problem(self.reading.location(*path), message))
            return None
        if isinstance(value, dict):
            lines = [self._item(key, each, *path, key) for key, each in value.items()]
            return _if_whole(lines, all_of)
        if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
            elements = [self._definition(each, *path, at) for at, each in enumerate(value)]
            return _if_whole(elements, any_of)
        return self._item("", value, *path)

    def _item(self, key: str, value: YamlValue, *path: str | int) -> Part | None:
        may_be_unknown = self.process is not None
        if isinstance(value, list):
            self._check_list(value, *path)
        with self.reading.collecting():
            try:
                part = read_item(key, value, self.placeholders, may_be_unknown=may_be_unknown)
                if not may_be_unknown:
                    condition_of(part)
            except _ERRORS as error:
                shown = key if len(key) <= _LONGEST_SHOWN else f"{key[:_LONGEST_SHOWN]}…"
                message = f"{shown!r}: {first_line(error)}" if key else first_line(error)
                raise RuleError(message, self.reading.location(*path)) from error
            return part
        return None

    def _check_list(self, value: list[YamlValue], *path: str | int) -> None:
        if not value:
            self.reading.warn("no value means null here; write `null`, or values", *path)
        elif None in value and len(value) > 1:
            message = "null in a list of values; the specification wants a selection of its own"
            self.reading.warn(message, *path)


def _patterns(value: YamlValue, *, is_pattern: bool = False) -> int:
    """Return how many regular expressions a detection holds."""
    if isinstance(value, dict):
        return sum(
            _patterns(each, is_pattern="re" in key.split("|")) for key, each in value.items()
        )
    if isinstance(value, list):
        return sum(_patterns(each, is_pattern=is_pattern) for each in value)
    return int(is_pattern)


def _if_whole(parts: Sequence[Part | None], joined: Callable[[list[Part]], Part]) -> Part | None:
    """Join the parts, unless one of them has a problem."""
    whole = [part for part in parts if part is not None]
    return joined(whole) if len(whole) == len(parts) else None


def _meant(part: Part | None) -> Condition | None:
    return None if part is None else condition_of(part)


def _detection(part: Part) -> SigmaDetection:
    return part if isinstance(part, SigmaDetection) else SigmaDetection([part])


def first_line(error: Exception) -> str:
    """Return what an error says, shortened to its first line."""
    lines = str(error).splitlines()
    if not lines:
        return type(error).__name__
    return lines[0] if len(lines[0]) <= _LONGEST_REASON else f"{lines[0][:_LONGEST_REASON]}…"
