"""Find in a batch of events what indicators may speak of: addresses, names, hashes and more.

Read are the attributes themselves, by their names; `observables` only point at them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.intelligence.values import normalized

_KINDS: dict[str, tuple[str, ...]] = {
    "ip": ("address",),
    "intermediate_ips": ("address",),
    "hostname": ("domain", "address"),
    "domain": ("domain",),
    "sni": ("domain",),
    "rdata": ("address", "domain"),
    "url_string": ("url",),
    "email_addr": ("mail",),
    "from": ("mail",),
    "smtp_from": ("mail",),
    "reply_to": ("mail",),
}
_FINGERPRINTS: dict[str, tuple[str, ...]] = {
    "hashes": ("hash",),
    "ja3_hash": ("ja3",),
    "ja3s_hash": ("ja3",),
    "ja4_fingerprint_list": ("ja3",),
    "fingerprints": ("certificate", "hash"),
}
_NOT_LOOKED_AT = frozenset(
    {"enrichments", "finding_info", "metadata", "observables", "osint", "unmapped", "cloud"}
)
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the row and the path without list positions."""

    row: int
    path: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What of a batch is worth asking for.

    Attributes:
        places: by kind and normalized value, where it stands.
    """

    places: dict[tuple[str, str], list[Place]]

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """Kinds and values, each once."""
        return tuple(self.places)


def sought(events: pa.Table) -> Sought:
    """Return every value of the events that an indicator may name."""
    places: dict[tuple[str, str], list[Place]] = {}
    for field in events.schema:
        if field.name in _NOT_LOOKED_AT or not _is_nested(field.type):
            continue
        column = events.column(field.name).combine_chunks()
        rows = pa.arange(0, events.num_rows)
        for path, kinds, owners, values in _leaves(column, rows, field.name, ""):
            _gather(path, kinds, owners, values, places)
    return Sought(places)


def _gather(
    path: str,
    kinds: tuple[str, ...],
    owners: pa.Array,
    values: pa.Array,
    places: dict[tuple[str, str], list[Place]],
) -> None:
    coded = values.dictionary_encode()
    found = [list(_read(text, kinds)) for text in coded.dictionary.to_pylist()]
    if not any(found):
        return
    for row, code in zip(owners.to_pylist(), coded.indices.to_pylist(), strict=True):
        for each in found[code] if code is not None else ():
            places.setdefault(each, []).append(Place(row, path))


def _read(text: str | None, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not text:
        return
    for kind in kinds:
        value = normalized(kind, text)
        if value is not None:
            yield kind, value
            if kind != "certificate":
                return


def _leaves(
    column: pa.Array, owners: pa.Array, path: str, parent: str
) -> Iterator[tuple[str, tuple[str, ...], pa.Array, pa.Array]]:
    """Yield path, kinds, rows and texts of each attribute that indicators may speak of."""
    if path.count(".") > _DEEPEST:
        return
    kind = column.type
    name = path.rpartition(".")[2]
    if pa.types.is_list(kind):
        inner = owners.take(pc.list_parent_indices(column))
        yield from _leaves(pc.list_flatten(column), inner, path, parent)
    elif pa.types.is_struct(kind):
        for field in kind:
            if _is_nested(field.type) or field.name in _KINDS or field.name == "value":
                value = pc.struct_field(column, field.name)
                yield from _leaves(value, owners, f"{path}.{field.name}", name)
    elif pa.types.is_string(kind):
        kinds = _FINGERPRINTS.get(parent, ()) if name == "value" else _KINDS.get(name, ())
        if kinds:
            yield path, kinds, owners, column


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) or pa.types.is_list(kind))
