"""What one event says for a finding: whom and what it names, and in which of its fields.

Who chose a field decides whether the thing that it names may be acted on; so every entity comes
with the paths that it was read from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.detect.entities import actor_of, entities_at
from tocsin.detect.fields import Event, EventReader
from tocsin.detect.rules import EntityPath
from tocsin.ocsf import Entity

_ACTOR = ("actor.user.uid", "actor.user.name", "actor.session.issuer")
_INVOKER = ("actor.invoked_by", "actor.app_name")
_KEYS = ("actor.user.credential_uid", "actor.session.credential_uid")
_OCSF = "ocsf."


@dataclass(frozen=True, slots=True)
class EventTestimony:
    """One event of a finding, as the finding's rule reads it.

    Attributes:
        source: the source's type, such as `aws.cloudtrail`.
        seen: the event in both forms.
        reader: of the rule.
        paths: where the rule finds what its finding is about, and what it ties to it.
    """

    source: str
    seen: Event
    reader: EventReader
    paths: tuple[EntityPath, ...]

    @property
    def event(self) -> Mapping[str, object]:
        """The event by OCSF attributes."""
        return self.seen.row

    @property
    def record(self) -> Mapping[str, object]:
        """The source's own record."""
        return self.seen.record

    def named(self) -> tuple[tuple[Entity, tuple[str, ...]], ...]:
        """Return every entity that the event names, with the paths that it was read from."""
        found = [
            (entity, (self._shown(path.path),))
            for path in self.paths
            for entity in entities_at(self.seen, [path], self.reader)
        ]
        return (*found, *self._own())

    def _own(self) -> list[tuple[Entity, tuple[str, ...]]]:
        """Return what every finding names whatever its rule says."""
        row, reader = self.seen.row, EventReader(reads_ocsf=True)
        found: list[tuple[Entity, tuple[str, ...]]] = []
        actor = actor_of(row)
        if actor is not None:
            # Which of them decided is not told: the label of the lowest of them counts.
            read = self._present(_ACTOR) or self._present(_INVOKER)
            found.append((actor, read))
        for kind, paths in (("access_key", _KEYS), ("address", ("src_endpoint.ip",))):
            for path in paths:
                wanted: Sequence[EntityPath] = [EntityPath(kind, path)]
                named = entities_at(self.seen, wanted, reader)
                found.extend((entity, (_OCSF + path,)) for entity in named)
        return found

    def _present(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        reader = EventReader(reads_ocsf=True)
        return tuple(_OCSF + path for path in paths if any(reader.values(path)(self.seen)))

    def _shown(self, path: str) -> str:
        """Return a path of the rule with `ocsf.` before it where it is read from OCSF."""
        if self.reader.reads_record(path) or path.startswith(_OCSF):
            return path
        return _OCSF + path
