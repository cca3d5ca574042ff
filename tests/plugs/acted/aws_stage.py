"""What stages in moto have in common."""

from collections.abc import Callable
from typing import Any

import boto3

from tests.plugs.acted.stage import Stage
from tocsin.act.callers.aws import Aws, AwsAccount
from tocsin.respond.actions import Action, Target

ACCOUNT = "123456789012"
"""Of moto."""

REGION = "us-east-1"


def client(url: str, service: str) -> Any:
    return boto3.client(service, endpoint_url=url, region_name=REGION)  # type: ignore[call-overload]


def target(type_: str, uid: str, name: str = "") -> Target:
    return Target(type_, uid, name or uid, "aws", ACCOUNT, REGION)


def stage(
    url: str,
    action: Action,
    on: Target,
    gone: Target | None,
    *,
    snapshot: Callable[[], object],
    meddle: Callable[[], object] | None,
    expected: Callable[[], object],
) -> Stage:
    """Return a stage whose caller speaks to moto.

    The caller has no keys of its own but takes those of the environment, as soon as it is used.
    """
    caller = Aws(AwsAccount(account=ACCOUNT, endpoint=url, region=REGION))
    return Stage(action, on, caller, snapshot, gone, meddle, expected)


def wanted(is_so: Callable[[], bool]) -> Callable[[], None]:
    """Return a claim about the world."""

    def claim() -> None:
        assert is_so()

    return claim
