"""The record as a rule sees it: a mapping that nobody can change, with ways to reach deep inside.

Loaded by `rule_worker_child` inside the jail: nothing but the standard library.

Source: https://docs.panther.com/detections/rules/python (2026), the functions of the event object,
and https://docs.panther.com/detections/rules/python/data-models, the paths of data models.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

Answer = Callable[["RuleEvent"], Any]
_STEP = re.compile(
    r"\.?([A-Za-z_$@][\w@:$-]*)|\[(\*|-?\d+)\]|\[['\"]([^'\"]+)['\"]\]|\.(\*)"
    r"|\[\?\(\s*@\.([\w.]+)\s*==\s*['\"]([^'\"]*)['\"]\s*\)\]"
)


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(f"{type(self).__name__} cannot be changed")


class FrozenDict(dict[str, Any]):
    """An object inside a record."""

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def to_dict(self) -> dict[str, Any]:
        """Return a copy that may be changed, lists and objects inside it too."""
        return {key: thawed(value) for key, value in self.items()}

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        return self.to_dict()


class FrozenList(list[Any]):
    """A list inside a record."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def copy(self) -> list[Any]:
        """Return a list that may be changed."""
        return list(self)

    def __deepcopy__(self, memo: object) -> list[Any]:
        return [thawed(value) for value in self]


def frozen(value: Any) -> Any:
    """Return the JSON value with everything inside it unchangeable."""
    if type(value) is dict:
        return FrozenDict({key: frozen(inside) for key, inside in value.items()})
    return FrozenList(map(frozen, value)) if type(value) is list else value


def thawed(value: Any) -> Any:
    """Return a copy of the value that may be changed."""
    if isinstance(value, dict):
        return {key: thawed(inside) for key, inside in value.items()}
    return [thawed(inside) for inside in value] if isinstance(value, list) else value


class RuleEvent(FrozenDict):
    """The record that a rule is given."""

    _models: "tuple[Mapping[str, Any], ...]" = ()
    _tables: Mapping[str, Any] = {}

    def with_models(self, models: "tuple[Mapping[str, Any], ...]") -> "RuleEvent":
        """Return the same record, its unified names told by these data models."""
        self._models = models
        return self

    def with_tables(self, tables: Mapping[str, Any]) -> None:
        """Let `lookup` ask these tables too; each has a function `row` of a value."""
        self._tables = tables

    def deep_get(self, *keys: str, default: Any = None) -> Any:
        """Return the value under these keys, one inside the other, else `default`."""
        return deep_get(self, *keys, default=default)

    def deep_walk(self, *keys: str, default: Any = None, return_val: str = "all") -> Any:
        """Return values under these keys, lists on the way opened.

        `return_val` is `first`, `last` or `all`; `all` gives distinct values, one alone unlisted.
        """
        return deep_walk(self, *keys, default=default, return_val=return_val)

    def lookup(self, table: str, key: Any) -> Any:
        """Return what `table` says of the field or value `key`, else `None`.

        What the record was enriched with goes before the table itself.
        """
        entries = deep_get(self, "p_enrichment", table)
        if isinstance(entries, Mapping):
            if isinstance(key, str) and key in entries:
                return entries[key]
            found = (each for entry in entries.values() for each in _listed(entry))
            matched = (each for each in found if isinstance(each, Mapping))
            for each in matched:
                if each.get("p_match") == key:
                    return each
        asked = self._tables.get(table)
        return None if asked is None else asked.row(key)

    def udm(self, *keys: str, default: Any = None) -> Any:
        """Return the value of a unified name: of the record itself, else of its data model."""
        value = deep_get(self, "p_udm", *keys)
        for model in self._models if value is None else ():
            how = model.get(".".join(keys))
            value = how(self) if callable(how) else at_path(self, how) if how else None
            if value is not None:
                break
        return default if value is None else value

    def udm_path(self, name: str) -> str | None:
        """Return the path behind a unified name, `None` where there is none."""
        paths = (model.get(name) for model in self._models)
        return next((path for path in paths if isinstance(path, str)), None)


def deep_get(value: Any, *keys: str, default: Any = None) -> Any:
    """Return the value under these keys, one inside the other, else `default`."""
    for key in keys:
        if not isinstance(value, Mapping):
            return default
        value = value.get(key)
    return default if value is None else value


def deep_walk(record: Any, *keys: str, default: Any = None, return_val: str = "all") -> Any:
    """Return values under these keys, lists on the way opened; see `RuleEvent.deep_walk`."""
    found: list[Any] = []
    for value in _walk(record, keys):
        if value not in found:
            found.append(value)
    if not found:
        return default
    if return_val == "first":
        return found[0]
    return found[-1] if return_val == "last" or len(found) == 1 else found


def _walk(value: Any, keys: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for element in value:
            yield from _walk(element, keys)
    elif not keys:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        yield from _walk(value.get(keys[0]), keys[1:])


def at_path(record: Mapping[str, Any], path: str) -> Any:
    """Return what a data model's path leads to: one value, or a list of several, or `None`.

    A path is a field, or a JSON path of names, indices, `[*]`, and `[?(@.name == 'text')]`.
    """
    if path in record:
        return record[path]
    values: list[Any] = [record]
    for step in steps(path):
        values = [inside for value in values for inside in _inside(value, step)]
    return values[0] if len(values) == 1 else values or None


def steps(path: str) -> list[tuple[str, ...]]:
    """Return the steps of a path.

    Raises:
        ValueError: it is no path that we know.
    """
    rest, found = path.removeprefix("$"), []
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise ValueError(f"the path {path!r} is not understood at {rest!r}")
        found.append(tuple(part or "" for part in match.groups()))
        rest = rest[match.end() :]
    return found


def _inside(value: Any, step: tuple[str, ...]) -> list[Any]:
    name, index, quoted, star, field, text = step
    if field:
        return [
            e for e in _listed(value) if str(deep_get(e, *field.split("."), default="")) == text
        ]
    if star or index == "*":
        return list(value.values()) if isinstance(value, Mapping) else list(_listed(value))
    if index:
        is_there = isinstance(value, list) and -len(value) <= int(index) < len(value)
        return [value[int(index)]] if is_there else []
    found = value.get(name or quoted) if isinstance(value, Mapping) else None
    return [] if found is None else [found]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Mocked:
    """What stands in for a name during one test: called, it returns the value that was given.

    Any attribute of it is another one that returns the same, as far as rules look at such things.
    """

    def __init__(self, value: Any) -> None:
        self.return_value = value

    def __call__(self, *_: object, **__: object) -> Any:
        """Return the value, whatever it is called with."""
        return self.return_value

    def __getattr__(self, name: str) -> "Mocked":
        if name.startswith("__"):
            raise AttributeError(name)
        return Mocked(self.return_value)
