"""Turn the crank: the only place that knows all rooms. One function for each thing people start.

Names are loaded when first asked for, so that a command starts without what it never uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.run import (
        diagnosis,
        intelligence_work,
        loading,
        offline,
        redacting,
        rule_work,
        suppressing,
    )
    from tocsin.run.embedded import Running, start
    from tocsin.run.wiring import RuleChoice

__all__ = [
    "RuleChoice",
    "Running",
    "diagnosis",
    "intelligence_work",
    "loading",
    "offline",
    "redacting",
    "rule_work",
    "start",
    "suppressing",
]

_HOMES = {
    "RuleChoice": "wiring",
    "Running": "embedded",
    "start": "embedded",
}
_MODULES = (
    *("diagnosis", "intelligence_work", "loading", "offline"),
    *("redacting", "rule_work", "suppressing"),
)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"tocsin.run.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tocsin.run.{_HOMES[name]}"), name)
