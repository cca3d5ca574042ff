"""Find values by a dotted path: `userIdentity.sessionContext.attributes.mfaAuthenticated`.

A path reaches into objects and into every element of lists. Where keys hold dots themselves
(`annotations.authorization.k8s.io/decision`), the longest literal key that leads to a value wins.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

Values: TypeAlias = Callable[[Mapping[str, object]], list[object]]
Presence: TypeAlias = Callable[[Mapping[str, object]], bool]

_Splits: TypeAlias = tuple[tuple[tuple[str, int], ...], ...]
_MISSING = object()
_MAX_SEGMENTS = 64


def lookup(event: Mapping[str, object], path: str) -> list[object]:
    """Return every value at `path`, in the order of the event.

    Values are scalars, `None` for an explicit null, or objects where the path ends at one. A list
    gives its elements, however deep it nests; an empty list gives none. A path that leads nowhere
    gives an empty list.
    """
    return values_at(path)(event)


def leaves(event: Mapping[str, object]) -> Iterator[object]:
    """Yield every scalar inside the event, keys left out, in no particular order."""
    stack: list[object] = [event]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        else:
            yield value


@lru_cache(maxsize=4096)
def values_at(path: str) -> Values:
    """Return the function that does `lookup` for one path, prepared once."""
    splits = _splits(path)
    if len(splits) == 1:
        return lambda event: _single(event, path)

    def read(event: Mapping[str, object]) -> list[object]:
        found: list[object] = []
        _collect(event, 0, splits, found)
        return found

    return read


@lru_cache(maxsize=4096)
def presence_at(path: str) -> Presence:
    """Return the function that says whether `path` is there, be its value null or empty."""
    splits = _splits(path)
    return lambda event: _is_present(event, 0, splits)


def _single(event: Mapping[str, object], key: str) -> list[object]:
    value = event.get(key, _MISSING)
    if value is _MISSING:
        return []
    return list(_elements(value)) if isinstance(value, list) else [value]


def _splits(path: str) -> _Splits:
    """Return for each segment the keys that may start there, longest first, and where they end.

    A path of absurd length is read as one literal key.
    """
    segments = path.split(".")
    if len(segments) > _MAX_SEGMENTS:
        return (((path, 1),),)
    count = len(segments)
    return tuple(
        tuple((".".join(segments[start:end]), end) for end in range(count, start, -1))
        for start in range(count)
    )


def _elements(value: object) -> Iterator[object]:
    """Yield the value, or the elements of a list, lists inside lists opened."""
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, list):
            stack.extend(reversed(top))
        else:
            yield top


def _collect(value: object, position: int, splits: _Splits, found: list[object]) -> None:
    if isinstance(value, list):
        for element in _elements(value):
            _collect(element, position, splits, found)
    elif position == len(splits):
        found.append(value)
    elif isinstance(value, Mapping):
        before = len(found)
        for key, following in splits[position]:
            if key in value:
                _collect(value[key], following, splits, found)
                if len(found) > before:
                    return


def _is_present(value: object, position: int, splits: _Splits) -> bool:
    if position == len(splits):
        return True
    if isinstance(value, list):
        return any(_is_present(element, position, splits) for element in _elements(value))
    if not isinstance(value, Mapping):
        return False
    return any(
        key in value and _is_present(value[key], following, splits)
        for key, following in splits[position]
    )
