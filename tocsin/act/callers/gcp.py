"""Calls to the interfaces of Google Cloud in one project, waiting until what they start is done."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from tocsin.act.http_calls import HttpCalls, Service
from tocsin.act.posting import HttpSettings
from tocsin.errors import ActionError, CallRefusedError, OutcomeUnknownError, SettingsError
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import State, rows
from tocsin.values import FilePath

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_BASES = {
    "cloudresourcemanager": "https://cloudresourcemanager.googleapis.com",
    "compute": "https://compute.googleapis.com",
    "iam": "https://iam.googleapis.com",
    "run": "https://run.googleapis.com",
    "storage": "https://storage.googleapis.com",
}
_VERBS = {"GET": "get", "POST": "create", "PATCH": "update", "PUT": "update", "DELETE": "delete"}
_NAMES = {
    "b": "buckets",
    "cloudresourcemanager": "resourcemanager",
    "keys": "serviceAccountKeys",
}
"""What permissions call otherwise than paths do."""

_HAVING_METHODS = frozenset({"b", "disks", "instances"})
_LOOKS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpProject(HttpSettings):
    """How to reach one project in order to act in it.

    Attributes:
        account: the project's identifier.
        credentials: file of a service account's key; otherwise what the environment gives, which
            is better: a workload identity has no key that could leak.
        impersonate: email of the service account that may respond, to act as it.
        endpoint: another address of all services, such as that of a stand-in.
    """

    account: str
    credentials: FilePath | None = None
    impersonate: str | None = None
    endpoint: str | None = None


class Gcp:
    """A caller for one project."""

    def __init__(
        self, settings: GcpProject, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        """Take which project; nothing is asked yet."""
        self._settings = settings
        services = {
            name: Service(settings.endpoint or base, self._headers) for name, base in _BASES.items()
        }
        self._calls = HttpCalls(settings, services, _right, wait)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        answer = self._calls.call(call)
        if call.is_reading or answer.get("kind") != "compute#operation":
            return answer
        return self._finished(answer)

    def _finished(self, operation: State) -> State:
        """Wait for what a call has started.

        Source: https://cloud.google.com/compute/docs/api/how-tos/api-requests-responses
        """
        # Only the path is taken: an answer does not say which machine is asked next.
        path = urlsplit(str(operation.get("selfLink"))).path
        for look in range(_LOOKS):
            if operation.get("status") == "DONE":
                return _succeeded(operation)
            self._calls.wait(min(0.5 * 2**look, 5.0))
            operation = self._calls.call(Call("compute", "GET", {"path": path}))
        raise OutcomeUnknownError(f"compute: {operation.get('operationType')} takes too long")

    def _headers(self) -> Mapping[str, str]:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.urllib3 import Request
        from urllib3 import PoolManager

        credentials = self._credentials
        try:
            if not credentials.valid:
                request: Any = Request
                credentials.refresh(request(PoolManager()))
        except GoogleAuthError as error:
            text = f"Google gives no token for {self._settings.account}: {str(error)[:200]}"
            raise CallRefusedError(text) from None
        return {"Authorization": f"Bearer {credentials.token}"}

    @cached_property
    def _credentials(self) -> Any:
        try:
            import google.auth
            from google.auth import impersonated_credentials
            from google.auth.exceptions import GoogleAuthError
            from google.oauth2 import service_account
        except ImportError:
            raise SettingsError("acting in GCP needs the extra `gcp`: tocsin[gcp]") from None
        # A file holds a service account and nothing else: other kinds may name programs to run.
        of_file: Any = service_account.Credentials.from_service_account_file
        file = self._settings.credentials
        try:
            found: Any = (
                google.auth.default(scopes=[_SCOPE])[0]
                if file is None
                else of_file(str(file), scopes=[_SCOPE])
            )
        except (GoogleAuthError, OSError, ValueError) as error:
            raise CallRefusedError(f"no Google credentials: {type(error).__name__}") from None
        if self._settings.impersonate is None:
            return found
        acting: Any = impersonated_credentials.Credentials
        return acting(
            source_credentials=found,
            target_principal=self._settings.impersonate,
            target_scopes=[_SCOPE],
        )


def _succeeded(operation: State) -> State:
    error = operation.get("error")
    if not isinstance(error, dict):
        return operation
    said = [str(each.get("message") or each.get("code")) for each in rows(error.get("errors"))]
    raise ActionError(f"compute: {operation.get('operationType')}: {'; '.join(said)[:300]}")


def _right(call: Call) -> str:
    """Name the permission of a call, as custom roles do; Google's own text names it as well."""
    path, _, method = str(call.parameters["path"]).strip("/").partition(":")
    parts = path.split("/")
    # Kinds and names take turns: projects/p/zones/z/instances/i, and then perhaps a method.
    pairs = parts[parts.index("projects") if "projects" in parts else 2 :]
    if "global" in pairs:
        pairs.remove("global")
    is_named = len(pairs) % 2 == 0
    kind = pairs[-2] if is_named else pairs[-1]
    verb = method or ("list" if call.operation == "GET" and not is_named else "")
    if not is_named and len(pairs) > 2 and pairs[-3] in _HAVING_METHODS:
        kind, verb = pairs[-3], kind
        if verb == "iam":
            verb = "getIamPolicy" if call.is_reading else "setIamPolicy"
    service = _NAMES.get(call.service, call.service)
    return f"{service}.{_NAMES.get(kind, kind)}.{verb or _VERBS[call.operation]}"
