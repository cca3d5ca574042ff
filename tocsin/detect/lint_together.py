"""What looks wrong with rules beside each other and with their text: doubles, unused selections."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from tocsin.conditions.tree import AllOf, AnyOf, Condition, Not
from tocsin.detect.rules import Rule
from tocsin.errors import Location, Problem

_DETECTION = re.compile(r"(\s*)detection:\s*(#.*)?\Z")
_KEY = re.compile(r"(\s*)(['\"]?)([\w.*-]+)\2\s*:(.*)\Z")
_WORD = re.compile(r"[\w.*?-]+")
_NOT_SELECTIONS = frozenset({"condition", "timeframe"})


def doubles(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Yield a warning for each rule that finds just what an earlier one finds.

    Rules that count, group or name their entity otherwise are no doubles.
    """
    first: dict[object, Rule] = {}
    for rule in rules:
        if rule.correlation is not None:
            continue
        known = first.setdefault(_finds(rule), rule)
        if known is not rule:
            message = f"it finds what {known.title!r} ({known.location}) finds; one is enough"
            yield Problem(rule.location, message, is_warning=True)


def unused_selections(rule: Rule, text: str) -> Iterator[Problem]:
    """Yield a warning for each part of a Sigma detection that its condition never asks for."""
    if rule.condition is None:
        return
    lines = text.splitlines()
    parts, condition = _parts(lines, max(rule.location.line, 1))
    words = _WORD.findall(condition.split("|")[0])
    takes_all = "them" in words
    for name, line in parts.items():
        is_asked = any(fnmatchcase(name, word) for word in words)
        # `them` leaves out what begins with an underscore (specification, conditions).
        if not is_asked and (name.startswith("_") or not takes_all):
            message = f"the condition never asks for {name!r}"
            yield Problem(Location(rule.location.file, line), message, is_warning=True)


def _finds(rule: Rule) -> object:
    condition = None if rule.condition is None else _ordered(rule.condition)
    groups = (rule.entity, rule.dedup, rule.period, rule.threshold, rule.inline_filter)
    return str(rule.log_source), condition, rule.source, rule.helpers, groups


def _ordered(condition: Condition) -> str:
    """Return the condition as text that does not depend on the order of its parts."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            inner = sorted({_ordered(part) for part in parts})
            if len(inner) == 1:
                return inner[0]
            return f"{type(condition).__name__}({', '.join(inner)})"
        case Not(inner_condition):
            return f"Not({_ordered(inner_condition)})"
        case _:
            return repr(condition)


def _parts(lines: list[str], first: int) -> tuple[Mapping[str, int], str]:
    """Return the selections with their lines, and the text of the condition.

    Read from the text: only what is written as a block is looked at, and nothing is guessed.
    """
    parts: dict[str, int] = {}
    condition = ""
    place, depth = _block(lines, first)
    inside = ""
    for number, line in enumerate(lines[place:], place + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        if indent < depth or line.startswith("---"):
            break
        key = _KEY.match(line) if indent == depth else None
        if key:
            inside = key[3]
            if inside not in _NOT_SELECTIONS:
                parts[inside] = number
            elif inside == "condition":
                condition = key[4]
        elif inside == "condition":
            condition += f" {line.strip()}"
    return (parts, condition) if condition.strip() else ({}, "")


def _block(lines: list[str], first: int) -> tuple[int, int]:
    """Return the place of the first line inside `detection:` and how far it is indented."""
    for place in range(first - 1, len(lines)):
        head = _DETECTION.match(lines[place])
        if not head:
            continue
        for below in range(place + 1, len(lines)):
            line = lines[below]
            if line.strip() and not line.lstrip().startswith("#"):
                indent = len(line) - len(line.lstrip())
                return (below, indent) if indent > len(head[1]) else (len(lines), 0)
    return len(lines), 0
