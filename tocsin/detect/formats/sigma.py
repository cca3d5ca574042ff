"""Read Sigma rules.

pySigma reads values, modifiers and the condition expression; this file walks the detections itself,
so that every problem has its line, and turns the result into a condition tree. Nothing of pySigma
is left when a rule has been read. Correlations are read in a file of their own.

Source: Sigma specification 2.1, rules and modifiers appendix.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
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

from tocsin.detect.adaptation import AS_WRITTEN, Adaptation
from tocsin.detect.attack import tactics_of, techniques_of
from tocsin.detect.document import Reading, nearest
from tocsin.detect.formats.extras import read_examples, read_extras
from tocsin.detect.formats.sigma_deprecated import modernized
from tocsin.detect.formats.sigma_detection import DetectionReader, first_line
from tocsin.detect.formats.sigma_filter import read_log_source
from tocsin.detect.formats.sigma_pipeline import Piped
from tocsin.detect.placeholders import completed
from tocsin.detect.rules import SEVERITIES, LogSource, Rule
from tocsin.errors import Problem
from tocsin.ocsf.yaml_text import Document, YamlValue

_KEYS = (
    *("title", "id", "name", "taxonomy", "related", "status", "description", "license"),
    *("references", "author", "date", "modified", "tags", "logsource", "detection", "fields"),
    *("falsepositives", "level", "scope", "tocsin", "examples"),
)
_SPELLING_CUTOFF = 0.85
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
    document: Document, text: str, file: str, adaptation: Adaptation = AS_WRITTEN
) -> tuple[Rule | None, tuple[Problem, ...]]:
    """Read one Sigma document.

    Args:
        document: the document, from our own loader.
        text: the whole file, for the rule's version.
        file: its name, for messages.
        adaptation: values for `expand`, and pipelines.

    Returns:
        The rule, or `None` with every problem found.
    """
    reading = Reading(document, file)
    rule = None
    with reading.collecting():
        rule = _rule(reading, document.value, text, adaptation)
    return (None if reading.is_refused else rule), tuple(reading.problems)


def _rule(reading: Reading, value: YamlValue, text: str, adaptation: Adaptation) -> Rule:
    found = reading.mapping(value)
    check_spelling(reading, found)
    found = modernized(reading, found)
    header = read_header(reading, found)
    log_source = read_log_source(reading, found.get("logsource"))
    piped = Piped(adaptation, header, log_source)
    reader = DetectionReader(reading, adaptation.placeholders, process=piped.process)
    condition = reader.condition(found.get("detection"))
    extras = read_extras(reading, found.get("tocsin"))
    proof = None
    if extras.example_values and not reading.is_refused:
        given = completed({**adaptation.placeholders, **extras.example_values})
        again = Piped(replace(adaptation, placeholders=given), header, log_source)
        proof = DetectionReader(reading, given, process=again.process).condition(
            found.get("detection")
        )
    return replace(
        described(reading, found, header, piped.version(text)),
        log_source=piped.log_source,
        condition=condition,
        example_condition=proof,
        entity=extras.entity,
        links=extras.links,
        dedup=extras.dedup,
        period=extras.period,
        is_building_block=extras.is_building_block,
        examples=read_examples(reading, found.get("examples")),
    )


def described(
    reading: Reading, found: Mapping[str, YamlValue], header: Mapping[str, Any], version: str
) -> Rule:
    """Return a rule with what the head of a Sigma document says, and no more.

    Args:
        reading: of the document.
        found: the document.
        header: what `read_header` gave for it.
        version: of the rule.
    """
    tags = [str(tag.name) for tag in header.get("tags") or [] if tag.namespace == "attack"]
    return Rule(
        uid=_uid(found, reading.file),
        title=str(found["title"]).strip() if "title" in found else "",
        description=str(found.get("description") or "").strip(),
        severity_id=SEVERITIES[str(found.get("level") or "medium").lower()]
        if not reading.is_refused
        else 0,
        kind="Sigma",
        log_source=LogSource(),
        location=reading.location(),
        version=version,
        name=str(found.get("name") or ""),
        tactics=tactics_of(tags),
        techniques=techniques_of(tags),
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


def check_spelling(
    reading: Reading, found: Mapping[str, YamlValue], known: Iterable[str] = _KEYS
) -> None:
    """Refuse keys that look like a slip; other keys are a writer's own, as Sigma allows."""
    known = tuple(known)
    for key in found:
        suggestion = nearest(key, known, _SPELLING_CUTOFF)
        if key not in known and "did you mean" in suggestion:
            problem = Problem(reading.location(key), f"unknown key {key!r}{suggestion}")
            reading.problems.append(problem)


def read_header(reading: Reading, found: Mapping[str, YamlValue]) -> dict[str, Any]:
    """Read what stands above the detection of a Sigma document, with pySigma.

    Raises:
        RuleError: the document is no Sigma rule at all.
    """
    if found.get("title") is not None:
        with reading.collecting():
            reading.text(found["title"], "title")
    others = ("detection", "logsource", "correlation")
    header = {key: value for key, value in found.items() if key not in others}
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
