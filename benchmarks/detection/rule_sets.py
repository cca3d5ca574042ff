"""The rule sets: 57 for CloudTrail, 1,000 and 5,000 made from them, and 1,083 about processes.

The 57 are published AWS rules, where they lie beside the project, and ours. Rules that read
normalized events are left out, for a peer has none; placeholders get values, for not every peer has
placeholders.
"""

from collections.abc import Mapping
from pathlib import Path

import yaml

from benchmarks import recorded
from benchmarks.detection.mutation import Document, multiplied, uuid_of
from benchmarks.detection.process_rules import process_documents
from tocsin.conditions.tree import leaves_of, paths_of
from tocsin.detect import LogSources, Rule, parse_rules
from tocsin.detect.fields import EventReader
from tocsin.run import content

CLOUDTRAIL = "aws.cloudtrail"
PROCESSES = "benchmark.processes"
FEW, MANY, MOST, PROCESS_RULES = 57, 1_000, 5_000, 1_083
_PUBLISHED = recorded.PROJECT.parent / "shared/corpora/sigma/rules/cloud/aws"
_VALUES: Mapping[str, list[str]] = {
    "%organization.accounts%": ["111122223333", "222233334444"],
    "%organization.address_ranges%": ["192.0.2.0/24", "198.51.100.0/24"],
    "%organization.address_ranges_known%": ["*"],
    "%organization.break_glass%": ["arn:aws:iam::111122223333:user/break-glass", "break-glass"],
    "%organization.ci_roles%": ["arn:aws:iam::111122223333:role/ci-deploy", "ci-deploy"],
}
_LEFT_OUT = ("examples", "tocsin")
_PROCESS_SOURCE = f"""
  {PROCESSES}:
    sigma:
      - {{product: windows, category: process_creation}}
"""


def log_sources() -> LogSources:
    """Return Tocsin's log sources, and processes beside them."""
    return LogSources.read(content.log_sources_text() + _PROCESS_SOURCE, "log_sources.yaml")


def cloudtrail_documents(count: int) -> list[Document]:
    """Return that many rules for CloudTrail, the first 57 always the same."""
    published = _readable(sorted(_PUBLISHED.rglob("*.yml")))
    ours = _readable(sorted((content.builtin_rules_folder() / "aws/cloudtrail").glob("*.yaml")))
    return multiplied([*published, *ours][:FEW], count, _keeps_event_name)


def documents(kind: str, count: int) -> list[Document]:
    """Return that many rules of one kind of events."""
    return cloudtrail_documents(count) if kind == CLOUDTRAIL else process_documents(count)


def published_documents(folder: Path) -> list[Document]:
    """Return the rules about processes of a folder that the user has."""
    return [
        each
        for each in _readable(sorted(folder.rglob("*.yml")))
        if isinstance(source := each["logsource"], dict)
        and source.get("category") == "process_creation"
    ]


def write(made: list[Document], folder: Path) -> None:
    """Write one file for each rule."""
    folder.mkdir(parents=True)
    for number, document in enumerate(made):
        text = yaml.dump(
            document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
        )
        (folder / f"rule_{number:05}.yml").write_text(text, encoding="utf-8")


def parsed(made: list[Document]) -> tuple[Rule, ...]:
    """Return the rules as Tocsin reads them.

    Raises:
        ValueError: Tocsin refuses one.
    """
    texts = {
        f"{number:05}.yml": yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False)
        for number, document in enumerate(made)
    }
    found = parse_rules(texts)
    refused = [str(problem) for problem in found.problems if not problem.is_warning]
    if refused or len(found.rules) != len(made):
        raise ValueError(f"{len(made)} rules became {len(found.rules)}: {refused[:3]}")
    return found.rules


def _readable(paths: list[Path]) -> list[Document]:
    """Return the rules of these files that any side could read, without what only we have."""
    found = []
    for path in paths:
        for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            if isinstance(document, dict) and _is_event_rule(document):
                document["detection"] = _with_values(document["detection"])
                kept = {key: value for key, value in document.items() if key not in _LEFT_OUT}
                found.append({"id": uuid_of(path.name), **kept})
    return [each for each in found if _reads_records_only(each)]


def _is_event_rule(document: Document) -> bool:
    return "detection" in document and "logsource" in document and "title" in document


def _with_values(part: object) -> object:
    """Return the detection with values where placeholders stood."""
    match part:
        case dict():
            return dict(_with_values_at(str(key), value) for key, value in part.items())
        case list():
            return [_with_values(each) for each in part]
        case _:
            return part


def _with_values_at(key: str, value: object) -> tuple[str, object]:
    field, *modifiers = key.split("|")
    if "expand" not in modifiers:
        return key, _with_values(value)
    names = value if isinstance(value, list) else [value]
    others = [modifier for modifier in modifiers if modifier != "expand"]
    values = [text for name in names for text in _VALUES.get(str(name), [str(name).strip("%")])]
    return "|".join([field, *others]), values


def _reads_records_only(document: Document) -> bool:
    """Return whether Tocsin takes the rule and finds all that it reads in the source's record."""
    try:
        (rule,) = parsed([document])
    except ValueError:
        return False
    reader = EventReader(rule.log_source.reads_ocsf, frozenset({"resources"}))
    return rule.condition is not None and all(
        reader.reads_record(path) for leaf in leaves_of(rule.condition) for path in paths_of(leaf)
    )


def _keeps_event_name(field: str, literal: str, number: int) -> bool:
    """Return whether a literal stays: one variant in eight is about an event that comes."""
    return number % 8 == 0 and field in ("eventName", "eventSource")
