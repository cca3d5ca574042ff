"""Other names for the fields of a source: what published rules call them.

Rules of others are written for the names that some store gave a log: `gcp.audit.method_name`,
`OperationName`. The log sources file says which paths of ours are meant; conditions are rewritten
when a rule is bound to a source, so that everything that judges events sees our paths alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.conditions.tree import (
    AllOf,
    AnyOf,
    Condition,
    Exists,
    Field,
    Keyword,
    Leaf,
    Not,
    Null,
    SameAs,
)


@dataclass(frozen=True, slots=True)
class Aliases:
    """What stands for which paths of one source.

    Attributes:
        paths: by alias in lower case, the native or OCSF paths of which any may hold the value. An
            alias may be the beginning of a path: the rest of the path stays behind each of them.
    """

    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def meant_by(self, path: str) -> tuple[str, ...]:
        """Return the paths that are meant, by the longest alias; empty where it is none."""
        segments = path.split(".")
        for length in range(len(segments), 0, -1):
            found = self.paths.get(".".join(segments[:length]).lower())
            if found is not None:
                return tuple(".".join((each, *segments[length:])) for each in found)
        return ()

    def resolved(self, condition: Condition) -> Condition:
        """Return the condition on our paths; the same one where it holds no alias."""
        match condition:
            case AllOf(inner):
                parts = tuple(map(self.resolved, inner))
                return condition if parts == inner else AllOf(parts)
            case AnyOf(inner):
                parts = tuple(map(self.resolved, inner))
                return condition if parts == inner else AnyOf(parts)
            case Not(inner_condition):
                part = self.resolved(inner_condition)
                return condition if part == inner_condition else Not(part)
            case _:
                return self._leaf(condition)

    def _leaf(self, leaf: Leaf) -> Condition:
        match leaf:
            case Keyword():
                return leaf
            case SameAs(path, other, at):
                sides = (self.meant_by(path) or (path,), self.meant_by(other) or (other,))
                return _any(leaf, [SameAs(one, two, at) for one in sides[0] for two in sides[1]])
            case Exists(path):
                return _any(leaf, [Exists(each) for each in self.meant_by(path)])
            case Field(path, tests, needs_all):
                return _field(leaf, self.meant_by(path), needs_all or Null() not in tests)


def _field(leaf: Field, paths: tuple[str, ...], is_plain: bool) -> Condition:
    """Return the test on each path; nothing is at an alias only where nothing is at any path."""
    if is_plain or len(paths) < 2:
        return _any(leaf, [Field(each, leaf.tests, leaf.needs_all) for each in paths])
    absent = AllOf(tuple(Field(each, (Null(),)) for each in paths))
    others = tuple(test for test in leaf.tests if test != Null())
    told = tuple(Field(each, others) for each in paths) if others else ()
    return AnyOf((absent, *told)) if told else absent


def _any(leaf: Leaf, meant: list[Exists] | list[Field] | list[SameAs]) -> Condition:
    if not meant:
        return leaf
    return meant[0] if len(meant) == 1 else AnyOf(tuple(meant))
