"""With whom something of AWS is shared, and how that is taken back: snapshots, images."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.act.aws_calls import texts
from tocsin.respond.actions import Call, Change, Plan, Target
from tocsin.respond.actions.words import NOTHING, State

EVERYBODY = "all"
"""How AWS names everybody who has an account with it."""

_COPIED = "whoever copied it before keeps the copy"


@dataclass(frozen=True, slots=True)
class SharingArguments:
    """With whom it shall be shared no more, besides everybody.

    Attributes:
        accounts: numbers of accounts.
    """

    accounts: tuple[str, ...] = ()


class Modify(Protocol):
    """Makes the call that adds or removes with whom something is shared."""

    def __call__(self, target: Target, operation: str, names: Sequence[str]) -> Call:
        """Return the call; `operation` is `add` or `remove`."""
        ...


def shared(found: Collection[str], arguments: SharingArguments) -> State:
    """Return with whom of those that matter it is shared."""
    meant = {EVERYBODY, *arguments.accounts}
    return {"shared": sorted(meant.intersection(found))}


def unshare(target: Target, state: State, modify: Modify) -> Plan:
    """Return the call that takes them out, unless it is shared with none of them."""
    names = texts(state, "shared")
    if not names:
        return NOTHING
    change = Change(f"{target.type} {target.name}", f"shared with {', '.join(names)}", "not shared")
    return Plan((modify(target, "remove", names),), (change,), (_COPIED,))


def share(target: Target, before: State, now: State, modify: Modify) -> Plan:
    """Return the call that shares it again with whom it was."""
    names = sorted(set(texts(before, "shared")) - set(texts(now, "shared")))
    if not names:
        return NOTHING
    change = Change(f"{target.type} {target.name}", "not shared", f"shared with {', '.join(names)}")
    return Plan((modify(target, "add", names),), (change,))
