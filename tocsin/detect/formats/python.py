"""Read Python rules laid out as panther-analysis does: a `.py` file and a YAML file beside it.

The keys that Tocsin adds to Sigma (`tocsin:`, `examples:`) and Sigma's `falsepositives:` may stand
in the YAML too. The source text is parsed to see whether it defines `rule`, and carried as data. It
is executed only inside a rule worker (`isolate`).

Source: https://docs.panther.com/detections/rules/python (2026), the YAML keys and the functions.
"""

import ast
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import msgspec

from tocsin.detect.attack import tactics_of, techniques_of
from tocsin.detect.document import Reading, nearest
from tocsin.detect.formats.extras import read_examples, read_extras
from tocsin.detect.formats.python_expressions import read_expressions
from tocsin.detect.formats.python_simple import simple_source
from tocsin.detect.rules import DEFAULT_PERIOD, SEVERITIES, Example, LogSource, Rule
from tocsin.errors import Location, Problem, RuleError
from tocsin.ocsf.identifiers import content_hash
from tocsin.ocsf.yaml_text import Document, YamlValue

MAX_THRESHOLD = 10_000
_LOGS_KEY = {"rule": "LogTypes", "scheduled_rule": "ScheduledQueries", "policy": "ResourceTypes"}
_MOST_RUNBOOK_CHARACTERS = 4_000
_FLAGS = {"true": True, "false": False}
_ORGANIZATION = "organization."
_ATTACK_REPORT = "MITRE ATT&CK"


def read(
    document: Document, text: str, file: str, files: Mapping[str, str]
) -> tuple[Rule | None, tuple[Problem, ...], str]:
    """Read one YAML document of a Python rule.

    Returns:
        The rule, or `None`; the problems; the path of the Python file that it names, or empty.
    """
    reading = Reading(document, file)
    rule, python_file = None, ""
    with reading.collecting():
        found = reading.mapping(document.value)
        python_file = beside(file, found.get("Filename"))
        _check_kind(reading, found)
        if "Detection" in found:
            source = simple_source(reading, found)
        else:
            source = _source(reading, python_file, files.get(python_file))
        rule = _rule(reading, found, text, source)
    return (None if reading.is_refused else rule), tuple(reading.problems), python_file


def beside(file: str, name: YamlValue) -> str:
    """Return the path of a file in the same folder."""
    if not isinstance(name, str):
        return ""
    folder, slash, _ = file.rpartition("/")
    return f"{folder}{slash}{name.removeprefix('./')}"


def _check_kind(reading: Reading, found: Mapping[str, YamlValue]) -> None:
    kind = found.get("AnalysisType")
    if not isinstance(kind, str) or kind not in _LOGS_KEY:
        known = ", ".join(_LOGS_KEY)
        raise reading.error(f"AnalysisType {kind!r} is unknown; {known} are read", "AnalysisType")


def _rule(reading: Reading, found: Mapping[str, YamlValue], text: str, source: str) -> Rule:
    kind = str(found["AnalysisType"])
    reports = _reports(reading, found.get("Reports"))
    id_key = "PolicyID" if kind == "policy" else "RuleID"
    uid = reading.text(found.get(id_key), id_key)
    extras = read_extras(reading, found.get("tocsin"))
    return Rule(
        uid=uid,
        title=str(found.get("DisplayName") or uid).strip(),
        description=str(found.get("Description") or "").strip(),
        severity_id=_severity(reading, found.get("Severity")),
        kind="Python",
        log_source=LogSource(
            log_types=reading.texts(found.get(_LOGS_KEY[kind]), _LOGS_KEY[kind]),
        ),
        location=reading.location(),
        version=content_hash(f"{text}\0{source}".encode("utf-8", "surrogatepass")),
        source=source,
        tactics=tactics_of(reports),
        techniques=techniques_of(reports),
        entity=extras.entity,
        links=extras.links,
        dedup=extras.dedup,
        period=_period(reading, found.get("DedupPeriodMinutes")),
        threshold=_threshold(reading, found.get("Threshold")),
        examples=(
            *_tests(reading, found.get("Tests"), is_policy=kind == "policy"),
            *_with_values(read_examples(reading, found.get("examples")), extras.example_values),
        ),
        false_positives=reading.texts(found.get("falsepositives"), "falsepositives"),
        references=tuple(str(found[key]) for key in ("Reference",) if found.get(key)),
        status=str(found.get("Status") or ""),
        is_enabled=found.get("Enabled") is not False,
        inline_filter=_inline_filter(reading, found.get("InlineFilters")),
        words=_words(reading, found),
        creates_alerts=found.get("CreateAlert") is not False,
    )


def _inline_filter(reading: Reading, value: YamlValue) -> str:
    """Return the filters of a rule as one expression in JSON, empty where there are none."""
    if not value:
        return ""
    if reading.value["AnalysisType"] != "rule":
        raise reading.error("only rules have `InlineFilters`", "InlineFilters")
    return _json(read_expressions(reading, value, "InlineFilters"))


def _words(reading: Reading, found: Mapping[str, YamlValue]) -> tuple[tuple[str, str], ...]:
    """Return what every finding of the rule says unless its functions say something else."""
    runbook = str(found.get("Runbook") or "").strip()[:_MOST_RUNBOOK_CHARACTERS]
    destinations = ", ".join(reading.texts(found.get("OutputIds"), "OutputIds"))
    pairs = (("runbook", runbook), ("destinations", destinations))
    return tuple((name, word) for name, word in pairs if word)


def _source(reading: Reading, file: str, source: str | None) -> str:
    """Return the text, once it is seen to define `rule`, or `policy`, with one argument.

    What is wrong inside the Python file is told with its own name and line.
    """
    if source is None:
        raise reading.error("`Filename` names no Python file beside this one", "Filename")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a rule is no problem of ours
            tree = ast.parse(source)
    except SyntaxError as error:
        raise RuleError(f"not Python: {error.msg}", Location(file, error.lineno or 0)) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise RuleError(f"not Python: {error or 'nested too deep'}", Location(file)) from error
    name = "policy" if reading.value["AnalysisType"] == "policy" else "rule"
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in functions or not functions[name].args.args:
        raise reading.error(f"the Python file defines no function `{name}(event)`", "Filename")
    return source


def _severity(reading: Reading, value: YamlValue) -> int:
    word = reading.text(value, "Severity")
    if word.lower() not in SEVERITIES:
        known = ("Info", "Low", "Medium", "High", "Critical")
        raise reading.error(f"unknown severity {word!r}{nearest(word, known)}", "Severity")
    return SEVERITIES[word.lower()]


def _period(reading: Reading, value: YamlValue) -> timedelta:
    if value is None:
        return DEFAULT_PERIOD
    return timedelta(minutes=_whole(reading, value, 1, 31 * 24 * 60, "DedupPeriodMinutes"))


def _threshold(reading: Reading, value: YamlValue) -> int:
    return 1 if value is None else _whole(reading, value, 1, MAX_THRESHOLD, "Threshold")


def _whole(reading: Reading, value: YamlValue, least: int, most: int, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = f"{key!r} must be a whole number from {least} to {most}, found {value!r}"
        raise reading.error(message, key)
    return value


def _reports(reading: Reading, value: YamlValue) -> tuple[str, ...]:
    """Return the ATT&CK words; other frameworks are not ours to check."""
    if value is None:
        return ()
    pairs = reading.mapping(value, "Reports").get(_ATTACK_REPORT)
    texts = reading.texts(pairs, "Reports", _ATTACK_REPORT)
    return tuple(word for pair in texts for word in pair.split(":"))


def _tests(reading: Reading, value: YamlValue, *, is_policy: bool) -> tuple[Example, ...]:
    """Read the tests; a policy says true where all is well: it matches where it says false."""
    tests: list[Example] = []
    for index, element in enumerate(reading.sequence(value, "Tests")):
        with reading.collecting():
            found = reading.mapping(element, "Tests", index)
            expected = _expected(reading, found.get("ExpectedResult"), index)
            tests.append(
                Example(
                    name=str(found.get("Name") or f"test {index + 1}"),
                    matches=expected is not is_policy,
                    record=_record(reading, found, index),
                    is_complete=True,
                    mocks=_mocks(reading, found.get("Mocks"), index),
                )
            )
    return tuple(tests)


def _with_values(
    examples: tuple[Example, ...], values: Mapping[str, tuple[str, ...]]
) -> tuple[Example, ...]:
    """Return the examples, in which lists of the settings are what the rule says they are."""
    if not values:
        return examples
    own = {name: each for name, each in values.items() if not name.startswith(_ORGANIZATION)}
    mocks: list[list[object]] = [
        [name, each] for name, each in values.items() if name.startswith(_ORGANIZATION)
    ]
    mocked = _json([*mocks, *([["placeholders", own]] if own else [])])
    return tuple(replace(example, mocks=mocked) for example in examples)


def _expected(reading: Reading, value: YamlValue, index: int) -> bool:
    """Return the answer expected: true or false, or one of these words as text."""
    if isinstance(value, str):
        value = _FLAGS.get(value.strip().lower(), value)
    return reading.flag(value, "Tests", index, "ExpectedResult")


def _record(reading: Reading, found: Mapping[str, YamlValue], index: int) -> str:
    """Return the record as JSON; it may stand there as an object or as the text of one."""
    key = "Log" if "Log" in found else "Resource"
    value = found.get(key)
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise reading.error(f"{key!r} is text that is not JSON", "Tests", index, key) from error
    return _json(reading.mapping(value, "Tests", index, key))


def _mocks(reading: Reading, value: YamlValue, index: int) -> str:
    """Return the mocks as a JSON list of names, each with what it returns."""
    pairs: list[list[YamlValue]] = []
    for at, element in enumerate(reading.sequence(value, "Tests", index, "Mocks")):
        here = ("Tests", index, "Mocks", at)
        found = reading.mapping(element, *here)
        name = reading.text(found.get("objectName"), *here, "objectName")
        pairs.append([name, found.get("returnValue")])
    return _json(pairs)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode("utf-8")
