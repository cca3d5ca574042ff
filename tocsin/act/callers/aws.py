"""Calls to one AWS account, through boto3, as a role that may do just what an action needs."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from tocsin.errors import (
    ActionError,
    CallRefusedError,
    OutcomeUnknownError,
    TargetGoneError,
)
from tocsin.respond.actions import Call
from tocsin.respond.actions.words import Json, State

_TRIES = 4
_GONE = (
    "NotFound",
    "NoSuchEntity",
    "NoSuchBucket",
    "NoSuchKey",
    "NonExistent",
    "Nonexistent",
    "DoesNotExist",
)
_REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "RequestThrottled",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccount:
    """How to reach one account in order to act in it.

    Attributes:
        account: its number.
        role_arn: the role that may respond; it is assumed anew for each action.
        external_id: what the role demands; made by Tocsin, so that nobody else can use the role.
        profile: of the credentials that may assume the role; otherwise those of the environment.
        region: where nothing else is said.
        endpoint: another address of all services, such as that of a stand-in.
        timeout_seconds: for one call.
    """

    account: str
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    profile: str | None = None
    region: str = "us-east-1"
    endpoint: str | None = None
    timeout_seconds: float = 20.0


class Aws:
    """A caller for one account; `limited` gives one that may do less."""

    def __init__(self, settings: AwsAccount, *, policy: str = "", session_name: str = "") -> None:
        self._settings = settings
        self._policy = policy
        self._session_name = session_name or "tocsin-respond"
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    def limited(self, policy: str, session_name: str) -> "Aws":
        """Return a caller whose session may do no more than an IAM policy says.

        Args:
            policy: an IAM policy document, at most 2,048 characters.
            session_name: by which its calls are recognized in the trail.
        """
        return Aws(self._settings, policy=policy, session_name=session_name)

    def call(self, call: Call) -> State:
        """Send one call; see `tocsin.respond.actions.Caller`."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            EndpointConnectionError,
            NoCredentialsError,
            ParamValidationError,
        )

        harmless = (
            ConnectTimeoutError,
            EndpointConnectionError,
            NoCredentialsError,
            ParamValidationError,
        )
        problem = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(0.2 * 2**attempt)
            try:
                return self._answer(call)
            except ClientError as error:
                problem = self._refusal(call, error)
            except harmless as error:
                problem = _told(call, error)
                if isinstance(error, NoCredentialsError | ParamValidationError):
                    break
            except BotoCoreError as error:
                problem = _told(call, error)
                if not call.is_reading:
                    raise OutcomeUnknownError(problem) from None
        raise ActionError(problem)

    def _answer(self, call: Call) -> State:
        client = self._client(call.service, call.region or self._settings.region)
        method = getattr(client, call.operation, None)
        if method is None or call.operation.startswith("_"):
            raise ActionError(f"{call.service} has no call {call.operation!r}")
        answer = dict(method(**call.parameters))
        answer.pop("ResponseMetadata", None)
        return {key: _plain(value) for key, value in answer.items()}

    def _refusal(self, call: Call, error: Any) -> str:
        """Raise what an error of the service means; return its text where a repetition may help."""
        found = error.response.get("Error", {})
        code = str(found.get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        text = _told(call, f"{code}: {str(found.get('Message', ''))[:300]}")
        if code in _THROTTLED:
            return text
        if any(word in code for word in _GONE) or (status == 404 and call.is_reading):
            raise TargetGoneError(text)
        if code in _REFUSED or status == 403:
            raise CallRefusedError(f"{text}; it needs {call.service}:{error.operation_name}")
        if status >= 500:
            if not call.is_reading:
                raise OutcomeUnknownError(text)
            return text
        raise ActionError(text)

    def _client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self._clients:
            from botocore.config import Config

            seconds = self._settings.timeout_seconds
            # One try each: whether a call may be sent again is decided here, not below.
            config = Config(
                connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}
            )
            self._clients[key] = self._opened().client(
                service, region_name=region, endpoint_url=self._settings.endpoint, config=config
            )
        return self._clients[key]

    def _opened(self) -> Any:
        if self._session is None:
            base = _session(profile_name=self._settings.profile, region_name=self._settings.region)
            self._session = self._assumed(base) if self._settings.role_arn else base
        return self._session

    def _assumed(self, base: Any) -> Any:
        asked: dict[str, object] = {
            "RoleArn": self._settings.role_arn,
            "RoleSessionName": self._session_name[:64],
            "DurationSeconds": 900,
        }
        if self._settings.external_id:
            asked["ExternalId"] = self._settings.external_id
        if self._policy:
            asked["Policy"] = self._policy
        sts = base.client("sts", endpoint_url=self._settings.endpoint)
        given = sts.assume_role(**asked)["Credentials"]
        return _session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            region_name=self._settings.region,
        )


def _session(**given: Any) -> Any:
    """Return a session that shares with all others what botocore reads about services."""
    import boto3
    from botocore.session import Session

    profile = given.pop("profile_name", None)
    core = Session(profile=profile)
    core.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=core, **given)


@cache
def _loader() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


def _told(call: Call, problem: object) -> str:
    return f"{call.service}.{call.operation}: {str(problem)[:400]}"


def _plain(value: Any) -> Json:
    """Return an answer's value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(each) for each in value]
    if hasattr(value, "read"):
        return _text(value.read())
    return _text(value) if isinstance(value, bytes) else value


def _text(content: bytes) -> Json:
    text = content.decode("utf-8", "replace")
    try:
        found: Json = json.loads(text)
    except ValueError:
        return text
    return found
