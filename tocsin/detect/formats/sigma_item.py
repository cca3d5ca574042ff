"""Read one line of a Sigma detection, `field|modifiers: values`, with pySigma.

pySigma applies the modifiers, and later pipelines where there are any; `sigma_meaning` turns what
comes of it into a condition.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import re2
from sigma.conditions import ConditionAND, ConditionOR
from sigma.exceptions import SigmaTypeError
from sigma.modifiers import modifier_mapping, reverse_modifier_mapping
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem
from sigma.types import SigmaExpansion

from tocsin.conditions import pattern_problem
from tocsin.detect.document import nearest
from tocsin.detect.placeholders import NOTHING_GIVEN, Placeholders, expanded, holds_unknown
from tocsin.ocsf.yaml_text import YamlValue

_Plain: TypeAlias = float | str | bool | None

# In the specification's appendix, not in pySigma 2.0.
_ALIASES = {"utf16le": "wide"}
# All values are strings, says the specification; pySigma refuses others with these.
_OF_TEXT = frozenset(
    {"contains", "startswith", "endswith", "cased", "windash", "base64", "base64offset"}
)
_OF_TIME = ("minute", "hour", "day", "week", "month", "year")
_WANTED = {
    **dict.fromkeys(("gt", "gte", "lt", "lte", *_OF_TIME), "it needs a number, without quotes"),
    **dict.fromkeys(("i", "m", "s", "ignorecase", "multiline", "dotall"), "it stands behind `re`"),
    "exists": "it needs true or false, without quotes",
}
_WORDS = {True: "true", False: "false"}
_MISFIT = re.compile(r"Modifier (\w+) incompatible")

_RE2_ERROR: type[Exception] = re2.error


@lru_cache(maxsize=2048)
def problem_of(pattern: str) -> str | None:
    """Return why RE2 refuses a pattern, whatever its flags; a rule asks several times for each."""
    return pattern_problem(pattern)


class _QuietRe2(RegexEngine):
    """RE2 without its habit of writing to standard error; pySigma only asks whether it can."""

    def compile(self, pattern: str, flags: int = 0) -> Any:
        if problem := problem_of(pattern):
            raise _RE2_ERROR(problem)
        return None

    @property
    def error(self) -> type[Exception]:
        return _RE2_ERROR


class _UsedRe2(_QuietRe2):
    """The same for pipelines, which search with what was compiled."""

    def compile(self, pattern: str, flags: int = 0) -> Any:
        super().compile(pattern, flags)
        letters = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
        chosen = "".join(letter for flag, letter in letters.items() if flags & flag)
        return re2.compile(f"(?{chosen}){pattern}" if chosen else pattern)


POLICY = SigmaPolicy(regex_engine=_QuietRe2())
PIPELINE_POLICY = SigmaPolicy(regex_engine=_UsedRe2())

Part: TypeAlias = SigmaDetectionItem | SigmaDetection
"""One line, or several joined, as pySigma has them: what pipelines work on."""


def read_item(
    key: str,
    value: YamlValue,
    placeholders: Placeholders = NOTHING_GIVEN,
    *,
    may_be_unknown: bool = False,
) -> Part:
    """Return one line as pySigma reads it.

    Args:
        key: field and modifiers; empty, or modifiers only, for keywords.
        value: a scalar or a list of scalars.
        placeholders: what `expand` puts in for `%name%`.
        may_be_unknown: whether a pipeline may know placeholders that are not among these.

    Raises:
        SigmaError, ValueError, TypeError: with what is wrong, without its place.
    """
    field, *names = key.split("|")
    names = [_ALIASES.get(name, name) for name in names]
    for name in names:
        if name not in modifier_mapping:
            raise ValueError(f"unknown modifier {name!r}{nearest(name, modifier_mapping)}")
        if names.count(name) > 1:
            raise ValueError(f"the modifier {name!r} stands here twice")
    values = _plain_values(names, value)
    if "expand" not in names:
        return _item(field, names, values)
    texts = [each for each in values if isinstance(each, str)]
    if may_be_unknown and any(holds_unknown(text, placeholders) for text in texts):
        return _item(field, names, values)
    return _expanded(field, names, values, placeholders)


def _expanded(
    field: str, names: list[str], values: list[_Plain], placeholders: Placeholders
) -> Part:
    """Return the line with values for placeholders.

    The values of one placeholder are linked by *or*, also where `all` links what is written. A
    placeholder without values matches nothing, and its negation everything.
    """
    quoted: Callable[[str], str] = _quoted_for_pattern if "re" in names else str
    written = [
        expanded(each, placeholders, quoted) if isinstance(each, str) else [each] for each in values
    ]
    plain = [name for name in names if name not in ("expand", "all", "neq")]
    groups = written if "all" in names else [[each for group in written for each in group]]
    items = [_item(field, plain, list(group)) if group else _nothing(field) for group in groups]
    is_negated = "neq" in names
    for item in items:
        item.negated = is_negated
    return items[0] if len(items) == 1 else _joined(items, is_any=is_negated)


def _nothing(field: str) -> SigmaDetectionItem:
    """Return a line that nothing matches: one of no values."""
    return SigmaDetectionItem(field or None, [], [SigmaExpansion([])], policy=POLICY)


def _joined(parts: Sequence[Part], *, is_any: bool) -> SigmaDetection:
    return SigmaDetection(list(parts), item_linking=ConditionOR if is_any else ConditionAND)


def all_of(parts: Sequence[Part]) -> Part:
    """Return the lines joined by *and*."""
    return parts[0] if len(parts) == 1 else _joined(parts, is_any=False)


def any_of(parts: Sequence[Part]) -> Part:
    """Return the lines joined by *or*."""
    return parts[0] if len(parts) == 1 else _joined(parts, is_any=True)


def _quoted_for_pattern(value: str) -> str:
    return str(re2.escape(value))


def _item(field: str, names: list[str], values: list[_Plain]) -> SigmaDetectionItem:
    try:
        return SigmaDetectionItem.from_mapping("|".join((field, *names)), values, policy=POLICY)
    except SigmaTypeError as error:
        misfit = _MISFIT.match(str(error))
        if not misfit or misfit[1] not in reverse_modifier_mapping:
            raise
        name = next(each for each in names if modifier_mapping[each].__name__ == misfit[1])
        wanted = _WANTED.get(name, "it needs text, and not all modifiers go together")
        raise ValueError(f"the modifier {name!r} does not fit here: {wanted}") from error


def _plain_values(names: Iterable[str], value: YamlValue) -> list[_Plain]:
    """Return the values; refuse what pySigma would not notice or would answer with a traceback."""
    values: list[_Plain] = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict | list):
            raise ValueError("a value must be text, a number, true, false or null")
        if "re" in names and not isinstance(each, str):
            raise ValueError(f"a pattern must be text, found {each!r}; put it in quotes")
        is_text = isinstance(each, int | float) and _OF_TEXT.intersection(names)
        values.append(_written(each) if is_text else each)
    return values


def _written(value: YamlValue) -> str:
    return _WORDS[value] if isinstance(value, bool) else str(value)
