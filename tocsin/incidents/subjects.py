"""What findings are about, and what that is: the keys by which findings are tied.

Three kinds of keys, from strong to weak. *Keys* are identities: whoever shares one belongs
together. *Grounds* are what something stands on or reached (the node of a pod, the address that was
scanned, who opened the bucket): they tie to whoever *is* that, but two that merely stand on the
same ground stay apart. *Loose* keys are shared by strangers (an address of the internet): they
group what has nothing better.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tocsin.identity import Identities, Key, Step, key_of
from tocsin.incidents.growth import Finding
from tocsin.incidents.incident import Incident, Subject, Tie
from tocsin.ocsf import Entity
from tocsin.ocsf.addresses import address_of, is_public

IDENTITY_TYPES = frozenset(
    {
        "access_key",
        "api_key",
        "container",
        "function",
        "host",
        "instance",
        "node",
        "pod",
        "role",
        "service_account",
        "session",
        "user",
        "workload",
    }
)
"""Entities that tie findings together. Addresses, accounts, buckets and the like do not: they are
shared by strangers."""

GROUND_TYPES = frozenset({"address", "bucket", "database", "image", "interface"})
"""Entities that a finding reached or touched; what they are, or stand on, may tie."""

_CREDENTIALS = frozenset({"access_key", "session"})
_TEMPORARY = "ASIA"
Shared = Collection[str]


@dataclass(frozen=True, slots=True)
class Bonds:
    """The keys of a finding or an incident.

    Attributes:
        keys: identities.
        grounds: what they stand on or reached.
        loose: what groups where there are no keys.
        reached: distinct entities that the grounds come from.
        entities: what all of these keys are, and everything on the way to them.
        steps: by key, the reasons that lead to it.
    """

    keys: frozenset[Key] = frozenset()
    grounds: frozenset[Key] = frozenset()
    loose: frozenset[Key] = frozenset()
    reached: frozenset[Key] = frozenset()
    entities: Mapping[Key, Entity] = field(default_factory=dict)
    steps: Mapping[Key, tuple[Tie, ...]] = field(default_factory=dict)


def subjects_of(finding: Finding, links: Sequence[Entity], shared: Shared) -> tuple[Subject, ...]:
    """Return what a finding is about and what it names beside it.

    Args:
        finding: any.
        links: of its links, those that may tie.
        shared: uids and names of identities that many share.
    """
    primary, first, last = finding.entity, finding.first_time, finding.last_time
    scope = finding.account
    about = Subject(primary, "about", first, last, scope, _sessions(primary, finding.links))
    found = [about]
    ties = _is_identity(primary) and not is_shared(primary, shared)
    has_key = any(_is_temporary(link) for link in links)
    for link in links:
        if has_key and link.type == "session":
            continue  # Names of sessions are often alike, keys never are.
        if link.type in GROUND_TYPES and link.uid:
            found.append(Subject(link, "stands", first, last, scope))
        elif ties and _is_identity(link) and not _is_local(primary, link):
            sessions = _sessions(link, finding.links)
            found.append(Subject(link, "tied", first, last, scope, sessions))
    return tuple(found)


def subjects_in(incident: Incident) -> tuple[Subject, ...]:
    """Return the subjects of an incident; one of an older Tocsin knows its entities alone."""
    if incident.subjects:
        return incident.subjects
    first, last = incident.first_time, incident.last_time
    primary, *others = incident.entities
    tying = [one for one in others if _is_identity(one)] if _is_identity(primary) else []
    return (
        Subject(primary, "about", first, last),
        *(Subject(one, "tied", first, last) for one in tying),
    )


def is_shared(entity: Entity, shared: Shared) -> bool:
    """Return whether an identity is one that many share."""
    return entity.uid in shared or entity.name in shared


def bonds_of(subjects: Iterable[Subject], identities: Identities, shared: Shared) -> Bonds:
    """Return the keys of these subjects as of what is known of identities."""
    reader = _Reader(identities, shared)
    for subject in subjects:
        reader.add(subject)
    return reader.bonds()


class _Reader:
    """Gathers the keys of subjects."""

    def __init__(self, identities: Identities, shared: Shared) -> None:
        self._identities = identities
        self._shared = shared
        self._keys: set[Key] = set()
        self._grounds: set[Key] = set()
        self._loose: set[Key] = set()
        self._reached: set[Key] = set()
        self._entities: dict[Key, Entity] = {}
        self._steps: dict[Key, tuple[Tie, ...]] = {}

    def add(self, subject: Subject) -> None:
        """Add what a subject is."""
        if subject.bond == "stands":
            self._reach(subject)
        elif subject.sessions or is_shared(subject.entity, self._shared):
            self._add_role(subject)
        else:
            self._add_identity(subject, subject.entity, is_about=subject.bond == "about")

    def bonds(self) -> Bonds:
        """Return what was gathered."""
        return Bonds(
            keys=frozenset(self._keys),
            grounds=frozenset(self._grounds - self._keys),
            loose=frozenset(self._loose - self._keys),
            reached=frozenset(self._reached),
            entities=self._entities,
            steps=self._steps,
        )

    def _add_identity(self, subject: Subject, entity: Entity, *, is_about: bool) -> None:
        names = list(self._names(subject, entity))
        if names:
            for each, ties in names:
                self._note(self._keys, each, ties)
                self._stand(subject, each, ties)
        elif is_about:
            self._note(self._loose, entity, ())

    def _pass(self, steps: Iterable[Step]) -> tuple[Tie, ...]:
        """Remember what is on the way: more may become known of it."""
        steps = tuple(steps)
        for step in steps:
            self._entities.setdefault(key_of(step.other), step.other)
        return tuple(Tie(step.one, step.other, step.sentence) for step in steps)

    def _add_role(self, subject: Subject) -> None:
        """Add a role by whom its sessions are: a role itself is worn by many."""
        for session in subject.sessions:
            self._entities.setdefault(key_of(session), session)
        role, shared = subject.entity, is_shared(subject.entity, self._shared)
        keys = [each for each in subject.sessions if each.type == "access_key"]
        others = [each for each in subject.sessions if each.type != "access_key"]
        # Who takes a role may call the session as they like: the key is surer.
        persons = self._persons(subject, keys) or self._persons(subject, others)
        if len(persons) > 1:
            self._note(self._loose, role, ())
            return
        if persons or (shared and len(keys) == 1):
            for session in persons.values() if persons else keys:
                self._add_identity(subject, session, is_about=False)
        elif shared:
            self._note(self._loose, role, ())
        else:
            self._add_identity(subject, role, is_about=subject.bond == "about")

    def _persons(self, subject: Subject, sessions: Iterable[Entity]) -> dict[Key, Entity]:
        """Return who wore a role, and in which session."""
        return {
            key_of(name): session
            for session in sessions
            for name, _ in list(self._names(subject, session))[-1:]
            if name.type not in _CREDENTIALS and key_of(name) != key_of(subject.entity)
        }

    def _reach(self, subject: Subject) -> None:
        entity = subject.entity
        found = self._identities.resolve(entity, subject.first, subject.scope)
        ties = self._pass(found.steps)
        before = len(self._grounds)
        if _is_identity(found.entity) and not is_shared(found.entity, self._shared):
            self._note(self._grounds, found.entity, ties)
        self._stand(subject, found.entity, ties)
        if len(self._grounds) > before:
            self._reached.add(key_of(entity))

    def _stand(self, subject: Subject, entity: Entity, ties: tuple[Tie, ...]) -> None:
        for ground in self._identities.grounds(entity, subject.first, subject.scope):
            more = self._pass(ground.steps)
            names = [ground.steps[0].other, *(step.other for step in ground.steps[1:])]
            for name in names:
                if _is_identity(name) and not is_shared(name, self._shared):
                    self._note(self._grounds, name, (*ties, *more))

    def _names(self, subject: Subject, entity: Entity) -> Iterator[tuple[Entity, tuple[Tie, ...]]]:
        """Yield an entity and all that it is, as far as they are identities of one alone."""
        if is_shared(entity, self._shared):
            return
        if _is_identity(entity):
            yield entity, ()
        steps = self._identities.resolve(entity, subject.first, subject.scope).steps
        ties = self._pass(steps)
        for place, step in enumerate(steps, start=1):
            if is_shared(step.other, self._shared):
                return
            if _is_identity(step.other):
                yield step.other, ties[:place]

    def _note(self, keys: set[Key], entity: Entity, ties: tuple[Tie, ...]) -> None:
        key = key_of(entity)
        keys.add(key)
        self._entities.setdefault(key, entity)
        self._steps.setdefault(key, ties)


def is_foreign(key: Key) -> bool:
    """Return whether a loose key is an address of the internet."""
    address = address_of(key[1]) if key[0] == "address" else None
    return address is not None and is_public(address)


def _is_identity(entity: Entity) -> bool:
    return entity.type in IDENTITY_TYPES and bool(entity.uid)


def _is_local(primary: Entity, link: Entity) -> bool:
    """Return whether a link is an account of one host alone: every host has its `root`."""
    is_of_host = primary.type == "host" and link.type in ("user", "session")
    return is_of_host and not set("@:") & set(link.uid)


def _is_temporary(entity: Entity) -> bool:
    return entity.type == "access_key" and entity.uid.startswith(_TEMPORARY)


def _sessions(entity: Entity, links: Iterable[Entity]) -> tuple[Entity, ...]:
    if entity.type != "role":
        return ()
    own = (
        link
        for link in links
        if (link.type == "session" and link.uid.startswith(f"{entity.uid}/")) or _is_temporary(link)
    )
    return tuple(own)
