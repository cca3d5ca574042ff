"""Read a set of rule files: every rule that can be used, every problem of the rest, no exception.

YAML files hold Sigma rules and filters, or, where they have the key `AnalysisType`, describe a
Python rule that stands in a file beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.detect.formats.python_folder import PythonFolder, is_helper
from tocsin.detect.placeholders import Placeholders, completed
from tocsin.detect.rules import Parsed, Rule
from tocsin.errors import ContentError, Location, Problem
from tocsin.ocsf.yaml_text import Document, load_all

if TYPE_CHECKING:
    from tocsin.detect.formats.sigma_filter import Filter

_YAML = (".yml", ".yaml")


def parse_rules(files: Mapping[str, str], placeholders: Placeholders | None = None) -> Parsed:
    """Read rules of all formats.

    Args:
        files: text by path; `.yml` and `.yaml` are read, `.py` are the rules that these name.
        placeholders: values for `expand` by name; those of the organization are known without.
        placeholders: values for `expand` by name; those of the organization are always known.

    Returns:
        Rules in order of path, uids unique, and the problems with file and line.
    """
    values = completed(placeholders or {})
    found = _Found()
    for path in sorted(files):
        if path.endswith(_YAML):
            _read_file(path, files, values, found)
    problems = found.problems + _orphans(files, found.named)
    unique, duplicates = _unique(found.rules)
    if found.filters:
        from tocsin.detect.formats import sigma_filter

        unique, unmet = sigma_filter.applied(found.filters, unique)
        duplicates += unmet
    surroundings = found.folder.surroundings(files, unique)
    return Parsed(tuple(unique), (*problems, *duplicates), surroundings)


@dataclass(slots=True)
class _Found:
    """What the files held so far; `named` are the Python files that YAML files name."""

    rules: list[Rule] = field(default_factory=list)
    filters: "list[Filter]" = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    folder: PythonFolder = field(default_factory=PythonFolder)


def _read_file(
    path: str, files: Mapping[str, str], placeholders: Placeholders, found: _Found
) -> None:
    text = files[path]
    try:
        documents = load_all(text, path)
    except ContentError as error:
        found.problems.append(Problem(error.location, error.message))
        return
    filled = [document for document in documents if document.value is not None]
    if not filled:
        found.problems.append(Problem(Location(path), "the file holds no rule"))
    # pySigma is loaded here: most commands never read a rule.
    from tocsin.detect.formats import sigma, sigma_deprecated, sigma_filter

    for document in sigma_deprecated.collected(filled):
        rule: Rule | None = None
        problems: tuple[Problem, ...]
        if _is_python(document):
            rule, problems, named = found.folder.read(document, text, path, files)
            found.named.add(named)
        elif sigma_filter.is_filter(document):
            sieve, problems = sigma_filter.read(document, text, path, placeholders)
            found.filters += [sieve] if sieve else []
        else:
            rule, problems = sigma.read(document, text, path, placeholders)
        found.rules += [rule] if rule else []
        found.problems += problems


def _is_python(document: Document) -> bool:
    return isinstance(document.value, dict) and "AnalysisType" in document.value


def _orphans(files: Mapping[str, str], named: set[str]) -> list[Problem]:
    message = "no YAML file beside it names this file under `Filename`"
    return [
        Problem(Location(path), message)
        for path in sorted(files)
        if path.endswith(".py") and path not in named and not is_helper(path)
    ]


def _unique(rules: list[Rule]) -> tuple[list[Rule], list[Problem]]:
    """Keep the first rule of each uid; the others are problems."""
    first: dict[str, Rule] = {}
    problems: list[Problem] = []
    for rule in rules:
        kept = first.setdefault(rule.uid, rule)
        if kept is not rule:
            message = f"the id {rule.uid} is already taken by {kept.location}"
            problems.append(Problem(rule.location, message))
    return list(first.values()), problems
