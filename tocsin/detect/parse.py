"""Read a set of rule files: every rule that can be used, every problem of the rest, no exception.

YAML files hold Sigma rules and filters, or, where they have the key `AnalysisType`, describe a
Python rule that stands in a file beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.detect.adaptation import Adaptation
from tocsin.detect.filters import Filter, applied
from tocsin.detect.formats.python_folder import PythonFolder, is_helper
from tocsin.detect.placeholders import Placeholders, completed
from tocsin.detect.references import resolved
from tocsin.detect.rule_file import RuleFile, Shelf, read_documents, read_files
from tocsin.detect.rules import Parsed, Rule
from tocsin.errors import ContentError, Location, Problem
from tocsin.ocsf.yaml_text import Document, load_all

_YAML = (".yml", ".yaml")
_PYTHON_KEY = "AnalysisType"


def parse_rules(
    files: Mapping[str, str],
    placeholders: Placeholders | None = None,
    shelf: Shelf | None = None,
    pipelines: Mapping[str, str] | None = None,
) -> Parsed:
    """Read rules of all formats.

    Args:
        files: text by path; `.yml` and `.yaml` are read; they name those with Python and tables.
        placeholders: values for `expand` by name; those of the organization are always known.
        shelf: keeps what was read of Sigma files; without it everything is read anew.
        pipelines: texts of pySigma's processing pipelines by file; applied to Sigma rules.

    Returns:
        Rules in order of path, uids unique, and the problems with file and line.

    Raises:
        RuleError: a pipeline is wrong; with file and line.
    """
    values = completed(placeholders or {})
    adaptation = Adaptation(values, pipelines or {})
    yaml = {path: files[path] for path in sorted(files) if path.endswith(_YAML)}
    sigma = {path: text for path, text in yaml.items() if _PYTHON_KEY not in text}
    ready = read_files(sigma, adaptation, shelf)
    found = _Found()
    for path, text in yaml.items():
        if path in ready:
            found.add(ready[path])
        else:
            _read_python(path, text, files, adaptation, found)
    problems = found.problems + _orphans(files, found.named)
    unique, duplicates = _unique(found.rules)
    unique, unmet = applied(found.filters, unique)
    unique, surroundings = found.folder.finished(files, unique, values)
    unique, unbound = resolved(unique)
    return Parsed(tuple(unique), (*problems, *duplicates, *unmet, *unbound), surroundings)


@dataclass(slots=True)
class _Found:
    """What the files held so far; `named` are the Python files that YAML files name."""

    rules: list[Rule] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    folder: PythonFolder = field(default_factory=PythonFolder)

    def add(self, file: RuleFile) -> None:
        self.rules += file.rules
        self.filters += file.filters
        self.problems += file.problems


def _read_python(
    path: str, text: str, files: Mapping[str, str], adaptation: Adaptation, found: _Found
) -> None:
    """Read a file that seems to describe Python rules; other documents in it are Sigma's."""
    try:
        documents = [each for each in load_all(text, path) if each.value is not None]
    except ContentError as error:
        found.problems.append(Problem(error.location, error.message))
        return
    if not documents:
        found.problems.append(Problem(Location(path), "the file holds no rule"))
    others = [each for each in documents if not _is_python(each)]
    if others:
        found.add(read_documents(others, path, text, adaptation))
    for document in filter(_is_python, documents):
        rule, problems, named = found.folder.read(document, text, path, files)
        found.named.add(named)
        found.rules += [rule] if rule else []
        found.problems += problems


def _is_python(document: Document) -> bool:
    return isinstance(document.value, dict) and _PYTHON_KEY in document.value


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
