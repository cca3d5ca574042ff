"""Tell an incident in plain words: who did what to which thing, from where, when, why it matters.

A sentence is a form and the values that stand in it, so that pages can translate the form and mark
the values. Values come from logs: as text they are inert, which means that odd characters show as
code points and that nothing is longer than a line.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tocsin.incidents.incident import Incident
from tocsin.ocsf import Entity
from tocsin.ocsf.findings import TACTIC_UIDS

SHOWN_STEPS = 12
SHOWN_NAMES = 3
SHOWN_ADVICE = 3
LONGEST_VALUE = 90
LONGEST_TEXT = 500
FAILED = "Failure"

FORMS: Mapping[str, str] = {
    "whole.one": "On %(begin)s UTC %(who)s set off one rule: %(worst)s.",
    "whole.one.from": "On %(begin)s UTC %(who)s, coming from %(address)s, set off one rule: "
    "%(worst)s.",
    "whole.many": "Between %(begin)s and %(end)s UTC %(who)s set off %(rules)s rules; "
    "the gravest: %(worst)s.",
    "whole.many.from": "Between %(begin)s and %(end)s UTC %(who)s, coming from %(address)s, "
    "set off %(rules)s rules; the gravest: %(worst)s.",
    "touched": "It touched %(target)s.",
    "tied": "Tied to it: %(others)s.",
    "step": "%(what)s.",
    "deed": "%(who)s did %(deed)s.",
    "deed.to": "%(who)s did %(deed)s to %(target)s.",
    "deed.from": "%(who)s did %(deed)s from %(address)s.",
    "deed.to.from": "%(who)s did %(deed)s to %(target)s from %(address)s.",
    "about": "It is about %(who)s.",
    "count": "It matched %(count)s times until %(end)s.",
    "failed.all": "Every attempt failed.",
    "failed.some": "Some of the attempts failed.",
    "why": "%(text)s",
    "steps.more": "There are %(count)s more steps among the findings.",
    "first.rule": "First rule out the harmless: %(text)s",
    "first.runbook": "First do what the rule says: %(text)s",
    "first.ask": "First ask %(who)s whether this was them, by another way than this account.",
    "first.look": "First look who owns %(who)s, and whether they know of this.",
    "names.more": "%(names)s and %(count)s more",
    "tactic.reconnaissance": "Reconnaissance: somebody learns about you from outside.",
    "tactic.resource-development": "Resource development: somebody prepares accounts or machines "
    "to attack from.",
    "tactic.initial-access": "Initial access: somebody gets in.",
    "tactic.execution": "Execution: somebody runs commands or code of their own.",
    "tactic.persistence": "Persistence: somebody makes sure that they can come back.",
    "tactic.privilege-escalation": "Privilege escalation: somebody gets more rights than they had.",
    "tactic.defense-evasion": "Defense evasion: somebody hides, or switches off what would see "
    "them.",
    "tactic.credential-access": "Credential access: somebody collects passwords, keys or tokens "
    "to go on as someone else.",
    "tactic.discovery": "Discovery: somebody looks around inside.",
    "tactic.lateral-movement": "Lateral movement: somebody goes on from one system to the next.",
    "tactic.collection": "Collection: somebody gathers data that they may want to take.",
    "tactic.command-and-control": "Command and control: something inside takes orders from "
    "outside.",
    "tactic.exfiltration": "Exfiltration: somebody takes data out.",
    "tactic.impact": "Impact: somebody destroys, encrypts, or uses up what is yours.",
}
"""Every sentence there is, by name."""

Kind = Literal["whole", "step", "meaning", "first"]


@dataclass(frozen=True, slots=True)
class Names:
    """Some of several names, the first ones; `more` counts the others."""

    shown: tuple[str, ...]
    more: int = 0

    @classmethod
    def of(cls, every: Iterable[str], most: int = SHOWN_NAMES) -> "Names":
        """Return the first of the different names that are not empty."""
        names = [name for name in dict.fromkeys(every) if name]
        return cls(tuple(names[:most]), max(len(names) - most, 0))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        form: its name in `FORMS`.
        values: what stands in it, raw: whoever shows them makes them inert.
    """

    form: str
    values: Mapping[str, "str | Names"] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence in English, inert."""
        longest = LONGEST_TEXT if "text" in self.values else LONGEST_VALUE
        return FORMS[self.form] % {
            name: _said(value, longest) for name, value in self.values.items()
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a story.

    Attributes:
        kind: the whole in short, a step, what a tactic means, or what to do first.
        sentences: in order; of a step the first names it.
        time: of a step, when it began, UTC; else `None`.
        finding_uid: of a step, its first finding; else "".
        severity_id: of a step; else 0.
    """

    kind: Kind
    sentences: tuple[Sentence, ...]
    time: datetime | None = None
    finding_uid: str = ""
    severity_id: int = 0

    @property
    def text(self) -> str:
        """The line in English, inert."""
        return " ".join(sentence.text for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class Deed:
    """Events of one finding that did the same.

    Attributes:
        count: how many events.
        operation: `GetSecretValue`; "" where the events do not say, as in all texts here.
        status: as OCSF names it: `Success`, `Failure`.
        targets: names of what it was done to.
    """

    finding_uid: str
    time: datetime
    last_time: datetime
    count: int
    operation: str
    status: str
    actor: str
    address: str
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clue:
    """What a story needs of one finding.

    Attributes:
        count: its matches.
        runbook: what its rule says is to be done; "" for nothing.
        harmless: harmless causes that its rule knows.
    """

    uid: str
    rule_uid: str
    title: str
    description: str
    severity_id: int
    tactics: tuple[str, ...]
    time: datetime
    last_time: datetime
    count: int
    entity: Entity
    runbook: str = ""
    harmless: tuple[str, ...] = ()


def tell(incident: Incident, clues: Sequence[Clue], deeds: Sequence[Deed]) -> tuple[Line, ...]:
    """Return the story: the whole, the steps in order of time, what they mean, what to do first.

    Args:
        incident: what it is about.
        clues: its findings in any order.
        deeds: what their events did; those of unknown findings are left out.
    """
    if not clues:
        return ()
    by_finding: dict[str, list[Deed]] = {}
    for deed in deeds:
        by_finding.setdefault(deed.finding_uid, []).append(deed)
    groups = _grouped(clues)
    done = [[deed for clue in group for deed in by_finding.get(clue.uid, ())] for group in groups]
    steps = [_step(*each) for each in zip(groups[:SHOWN_STEPS], done, strict=False)]
    if len(groups) > SHOWN_STEPS:
        more = {"count": str(len(groups) - SHOWN_STEPS)}
        steps.append(Line("step", (Sentence("steps.more", more),)))
    known = [deed for some in done for deed in some]
    lines = [_whole(incident, clues, known), *steps, *_meanings(clues), *_advice(incident, clues)]
    return tuple(lines)


def inert(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return text of unknown origin in one line: odd characters as code points, shortened."""
    if len(text) > longest:
        text = text[: longest - 1].rstrip() + "…"
    return _ODD.sub(lambda found: _shown(found[0]), text)


_ODD = re.compile(r"[^\x20-\x7e]")
_ODD_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def _shown(character: str) -> str:
    is_odd = unicodedata.category(character) in _ODD_CATEGORIES
    return f"U+{ord(character):04X}" if is_odd else character


def _said(value: str | Names, longest: int) -> str:
    if isinstance(value, str):
        return inert(value, longest)
    names = ", ".join(inert(name, longest) for name in value.shown)
    if not value.more:
        return names
    return FORMS["names.more"] % {"names": names, "count": value.more}


def _grouped(clues: Iterable[Clue]) -> list[list[Clue]]:
    """Return the findings by rule and entity, each group and all groups in order of time."""
    groups: dict[tuple[str, str], list[Clue]] = {}
    for clue in sorted(clues, key=lambda each: (each.time, each.uid)):
        groups.setdefault((clue.rule_uid, clue.entity.uid), []).append(clue)
    return list(groups.values())


def _whole(incident: Incident, clues: Sequence[Clue], deeds: Sequence[Deed]) -> Line:
    worst = max(clues, key=lambda each: (each.severity_id, each.count, each.uid))
    rules = len({clue.rule_uid for clue in clues})
    about = incident.entities[0] if incident.entities else worst.entity
    addresses = Names.of(deed.address for deed in deeds if deed.address != name_of(about))
    values: dict[str, str | Names] = {
        "who": Names((name_of(about),)),
        "begin": f"{incident.first_time:%Y-%m-%d %H:%M}",
        "end": _end(incident.first_time, incident.last_time),
        "worst": worst.title,
        "rules": str(rules),
        "address": addresses,
    }
    form = ("whole.one" if rules == 1 else "whole.many") + (".from" if addresses.shown else "")
    sentences = [Sentence(form, values)]
    targets = Names.of(target for deed in deeds for target in deed.targets)
    if targets.shown:
        sentences.append(Sentence("touched", {"target": targets}))
    if len(incident.entities) > 1:
        others = Names.of(name_of(entity) for entity in incident.entities[1:])
        sentences.append(Sentence("tied", {"others": others}))
    return Line("whole", tuple(sentences))


def _step(group: Sequence[Clue], deeds: Sequence[Deed]) -> Line:
    first = group[0]
    sentences = [Sentence("step", {"what": first.title.rstrip(".")}), _deed(first, deeds)]
    count, end = sum(clue.count for clue in group), max(clue.last_time for clue in group)
    if count > 1:
        said = {"count": str(count), "end": _end(first.time, end)}
        sentences.append(Sentence("count", said))
    failed = sum(deed.count for deed in deeds if deed.status == FAILED)
    if failed:
        is_all = failed == sum(deed.count for deed in deeds)
        sentences.append(Sentence("failed.all" if is_all else "failed.some"))
    if first.description:
        sentences.append(Sentence("why", {"text": first.description}))
    worst = max(clue.severity_id for clue in group)
    return Line("step", tuple(sentences), first.time, first.uid, worst)


def _deed(clue: Clue, deeds: Sequence[Deed]) -> Sentence:
    who = Names.of(deed.actor for deed in deeds) if any(deed.actor for deed in deeds) else None
    values: dict[str, str | Names] = {
        "who": who or Names((name_of(clue.entity),)),
        "deed": Names.of(deed.operation for deed in deeds),
        "target": Names.of(target for deed in deeds for target in deed.targets),
        "address": Names.of(deed.address for deed in deeds),
    }
    if not any(deed.operation for deed in deeds):
        return Sentence("about", {"who": values["who"]})
    form = "deed"
    form += ".to" if any(deed.targets for deed in deeds) else ""
    form += ".from" if any(deed.address for deed in deeds) else ""
    return Sentence(form, values)


def _meanings(clues: Iterable[Clue]) -> Iterable[Line]:
    """Yield what the tactics mean, in the order in which an attack goes through them."""
    tactics = {tactic for clue in clues for tactic in clue.tactics}
    return [
        Line("meaning", (Sentence(f"tactic.{tactic}"),))
        for tactic in TACTIC_UIDS
        if tactic in tactics
    ]


def _advice(incident: Incident, clues: Iterable[Clue]) -> Iterable[Line]:
    """Return what to do first, from the texts of the gravest rules."""
    wanted: dict[tuple[str, str], None] = {}
    for clue in sorted(clues, key=lambda each: (-each.severity_id, each.time, each.uid)):
        if clue.runbook:
            wanted["first.runbook", clue.runbook] = None
        for text in clue.harmless:
            wanted["first.rule", text] = None
    chosen = [Sentence(form, {"text": text}) for form, text in list(wanted)[:SHOWN_ADVICE]]
    if not chosen and incident.entities:
        about = incident.entities[0]
        form = "first.ask" if about.type == "user" else "first.look"
        chosen = [Sentence(form, {"who": Names((name_of(about),))})]
    return [Line("first", (sentence,)) for sentence in chosen]


def name_of(entity: Entity) -> str:
    """Return the name by which people know an entity."""
    return entity.name or entity.uid


def _end(begin: datetime, end: datetime) -> str:
    """Return a later time, without its day where that is the same."""
    return f"{end:%H:%M}" if end.date() == begin.date() else f"{end:%Y-%m-%d %H:%M}"
