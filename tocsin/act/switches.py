"""Actions that set one value and set it back: what their plans have in common."""

from collections.abc import Callable

from tocsin.respond.actions import Call, Change, Plan
from tocsin.respond.actions.words import NOTHING, Json, State


def switch(
    key: str,
    now: State,
    wanted: Json,
    call: Callable[[], Call],
    what: str,
    *,
    warnings: tuple[str, ...] = (),
) -> Plan:
    """Return the plan that brings `now[key]` to what is wanted; nothing where it is so already.

    Args:
        key: of the state.
        now: what was read.
        wanted: value of the key afterwards.
        call: gives the call that sets it.
        what: is set, for people.
        warnings: what may break.
    """
    if now[key] == wanted:
        return NOTHING
    return Plan((call(),), (Change(what, _text(now[key]), _text(wanted)),), warnings)


def _text(value: Json) -> str:
    if value is None:
        return "not set"
    return {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else str(value)
