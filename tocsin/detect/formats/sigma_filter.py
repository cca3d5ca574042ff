"""Read Sigma filters.

Source: Sigma filters specification 2.1.
"""

from tocsin.conditions import Condition
from tocsin.conditions.tree import AllOf, Not
from tocsin.detect.adaptation import Adaptation
from tocsin.detect.document import Reading
from tocsin.detect.filters import Filter
from tocsin.detect.formats.sigma_detection import DetectionReader
from tocsin.detect.formats.sigma_pipeline import Piped
from tocsin.detect.rules import LogSource
from tocsin.errors import Problem, RuleError
from tocsin.ocsf.yaml_text import Document, YamlValue

_ANY = "any"


def is_filter(document: Document) -> bool:
    """Return whether the document is a filter, not a rule."""
    return isinstance(document.value, dict) and "filter" in document.value


def read(
    document: Document, text: str, file: str, adaptation: Adaptation
) -> tuple[Filter | None, tuple[Problem, ...]]:
    """Read one filter; `None` with every problem found where it cannot be used."""
    reading = Reading(document, file)
    found = None
    with reading.collecting():
        found = _filter(reading, document.value, text, adaptation)
    return (None if reading.is_refused else found), tuple(reading.problems)


def _filter(reading: Reading, value: YamlValue, text: str, adaptation: Adaptation) -> Filter:
    document = reading.mapping(value)
    title = reading.text(document.get("title"), "title")
    log_source = read_log_source(reading, document.get("logsource"))
    found = reading.mapping(document.get("filter"), "filter")
    rules = _references(reading, found.get("rules"))
    piped = Piped(adaptation, {"title": title}, log_source)
    reader = DetectionReader(reading, adaptation.placeholders, "filter", piped.process)
    condition = reader.condition(found, ("rules",))
    if condition is None:
        raise reading.error("the filter has no condition that can be used", "filter")
    if not _has_not(condition):
        message = "matches that fit stay and all others go; to leave out those, write `not`"
        reading.warn(message, "filter", "condition")
    version = piped.version(text)
    return Filter(condition, rules, piped.log_source, reading.location(), version)


def read_log_source(reading: Reading, value: YamlValue) -> LogSource:
    """Read `logsource:` of a rule or filter; what is wrong goes to `reading.problems`."""
    with reading.collecting():
        found = reading.mapping(value, "logsource")
        product, service, category = (
            reading.text(found[key], "logsource", key).lower() if found.get(key) else None
            for key in ("product", "service", "category")
        )
        if not (product or service or category):
            raise reading.error("'logsource' names no product, category or service", "logsource")
        return LogSource(product, service, category)
    return LogSource()


def _references(reading: Reading, value: YamlValue) -> frozenset[str]:
    """Return the rules named; empty where `any` or an empty list means all of them."""
    if isinstance(value, str):
        return frozenset() if value.lower() == _ANY else frozenset({value.lower()})
    if value is None:
        message = "'filter.rules' must be a list of ids or names, or `any`"
        raise RuleError(message, reading.location("filter"))
    return frozenset(each.lower() for each in reading.texts(value, "filter", "rules"))


def _has_not(condition: Condition) -> bool:
    match condition:
        case Not():
            return True
        case AllOf(inner):
            return any(map(_has_not, inner))
        case _:
            return False
