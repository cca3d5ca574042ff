"""What looks wrong with a rule that can be used: warnings, each with its line.

A field that its source's records do not have, an ATT&CK tag that nobody knows, a rule without
examples, a condition that can never hold.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    Condition,
    Field,
    Not,
    Null,
    Text,
    leaves_of,
    paths_of,
)
from tocsin.detect.aliases import Aliases
from tocsin.detect.document import nearest
from tocsin.detect.fields import SHARED_ROOTS
from tocsin.detect.lint_correlations import proven
from tocsin.detect.rules import Rule
from tocsin.errors import Location, Problem
from tocsin.ocsf.findings import TACTIC_UIDS

_SPELLING_CUTOFF = 0.85
_TAG = re.compile(r"\battack\.([a-z0-9][a-z0-9_.-]*)", re.IGNORECASE)
_TECHNIQUE = re.compile(r"T[0-9]{4}(\.[0-9]{3})?\Z")
# Groups, software, data sources, mitigations, assets and tactics by number (appendix on tags).
_OTHER = re.compile(r"(G|S|DS|M|A|TA)[0-9]{4}\Z")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What rules may speak of.

    Attributes:
        techniques: ATT&CK identifiers; the value says whether the technique is retired.
        roots: first segments of the fields of each source.
        aliases: other names for the fields of each source.
    """

    techniques: Mapping[str, bool]
    roots: Mapping[str, frozenset[str]]
    aliases: Mapping[str, Aliases] = field(default_factory=dict)

    @staticmethod
    def read(
        attack: str, fields: Mapping[str, Iterable[str]], aliases: Mapping[str, Aliases]
    ) -> "Lexicon":
        """Read `content/attack.json`, and the fields of each source by dotted path."""
        found = json.loads(attack)
        return Lexicon(
            {uid: bool(each.get("is_retired")) for uid, each in found.items()},
            {
                source: frozenset(path.split(".")[0] for path in paths)
                for source, paths in fields.items()
            },
            aliases,
        )

    def has_alias(self, sources: tuple[str, ...], path: str) -> bool:
        """Return whether the path is another name for a field of one of the sources."""
        return any(
            self.aliases[source].meant_by(path) for source in sources if source in self.aliases
        )


def lint(
    rules: Sequence[Rule],
    sources: Mapping[str, tuple[str, ...]],
    texts: Mapping[str, str],
    lexicon: Lexicon,
) -> Iterator[Problem]:
    """Yield the warnings about rules, each looked at alone.

    Args:
        rules: without filters, or with them.
        sources: those that each reads, by its uid.
        texts: of their files; say the lines.
        lexicon: what is known.
    """
    shown = proven(rules)
    for rule in rules:
        text = texts.get(rule.location.file, "")
        lines = _Lines(rule.location, text)
        yield from _fields(rule, sources.get(rule.uid, ()), lines, lexicon)
        yield from _tags(rule, text, lines, lexicon)
        if not rule.examples and rule.uid not in shown:
            message = "the rule has no examples; nobody notices when it stops to work"
            yield Problem(rule.location, message, is_warning=True)
        condition = rule.as_in_examples().condition
        for message in [] if condition is None else _never(condition):
            yield lines.warning(message, "condition:")


@dataclass(frozen=True, slots=True)
class _Lines:
    location: Location
    text: str

    def warning(self, message: str, word: str) -> Problem:
        """Return the warning with the line, from the rule's first on, that holds the word."""
        first = max(self.location.line, 1)
        for number, line in enumerate(self.text.splitlines()[first - 1 :], first):
            if word in line:
                return Problem(Location(self.location.file, number), message, is_warning=True)
        return Problem(self.location, message, is_warning=True)


def _fields(
    rule: Rule, sources: tuple[str, ...], lines: _Lines, lexicon: Lexicon
) -> Iterator[Problem]:
    known = [lexicon.roots[source] for source in sources if source in lexicon.roots]
    if rule.condition is None or rule.log_source.reads_ocsf or not known:
        return
    roots = SHARED_ROOTS.union({"ocsf"}, *known, *map(_keys, rule.examples))
    for path in sorted({path for leaf in leaves_of(rule.condition) for path in paths_of(leaf)}):
        root = path.split(".")[0]
        is_known = root in roots or path in roots or lexicon.has_alias(sources, path)
        if not is_known:
            suggestion = nearest(root, roots)
            remedy = suggestion if "did you mean" in suggestion else ""
            message = f"no record of {', '.join(sources)} has the field {path!r}{remedy}"
            yield lines.warning(message, path)


def _keys(example: object) -> frozenset[str]:
    record = json.loads(getattr(example, "record", "{}"))
    return frozenset(record) if isinstance(record, dict) else frozenset()


def _tags(rule: Rule, text: str, lines: _Lines, lexicon: Lexicon) -> Iterator[Problem]:
    for uid in rule.techniques:
        if uid not in lexicon.techniques:
            message = f"no technique {uid} is in the ATT&CK that Tocsin knows; it may be newer"
        elif lexicon.techniques[uid]:
            message = f"ATT&CK has retired the technique {uid}; find what took its place"
        else:
            continue
        yield lines.warning(message, uid if uid in text else uid.lower())
    if rule.kind == "Python":
        return
    for number, line in enumerate(text.splitlines(), 1):
        is_tags = number >= rule.location.line and re.match(r"\s*(tags:|- *attack\.)", line)
        for word in _TAG.findall(line) if is_tags else ():
            if not _is_known_word(word):
                message = f"no tactic {word!r} is in the ATT&CK that Tocsin knows{_like(word)}"
                yield Problem(Location(rule.location.file, number), message, is_warning=True)


def _like(word: str) -> str:
    suggestion = nearest(word, TACTIC_UIDS, _SPELLING_CUTOFF)
    return suggestion if "did you mean" in suggestion else "; it may be newer"


def _is_known_word(word: str) -> bool:
    capitals = word.upper()
    is_number = bool(_TECHNIQUE.match(capitals) or _OTHER.match(capitals))
    return is_number or word.replace("_", "-").lower() in TACTIC_UIDS


def _never(condition: Condition) -> Iterator[str]:
    """Yield why some part of the condition can never hold."""
    match condition:
        case Not(inner):
            yield from _never(inner)
        case AnyOf(parts):
            for part in parts:
                yield from _never(part)
        case AllOf():
            joined = tuple(_joined(condition))
            yield from _denied(joined)
            yield from _contradictions(joined)
            for part in joined:
                yield from _never(part)


def _joined(condition: Condition) -> Iterator[Condition]:
    """Yield everything that must hold at once, groups inside groups opened."""
    if isinstance(condition, AllOf):
        for part in condition.conditions:
            yield from _joined(part)
    else:
        yield condition


def _denied(joined: tuple[Condition, ...]) -> Iterator[str]:
    for part in joined:
        if not isinstance(part, Not):
            continue
        inner = part.condition
        denied = inner.conditions if isinstance(inner, AnyOf) else (inner,)
        if any(set(_joined(each)) <= set(joined) for each in denied):
            yield "the condition never holds: it asks for a part and for its negation"
            return


def _contradictions(joined: tuple[Condition, ...]) -> Iterator[str]:
    asked: dict[str, frozenset[str]] = {}
    for part in joined:
        words = _plain_words(part) if isinstance(part, Field) else None
        if not isinstance(part, Field) or words is None:
            continue
        before = asked.get(part.path, words)
        if before.isdisjoint(words):
            yield (
                f"the field {part.path!r} must be {_either(before)} and {_either(words)} at once,"
                " which only a list can be"
            )
        asked[part.path] = before & words or words


def _plain_words(field: Field) -> frozenset[str] | None:
    """Return the whole texts that the field may be, `None` where it may be anything else."""
    if field.needs_all:
        return None
    words = set()
    for test in field.tests:
        if isinstance(test, Null):
            words.add("null")
            continue
        is_plain = isinstance(test, Text) and all(isinstance(part, str) for part in test.parts)
        if not is_plain:
            return None
        words.add("".join(str(part) for part in getattr(test, "parts", ())).lower())
    return frozenset(words)


def _either(words: frozenset[str]) -> str:
    return " or ".join(repr(word) for word in sorted(words)[:3])
