"""Read from events and from the inventory who is who."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.conditions import lookup, text_of
from tocsin.identity import forms
from tocsin.identity.recipes import ACTOR, OCSF, PLACEHOLDER, RESOURCES, Recipe, Side
from tocsin.identity.statements import Statement, key_of
from tocsin.ocsf import Entity

MOST_ROWS = 5_000
"""Records of one batch that one recipe reads; whoever sends more of a kind is not believed more."""
MOST_VALUES = 50
_INTERFACE_OF = re.compile(r"AWS Lambda VPC ENI-(.+?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4})?")
_ACCOUNT = "ocsf.cloud.account.uid"
_LONGEST = 500
_NO_ADDRESSES = frozenset({"", "-", "0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104  # nothing listens: these name nobody


def statements_from(
    events: pa.Table, resources: pa.Table, recipes: Sequence[Recipe]
) -> tuple[Statement, ...]:
    """Return what a batch tells, each thing once with the first and the last time of it.

    Args:
        events: rows of one source with `ocsf.schemas.EVENT_COLUMNS`.
        resources: rows of `ocsf.schemas.RESOURCES`.
        recipes: of any source; those of `resources` are for the inventory.
    """
    return (*_of_events(events, recipes), *_of_resources(resources, recipes))


def _of_events(events: pa.Table, recipes: Iterable[Recipe]) -> tuple[Statement, ...]:
    if not events.num_rows:
        return ()
    source = events.column("source")[0].as_py()
    mine = [recipe for recipe in recipes if recipe.source == source]
    found: dict[tuple[object, ...], Statement] = {}
    for recipe in mine:
        rows = _chosen(events, recipe)
        if rows is None or not rows.num_rows:
            continue
        read = _of_columns if _is_of_columns(rows, recipe) else _of_records
        for one in read(rows, recipe):
            _add(found, one)
    return tuple(found.values())


def _of_resources(resources: pa.Table, recipes: Iterable[Recipe]) -> tuple[Statement, ...]:
    mine = [recipe for recipe in recipes if recipe.source == RESOURCES]
    found: dict[tuple[object, ...], Statement] = {}
    if not mine or not resources.num_rows:
        return ()
    for row in resources.to_pylist():
        document = {**row, "configuration": _object(row["configuration"])}
        moment = _aware(row["observed_time"])
        for recipe in mine:
            for one in _told(recipe, document, (moment, moment), row["account"] or ""):
                _add(found, one)
    return tuple(found.values())


def _add(found: dict[tuple[object, ...], Statement], new: Statement) -> None:
    key = (key_of(new.one), key_of(new.other), new.relation, new.scope)
    old = found.get(key)
    if old is not None:
        first, last = min(old.since, new.since), max(old.until, new.until)
        reason = old.reason if old.since <= new.since else new.reason
        new = Statement(
            new.one,
            new.other,
            new.relation,
            new.is_same,
            first,
            last,
            new.before,
            new.after,
            reason,
            new.scope,
        )
    found[key] = new


def _chosen(events: pa.Table, recipe: Recipe) -> pa.Table | None:
    """Return the rows that fit the conditions on columns; `None` where a column is not there."""
    for path, wanted in recipe.when.items():
        if not path.startswith(OCSF):
            continue
        column = _column(events, path)
        if column is None:
            return None
        mask = pc.is_in(column, pa.array(sorted(wanted))) if wanted else pc.is_valid(column)
        events = events.filter(mask)
        if not events.num_rows:
            return None
    return events


def _is_of_columns(events: pa.Table, recipe: Recipe) -> bool:
    roots = (path.removeprefix(OCSF).split(".")[0] for path in recipe.paths)
    return recipe.is_of_columns and not any(
        pa.types.is_list(events.schema.field(root).type)
        for root in roots
        if root in events.column_names
    )


def _column(events: pa.Table, path: str) -> pa.Array | None:
    """Return the texts at an OCSF path; `None` where events have no such path without lists."""
    first, *rest = path.removeprefix(OCSF).split(".")
    if first not in events.column_names:
        return None
    column = events.column(first).combine_chunks()
    for name in rest:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(name) < 0:
            return None
        column = pc.struct_field(column, name)
    if pa.types.is_nested(column.type):
        return None
    return column.cast(pa.string())


def _of_columns(events: pa.Table, recipe: Recipe) -> Iterator[Statement]:
    """Yield what columns tell: equal rows are one, however many there are."""
    paths = sorted(recipe.paths | {_ACCOUNT})
    arrays: dict[str, pa.Array] = {}
    for path in paths:
        column = _column(events, path)
        arrays[path] = pa.nulls(events.num_rows, pa.string()) if column is None else column
    table = pa.table({**arrays, "time": events.column("time").combine_chunks()})
    grouped = table.group_by(paths).aggregate([("time", "min"), ("time", "max")])
    for row in grouped.slice(0, MOST_ROWS).to_pylist():
        span = _aware(row["time_min"]), _aware(row["time_max"])
        document = {path: [row[path]] for path in paths if row[path] is not None}
        if _fits(recipe, document, flat=True):
            yield from _made(recipe, document, None, span, row[_ACCOUNT] or "")


def _of_records(events: pa.Table, recipe: Recipe) -> Iterator[Statement]:
    """Yield what the records themselves tell."""
    names = {path.removeprefix(OCSF).split(".")[0] for path in recipe.paths if OCSF in path}
    wanted = [*names, "actor", "cloud", "raw_data", "time"]
    present = [name for name in dict.fromkeys(wanted) if name in events.column_names]
    for row in events.select(present).slice(0, MOST_ROWS).to_pylist():
        document = {**_object(row["raw_data"]), "ocsf": row}
        moment = _aware(row["time"])
        account = _first(document, _ACCOUNT)
        yield from _told(recipe, document, (moment, moment), account)


def _told(
    recipe: Recipe,
    document: Mapping[str, object],
    span: tuple[datetime, datetime],
    account: str,
) -> Iterator[Statement]:
    if not _fits(recipe, document, flat=False):
        return
    items = lookup(document, recipe.each) if recipe.each else [None]
    for item in list(items)[:MOST_VALUES]:
        whole = document if item is None else {**document, "item": item}
        values = {path: _values(whole, path) for path in recipe.paths}
        yield from _made(recipe, values, whole, span, account)


def _fits(recipe: Recipe, document: Mapping[str, object], *, flat: bool) -> bool:
    def values(path: str) -> set[str]:
        return set(_flat(document, path) if flat else _values(document, path))

    for path, wanted in recipe.when.items():
        found = values(path)
        if not found or (wanted and not found & wanted):
            return False
    if any(values(path) & wanted for path, wanted in recipe.unless.items()):
        return False
    return all(
        any(value.startswith(start) for value in values(path))
        for path, start in recipe.like.items()
    )


def _flat(document: Mapping[str, object], path: str) -> list[str]:
    found = document.get(path)
    return found if isinstance(found, list) else []


def _made(
    recipe: Recipe,
    values: Mapping[str, Sequence[str]],
    document: Mapping[str, object] | None,
    span: tuple[datetime, datetime],
    account: str,
) -> Iterator[Statement]:
    for one in _entities(recipe.one, values, document, account):
        for other in _entities(recipe.other, values, document, account):
            if key_of(one) == key_of(other):
                continue
            reason = "".join(_filled(recipe.because, values)[:1]) or recipe.relation
            yield Statement(
                one=one,
                other=other,
                relation=recipe.relation,
                is_same=recipe.is_same,
                since=span[0],
                until=span[1],
                before=recipe.before,
                after=recipe.after,
                reason=reason[:_LONGEST],
                scope=account if one.type == "address" else "",
            )


def _entities(
    side: Side,
    values: Mapping[str, Sequence[str]],
    document: Mapping[str, object] | None,
    account: str,
) -> list[Entity]:
    if side.type == ACTOR:
        actor = _actor(document or {}, account)
        return [actor] if actor else []
    uids = [uid for uid in _filled(side.uid, values) if uid and uid not in _NO_ADDRESSES]
    return [forms.entity(side.type, uid[:_LONGEST], account) for uid in uids]


def _actor(document: Mapping[str, object], account: str) -> Entity | None:
    """Return who did it: the key of a session, otherwise the user or service account."""
    uid, name = _first(document, "ocsf.actor.user.uid"), _first(document, "ocsf.actor.user.name")
    key = _first(document, "ocsf.actor.session.credential_uid")
    session = forms.session_of(uid)
    if session is not None:
        return Entity("access_key", key, key) if key else session
    for word in (name, uid):
        if word.startswith("system:serviceaccount:"):
            return forms.entity("service_account", word)
    known = uid if uid.startswith("arn:") or not name else name
    if not known or known == "unknown" or known.endswith(".amazonaws.com"):
        return None
    return forms.entity("user", known, "" if "@" in known else account)


def _filled(text: str, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a text for each value of the path that has several; none where one has no value."""
    made = [text]
    for path in dict.fromkeys(PLACEHOLDER.findall(text)):
        found = values.get(path) or ()
        made = [each.replace("{" + path + "}", value) for each in made for value in found]
        made = made[:MOST_VALUES]
    return made


def _last(text: str) -> str:
    return text.rpartition("/")[2]


def _digest(text: str) -> str:
    return text.partition("@")[2]


def _function(text: str) -> str:
    found = _INTERFACE_OF.fullmatch(text)
    return found[1] if found else ""


_WAYS: Mapping[str, Callable[[str], str]] = {
    "last": _last,
    "digest": _digest,
    "function": _function,
}


def _values(document: Mapping[str, object], path: str) -> list[str]:
    path, _, way = path.partition("|")
    if way:
        made = map(_WAYS[way], _values(document, path))
        return [text for text in made if text]
    found = (text_of(value) for value in lookup(document, path) if not isinstance(value, Mapping))
    return [text for text in dict.fromkeys(found) if text][:MOST_VALUES]


def _first(document: Mapping[str, object], path: str) -> str:
    return next(iter(_values(document, path)), "")


def _object(text: str | None) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
