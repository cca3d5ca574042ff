"""Say what is wrong with single settings: where, what was found, what would be right."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tocsin.ocsf.yaml_text import YamlValue
from tocsin.settings.model import Settings
from tocsin.settings.values import FromEnvironment, Secret, shown

Keys = tuple[str | int, ...]


def explain(error: ValidationError, tree: YamlValue) -> Iterator[tuple[Keys, str]]:
    """Yield the place and the message of every problem that pydantic met.

    Args:
        error: of `Settings`.
        tree: what was validated; tells the labels of alternatives from keys of the file.
    """
    for detail in error.errors(include_url=False, include_context=True):
        keys, model = _walk(detail["loc"], tree)
        yield keys, _message(detail, keys, model)


def _walk(loc: tuple[int | str, ...], tree: YamlValue) -> tuple[Keys, type[BaseModel] | None]:
    """Return the keys as the file spells them, and the section that the last of them is in."""
    keys: list[str | int] = []
    value: Any = tree
    section: type[BaseModel] | None = Settings
    for position, label in enumerate(loc):
        if isinstance(value, dict) and label not in value and value.get("kind") == label:
            section = _kinds().get(str(label))
            continue
        keys.append(label)
        if position < len(loc) - 1:
            section = _inner(section, label)
        value = _step(value, label)
    return tuple(keys), section


def _step(value: Any, label: int | str) -> Any:
    if isinstance(value, dict):
        return value.get(label)
    if isinstance(value, list) and isinstance(label, int) and label < len(value):
        return value[label]
    return None


def _inner(section: type[BaseModel] | None, label: int | str) -> type[BaseModel] | None:
    if isinstance(label, int) or section is None:
        return section
    field = section.model_fields.get(label)
    return next(_models(field.annotation), None) if field else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that an annotation speaks of: `Tls | None`, `tuple[Account, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _kinds() -> dict[str, type[BaseModel]]:
    feeds = _models(Settings.model_fields["feeds"].annotation)
    return {get_args(feed.model_fields["kind"].annotation)[0]: feed for feed in feeds}


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
        case "union_tag_not_found":
            return f"`kind` is missing; one of {', '.join(_kinds())}"
        case "union_tag_invalid":
            return f"`{context['tag']}` is no kind; {_suggestion(str(context['tag']), _kinds())}"
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
    field = section.model_fields.get(str(detail["loc"][-1])) if section and detail["loc"] else None
    found = detail["input"]
    if isinstance(found, dict) or (
        field and Secret in (field.annotation, *get_args(field.annotation))
    ):
        return message
    if isinstance(found, FromEnvironment):
        return f"{message}; found what the environment gives"
    return f"{message}; found {shown(found)}"


def _is_secret(detail: ErrorDetails, section: type[BaseModel] | None) -> bool:
    field = section.model_fields.get(str(detail["loc"][-1])) if section and detail["loc"] else None
    return field is not None and Secret in (field.annotation, *get_args(field.annotation))
