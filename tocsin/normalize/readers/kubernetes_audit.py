"""Read audit events of Kubernetes out of what Google Cloud and Azure make of them.

GKE writes each call as a LogEntry of Google Cloud's audit log, AKS puts the text of the event into
a record of Azure Monitor. Both become the event that the API server itself would have written, and
beside it `cluster` says whose cluster it is. Any other record is left as it is.
https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging
https://learn.microsoft.com/en-us/azure/aks/monitor-aks-reference
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.ocsf.reading import LineReader

_VERSION = re.compile(r"v\d{1,3}((alpha|beta)\d{1,3})?")
# How the API server answers where Google tells only the code of gRPC.
_CODES = {
    0: 200,
    3: 400,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 409,
    10: 409,
    13: 500,
    14: 503,
    16: 401,
}
_REASONS = {404: "NotFound", 409: "Conflict", 403: "Forbidden", 401: "Unauthorized"}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class KubernetesAuditSettings:
    """Nothing can be chosen."""


class KubernetesAudit(LineReader):
    """Reads LogEntries of GKE and records of Azure Monitor of AKS."""

    takes_json = True

    def __init__(self, settings: KubernetesAuditSettings) -> None:
        """Take the settings."""

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the event in each record; see `LineReader`."""
        return [_event(raw) for raw in raws]


def _event(raw: bytes) -> bytes:
    is_google, is_azure = b'"protoPayload"' in raw, b'"properties"' in raw
    if not (is_google or is_azure):
        return raw
    try:
        record = _decode(raw)
        found = _of_google(record) if is_google else _of_azure(record)
        return _encode(found) if found else raw
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return raw


def _of_azure(record: dict[str, object]) -> dict[str, object] | None:
    text = _object(record.get("properties")).get("log")
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    event = _decode(text)
    uid = _text(record.get("resourceId"))
    parts = uid.split("/")
    cluster: dict[str, object] = {
        "provider": "Azure",
        "uid": uid,
        "name": parts[-1] or None,
        "account": parts[2] if len(parts) > 2 else None,
        "region": record.get("location"),
    }
    return event if not uid else event | {"cluster": cluster}


def _of_google(entry: dict[str, object]) -> dict[str, object] | None:
    payload = _object(entry.get("protoPayload"))
    if payload.get("serviceName") != "k8s.io":
        return None
    request = _object(payload.get("requestMetadata"))
    who = _object(payload.get("authenticationInfo"))
    operation = _object(entry.get("operation"))
    event: dict[str, object] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": _text(operation.get("id")) or entry.get("insertId"),
        "stage": "ResponseComplete",
        "requestReceivedTimestamp": entry.get("timestamp"),
        "user": {"username": who.get("principalEmail"), "groups": None},
        "userAgent": request.get("callerSuppliedUserAgent"),
        "sourceIPs": [request["callerIp"]] if request.get("callerIp") else None,
        "responseStatus": _status(payload),
        "annotations": entry.get("labels"),
        "cluster": _google_cluster(_object(entry.get("resource"))),
    }
    if isinstance(who.get("authoritySelector"), str):
        event["impersonatedUser"] = {"username": who["authoritySelector"]}
    for name in ("request", "response"):
        if isinstance(payload.get(name), dict):
            event[f"{name}Object"] = payload[name]
    event["level"] = "RequestResponse" if "requestObject" in event else "Metadata"
    return event | _asked(_text(payload.get("methodName")), _text(payload.get("resourceName")))


def _google_cluster(resource: dict[str, object]) -> dict[str, object]:
    labels = _object(resource.get("labels"))
    project, place, name = (
        _text(labels.get(key)) for key in ("project_id", "location", "cluster_name")
    )
    return {
        "provider": "GCP",
        "uid": f"projects/{project}/locations/{place}/clusters/{name}" if name else None,
        "name": name or None,
        "account": project or None,
        "region": place or None,
    }


def _status(payload: dict[str, object]) -> dict[str, object]:
    """Return the answer: a Status where one was recorded, else what the code of gRPC stands for."""
    status, response = _object(payload.get("status")), _object(payload.get("response"))
    told = response.get("code") if response.get("kind") == "Status" else None
    number = status.get("code", 0)
    code = told if isinstance(told, int) else _CODES.get(number if isinstance(number, int) else 2)
    code = code or 500
    if code < 400:
        return {"code": code}
    reason = _text(response.get("reason")) or _REASONS.get(code)
    message = status.get("message") or response.get("message")
    return {"code": code, "status": "Failure", "reason": reason, "message": message}


def _asked(method: str, name: str) -> dict[str, object]:
    """Return verb, path and object of a call.

    `io.k8s.core.v1.pods.exec.create` on `core/v1/namespaces/shop/pods/web-0/exec` creates the
    subresource `exec`; `io.k8s.get` on `readyz` asks for no object.
    """
    *before, verb = method.split(".")
    places = [place for place, part in enumerate(before) if _VERSION.fullmatch(part)]
    parts = name.split("/")
    if not places or len(parts) < 3:
        return {"verb": verb, "requestURI": f"/{name}"}
    resource, *below = before[places[-1] + 1 :] or [parts[-1]]
    group, version, *path = parts
    namespace = path[1] if len(path) > 1 and path[0] == "namespaces" else None
    inner = path[2:] if namespace and resource != "namespaces" else path
    group = "" if group == "core" else group
    uri = "/".join(["/apis", group] if group else ["/api"]) + "/" + "/".join(parts[1:])
    reference: dict[str, object] = {
        "resource": resource,
        "subresource": "/".join(below) or None,
        "namespace": namespace,
        "name": inner[1] if len(inner) > 1 else None,
        "apiGroup": group or None,
        "apiVersion": version,
    }
    told = {key: value for key, value in reference.items() if value}
    return {"verb": verb, "requestURI": uri, "objectRef": told}


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
