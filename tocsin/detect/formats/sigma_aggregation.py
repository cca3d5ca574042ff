"""Turn the aggregations of Sigma 1 (`selection | count() by user > 5`) into what replaced them.

One such rule becomes two documents: a rule for its events, and a correlation over them with the
head of the old one. What cannot be said today is refused by whoever reads the condition.

Source: Sigma 1.0.4, "Condition"; Sigma correlation rules specification 2.1, "Compatibility".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.errors import Location, Problem
from tocsin.ocsf.yaml_text import Document, Path, YamlValue

_NUMBER = r"(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
_COUNTED = re.compile(
    r"(?P<function>count|sum|avg|min|max)\s*\(\s*(?P<field>[^()|\s]*)\s*\)"
    r"(?:\s+by\s+(?P<groups>[^<>=|]+?))?\s*(?P<operator>>=|<=|==|=|>|<)\s*" + _NUMBER + r"\s*\Z",
    re.IGNORECASE,
)
_NEAR = re.compile(r"near\s+(?P<names>[\w*]+(?:\s+and\s+[\w*]+)*)\s*\Z", re.IGNORECASE)
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq", "==": "eq"}
_TYPES = {"count": "value_count", "sum": "value_sum", "avg": "value_avg"}
_SINGLE = {("max", "gt"), ("max", "gte"), ("min", "lt"), ("min", "lte")}
_EVENTS_ONLY = ("logsource", "detection", "id", "name", "examples", "tocsin", "correlation")
_LIMIT = "_aggregated"


@dataclass(frozen=True, slots=True)
class _Old:
    """An old rule, its search and what follows the `|`."""

    value: dict[str, YamlValue]
    search: str
    aggregation: str

    @property
    def detection(self) -> dict[str, YamlValue]:
        found = self.value["detection"]
        parts = found if isinstance(found, dict) else {}
        return {key: each for key, each in parts.items() if key not in ("condition", "timeframe")}

    @property
    def timeframe(self) -> YamlValue:
        found = self.value["detection"]
        return found.get("timeframe") if isinstance(found, dict) else None

    def events(self, name: str, search: str) -> dict[str, YamlValue]:
        """Return the rule for the events of one search."""
        head = {key: each for key, each in self.value.items() if key not in _EVENTS_ONLY}
        return {
            **head,
            "name": name,
            "logsource": self.value.get("logsource"),
            "detection": {**self.detection, "condition": search},
        }

    def correlated(self, correlation: dict[str, YamlValue]) -> dict[str, YamlValue]:
        """Return the correlation with the head of the old rule."""
        head = {k: each for k, each in self.value.items() if k not in ("logsource", "detection")}
        return {**head, "correlation": correlation}


def converted(document: Document, file: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Return the documents that stand for an old rule, with a warning; others as they are."""
    old = _old(document)
    found = old and (_single(old) or _counted(old, file) or _near(old, file))
    if not found:
        return (document,), ()
    values, today = found
    line = document.line(("detection", "condition"))
    message = f"aggregations are deprecated; write {today}"
    lines: dict[Path, int] = {(): line, ("title",): document.line(("title",))}
    documents = tuple(
        Document(value, document._lines if "detection" in value else lines) for value in values
    )
    return documents, (Problem(Location(file, line), message, is_warning=True),)


_Found = tuple[Sequence[dict[str, YamlValue]], str]


def _old(document: Document) -> _Old | None:
    value = document.value
    detection = value.get("detection") if isinstance(value, dict) else None
    condition = detection.get("condition") if isinstance(detection, dict) else None
    if not isinstance(value, dict) or not isinstance(condition, str) or condition.count("|") != 1:
        return None
    search, _, aggregation = condition.partition("|")
    return _Old(value, search.strip(), aggregation.strip())


def _single(old: _Old) -> _Found | None:
    """Return the rule for a highest or lowest value that one event alone decides."""
    found = _COUNTED.match(old.aggregation)
    operator = _OPERATORS[found["operator"]] if found else ""
    if not found or (found["function"].lower(), operator) not in _SINGLE or not found["field"]:
        return None
    limit = f"{found['field']}|{operator}"
    number = _number(found["number"])
    detection: dict[str, YamlValue] = {
        **old.detection,
        _LIMIT: {limit: number},
        "condition": f"({old.search}) and {_LIMIT}",
    }
    return [{**old.value, "detection": detection}], f"`{limit}: {number}`"


def _counted(old: _Old, file: str) -> _Found | None:
    found = _COUNTED.match(old.aggregation)
    if not found or not isinstance(old.timeframe, str):
        return None
    function, field = found["function"].lower(), found["field"]
    condition: dict[str, YamlValue] = {_OPERATORS[found["operator"]]: _number(found["number"])}
    kind = "event_count" if function == "count" and not field else _TYPES.get(function)
    if kind is None or (kind != "event_count" and not field):
        return None
    if field:
        condition = {"field": field, **condition}
    name = _name(old, file)
    correlation: dict[str, YamlValue] = {"type": kind, "rules": [name]}
    if found["groups"]:
        correlation["group-by"] = [group.strip() for group in found["groups"].split(",")]
    correlation |= {"timespan": old.timeframe, "condition": condition}
    return [old.events(name, old.search), old.correlated(correlation)], _shown(correlation)


def _near(old: _Old, file: str) -> _Found | None:
    found = _NEAR.match(old.aggregation)
    if not found or not isinstance(old.timeframe, str):
        return None
    searches = [old.search, *re.split(r"\s+and\s+", found["names"], flags=re.IGNORECASE)]
    names = [_name(old, file, number) for number in range(1, len(searches) + 1)]
    events = [old.events(name, text) for name, text in zip(names, searches, strict=True)]
    correlation: dict[str, YamlValue] = {
        "type": "temporal",
        "rules": list(names),
        "timespan": old.timeframe,
    }
    return [*events, old.correlated(correlation)], _shown(correlation)


def _name(old: _Old, file: str, number: int = 0) -> str:
    uid = old.value.get("id") or old.value.get("name") or file
    return f"{uid} events {number}" if number else f"{uid} events"


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _shown(correlation: dict[str, YamlValue]) -> str:
    """Return the correlation as people would write it on one line."""
    return f"`correlation: {_flow(correlation)}`"


def _flow(value: YamlValue) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value)
