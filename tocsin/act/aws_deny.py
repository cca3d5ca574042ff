"""Deny everything to an IAM user or role by AWS's own policy, and take that back."""

from tocsin.act.aws_calls import ask, ask_all, order, read, text
from tocsin.errors import ActionError
from tocsin.respond.actions import Call, Caller, Change, Need, Plan, Target
from tocsin.respond.actions.words import NOTHING, State

DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
"""A managed policy that AWS keeps in every account."""

_PROVIDERS = ("/aws-service-role/", "/aws-reserved/")


def needs(kind: str) -> tuple[Need, ...]:
    """Return the rights for `user` or `role`."""
    resource = f"arn:aws:iam::{{account}}:{kind}/*"
    word = kind.capitalize()
    only_this = ("ArnEquals", "iam:PolicyARN", DENY_ALL)
    return (
        read(f"iam:Get{word}", resource),
        read(f"iam:ListAttached{word}Policies", resource),
        Need(f"iam:Attach{word}Policy", resource, condition=only_this),
        Need(f"iam:Detach{word}Policy", resource, condition=only_this),
    )


def read_identity(kind: str, target: Target, caller: Caller) -> State:
    """Return which user or role it is: another one of the same name is another one."""
    word = kind.capitalize()
    answer = ask(target, caller, "iam", f"get_{kind}", **{f"{word}Name": target.name})
    return {"id": text(answer, word, f"{word}Id"), "path": text(answer, word, "Path")}


def read_state(kind: str, target: Target, caller: Caller) -> State:
    """Return who it is and whether everything is denied to it."""
    identity = read_identity(kind, target, caller)
    given = {f"{kind.capitalize()}Name": target.name}
    operation = f"list_attached_{kind}_policies"
    attached = ask_all(target, caller, "AttachedPolicies", "iam", operation, **given)
    is_denied = any(each.get("PolicyArn") == DENY_ALL for each in attached)
    return {**identity, "is_denied": is_denied}


def refuse_providers_own(target: Target, state: State) -> None:
    """Refuse a role that belongs to AWS.

    Raises:
        ActionError: it is service-linked, or made by IAM Identity Center.
    """
    if text(state, "path").startswith(_PROVIDERS):
        raise ActionError(f"{target.name} is a role of AWS itself: it cannot be changed")


def deny(kind: str, target: Target, state: State) -> Plan:
    """Return the call that denies everything, unless it is denied."""
    if state["is_denied"]:
        return NOTHING
    change = Change(f"policies of {kind} {target.name}", "as they are", "and AWSDenyAll")
    warning = f"everything that works as {target.name} stops, its sessions too"
    return Plan((_set(kind, target, f"attach_{kind}_policy"),), (change,), (warning,))


def allow(kind: str, target: Target, before: State, now: State) -> Plan:
    """Return the call that takes the denial away, where there was none."""
    if now["is_denied"] == before["is_denied"]:
        return NOTHING
    change = Change(f"policies of {kind} {target.name}", "and AWSDenyAll", "as they were")
    return Plan((_set(kind, target, f"detach_{kind}_policy"),), (change,))


def _set(kind: str, target: Target, operation: str) -> Call:
    name = {f"{kind.capitalize()}Name": target.name}
    return order(target, "iam", operation, **name, PolicyArn=DENY_ALL)
