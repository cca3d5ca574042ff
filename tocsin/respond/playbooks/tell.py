"""Steps that tell people and mark the incident: they change nothing but words about it.

They need nobody's approval, and happen once for each incident; what leaves Tocsin leaves by the
outboxes of tickets and messages, which try again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tocsin.ocsf.yaml_text import Path, YamlValue
from tocsin.respond.playbooks.document import Written

TellKind = Literal["ticket", "message", "comment", "tags", "assignee", "tasks"]

KINDS: tuple[TellKind, ...] = ("ticket", "message", "comment", "tags", "assignee", "tasks")

_ARGUMENTS: Mapping[TellKind, str] = {
    "ticket": "systems",
    "message": "routes",
    "comment": "text",
    "tags": "tags",
    "assignee": "name",
    "tasks": "tasks",
}
_ALONE = frozenset({"comment", "assignee"})
_MAY_BE_ALL = frozenset({"ticket", "message"})
_MOST = 20
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class TellStep:
    """One thing to say about an incident.

    Attributes:
        number: from 0, among all steps.
        kind: what is done.
        words: names of systems of tickets or of routes, empty for all that the settings have; the
            text of a comment; tags; a name; texts of tasks.
    """

    number: int
    kind: TellKind
    words: tuple[str, ...] = ()


def tell_step(written: Written, found: Mapping[str, YamlValue], place: Path) -> TellStep:
    """Read a step that has the key `tell`.

    Raises:
        PlaybookError: with the line, what was found and what would be right.
    """
    number = place[-1]
    found = written.mapping(dict(found), place, ("tell", "with"))
    kind: TellKind = written.word(found["tell"], (*place, "tell"), KINDS)
    name = _ARGUMENTS[kind]
    arguments = written.mapping(found.get("with", {}), (*place, "with"), (name,))
    value = arguments.get(name, [])
    listed = value if isinstance(value, list) else [value]
    words = tuple(each.strip() for each in listed if isinstance(each, str) and each.strip())
    wrong = len(words) != len(listed) or len(words) > _MOST or any(len(w) > _LONGEST for w in words)
    if wrong or (not words and kind not in _MAY_BE_ALL) or (kind in _ALONE and len(words) != 1):
        what = "one text" if kind in _ALONE else "a list of texts"
        raise written.error(f"`tell: {kind}` takes {name!r} under 'with': {what}", place)
    return TellStep(number if isinstance(number, int) else 0, kind, words)
