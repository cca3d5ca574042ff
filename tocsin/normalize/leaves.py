"""The OCSF attributes of a mapping as SQL: each for every class, packed into objects."""

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.errors import MappingError
from tocsin.normalize.expressions import Expression
from tocsin.normalize.targets import Target, sql_type

CLASS_NUMBER = '"class number"'


@dataclass(frozen=True, slots=True)
class Leaf:
    """One OCSF attribute.

    Attributes:
        classes: how many classes the mapping has.
        target: which attribute it is.
        common: its value for every class.
        by_class: where single classes differ, by their numbers.
    """

    classes: int
    target: Target
    common: Expression | None
    by_class: Map[int, Expression]

    def sql(self) -> str:
        """Return the SQL of its value for the class of the row."""
        common = self._cast(self.common) if self.common else "NULL"
        own = {number: self._cast(value) for number, value in self.by_class.items()}
        texts = [own.get(number, common) for number in range(self.classes)]
        # Where the values of classes are objects with other members, the last of them has a say in
        # the order of all members.
        return chosen_by_class(texts, None if sql_type(self.target.attribute) else common)

    def _cast(self, value: Expression) -> str:
        kind = sql_type(self.target.attribute)
        return f"TRY_CAST({value.sql} AS {kind})" if kind else value.sql


def refuse_overlaps(leaves: Map[str, Leaf]) -> None:
    """Refuse an attribute that lies inside another one.

    Raises:
        MappingError: with the place of the inner one.
    """
    for path, leaf in leaves.items():
        parts = path.split(".")
        for length in range(1, len(parts)):
            whole = ".".join(parts[:length])
            if whole in leaves:
                message = f"{path!r} lies inside {whole!r}, which is given as a whole"
                raise MappingError(message, leaf.target.location)


def structs(leaves: Map[str, Leaf]) -> dict[str, str]:
    """Return the SQL of each top-level attribute, its leaves packed into structs."""
    tree: dict[str, object] = {}
    for path, leaf in leaves.items():
        *parents, name = path.split(".")
        inside = tree
        for parent in parents:
            inside = inside.setdefault(parent, {})  # type: ignore[assignment] # filled below only
        inside[name] = leaf.sql()
    return {name: _packed(value) for name, value in tree.items()}


def chosen_by_class(texts: Sequence[str], last: str | None = None) -> str:
    """Return the SQL of the value that the class of the row has, each distinct one once.

    Args:
        texts: the SQL of the value by the number of the class.
        last: the one that stands at the end, without it the most frequent.
    """
    among: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        among.setdefault(text, []).append(number)
    if len(among) == 1:
        return texts[0]
    usual = last or max(among, key=lambda text: len(among[text]))
    whens = "".join(
        f" WHEN {CLASS_NUMBER} IN ({', '.join(map(str, numbers))}) THEN {text}"
        for text, numbers in among.items()
        if text != usual
    )
    return f"CASE{whens} ELSE {usual} END"


def _packed(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    inner = ", ".join(f'"{name}" := {_packed(child)}' for name, child in value.items())
    return f"struct_pack({inner})"
