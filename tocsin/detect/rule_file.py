"""Read one file of Sigma rules and filters: what is kept of it from one start to the next."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from tocsin.detect.adaptation import Adaptation
from tocsin.detect.filters import Filter
from tocsin.detect.packing import Packing
from tocsin.detect.rules import Rule
from tocsin.errors import ContentError, Location, Problem
from tocsin.ocsf.yaml_text import Document, load_all


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What one file holds; it depends on nothing but its text, the placeholders and pipelines."""

    rules: tuple[Rule, ...] = ()
    filters: tuple[Filter, ...] = ()
    problems: tuple[Problem, ...] = ()


class Shelf(Protocol):
    """Keeps what was read of files, as bytes; for those who may touch the disk."""

    def kept(self, files: Mapping[str, str]) -> Iterable[tuple[str, bytes]]:
        """Give paths with what is known of files with these texts."""

    def read_elsewhere(self, files: Mapping[str, str]) -> Mapping[str, bytes | Problem]:
        """Return by path what another process read; files left out are read in this one."""

    def keep(self, path: str, content: bytes) -> None:
        """Take what was read in this process."""


def read_file(path: str, text: str, adaptation: Adaptation) -> RuleFile:
    """Read the Sigma documents of one file; what is wrong with them is among the problems."""
    try:
        documents = load_all(text, path)
    except ContentError as error:
        return RuleFile(problems=(Problem(error.location, error.message),))
    filled = [document for document in documents if document.value is not None]
    if not filled:
        return RuleFile(problems=(Problem(Location(path), "the file holds no rule"),))
    return read_documents(filled, path, text, adaptation)


def read_documents(
    documents: Iterable[Document], path: str, text: str, adaptation: Adaptation
) -> RuleFile:
    """Read Sigma documents of one file that has this text."""
    # pySigma is loaded here: most commands never read a rule.
    from tocsin.detect.formats import (
        sigma,
        sigma_aggregation,
        sigma_correlation,
        sigma_deprecated,
        sigma_filter,
    )

    rules: list[Rule] = []
    filters: list[Filter] = []
    problems: list[Problem] = []
    for written in sigma_deprecated.collected(documents):
        modern, warnings = sigma_aggregation.converted(written, path)
        problems += warnings
        for document in modern:
            rule: Rule | None = None
            if sigma_filter.is_filter(document):
                sieve, found = sigma_filter.read(document, text, path, adaptation)
                filters += [sieve] if sieve else []
            elif sigma_correlation.is_correlation(document):
                rule, found = sigma_correlation.read(document, text, path)
            else:
                rule, found = sigma.read(document, text, path, adaptation)
            rules += [rule] if rule else []
            problems += found
    return RuleFile(tuple(rules), tuple(filters), tuple(problems))


def read_files(
    files: Mapping[str, str], adaptation: Adaptation, shelf: Shelf | None
) -> Mapping[str, RuleFile]:
    """Return by path what the files hold, from the shelf where it is there.

    Raises:
        RuleError: a pipeline is wrong.
    """
    found: dict[str, RuleFile] = {}
    if shelf is None:
        _check(adaptation)
        return {path: read_file(path, text, adaptation) for path, text in files.items()}
    _unpacked(shelf.kept(files), found)
    missing = {path: text for path, text in files.items() if path not in found}
    if missing:
        _check(adaptation)
        _unpacked(shelf.read_elsewhere(missing).items(), found)
    for path, text in missing.items():
        if path not in found:
            found[path] = read_file(path, text, adaptation)
            with suppress(ValueError):  # what bytes cannot hold is read every time
                shelf.keep(path, _packing().pack(found[path]))
    return found


def _check(adaptation: Adaptation) -> None:
    """Say what is wrong with pipelines once, and not for each file."""
    if adaptation.pipelines:
        from tocsin.detect.formats import sigma_pipeline

        sigma_pipeline.pipelines_of(adaptation)


def _unpacked(contents: Iterable[tuple[str, bytes | Problem]], found: dict[str, RuleFile]) -> None:
    """Add what can be read of the contents; what cannot is as if it were missing."""
    packing = _packing()
    for path, content in contents:
        if isinstance(content, Problem):
            found[path] = RuleFile(problems=(content,))
            continue
        try:
            found[path] = packing.unpack(content)
        except ValueError:
            continue


@cache
def _packing() -> Packing[RuleFile]:
    return Packing(RuleFile)
