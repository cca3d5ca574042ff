"""Say what is wrong with single settings: where, what was found, what would be right."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tocsin.values import LONGEST_SHOWN, FromEnvironment, Secret, shown

Keys = tuple[str | int, ...]


def explain(
    error: ValidationError, section: type[BaseModel], above: Keys = ()
) -> Iterator[tuple[Keys, str]]:
    """Yield the place and the message of every problem that pydantic met.

    Args:
        error: of `section`.
        section: what was validated.
        above: the keys under which it stands in the file.
    """
    for detail in error.errors(include_url=False, include_context=True):
        keys = detail["loc"]
        inner: type[BaseModel] | None = section
        for label in keys[:-1]:
            inner = _inner(inner, label)
        keys = tuple(key for key in keys if not _is_alternative(key))
        yield (*above, *keys), _message(detail, (*above, *keys), inner)


def _is_alternative(label: int | str) -> bool:
    """Tell labels that pydantic adds for validators and alternatives from keys of the file."""
    return isinstance(label, str) and label.startswith(("function-", "tuple[", "constrained-"))


def _inner(section: type[BaseModel] | None, label: int | str) -> type[BaseModel] | None:
    if isinstance(label, int) or section is None or _is_alternative(label):
        return section
    field = section.model_fields.get(label)
    return next(_models(field.annotation), None) if field else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that an annotation speaks of: `Tls | None`, `tuple[Account, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def kind_problem(kind: object, kinds: Sequence[str]) -> str:
    """Say what is wrong with the kind of a feed, which is none of `kinds`."""
    if kind is None:
        return f"`kind` is missing; one of {', '.join(kinds)}"
    if not isinstance(kind, str):
        return f"`kind`: expected text; put it in quotes; found {shown(kind)}"
    if isinstance(kind, FromEnvironment):
        return f"`kind`: expected one of {', '.join(kinds)}; found what the environment gives"
    return f"`{kind[:LONGEST_SHOWN]}` is no kind; {_suggestion(kind, kinds)}"


def _message(detail: ErrorDetails, keys: Keys, section: type[BaseModel] | None) -> str:
    name = str(keys[-1]) if keys else "the file"
    if isinstance(keys[-1] if keys else "", int) and len(keys) > 1:
        name = str(keys[-2])
    known = tuple(section.model_fields) if section else ()
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return f"`{name}` is no setting here; {_suggestion(name, known)}"
        case "missing":
            return f"`{name}` is missing: {_meaning(section, name)}"
        case "value_error":
            return _with_found(f"`{name}`: {context['error']}", detail, section)
        case "literal_error":
            return _with_found(f"`{name}`: expected {context['expected']}", detail, section)
        case other:
            shape = _SHAPES.get(other, detail["msg"].replace("Input should be", "expected"))
            return _with_found(f"`{name}`: {shape}", detail, section)


_SHAPES = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected settings below it, one a line",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "model_attributes_type": "expected settings below it, one a line",
    "model_type": "expected settings below it, one a line",
    "string_type": "expected text; put it in quotes",
    "too_short": "expected at least one",
    "tuple_type": "expected a list",
}


def _meaning(section: type[BaseModel] | None, name: str) -> str:
    field = section.model_fields.get(name) if section else None
    description = field.description if field and field.description else "give it"
    return " ".join(description.split()).rstrip(".")


def _suggestion(name: str, known: Any) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"possible: {', '.join(known)}"


def _with_found(message: str, detail: ErrorDetails, section: type[BaseModel] | None) -> str:
    found = detail["input"]
    if isinstance(found, dict) or _is_secret(detail, section):
        return message
    if isinstance(found, FromEnvironment):
        return f"{message}; found what the environment gives"
    return f"{message}; found {shown(found)}"


def _is_secret(detail: ErrorDetails, section: type[BaseModel] | None) -> bool:
    names = [label for label in detail["loc"] if isinstance(label, str)]
    fields = [section.model_fields.get(name) for name in names[-2:]] if section else []
    return any(field is not None and _speaks_of_secret(field.annotation) for field in fields)


def _speaks_of_secret(annotation: Any) -> bool:
    return annotation is Secret or any(map(_speaks_of_secret, get_args(annotation)))
