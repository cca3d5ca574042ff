"""Turn OCSF names that a mapping gives (`logon`, `success`) into numbers and captions.

Literals are checked when the mapping is loaded. Computed texts are looked up once for each distinct
one of a batch; a text outside its enumeration is Other (99) and kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.errors import MappingError
from tocsin.normalize.expressions import Expression, Written
from tocsin.ocsf import classes
from tocsin.ocsf.classes import EventClass


@dataclass(frozen=True, slots=True)
class Named:
    """Names of one batch as numbers and captions, null for null."""

    numbers: pa.Array
    captions: pa.Array


def check_names(
    what: str, choices: Mapping[int, str], expression: Expression, written: Written
) -> None:
    """Refuse a literal that is none of `choices`.

    Raises:
        MappingError: with close names.
    """
    known = {classes.normal(caption) for caption in choices.values()}
    for text in expression.results:
        if classes.normal(text) not in known:
            raise MappingError(classes.unknown(what, text, known), written.location)


def named(texts: pa.Array, choices: Mapping[int, str]) -> Named:
    """Return the number and caption of each text."""
    encoded = texts.dictionary_encode()
    names = _by_name(tuple(choices.items()))
    found = [_found(text, names) for text in encoded.dictionary.to_pylist()]
    return Named(*_taken(found, encoded.indices))


def class_columns(
    class_numbers: pa.Array, activities: pa.Array, event_classes: Sequence[EventClass]
) -> dict[str, pa.Array]:
    """Return the columns that say class, category, activity and type of each event.

    Args:
        class_numbers: the index of each event's class in `event_classes`.
        activities: the activity as the mapping says it; null is Unknown.
        event_classes: the classes of the mapping.
    """
    encoded = activities.dictionary_encode()
    texts = [*encoded.dictionary.to_pylist(), None]
    codes = pc.fill_null(encoded.indices, len(texts) - 1)
    combined = pc.add(pc.multiply(class_numbers, len(texts)), codes).dictionary_encode()
    uids, names, categories, numbers, captions = [], [], [], [], []
    for pair in combined.dictionary.to_pylist():
        event_class = event_classes[pair // len(texts)]
        text = texts[pair % len(texts)]
        activity_names = _by_name(tuple(event_class.activities.items()))
        number, caption = _found(text, activity_names) if text is not None else (0, None)
        uids.append(event_class.uid)
        names.append(event_class.caption)
        categories.append(event_class.category_uid)
        numbers.append(number)
        captions.append(caption or event_class.activities[classes.UNKNOWN])
    types = [uid * 100 + number for uid, number in zip(uids, numbers, strict=True)]
    columns: dict[str, pa.Array] = {
        "class_uid": pa.array(uids, pa.int32()),
        "class_name": pa.array(names, pa.string()),
        "category_uid": pa.array(categories, pa.int32()),
        "activity_id": pa.array(numbers, pa.int32()),
        "activity_name": pa.array(captions, pa.string()),
        "type_uid": pa.array(types, pa.int64()),
    }
    return {name: values.take(combined.indices) for name, values in columns.items()}


@cache
def _by_name(choices: tuple[tuple[int, str], ...]) -> Mapping[str, tuple[int, str]]:
    return {classes.normal(caption): (number, caption) for number, caption in choices}


def _found(text: str, names: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    return names.get(text) or names.get(classes.normal(text)) or (classes.OTHER, text)


def _taken(found: Sequence[tuple[int, str]], indices: pa.Array) -> tuple[pa.Array, pa.Array]:
    numbers = pa.array([number for number, _ in found], pa.int32())
    captions = pa.array([caption for _, caption in found], pa.string())
    return numbers.take(indices), captions.take(indices)
