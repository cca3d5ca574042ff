"""Apply pySigma's processing pipelines to Sigma rules: people's own mappings of fields and values.

A pipeline is content from anybody: what runs a program, downloads, reads a file, calls Python or
writes a query is refused by name before pySigma sees it.

Source: https://sigmahq-pysigma.readthedocs.io, "Processing Pipelines" (pySigma 2.0).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import re2
from sigma.exceptions import SigmaError
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.rule import SigmaLogSource, SigmaRule
from sigma.rule.detection import SigmaDetection, SigmaDetections

from tocsin.conditions import pattern_problem
from tocsin.detect.adaptation import Adaptation
from tocsin.detect.document import Reading, nearest
from tocsin.detect.formats.sigma_detection import Process
from tocsin.detect.formats.sigma_item import PIPELINE_POLICY
from tocsin.detect.placeholders import Placeholders
from tocsin.detect.rules import LogSource
from tocsin.errors import ContentError, RuleError
from tocsin.ocsf.identifiers import content_hash
from tocsin.ocsf.yaml_text import YamlValue, load

_KEYS = ("name", "priority", "vars", "transformations", "allowed_backends")
_OF_QUERIES = ("postprocessing", "finalizers")
TRANSFORMATIONS = (
    *("add_condition", "add_field", "case", "change_logsource", "convert_type"),
    *("detection_item_failure", "drop_detection_item", "extract_fields", "field_name_mapping"),
    *("field_name_prefix", "field_name_prefix_mapping", "field_name_suffix", "hashes_fields"),
    *("map_string", "nest", "regex", "remove_field", "replace_string", "rule_failure"),
    *("set_custom_attribute", "set_field", "set_state", "set_value"),
    *("strict_field_mapping_failure", "value_placeholders", "wildcard_placeholders"),
)
REFUSED = {
    "command_placeholders": "it would run a program",
    "field_name_transform": "it would call Python",
    "file_placeholders": "it would read a file; write the values under `vars`",
    "http_placeholders": "it would download; write the values under `vars`",
    "query_expression_placeholders": "it writes queries, and there are none here",
}
_MAPPINGS = ("field_name_mapping", "field_name_prefix_mapping")
_PATTERN_KEYS = ("pattern", "regex")
_KEYWORD = "null"
_ERRORS = (SigmaError, re2.error, TypeError, AttributeError, KeyError, ValueError)


class Pipelines:
    """Pipelines in force, in order of their priority; for one thread."""

    def __init__(self, pipelines: list[ProcessingPipeline], placeholders: Placeholders) -> None:
        self._pipelines = sorted(pipelines, key=lambda pipeline: pipeline.priority)
        values = {name: list(each) for name, each in placeholders.items()}
        for pipeline in pipelines:
            _spread({**values, **pipeline.vars}, pipeline)

    def apply(self, rule: SigmaRule) -> None:
        """Change a rule as the pipelines want it.

        Raises:
            ValueError: a pipeline refuses the rule, or cannot be applied to it.
        """
        try:
            for pipeline in self._pipelines:
                pipeline.apply(rule)
        except _ERRORS as error:
            raise ValueError(f"a pipeline refuses the rule: {error}") from error


class Piped:
    """One rule or filter on its way through the pipelines.

    Attributes:
        log_source: where it looks, after the pipelines.
    """

    def __init__(
        self, adaptation: Adaptation, header: Mapping[str, Any], log_source: LogSource
    ) -> None:
        self.log_source = log_source
        self._adaptation = adaptation
        self._pipelines = pipelines_of(adaptation)
        self._header = header

    @property
    def process(self) -> Process | None:
        """What a `DetectionReader` calls; `None` without pipelines."""
        return self._process if self._pipelines else None

    def version(self, text: str) -> str:
        """Return the hash of all that decides what the rule means but its placeholders."""
        pipelines = self._adaptation.pipelines.values()
        return content_hash("\0".join([text, *pipelines]).encode("utf-8", "surrogatepass"))

    def _process(
        self, parts: dict[str, SigmaDetection], expressions: list[str]
    ) -> tuple[Mapping[str, SigmaDetection], Sequence[str]]:
        assert self._pipelines is not None
        before = self.log_source
        words = (before.category, before.product, before.service)
        if not any(words):
            return parts, expressions  # what is wrong with it has been said
        found = SigmaDetections(parts, expressions)
        rule = SigmaRule(**self._header, logsource=SigmaLogSource(*words), detection=found)
        self._pipelines.apply(rule)
        self.log_source = _log_source(rule.logsource)
        changed = [condition.condition for condition in rule.detection.parsed_condition]
        return rule.detection.detections, changed


def _log_source(found: SigmaLogSource) -> LogSource:
    words = (found.product, found.service, found.category)
    product, service, category = (word.lower() if word else None for word in words)
    return LogSource(product, service, category)


def pipelines_of(adaptation: Adaptation) -> Pipelines | None:
    """Return the pipelines, `None` where there are none.

    Raises:
        RuleError: one is wrong, or does what pipelines may not do here; with file and line.
    """
    if not adaptation.pipelines:
        return None
    values = tuple(sorted(adaptation.placeholders.items()))
    return _loaded(tuple(adaptation.pipelines.items()), values)


@lru_cache(maxsize=4)
def _loaded(
    texts: tuple[tuple[str, str], ...], placeholders: tuple[tuple[str, tuple[str, ...]], ...]
) -> Pipelines:
    return Pipelines([_pipeline(text, file) for file, text in texts], dict(placeholders))


def _pipeline(text: str, file: str) -> ProcessingPipeline:
    try:
        reading = Reading(load(text, file), file)
    except ContentError as error:
        raise RuleError(error.message, error.location) from error
    found = dict(reading.mapping(load(text, file).value))
    for key in _OF_QUERIES:
        if found.pop(key, None):
            raise reading.error(f"{key!r} changes queries, and there are none here; remove it", key)
    reading.only(found, _KEYS)
    for problem in reading.problems:
        raise RuleError(problem.message, problem.location)
    items = reading.sequence(found.get("transformations"), "transformations")
    found["transformations"] = [
        _checked(reading, item, "transformations", index) for index, item in enumerate(items)
    ]
    priority = found.get("priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise reading.error("'priority' must be a whole number", "priority")
    reading.mapping(found.get("vars", {}), "vars")
    try:
        with _quiet():
            return ProcessingPipeline.from_dict(found, policy=PIPELINE_POLICY)
    except _ERRORS as error:
        raise reading.error(f"not a pipeline: {error}") from error


def _checked(reading: Reading, value: YamlValue, *path: str | int) -> dict[str, YamlValue]:
    """Return one transformation that may be applied, with those inside it."""
    item = dict(reading.mapping(value, *path))
    kind = reading.text(item.get("type"), *path, "type")
    if kind in REFUSED:
        raise reading.error(f"the transformation {kind!r} is refused: {REFUSED[kind]}", *path)
    if kind not in TRANSFORMATIONS:
        message = f"unknown transformation {kind!r}{nearest(kind, TRANSFORMATIONS)}"
        raise reading.error(message, *path)
    if kind == "nest":
        inner = reading.sequence(item.get("items"), *path, "items")
        item["items"] = [
            _checked(reading, each, *path, "items", at) for at, each in enumerate(inner)
        ]
    if kind in _MAPPINGS:
        item["mapping"] = _mapping(reading, item.get("mapping"), *path, "mapping")
    for pattern in _patterns(item):
        if problem := pattern_problem(pattern):
            message = f"the transformation {kind!r}: pattern {pattern!r} cannot be used: {problem}"
            raise reading.error(message, *path)
    try:
        with _quiet():
            ProcessingItem.from_dict(item, policy=PIPELINE_POLICY)
    except _ERRORS as error:
        raise reading.error(f"the transformation {kind!r}: {error}", *path) from error
    return item


def _patterns(value: object) -> Iterator[str]:
    """Yield the patterns of a transformation and its conditions; RE2 is loud about bad ones."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _PATTERN_KEYS and isinstance(inner, str):
                yield inner
            else:
                yield from _patterns(inner)
        if value.get("mode") == "re" and isinstance(value.get("fields"), list):
            yield from map(str, value["fields"])
    elif isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)


@contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of old names that pySigma calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _mapping(reading: Reading, value: YamlValue, *path: str | int) -> dict[Any, YamlValue]:
    """Return a mapping of fields; `null` stands for keywords."""
    found = reading.mapping(value, *path)
    for name, target in found.items():
        if not isinstance(target, str):
            reading.texts(target, *path, name)
    return {None if name == _KEYWORD else name: target for name, target in found.items()}


def _spread(values: dict[str, Any], pipeline: ProcessingPipeline) -> None:
    """Give values for placeholders to a pipeline and those nested in it."""
    pipeline.vars = values
    for item in pipeline.items:
        nested = getattr(item.transformation, "_nested_pipeline", None)
        if nested is not None:
            _spread(values, nested)
