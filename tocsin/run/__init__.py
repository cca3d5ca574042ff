"""Turn the crank: the only place that knows all rooms. One function for each thing people start.

Names are loaded when first asked for, so that a command starts without what it never uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.run import rule_work
    from tocsin.run.diagnosis import content_problems, diagnose
    from tocsin.run.embedded import Running, start
    from tocsin.run.loading import ingest_files, replay_rejects
    from tocsin.run.offline import detect_files, normalize_files
    from tocsin.run.wiring import RuleChoice

__all__ = [
    "RuleChoice",
    "Running",
    "content_problems",
    "detect_files",
    "diagnose",
    "ingest_files",
    "normalize_files",
    "replay_rejects",
    "rule_work",
    "start",
]

_HOMES = {
    "RuleChoice": "wiring",
    "Running": "embedded",
    "content_problems": "diagnosis",
    "detect_files": "offline",
    "diagnose": "diagnosis",
    "ingest_files": "loading",
    "normalize_files": "offline",
    "replay_rejects": "loading",
    "start": "embedded",
}


def __getattr__(name: str) -> object:
    if name == "rule_work":
        return import_module("tocsin.run.rule_work")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tocsin.run.{_HOMES[name]}"), name)
