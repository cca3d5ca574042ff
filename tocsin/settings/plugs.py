"""Make of a plug's frozen settings dataclass what may be written in `tocsin.yaml`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from dataclasses import Field as DataclassField
from datetime import timedelta
from functools import cache, partial
from inspect import getdoc, isclass
from pathlib import Path
from sys import modules
from types import UnionType
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import AfterValidator, Field, create_model
from pydantic.fields import FieldInfo

from tocsin import plugins
from tocsin.settings.section import Section
from tocsin.values import Duration, FilePath, Unwritten, Written, duration_text

SectionType = TypeVar("SectionType", bound=Section)

GIVEN = frozenset({"feed", "source", "unwrap", "reader"})
"""Fields of a feed's dataclass that are filled from elsewhere: its name, its source's mapping."""


@dataclass(frozen=True, slots=True)
class GivenField:
    """One setting of a plug.

    Attributes:
        name: of the dataclass's field.
        key: in `tocsin.yaml`.
        annotation: what is written, read into the field's value.
        info: default and meaning.
    """

    name: str
    key: str
    annotation: Any  # an annotation is no type to mypy
    info: FieldInfo


def given_fields(values: type) -> tuple[tuple[GivenField, ...], str | None]:
    """Return the settings of the dataclass of one feed, and the `source` that it has by default."""
    hints = get_type_hints(values, include_extras=True)
    source = _marks(hints.get("source")).default
    found = tuple(field for field in _fields(values, hints) if field.name not in GIVEN)
    return found, source if isinstance(source, str) else None


def _fields(values: type, hints: dict[str, Any]) -> Iterator[GivenField]:
    meanings = described(values)
    for each in fields(values):
        hint = hints[each.name]
        if any(isinstance(mark, Unwritten) for mark in getattr(hint, "__metadata__", ())):
            continue
        written = _marks(hint)
        annotation = _written(hint if written.kind is None else written.kind)
        if written.read is not None:
            annotation = Annotated[annotation, AfterValidator(written.read)]
        info = _info(each, written, meanings.get(each.name, ""))
        yield GivenField(each.name, written.key or each.name, annotation, info)


def _info(field: "DataclassField[Any]", written: Written, meaning: str) -> FieldInfo:
    """Return default and meaning of a field; defaults stand as people would write them."""
    default, make = field.default, field.default_factory
    if isinstance(default, timedelta):
        default = duration_text(default)
    info: FieldInfo
    if written.default is not None or default is not field.default:
        chosen = default if written.default is None else written.default
        info = Field(default=chosen, validate_default=True, description=meaning)
    elif make is not MISSING:
        info = Field(default_factory=make, description=meaning)
    elif default is MISSING:
        info = Field(description=meaning)
    else:
        info = Field(default=default, description=meaning)
    return info


def defined(
    name: str, base: type[SectionType], about: str, given: Mapping[str, tuple[Any, Any]]
) -> type[SectionType]:
    """Return a section with more settings than `base`: annotation and `Field(...)` by key."""
    found: type[SectionType] = create_model(name, __base__=base, __doc__=about, **dict(given))  # type: ignore[call-overload] # mypy cannot see annotations that are made while running
    return found


@dataclass(frozen=True, slots=True)
class PlugKind(Generic[SectionType]):
    """What may be chosen by `kind` in a list of the settings, made of its plug.

    Attributes:
        name: as written in `kind`.
        plug: the class that does the work.
        values: the frozen dataclass that it takes.
        section: what may be written in `tocsin.yaml`.
        fields: the settings that the plug adds.
    """

    name: str
    plug: type
    values: type
    section: type[SectionType]
    fields: tuple[GivenField, ...]

    def settings_of(self, written: SectionType) -> object:
        """Return the dataclass of one entry for its plug.

        Raises:
            SettingsError: the plug finds that settings do not fit together.
        """
        taken = {field.name: getattr(written, field.key) for field in self.fields}
        made: object = self.values(**taken)
        return made


def plug_kind(
    package: str, name: str, base: type[SectionType], meaning: str
) -> PlugKind[SectionType]:
    """Return the kind that one plug of a package is.

    Args:
        package: where plugs of this sort live.
        name: of the plug.
        base: what all kinds have in common; its name ends that of the kind's section.
        meaning: of the key `kind`.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    plug = plugins.find(package, name)
    values = plugins.settings_type(plug)
    found, _ = given_fields(values)
    given: dict[str, tuple[object, object]] = {
        "kind": (Literal[name], Field(description=meaning)),
        **{field.key: (field.annotation, field.info) for field in found},
    }
    called = "".join(part.capitalize() for part in name.split("_")) + base.__name__
    about = getdoc(modules[plug.__module__]) or getdoc(plug) or ""
    section = defined(called, base, " ".join(about.split("\n\n")[0].split()), given)
    return PlugKind(name, plug, values, section, found)


def described(values: type) -> dict[str, str]:
    """Return the meaning of each field by the `Attributes:` of a dataclass and of its bases."""
    found: dict[str, str] = {}
    for each in reversed(values.__mro__):
        _, _, listed = (getdoc(each) or "").partition("Attributes:\n")
        entries = re.findall(r"^ {4}(\w+): (.+(?:\n {6,}.+)*)", listed, re.MULTILINE)
        found |= {name: _sentence(" ".join(text.split())) for name, text in entries}
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _marks(hint: Any) -> Written:
    found = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Written)]
    return found[0] if found else Written()


def _written(hint: Any) -> Any:
    """Return the annotation that reads what people write into values of `hint`."""
    if hint is timedelta:
        return Duration
    if hint is Path:
        return FilePath
    if isclass(hint) and is_dataclass(hint):
        return Annotated[_section(hint), AfterValidator(partial(_made, hint))]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        marks = [mark for mark in hint.__metadata__ if not isinstance(mark, Written)]
        known = hint in (Duration, FilePath)
        inner = hint.__origin__ if known else _written(hint.__origin__)
        return Annotated[(inner, *marks)] if marks else inner
    if origin in (Union, UnionType):
        return Union[tuple(map(_written, arguments))]  # noqa: UP007 - built while running
    if origin in (tuple, list, dict):
        return origin[tuple(each if each is ... else _written(each) for each in arguments)]
    return hint


@cache
def _section(values: type) -> type[Section]:
    """Return the section for a dataclass inside a plug's settings."""
    found = _fields(values, get_type_hints(values, include_extras=True))
    given = {field.key: (field.annotation, field.info) for field in found}
    return defined(values.__name__, Section, (getdoc(values) or "").split("\n\n")[0], given)


def _made(values: type, section: Section) -> object:
    names = {
        field.key: field.name
        for field in _fields(values, get_type_hints(values, include_extras=True))
    }
    made: object = values(**{name: getattr(section, key) for key, name in names.items()})
    return made
