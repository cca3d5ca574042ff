"""Read the named parts of a Sigma detection, or of a filter, and the conditions over them.

Every problem is told with the line of what is wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import re2
from sigma.exceptions import SigmaError

from tocsin.conditions.tree import AllOf, AnyOf, Condition
from tocsin.detect.document import Reading
from tocsin.detect.formats.sigma_condition import read_condition
from tocsin.detect.formats.sigma_item import read_item
from tocsin.detect.placeholders import Placeholders
from tocsin.errors import Problem, RuleError
from tocsin.ocsf.yaml_text import YamlValue


@dataclass(frozen=True, slots=True)
class DetectionReader:
    """Reads the section `at` of one document; what is wrong goes to `reading.problems`."""

    reading: Reading
    placeholders: Placeholders
    at: str = "detection"

    def condition(self, value: YamlValue, apart: Iterable[str] = ()) -> Condition | None:
        """Return the whole section as one condition, `None` where it has a problem.

        Args:
            value: the section.
            apart: keys of it that are no parts of the detection.
        """
        with self.reading.collecting():
            found = self.reading.mapping(value, self.at)
            parts = {
                name: self._definition(part, self.at, name)
                for name, part in found.items()
                if name not in ("condition", "timeframe", *apart)
            }
            return self._conditions(found.get("condition"), parts)
        return None

    def _conditions(self, value: YamlValue, parts: Mapping[str, Condition | None]) -> Condition:
        reading = self.reading
        expressions = value if isinstance(value, list) else [value]
        read_all: list[Condition] = []
        for index, expression in enumerate(expressions):
            path = (self.at, "condition", index)[: 3 if isinstance(value, list) else 2]
            if not isinstance(expression, str) or not expression.strip():
                message = (
                    "the condition is empty; name the parts of the detection, as in `selection`"
                )
                raise reading.error(message, *path)
            try:
                read_all.append(read_condition(expression, parts))
            except ValueError as error:
                raise reading.error(first_line(error), *path) from error
        if not read_all:
            raise reading.error("the condition is empty", self.at, "condition")
        return read_all[0] if len(read_all) == 1 else AnyOf(tuple(read_all))

    def _definition(self, value: YamlValue, *path: str | int) -> Condition | None:
        """Read one search identifier; `None` where a problem was found in it."""
        if value in ({}, []):
            message = f"the detection {path[-1]!r} is empty; write at least one field"
            self.reading.problems.append(Problem(self.reading.location(*path), message))
            return None
        if isinstance(value, dict):
            return _all_of(self._item(key, each, *path, key) for key, each in value.items())
        if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
            elements = [self._definition(each, *path, at) for at, each in enumerate(value)]
            return None if None in elements else AnyOf(tuple(each for each in elements if each))
        return self._item("", value, *path)

    def _item(self, key: str, value: YamlValue, *path: str | int) -> Condition | None:
        with self.reading.collecting():
            try:
                return read_item(key, value, self.placeholders)
            except (SigmaError, re2.error, TypeError, AttributeError, ValueError) as error:
                message = f"{key!r}: {first_line(error)}" if key else first_line(error)
                raise RuleError(message, self.reading.location(*path)) from error
        return None


def first_line(error: Exception) -> str:
    """Return what an error says, shortened to its first line."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def _all_of(conditions: Iterable[Condition | None]) -> Condition | None:
    found = list(conditions)
    if None in found:
        return None
    solid = tuple(each for each in found if each is not None)
    return solid[0] if len(solid) == 1 else AllOf(solid)
