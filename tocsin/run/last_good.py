"""Read changed rule files so that a broken one costs nothing: its last good version stays.

Whoever edits a rule while Tocsin runs saves it half-done now and then. A file that is refused keeps
the text that was in force before, and with it the Python file or the YAML file that it belongs to.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tocsin.errors import Problem
from tocsin.run.wiring import LoadedRules

_FILENAME = re.compile(r"^Filename:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_KEPT = "; its last good version stays in force"

Texts = Mapping[str, str]
Parse = Callable[[Texts], LoadedRules]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of the changed files.

    Attributes:
        loaded: the rules to put in force; its problems are those of the files as they are now.
        good: text by file of everything that is in force.
        kept: files whose text of before is in force, sorted.
    """

    loaded: LoadedRules
    good: Texts
    kept: tuple[str, ...] = ()


def read(texts: Texts, before: Texts, parse: Parse) -> Reading:
    """Parse the texts, with those of before in place of what is refused now.

    Args:
        texts: as they are now.
        before: those that were in force.
        parse: reads texts; gives among its problems those of files that are no text at all.
    """
    loaded = parse(texts)
    refused = {each.location.file for each in loaded.refusals}
    kept = _with_companions(refused, texts, before)
    if not kept:
        return Reading(loaded, _without(texts, refused))
    effective = {**texts, **{name: before[name] for name in kept}}
    mended = parse(effective)
    still = {each.location.file for each in mended.refusals if each not in loaded.refusals}
    if still:
        # What was good before clashes with what is new, such as a rule that moved to another file.
        return Reading(loaded, _without(texts, refused))
    problems = tuple(
        replace(each, message=each.message + _KEPT) if each.location.file in kept else each
        for each in loaded.problems
    )
    shown = replace(mended, problems=problems)
    return Reading(shown, _without(effective, refused - kept), tuple(sorted(kept)))


def told(problems: Iterable[Problem], kept: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for the health of Tocsin where rule files are refused, with the first."""
    refusals = [each for each in problems if not each.is_warning]
    if not refusals:
        return ()
    files, held = {each.location.file for each in refusals}, set(kept)
    more = f"{len(files)} rule files are refused" if len(files) > 1 else "a rule file is refused"
    old = f", {len(held)} in force as they were before" if len(files) > 1 and held else ""
    return (f"{more}{old}; `tocsin rules check` names all: {refusals[0]}",)


def _with_companions(refused: set[str], texts: Texts, before: Texts) -> set[str]:
    """Return the refused files that had a good text, with the other half of Python rules."""
    halves = {**_halves(before), **_halves(texts)}
    whole = set(refused)
    for description, source in halves.items():
        if description in refused or source in refused:
            whole |= {description, source}
    return {name for name in whole if name in before and texts.get(name) != before[name]}


def _halves(texts: Texts) -> dict[str, str]:
    """Return the Python file that each YAML file names."""
    found = {}
    for name, text in texts.items():
        if name.endswith(".py"):
            continue
        named = _FILENAME.search(text)
        if named:
            folder, slash, _ = name.rpartition("/")
            found[name] = f"{folder}{slash}{named[1].removeprefix('./')}"
    return found


def _without(texts: Texts, refused: Iterable[str]) -> Texts:
    left_out = set(refused)
    return {name: text for name, text in texts.items() if name not in left_out}
