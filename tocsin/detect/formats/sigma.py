"""Read Sigma rules.

pySigma reads values, modifiers and the condition expression; this file walks the detections itself,
so that every problem has its line, and turns the result into a condition tree. Nothing of pySigma
is left when a rule has been read. Correlations come with the engine.

Source: Sigma specification 2.1, rules and modifiers appendix.
"""

from collections.abc import Mapping
from typing import Any

from sigma.exceptions import (
    SigmaDateError,
    SigmaError,
    SigmaIdentifierError,
    SigmaLevelError,
    SigmaModifiedError,
    SigmaRelatedError,
    SigmaStatusError,
    SigmaTagError,
)
from sigma.rule.base import SigmaRuleBase

from tocsin.detect.attack import tactics_of, techniques_of
from tocsin.detect.document import Reading, nearest
from tocsin.detect.formats.extras import read_examples, read_extras
from tocsin.detect.formats.sigma_deprecated import modernized
from tocsin.detect.formats.sigma_detection import DetectionReader, first_line
from tocsin.detect.formats.sigma_filter import read_log_source
from tocsin.detect.placeholders import NOTHING_GIVEN, Placeholders, completed
from tocsin.detect.rules import SEVERITIES, Rule
from tocsin.errors import Problem
from tocsin.ocsf.identifiers import content_hash
from tocsin.ocsf.yaml_text import Document, YamlValue

_KEYS = (
    *("title", "id", "name", "taxonomy", "related", "status", "description", "license"),
    *("references", "author", "date", "modified", "tags", "logsource", "detection", "fields"),
    *("falsepositives", "level", "scope", "tocsin", "examples"),
)
_SPELLING_CUTOFF = 0.85
_NOT_YET = {
    "correlation": "correlation rules are not supported yet",
}
_KEY_OF_ERROR = {
    SigmaIdentifierError: "id",
    SigmaLevelError: "level",
    SigmaStatusError: "status",
    SigmaDateError: "date",
    SigmaModifiedError: "modified",
    SigmaTagError: "tags",
    SigmaRelatedError: "related",
}


def read(
    document: Document, text: str, file: str, placeholders: Placeholders = NOTHING_GIVEN
) -> tuple[Rule | None, tuple[Problem, ...]]:
    """Read one Sigma document.

    Args:
        document: the document, from our own loader.
        text: the whole file, for the rule's version.
        file: its name, for messages.
        placeholders: values for `expand`.

    Returns:
        The rule, or `None` with every problem found.
    """
    reading = Reading(document, file)
    rule = None
    with reading.collecting():
        rule = _rule(reading, document.value, text, placeholders)
    return (None if reading.is_refused else rule), tuple(reading.problems)


def _rule(reading: Reading, value: YamlValue, text: str, placeholders: Placeholders) -> Rule:
    found = reading.mapping(value)
    for key, message in _NOT_YET.items():
        if key in found:
            raise reading.error(message, key)
    _check_spelling(reading, found)
    found = modernized(reading, found)
    header = _header(reading, found)
    log_source = read_log_source(reading, found.get("logsource"))
    condition = DetectionReader(reading, placeholders).condition(found.get("detection"))
    extras = read_extras(reading, found.get("tocsin"))
    proof = None
    if extras.example_values and not reading.is_refused:
        given = completed({**placeholders, **extras.example_values})
        proof = DetectionReader(reading, given).condition(found.get("detection"))
    examples = read_examples(reading, found.get("examples"))
    tags = [str(tag.name) for tag in header.get("tags") or [] if tag.namespace == "attack"]
    return Rule(
        uid=_uid(found, reading.file),
        title=str(found["title"]).strip() if "title" in found else "",
        description=str(found.get("description") or "").strip(),
        severity_id=SEVERITIES[str(found.get("level") or "medium").lower()]
        if not reading.is_refused
        else 0,
        kind="Sigma",
        log_source=log_source,
        location=reading.location(),
        version=content_hash(text.encode("utf-8", "surrogatepass")),
        condition=condition,
        example_condition=proof,
        name=str(found.get("name") or ""),
        tactics=tactics_of(tags),
        techniques=techniques_of(tags),
        entity=extras.entity,
        links=extras.links,
        dedup=extras.dedup,
        period=extras.period,
        examples=examples,
        false_positives=_texts(found.get("falsepositives")),
        references=_texts(found.get("references")),
        status=str(found.get("status") or ""),
        author=str(found.get("author") or ""),
    )


def _uid(found: Mapping[str, YamlValue], file: str) -> str:
    """Return the rule's id in its usual form, else its name, else its file's name."""
    return str(found.get("id") or found.get("name") or file).lower()


def _texts(value: YamlValue) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _check_spelling(reading: Reading, found: Mapping[str, YamlValue]) -> None:
    """Refuse keys that look like a slip; other keys are a writer's own, as Sigma allows."""
    for key in found:
        suggestion = nearest(key, _KEYS, _SPELLING_CUTOFF)
        if key not in _KEYS and "did you mean" in suggestion:
            problem = Problem(reading.location(key), f"unknown key {key!r}{suggestion}")
            reading.problems.append(problem)


def _header(reading: Reading, found: Mapping[str, YamlValue]) -> dict[str, Any]:
    if found.get("title") is not None:
        with reading.collecting():
            reading.text(found["title"], "title")
    header = {key: value for key, value in found.items() if key not in ("detection", "logsource")}
    try:
        values, errors = SigmaRuleBase.from_dict_common_params(header, collect_errors=True)
    except (SigmaError, TypeError, AttributeError, ValueError) as error:
        raise reading.error(f"not a Sigma rule: {first_line(error)}") from error
    for problem in errors:
        key = _KEY_OF_ERROR.get(type(problem)) or _named_key(str(problem))
        reading.problems.append(Problem(reading.location(key), first_line(problem)))
    return values


def _named_key(message: str) -> str:
    """Return the key that pySigma's message names, else `title`, which stands at the top."""
    words = message.lower().split()
    return next((key for key in _KEYS if key in words or key.rstrip("s") in words), "title")
