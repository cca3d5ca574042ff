"""Remember counters, string sets and dictionaries between records: what rules import as
`panther_detection_helpers.caching`.

Kept in the worker and lost with it; a worker that is replaced starts empty, and a group of records
that is tried again counts again. The oldest key goes when there are too many.

Source: https://docs.panther.com/detections/rules/python/caching (2026).
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

MOST_KEYS = 10_000
MOST_ELEMENTS = 10_000
_SEVEN_DAYS_SECONDS = 604_800

_values: dict[str, Any] = {}
_expiries: dict[str, float] = {}


def forget_everything() -> None:
    """Start empty; each test of a rule does."""
    _values.clear()
    _expiries.clear()


def get_counter(key: str, force_ttl_check: bool = False) -> int:
    """Return the counter, 0 where there is none."""
    value = _get(key)
    return value if isinstance(value, int) else 0


def increment_counter(key: str, val: int = 1, epoch_seconds: float | None = None) -> int:
    """Add to the counter and return what it is now."""
    return int(_put(key, get_counter(key) + val, epoch_seconds))


def reset_counter(key: str) -> None:
    """Set the counter to 0."""
    _put(key, 0)


def set_key_expiration(key: str, epoch_seconds: float) -> None:
    """Let the key end at this time; a number below seven days is a time from now."""
    if key in _values and epoch_seconds:
        is_length = epoch_seconds <= _SEVEN_DAYS_SECONDS
        _expiries[key] = time.time() + epoch_seconds if is_length else epoch_seconds


def get_string_set(key: str, force_ttl_check: bool = False) -> set[str]:
    """Return a copy of the set, empty where there is none."""
    value = _get(key)
    return set(value) if isinstance(value, set) else set()


def put_string_set(key: str, val: Iterable[str], epoch_seconds: float | None = None) -> None:
    """Replace the set; an empty one is removed."""
    if not (elements := _elements(val)):
        reset_string_set(key)
    else:
        _put(key, elements, epoch_seconds)


def add_to_string_set(
    key: str, val: str | Iterable[str], epoch_seconds: float | None = None
) -> set[str]:
    """Add one text or several, and return the set."""
    put_string_set(key, get_string_set(key) | _elements(val), epoch_seconds)
    return get_string_set(key)


def remove_from_string_set(
    key: str, val: str | Iterable[str], epoch_seconds: float | None = None
) -> set[str]:
    """Remove one text or several, and return the set."""
    put_string_set(key, get_string_set(key) - _elements(val), epoch_seconds)
    return get_string_set(key)


def reset_string_set(key: str) -> None:
    """Empty the set."""
    _values.pop(key, None)
    _expiries.pop(key, None)


def get_dictionary(key: str, force_ttl_check: bool = False) -> dict[str, Any]:
    """Return a copy of the dictionary, empty where there is none."""
    value = _get(key)
    return dict(value) if isinstance(value, dict) else {}


def put_dictionary(key: str, val: Mapping[str, Any], epoch_seconds: float | None = None) -> None:
    """Replace the dictionary."""
    _put(key, dict(val), epoch_seconds)


def _elements(val: str | Iterable[str]) -> set[str]:
    return {val} if isinstance(val, str) else set(map(str, val))


def _get(key: str) -> Any:
    if _expiries.get(key, float("inf")) <= time.time():
        reset_string_set(key)
    return _values.get(key)


def _put(key: str, value: Any, epoch_seconds: float | None = None) -> Any:
    if isinstance(value, (set, dict)) and len(value) > MOST_ELEMENTS:
        raise ValueError(f"a cached value has more than {MOST_ELEMENTS} elements")
    while key not in _values and len(_values) >= MOST_KEYS:
        reset_string_set(next(iter(_values)))
    _values[key] = value
    if epoch_seconds:
        set_key_expiration(key, epoch_seconds)
    return value
