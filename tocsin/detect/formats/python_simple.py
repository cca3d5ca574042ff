"""Turn a rule without Python (`Detection:` in its YAML) into text that a rule worker can run.

The text is ours and always the same; what the YAML says stands in it as one constant, which the
worker's interpreter (`isolate/jail/rule_expressions.py`) judges records by.

Source: https://docs.panther.com/detections/rules/writing-simple-detections (2026).
"""

import json
import re
from collections.abc import Mapping

from tocsin.detect.document import Reading
from tocsin.detect.formats.python_expressions import read_expressions, read_key, read_path
from tocsin.ocsf.yaml_text import YamlValue

_SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_PLACE = re.compile(r"\{([^{}]*)\}")
_START = "from tocsin_rules import simple_detection\n\nsimple_detection(globals(), "


def simple_source(reading: Reading, found: Mapping[str, YamlValue]) -> str:
    """Return the text of a rule without Python.

    Raises:
        RuleError: something in it is not understood.
    """
    if found.get("Filename") is not None:
        raise reading.error("`Detection` and `Filename` cannot stand together", "Filename")
    if found["AnalysisType"] != "rule":
        raise reading.error("only rules have a `Detection`", "Detection")
    said = {
        "rule": read_expressions(reading, found["Detection"], "Detection"),
        "title": _title(reading, found.get("AlertTitle")),
        "group_by": [
            read_key(reading, reading.mapping(each, "GroupBy", at), ("GroupBy", at))
            for at, each in enumerate(reading.sequence(found.get("GroupBy"), "GroupBy"))
        ],
        "severities": _severities(reading, found.get("DynamicSeverities")),
        "context": _context(reading, found.get("AlertContext")),
    }
    return f"{_START}{json.dumps(said)!r})\n"


def detection_of(source: str) -> object:
    """Return the expression of a text that `simple_source` made, `None` for any other."""
    constant = source.removeprefix(_START).removesuffix(")\n")
    if len(constant) + len(_START) + 2 != len(source):
        return None
    try:
        return json.loads(_unquoted(constant))["rule"]
    except (ValueError, KeyError, TypeError):
        return None


def _unquoted(constant: str) -> str:
    """Return the text behind what `repr` wrote of JSON: ASCII, with its quotes and backslashes."""
    quote, inside = constant[:1], constant[1:-1]
    if quote not in ("'", '"') or constant[-1:] != quote:
        raise ValueError("no constant")
    return re.sub(r"\\(.)", r"\1", inside)


def _title(reading: Reading, value: YamlValue) -> str:
    if value is None:
        return ""
    title = reading.text(value, "AlertTitle")
    for place in _PLACE.finditer(title):
        read_path(reading, place[1].strip(), "AlertTitle")
    return title


def _severities(reading: Reading, value: YamlValue) -> list[object]:
    found: list[object] = []
    for at, element in enumerate(reading.sequence(value, "DynamicSeverities")):
        here = ("DynamicSeverities", at)
        each = reading.mapping(element, *here)
        word = reading.text(each.get("ChangeTo"), *here, "ChangeTo").upper()
        if word not in _SEVERITIES:
            known = ", ".join(_SEVERITIES)
            raise reading.error(f"unknown severity {word!r}; known are {known}", *here, "ChangeTo")
        found.append([word, read_expressions(reading, each.get("Conditions"), *here, "Conditions")])
    return found


def _context(reading: Reading, value: YamlValue) -> list[object]:
    found: list[object] = []
    for at, element in enumerate(reading.sequence(value, "AlertContext")):
        here = ("AlertContext", at)
        each = reading.mapping(element, *here)
        name = reading.text(each.get("KeyName"), *here, "KeyName")
        place = (*here, "KeyValue")
        found.append(
            [name, read_key(reading, reading.mapping(each.get("KeyValue"), *place), place)]
        )
    return found
