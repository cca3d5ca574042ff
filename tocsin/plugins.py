"""Find plugs by name: one file of a kind's package, or an entry point of another package.

`find("tocsin.collect.sources", "s3")` imports `tocsin.collect.sources.s3` and returns its only
public class. Nothing is imported before it is asked for; nothing registers itself.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from inspect import Parameter, isclass, signature
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar, get_type_hints

from tocsin.errors import SettingsError

SettingsOfPlug = TypeVar("SettingsOfPlug")


def find(package: str, name: str) -> type:
    """Return the class of the plug `name`: built in, or else of an entry point.

    Args:
        package: where plugs of the kind live, `tocsin.collect.sources`; its last part names the
            group of entry points, `tocsin.sources`.
        name: of the module or the entry point.

    Raises:
        SettingsError: there is no such plug, or it breaks the convention; the text says how.
    """
    module = f"{package}.{name}"
    # Names come from settings: only a plain module name may reach the import system.
    if name.isidentifier() and not name.startswith("_") and find_spec(module):
        return _checked(_only_class(import_module(module)), module)
    group = f"tocsin.{package.rpartition('.')[2]}"
    for entry_point in entry_points(group=group, name=name):
        try:
            found = entry_point.load()
        except (ImportError, AttributeError) as error:
            raise SettingsError(f"plug {group}:{name} cannot be loaded: {error}") from error
        return _checked(found, f"{group}:{name}")
    known = names(package)
    close = get_close_matches(name, known, n=1)
    remedy = f"did you mean {close[0]!r}?" if close else f"possible: {', '.join(known)}"
    raise SettingsError(f"there is no plug {name!r} in {package}; {remedy}")


def names(package: str) -> tuple[str, ...]:
    """Return the names of all plugs of a kind, built in and of entry points, sorted."""
    group = f"tocsin.{package.rpartition('.')[2]}"
    others = {entry_point.name for entry_point in entry_points(group=group)}
    return tuple(sorted({*own_names(package), *others}))


def own_names(package: str) -> tuple[str, ...]:
    """Return the names of the built-in plugs of a kind, sorted."""
    folder = import_module(package).__path__
    return tuple(
        sorted(module.name for module in iter_modules(folder) if not module.name.startswith("_"))
    )


def settings_type(plug: type) -> type:
    """Return the frozen dataclass that the constructor of a plug takes.

    Raises:
        SettingsError: the constructor takes something else.
    """
    # Keyword arguments with defaults are for whoever wires the plug by hand (a progress callback).
    parameters = [
        name
        for name, parameter in signature(plug).parameters.items()
        if parameter.kind is not Parameter.KEYWORD_ONLY or parameter.default is Parameter.empty
    ]
    hints = get_type_hints(plug.__init__)  # type: ignore[misc] # read of the class, not of an object
    kind = hints.get(parameters[0]) if parameters else None
    if len(parameters) != 1 or not isclass(kind) or not _is_frozen(kind):
        raise SettingsError(
            f"plug {plug.__module__}.{plug.__qualname__}: its constructor must take one argument,"
            " a frozen dataclass"
        )
    return kind


def settings_of(plug: type, values: Mapping[str, object]) -> object:
    """Return the settings of a plug from values of `tocsin.yaml`, checked against its dataclass.

    Raises:
        SettingsError: one line for each key that is missing, unknown or of another type.
    """
    # Loaded here: commands that read rules alone start without it.
    from pydantic import TypeAdapter, ValidationError

    kind = settings_type(plug)
    unknown = sorted(values.keys() - {field.name for field in fields(kind)})
    problems = [f"`{key}` is no setting of {plug.__qualname__}" for key in unknown]
    known = {key: value for key, value in values.items() if key not in unknown}
    try:
        made: object = TypeAdapter(kind).validate_python(known)
    except ValidationError as error:
        problems += [
            f"`{'.'.join(map(str, detail['loc']))}` of {plug.__qualname__}: {detail['msg']}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
    if problems:
        raise SettingsError("\n".join(problems))
    return made


def _only_class(module: ModuleType) -> type:
    public = [
        value
        for name, value in vars(module).items()
        if isclass(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and not _is_frozen(value)
    ]
    if len(public) != 1:
        found = ", ".join(sorted(one.__name__ for one in public)) or "none"
        raise SettingsError(
            f"plug {module.__name__} must have exactly one public class beside its settings,"
            f" found: {found}"
        )
    return public[0]


def _checked(plug: object, name: str) -> type:
    if not isclass(plug):
        raise SettingsError(f"plug {name} is no class")
    settings_type(plug)
    return plug


def _is_frozen(kind: type) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    return is_dataclass(kind) and bool(getattr(parameters, "frozen", False))
