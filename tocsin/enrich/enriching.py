"""Add OCSF attributes to events, and say in `enrichments` what was added, by whom.

What the source said itself is never changed: a location of its own stays, and no entry claims it.
The raw record is not touched, so rules over native fields see what they always saw.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.enrich.columns import completed, path_texts, with_field
from tocsin.enrich.knowledge import Asset, Knowledge, Person, Place
from tocsin.ocsf import enrichments
from tocsin.ocsf.addresses import address_of, is_public

SIDES = ("src_endpoint", "dst_endpoint")
LOCATION = pa.struct(
    [
        ("city", pa.string()),
        ("continent", pa.string()),
        ("country", pa.string()),
        ("lat", pa.float64()),
        ("long", pa.float64()),
        ("region", pa.string()),
    ]
)
SYSTEM = pa.struct([("name", pa.string()), ("number", pa.int64())])
_OURS = "Tocsin settings"
_TRUST = ("attacker", "agent", "provider")


@dataclass(slots=True)
class _Pool:
    """Distinct entries, and which of them each row has."""

    rows: list[list[int]]
    entries: list[dict[str, str]] = field(default_factory=list)
    _places: dict[tuple[str, ...], int] = field(default_factory=dict)

    def place(self, name: str, value: str, kind: str, data: str, provider: str) -> int:
        key = (name, value, kind, data, provider)
        if key not in self._places:
            self._places[key] = len(self.entries)
            entry = dict(zip(("name", "value", "type", "data", "provider"), key, strict=True))
            self.entries.append(entry)
        return self._places[key]

    def column(self, created: pa.Array) -> pa.Array:
        """Return the list of entries of each row; `created` is the time of each row."""
        flat = pa.array([place for row in self.rows for place in row], pa.int32())
        owner = pa.array([i for i, row in enumerate(self.rows) for _ in row], pa.int32())
        pool = pa.array(self.entries, pa.struct(list(enrichments.ENTRY)[:5]))
        values = [*pool.take(flat).flatten(), created.take(owner)]
        found = pa.StructArray.from_arrays(values, names=[f.name for f in enrichments.ENTRY])
        ends, end = [0], 0
        for row in self.rows:
            end += len(row)
            ends.append(end)
        offsets = pa.array(ends, pa.int32())
        mask = pa.array([not row for row in self.rows], pa.bool_())
        return pa.ListArray.from_arrays(offsets, found, mask=mask)


def enrich(events: pa.Table, knowledge: Knowledge) -> pa.Table:
    """Return the events with what is known of their addresses, accounts and actors.

    Added are `src_endpoint.location`, `.autonomous_system`, the same of `dst_endpoint`, and entries
    of `enrichments`. The columns are the same for every batch of a mapping, whatever is found.

    Args:
        events: rows with `ocsf.schemas.EVENT_COLUMNS` and the OCSF attributes of their mapping.
        knowledge: what is known; with nothing known, events are returned as they are.
    """
    if knowledge.is_empty or not events.num_rows:
        return events
    pool = _Pool([[] for _ in range(events.num_rows)])
    for side in SIDES:
        if side in events.column_names:
            events = _with_side(events, side, knowledge, pool)
    for path in ("actor.user.uid", "actor.user.name"):
        _note_context(events, path, "identity", knowledge.people, pool)
    _note_context(events, "cloud.account.uid", "account", knowledge.accounts, pool)
    added = pool.column(events.column("received_time").combine_chunks())
    return enrichments.added(events, added)


def derived_trust(trust: Mapping[str, str]) -> Mapping[str, str]:
    """Return the trust labels of what is added: each that of the value it was looked up by.

    Args:
        trust: labels of a mapping's paths; a path that is not listed is `attacker`.
    """
    found: dict[str, str] = {}
    for side in SIDES:
        label = trust.get(f"{side}.ip", _TRUST[0])
        for name in ("location", "autonomous_system"):
            for leaf in LOCATION if name == "location" else SYSTEM:
                found[f"{side}.{name}.{leaf.name}"] = label
    paths = ("src_endpoint.ip", "dst_endpoint.ip", "actor.user.uid", "actor.user.name")
    named = [trust.get(path, _TRUST[0]) for path in paths if path in trust]
    found["enrichments"] = min(named, key=_TRUST.index, default=_TRUST[0])
    return found


def _with_side(events: pa.Table, side: str, knowledge: Knowledge, pool: _Pool) -> pa.Table:
    column = events.column(side).combine_chunks()
    if not pa.types.is_struct(column.type) or column.type.get_field_index("ip") < 0:
        return events
    coded = pc.struct_field(column, "ip").cast(pa.string()).dictionary_encode()
    texts: list[str] = coded.dictionary.to_pylist()
    places = _places(texts, knowledge)
    assets = [_asset(text, knowledge) for text in texts]
    path = f"{side}.ip"
    fresh: dict[str, list[bool]] = {}
    if knowledge.has_places:
        for name, kind, make in _ADDED:
            values = pa.array([make(place) for place in places], kind).take(coded.indices)
            column, fresh[name] = _with_added(column, name, values)
    for row, code in enumerate(coded.indices.to_pylist()):
        if code is None:
            continue
        place, text = places[code], texts[code]
        if place is not None:
            is_new = {name: flags[row] for name, flags in fresh.items()}
            pool.rows[row] += [
                pool.place(path, text, *entry) for entry in _entries(place, knowledge, is_new)
            ]
        if assets[code] is not None:
            data = _json(assets[code])
            pool.rows[row].append(pool.place(path, text, "asset", data, _OURS))
    return events.set_column(events.column_names.index(side), side, column)


def _places(texts: Sequence[str], knowledge: Knowledge) -> list[Place | None]:
    """Return what is known of each address; private, reserved and own ones are left alone."""
    found: list[Place | None] = [None] * len(texts)
    wanted = [i for i, text in enumerate(texts) if _is_foreign(text, knowledge)]
    if knowledge.has_places and wanted:
        told_of = knowledge.look_up([texts[index] for index in wanted])
        for index, place in zip(wanted, told_of, strict=True):
            found[index] = place
    return found


def _is_foreign(text: str | None, knowledge: Knowledge) -> bool:
    address = address_of(text) if text else None
    return address is not None and is_public(address) and not knowledge.own.of(address)


def _asset(text: str | None, knowledge: Knowledge) -> Asset | None:
    address = address_of(text) if text else None
    return knowledge.assets.of(address) if address else None


def _entries(
    place: Place, knowledge: Knowledge, is_new: Mapping[str, bool]
) -> Iterator[tuple[str, str, str]]:
    """Yield type, data and provider of each thing that is told of an address."""
    if is_new.get("location"):
        yield "location", _json(_location(place)), place.location_provider
    if is_new.get("autonomous_system"):
        yield "autonomous_system", _json(_system(place)), place.network_provider
    for note in place.notes:
        yield note.type, note.data, note.provider
    for kind, numbers in (
        ("hosting", knowledge.hosting),
        ("anonymizer", knowledge.anonymizing),
    ):
        if place.number in numbers:
            yield kind, _json({"number": place.number}), _OURS


def _note_context(
    events: pa.Table,
    path: str,
    kind: str,
    known: Mapping[str, Asset] | Mapping[str, Person],
    pool: _Pool,
) -> None:
    texts = path_texts(events, path) if known else None
    for row, text in enumerate(texts or ()):
        if text is not None and text in known:
            pool.rows[row].append(pool.place(path, text, kind, _json(known[text]), _OURS))


def _location(place: Place | None) -> dict[str, object] | None:
    if place is None or not (place.country or place.city or place.region):
        return None
    return {
        "city": place.city or None,
        "continent": place.continent or None,
        "country": place.country or None,
        "lat": place.latitude,
        "long": place.longitude,
        "region": place.region or None,
    }


def _system(place: Place | None) -> dict[str, object] | None:
    if place is None or place.number is None:
        return None
    return {"name": place.organization or None, "number": place.number}


_ADDED = (("location", LOCATION, _location), ("autonomous_system", SYSTEM, _system))


def _with_added(
    column: pa.StructArray, name: str, values: pa.StructArray
) -> tuple[pa.StructArray, list[bool]]:
    """Return the column with the field, and for each row whether something was added."""
    is_new: list[bool] = values.is_valid().to_pylist()
    if column.type.get_field_index(name) >= 0:
        before = pc.struct_field(column, name)
        was = before.is_valid().to_pylist()
        is_new = [new and not old for new, old in zip(is_new, was, strict=True)]
        values = completed(before, values)
    return with_field(column, name, values), is_new


def _json(value: object) -> str:
    found = value if isinstance(value, dict) else asdict(value)  # type: ignore[call-overload]  # one of our dataclasses
    return json.dumps({name: each for name, each in found.items() if each not in (None, "")})
