"""Plans, calls and states of action requests as the JSON text in which the state keeps them."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from tocsin.errors import StoreError
from tocsin.respond.actions import Call, Change, Made, Plan
from tocsin.respond.actions.words import Json, State

_MADE = "tocsin:made"
"""The key by which a value of an earlier call's answer is recognized."""


def plan_text(plan: Plan) -> str:
    """Return a plan as JSON."""
    return _encoded(
        {
            "calls": [_call(call) for call in plan.calls],
            "changes": [[change.what, change.before, change.after] for change in plan.changes],
            "warnings": list(plan.warnings),
        }
    )


def plan(text: str) -> Plan | None:
    """Return the plan of its JSON; `None` for "".

    Raises:
        StoreError: it was not written by `plan_text`.
    """
    if not text:
        return None
    try:
        found = msgspec.json.decode(text)
        return Plan(
            tuple(_read_call(call) for call in found["calls"]),
            tuple(Change(*change) for change in found["changes"]),
            tuple(found["warnings"]),
        )
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise StoreError(f"a plan cannot be read ({error}): run `tocsin fsck`") from error


def call_text(call: Call) -> str:
    """Return a call as JSON."""
    return _encoded(_call(call))


def call(text: str) -> Call:
    """Return the call of its JSON."""
    return _read_call(msgspec.json.decode(text))


def state_text(state: State) -> str:
    """Return what an action read as JSON."""
    return _encoded(dict(state))


def state(text: str) -> State | None:
    """Return what an action read; `None` for ""."""
    return cast("State", msgspec.json.decode(text)) if text else None


def _call(call: Call) -> dict[str, object]:
    return {
        "service": call.service,
        "operation": call.operation,
        "parameters": {name: _written(value) for name, value in call.parameters.items()},
        "region": call.region,
        "volatile": sorted(call.volatile),
    }


def _read_call(found: Mapping[str, object]) -> Call:
    parameters = cast("Mapping[str, Json]", found["parameters"])
    return Call(
        str(found["service"]),
        str(found["operation"]),
        {name: cast("Json | Made", _read(value)) for name, value in parameters.items()},
        str(found["region"]),
        frozenset(cast("list[str]", found["volatile"])),
    )


def _written(value: object) -> object:
    if isinstance(value, Made):
        return {_MADE: [value.call, value.path]}
    if isinstance(value, Mapping):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_written(each) for each in value]
    return value


def _read(value: object) -> object:
    if isinstance(value, dict):
        if value.keys() == {_MADE}:
            number, path = value[_MADE]
            return Made(number, path)
        return {key: _read(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_read(each) for each in value]
    return value


def _encoded(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")
