"""Policies of Google Cloud (who may do what): how they are read and written back."""

from tocsin.act import gcp_objects as objects
from tocsin.act.http_calls import segment
from tocsin.respond.actions import Call, Target
from tocsin.respond.actions.words import Json, State

_BODY = frozenset({"body"})


def reading(target: Target) -> Call:
    """Return the call that reads the policy of a target, conditions included."""
    # Version 3 shows conditions; what is written without them would lose them.
    wanted: dict[str, Json] = {"options": {"requestedPolicyVersion": 3}}
    asked: dict[str, Json] = {"options.requestedPolicyVersion": "3"}
    if target.type == "bucket":
        asked = {"optionsRequestedPolicyVersion": "3"}
        path = f"/storage/v1/b/{segment(target.name)}/iam"
        return Call("storage", "GET", {"path": path, "query": asked})
    if target.type == "project":
        path = f"/v3/projects/{segment(target.name)}:getIamPolicy"
        return Call("cloudresourcemanager", "POST", {"path": path, "body": wanted})
    if target.type == "service_account":
        path = f"{objects.service_account(target)}:getIamPolicy"
        return Call("iam", "POST", {"path": path, "query": asked})
    return Call("run", "GET", {"path": f"{_run(target)}:getIamPolicy", "query": asked})


def writing(target: Target, state: State, bindings: list[Json], about: str) -> Call:
    """Return the call that writes the policy that was read, with other bindings.

    The etag in it makes the call fail where somebody wrote another policy since.
    """
    policy: dict[str, Json] = {**objects.part(state, "policy"), "bindings": bindings}
    policy["version"] = 3
    given: dict[str, Json] = {"about": f"{about} of {target.name}"}
    if target.type == "bucket":
        path = f"/storage/v1/b/{segment(target.name)}/iam"
        return Call("storage", "PUT", given | {"path": path, "body": policy}, volatile=_BODY)
    given["body"] = {"policy": policy}
    service, path = {
        "project": ("cloudresourcemanager", f"/v3/projects/{segment(target.name)}"),
        "service_account": ("iam", objects.service_account(target)),
    }.get(target.type) or ("run", _run(target))
    return Call(service, "POST", given | {"path": f"{path}:setIamPolicy"}, volatile=_BODY)


def _run(target: Target) -> str:
    where = f"/v2/projects/{segment(target.account)}/locations/{segment(target.region)}"
    return f"{where}/services/{segment(target.name)}"
