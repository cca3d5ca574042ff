"""Read a set of rule files: every rule that can be used, every problem of the rest, no exception.

YAML files hold Sigma rules, or, where they have the key `AnalysisType`, describe a Python rule that
stands in a file beside them.
"""

from collections.abc import Iterator, Mapping

from tocsin.detect.placeholders import Placeholders, completed
from tocsin.detect.rules import Parsed, Rule
from tocsin.errors import ContentError, Location, Problem
from tocsin.ocsf.yaml_text import Document, load_all

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
    rules: list[Rule] = []
    problems: list[Problem] = []
    named: set[str] = set()
    for path in sorted(files):
        if path.endswith(_YAML):
            for rule, found, python_file in _documents(path, files, values):
                problems += found
                named.add(python_file)
                if rule is not None:
                    rules.append(rule)
    problems += _orphans(files, named)
    unique, duplicates = _unique(rules)
    return Parsed(tuple(unique), (*problems, *duplicates))


def _documents(
    path: str, files: Mapping[str, str], placeholders: Placeholders
) -> Iterator[tuple[Rule | None, tuple[Problem, ...], str]]:
    """Yield the rule of each document with its problems and the Python file that it names."""
    text = files[path]
    try:
        documents = load_all(text, path)
    except ContentError as error:
        yield None, (Problem(error.location, error.message),), ""
        return
    filled = [document for document in documents if document.value is not None]
    if not filled:
        yield None, (Problem(Location(path), "the file holds no rule"),), ""
    # pySigma is loaded here: most commands never read a rule.
    from tocsin.detect.formats import python, sigma

    for document in filled:
        if _is_python(document):
            yield python.read(document, text, path, files)
        else:
            yield *sigma.read(document, text, path, placeholders), ""


def _is_python(document: Document) -> bool:
    return isinstance(document.value, dict) and "AnalysisType" in document.value


def _orphans(files: Mapping[str, str], named: set[str]) -> list[Problem]:
    message = "no YAML file beside it names this file under `Filename`"
    return [
        Problem(Location(path), message)
        for path in sorted(files)
        if path.endswith(".py") and path not in named
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
