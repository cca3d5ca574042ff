"""What rules import beyond the standard library, what their data models say, and their mocks.

The texts come from the parent and are executed when a rule first imports them, so that a helper
that fails is a failure of the rules that need it, and of no others.
"""

import builtins
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.isolate.jail import (
        rule_cache,
        rule_event,
        rule_expressions,
        rule_functions,
        rule_tables,
    )
else:
    import rule_cache
    import rule_event
    import rule_expressions
    import rule_functions
    import rule_tables

Execute = Callable[[str, str, dict[str, Any]], None]
"""Executes a text, of this name for messages, in these names."""

_MISSING = object()


class NoSuchNameError(Exception):
    """A mock names what neither the rule nor its helpers have."""


class Surroundings:
    """The helpers and data models of a folder of rules; also finds the helpers for `import`.

    Attributes:
        log_types: what each rule reads, by the rule's uid.
        filters: expressions that must hold before a rule is asked, by the rule's uid.
        missing: why packages of the settings could not be imported, by name.
    """

    def __init__(self, execute: Execute) -> None:
        self.log_types: Mapping[str, Sequence[str]] = {}
        self.filters: Mapping[str, rule_expressions.Expression] = {}
        self.missing: Mapping[str, str] = {}
        self._tables: dict[str, rule_tables.Table] = {}
        self._execute = execute
        self._texts: Mapping[str, str] = {}
        self._models: dict[str, Mapping[str, Any]] = {}
        self._served = _served()
        sys.modules.update(self._served)

    def provide(self, found: Mapping[str, Any]) -> None:
        """Take what the parent sends; see `detect.formats.python_folder`."""
        self._texts = found["modules"]
        self.log_types = found["log_types"]
        self.filters = found.get("filters", {})
        self._tables = {each["name"]: rule_tables.Table(each) for each in found.get("tables", ())}
        _tell(self._served, found.get("values", {}))
        for name in self._texts:
            if name in self._served:
                sys.modules.pop(name, None)
        for model in found["data_models"]:
            mapping = {
                name: path or self._method(model, method)
                for name, path, method in model["mappings"]
            }
            for log_type in model["log_types"]:
                self._models.setdefault(log_type, mapping)

    def event(self, uid: str, contents: rule_event.FrozenDict) -> rule_event.RuleEvent:
        """Return the record as one rule sees it: with the type and data model of its logs."""
        event = rule_event.RuleEvent(contents)
        own = self.log_types.get(uid, ())
        if len(own) == 1 and "p_log_type" not in event:
            dict.__setitem__(event, "p_log_type", own[0])
        named = event.get("p_log_type")
        names = (named,) if isinstance(named, str) else own
        if self._tables:
            added = rule_tables.enriched(tuple(self._tables.values()), names, contents)
            if added is not None:
                dict.__setitem__(event, "p_enrichment", added)
            event.with_tables(self._tables)
        return event.with_models(tuple(self._models[n] for n in names if n in self._models))

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find a helper by its name; called by `import`.

        Raises:
            ImportError: the settings name this package, and it could not be imported.
        """
        if name in self.missing:
            message = f"the package {name} could not be imported: {self.missing[name]}"
            raise ImportError(message, name=name)
        return ModuleSpec(name, self) if name in self._texts else None  # type: ignore[arg-type] # has what a loader needs

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave making the module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute the text of a helper."""
        self._execute(self._texts[module.__name__], module.__name__, module.__dict__)

    @contextmanager
    def mocked(self, names: dict[str, Any], mocks: Sequence[Sequence[Any]]) -> Iterator[None]:
        """Replace names of a rule, or of its helpers, by what its test says.

        Raises:
            NoSuchNameError: a mock names what neither has.
        """
        changed: list[tuple[dict[str, Any], str, Any]] = []
        rule_cache.forget_everything()
        try:
            for name, value in mocks:
                for owner, last in self._places(names, name):
                    changed.append((owner, last, owner.get(last, _MISSING)))
                    owner[last] = _stand_in(changed[-1][2], value)
            yield
        finally:
            for owner, last, before in reversed(changed):
                owner.pop(last) if before is _MISSING else owner.update({last: before})

    def _places(self, names: dict[str, Any], name: str) -> Iterator[tuple[dict[str, Any], str]]:
        *way, last = name.split(".")
        owner: Any = names
        for step in way:
            owner = owner.get(step) if owner is names else getattr(owner, step, None)
        if way and isinstance(owner, ModuleType) and hasattr(owner, last):
            yield vars(owner), last
        elif not way and (last in names or hasattr(builtins, last)):
            yield names, last
        else:
            modules = [sys.modules[each] for each in self._texts if each in sys.modules]
            found = [vars(module) for module in modules if not way and last in vars(module)]
            if not found:
                raise NoSuchNameError(f"the mock {name!r} is of nothing that the rule has")
            yield from ((each, last) for each in found)

    def _method(self, model: Mapping[str, Any], method: str) -> Callable[[Any], Any]:
        names: dict[str, Any] = {"__name__": f"data_model.{model['name']}"}

        def tell(event: Any) -> Any:
            if method not in names:
                self._execute(model["source"], names["__name__"], names)
            return names[method](event)

        return tell


def _stand_in(before: Any, value: Any) -> Any:
    """Return what replaces a name: something to call, but for plain values the value itself."""
    is_called = before is _MISSING or callable(before) or isinstance(before, ModuleType)
    return rule_event.Mocked(value) if is_called else value


def _served() -> dict[str, ModuleType]:
    """Return the modules that stand in for those that rules import from elsewhere."""
    core = _module("panther_core", vars(rule_event))
    core.__dict__["PantherEvent"] = rule_event.RuleEvent
    frozen = {"ImmutableDict": rule_event.FrozenDict, "ImmutableList": rule_event.FrozenList}
    modules = [
        core,
        _module("panther_core.enriched_event", {"PantherEvent": rule_event.RuleEvent}),
        _module("panther_core.immutable", frozen),
        _module("panther_base_helpers", vars(rule_functions)),
        _module("panther_oss_helpers", vars(rule_cache)),
        _module("panther_detection_helpers", {}),
        _module("panther_detection_helpers.caching", vars(rule_cache)),
        _module("panther_event_type_helpers", {"__getattr__": _event_type}),
        _module("tocsin_rules", {"simple_detection": rule_expressions.define}),
        _module("tocsin_rules.organization", {}),
    ]
    return {module.__name__: module for module in modules}


def _tell(served: Mapping[str, ModuleType], values: Mapping[str, Sequence[str]]) -> None:
    """Give rules the lists of the settings: of the organization, and those of one's own."""
    start = "organization."
    own = served["tocsin_rules.organization"]
    for name, each in values.items():
        if name.startswith(start) and not name.endswith("_known"):
            vars(own)[name.removeprefix(start)] = tuple(each)
    others = {name: tuple(each) for name, each in values.items() if not name.startswith(start)}
    vars(served["tocsin_rules"]).update(organization=own, placeholders=MappingProxyType(others))


def _module(name: str, contents: Mapping[str, Any]) -> ModuleType:
    module = ModuleType(name)
    if name in ("panther_core", "panther_detection_helpers", "tocsin_rules"):
        module.__path__ = []
    public = {key: each for key, each in contents.items() if not key.startswith("_")}
    module.__dict__.update(public, **{k: contents[k] for k in ("__getattr__",) if k in contents})
    return module


def _event_type(name: str) -> str:
    """Return an event type by its constant: `FAILED_LOGIN` is `failed_login`."""
    if not name.isupper():
        raise AttributeError(name)
    return name.lower()
