"""Variants of a correlation with one element left out or changed: do its examples notice?"""

import copy
import re
from collections.abc import Iterator
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_COUNTS = ("gte", "gt", "at_least")


def mutants(document: dict) -> Iterator[tuple[str, dict]]:
    """Yield what was changed, and the correlation's document with it.

    Changed are each length of time (halved, doubled), each number of the condition (one more, one
    less; a multiple halved and doubled), the order of rules, each rule, each field that groups, the
    field whose values count, and what must not come in between.
    """
    for what, changed in _changes(document["correlation"]):
        whole = copy.deepcopy(document)
        whole["correlation"] = changed
        yield what, whole


def _changes(section: dict) -> Iterator[tuple[str, dict]]:
    for key in ("timespan", "learning", "history"):
        if key in section:
            for factor in (0.5, 2):
                yield f"{key} × {factor}", {**section, key: _scaled(section[key], factor)}
    yield from _conditions(section)
    yield from _groups(section)
    yield from _rules(section)
    if "without" in section:
        yield "without nothing", {key: each for key, each in section.items() if key != "without"}


def _conditions(section: dict) -> Iterator[tuple[str, dict]]:
    condition = section.get("condition") or {}
    for key in _COUNTS:
        for step in (-1, 1) if key in condition else ():
            number = condition[key] + step
            yield f"{key} {number}", {**section, "condition": {**condition, key: number}}
    if "times" in condition:
        for factor in (0.25, 8):
            times = condition["times"] * factor
            yield f"times {times}", {**section, "condition": {**condition, "times": times}}
    if "field" in condition and section["type"] == "value_count":
        bare = {key: each for key, each in condition.items() if key != "field"}
        yield "events counted", {**section, "type": "event_count", "condition": bare}
    if "field" in condition and section["type"] == "new_value":
        yield "another field", {**section, "condition": {"field": "awsRegion"}}


def _groups(section: dict) -> Iterator[tuple[str, dict]]:
    groups = section.get("group-by", [])
    for path in groups:
        kept = [each for each in groups if each != path]
        bare = {key: each for key, each in section.items() if key != "group-by"}
        yield f"not grouped by {path}", {**bare, "group-by": kept} if kept else bare


def _rules(section: dict) -> Iterator[tuple[str, dict]]:
    rules, kind = section["rules"], section["type"]
    if kind in ("temporal_ordered", "sequence"):
        unordered = {key: each for key, each in section.items() if key != "without"}
        yield "reversed", {**section, "rules": rules[::-1]}
        yield "in any order", {**unordered, "type": "temporal"}
    if kind == "absence" and len(rules) == 2:
        yield "expected left out", {**section, "rules": rules[:1]}
        yield "reversed", {**section, "rules": rules[::-1]}
    if kind in ("temporal", "temporal_ordered", "sequence"):
        for place, rule in enumerate(rules):
            kept = rules[:place] + rules[place + 1 :]
            if section.get("condition") or len(kept) >= 2:
                yield f"without {rule}", {**section, "rules": kept}
            else:
                yield f"without {rule}", _alone(section, kept[0])


def _alone(section: dict, rule: str) -> dict:
    """Return a correlation that one event of the rule is enough for."""
    kept = {key: each for key, each in section.items() if key not in ("without", "aliases")}
    aliases = {
        name: {of: path for of, path in fields.items() if of == rule}
        for name, fields in section.get("aliases", {}).items()
    }
    alone = {**kept, "type": "event_count", "rules": [rule], "condition": {"gte": 1}}
    return {**alone, "aliases": aliases} if aliases else alone


def _scaled(text: str, factor: float) -> str:
    number, unit = re.fullmatch(r"([0-9]+)([smhd])", text).groups()
    seconds = timedelta(**{_UNITS[unit]: int(number)}).total_seconds() * factor
    return f"{int(seconds)}s"
