"""Resources of Google Cloud: where they are, how they are read, what names we give."""

from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from tocsin.act.http_calls import segment
from tocsin.errors import ActionError, TargetGoneError
from tocsin.respond.actions import Call, Caller, Made, Purpose, Target
from tocsin.respond.actions.words import Json, State

LABEL = "tocsin-request"
"""Label of what we make; its value is the request."""


def project(target: Target) -> str:
    """Return the path of the target's project in Compute Engine."""
    return f"/compute/v1/projects/{segment(target.account)}"


def instance(target: Target) -> str:
    """Return the path of a virtual machine."""
    if not target.region:
        raise ActionError(f"the zone of {target.name} is not known")
    return f"{project(target)}/zones/{segment(target.region)}/instances/{segment(target.name)}"


def service_account(target: Target) -> str:
    """Return the path of a service account that `target.name` names by its email."""
    return f"/v1/projects/{segment(target.account)}/serviceAccounts/{segment(target.name)}"


def read(caller: Caller, service: str, path: str, query: "dict[str, Json] | None" = None) -> State:
    """Return a resource.

    Raises:
        TargetGoneError: there is none.
    """
    parameters: dict[str, Json | Made] = {"path": path}
    if query:
        parameters["query"] = query
    return caller.call(Call(service, "GET", parameters))


def read_instance(caller: Caller, target: Target) -> State:
    """Return a virtual machine, once it is certain that it is the one that is meant.

    Raises:
        TargetGoneError: there is none, or a later one of the same name.
    """
    found = read(caller, "compute", instance(target))
    if target.uid.isdecimal() and str(found.get("id")) != target.uid:
        raise TargetGoneError(f"instance {target.name} is another one than {target.uid}")
    return found


def exists(caller: Caller, service: str, path: str) -> State | None:
    """Return a resource that may be missing."""
    try:
        return read(caller, service, path)
    except TargetGoneError:
        return None


def own_name(purpose: Purpose, *more: object) -> str:
    """Return the name of something made for a request: letters, digits and hyphens."""
    parts = ("tocsin", purpose.request_uid, *map(str, more))
    return "-".join(parts).replace("_", "-").lower()[:63]


def path_of(link: Json) -> str:
    """Return the path in a link to a resource: whose host is not asked."""
    return urlsplit(str(link)).path


def part(given: State, *keys: str) -> State:
    """Return an object inside an object; empty where there is none."""
    for key in keys:
        value = given.get(key)
        given = cast("State", value) if isinstance(value, dict) else {}
    return given


def texts(value: Json) -> list[str]:
    """Return the texts of a list; none where there is none."""
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def deny_rules(state: State, purpose: Purpose) -> Iterator[dict[str, Json]]:
    """Yield the rules that isolate: for each network, direction and family of addresses.

    Args:
        state: has `networks` and `ranges`.
        purpose: its request's tag is what they deny.
    """
    tag = own_name(purpose)
    for number, network in enumerate(texts(state["networks"])):
        for family, everywhere in enumerate(texts(state["ranges"])):
            for short, direction in (("in", "INGRESS"), ("out", "EGRESS")):
                side = "sourceRanges" if short == "in" else "destinationRanges"
                yield {
                    "name": own_name(purpose, short, number, family),
                    "description": f"Made by Tocsin for {purpose.incident_uid}",
                    "network": network,
                    "direction": direction,
                    "priority": 0,
                    "denied": [{"IPProtocol": "all"}],
                    side: [everywhere],
                    "targetTags": [tag],
                }
