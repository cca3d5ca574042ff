"""The words of actions: targets, states, calls, plans. All of it is data that can be stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import TypeAlias

import msgspec

Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"
"""What JSON can say; states, parameters and answers are made of it, so that they can be stored."""

State: TypeAlias = Mapping[str, Json]
"""What an action reads of its target before and after: only what the action touches."""


_ASKING = ":getIamPolicy"


@dataclass(frozen=True, slots=True)
class Target:
    """What one action is about, named so that the other side knows it.

    Attributes:
        type: of the entity: `access_key`, `instance`, `bucket`, `pod`.
        uid: as the provider names it: an ARN, a key's identifier, a uid.
        name: as its calls want it: a user's or bucket's name, `namespace/name` of a pod.
        provider: `aws`, `gcp`, `azure`, `entra`, `kubernetes`, or the name of an EDR.
        account: account, project, subscription or cluster that it is in.
        region: region or zone; "" where there is none.
        resolution: how it became certain that this is meant, for the one who approves.
    """

    type: str
    uid: str
    name: str
    provider: str
    account: str
    region: str = ""
    resolution: str = ""


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why and when an action is planned: what marks all that it makes.

    Attributes:
        request_uid: of the action request; tags and names of made things carry it, so that they are
            found again after a crash.
        incident_uid: of the incident.
        time: when it was requested, UTC.
    """

    request_uid: str
    incident_uid: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """A value that an earlier call of the same plan gives: `Made(0, "GroupId")`.

    Attributes:
        call: number of that call, from 0.
        path: dotted path into its answer; a number reaches into a list.
    """

    call: int
    path: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a provider's API, exactly as it will be sent.

    Attributes:
        service: `iam`, `ec2`; for HTTP interfaces the name of the service, such as `compute`.
        operation: boto3's method (`update_access_key`), or the HTTP method (`PATCH`).
        parameters: boto3's keyword arguments; for HTTP interfaces `path`, and where needed `query`
            (a mapping of texts) and `body`. A value may be `Made`.
        region: where; "" for the target's own or for services without regions.
        volatile: top-level parameters (of HTTP interfaces: of `body`) that follow from the moment:
            lock tokens, fingerprints, whole lists with one entry more, values of earlier calls.
            They are not part of what a person approves; the plan's changes say what they mean.
    """

    service: str
    operation: str
    parameters: Mapping[str, "Json | Made"]
    region: str = ""
    volatile: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing, and may be sent again at will."""
        reading = ("describe_", "get_", "list_", "head_", "lookup_", "GET", "HEAD")
        # Google reads policies by POST.
        asking = self.operation == "POST" and str(self.parameters.get("path")).endswith(_ASKING)
        return asking or self.operation.startswith(reading)

    def digest(self) -> str:
        """Return what tells this call from others, whatever the moment."""
        kept = {key: value for key, value in self.parameters.items() if key not in self.volatile}
        body = kept.get("body")
        if isinstance(body, Mapping):
            kept["body"] = {key: body[key] for key in body if key not in self.volatile}
        return _digest((self.service, self.operation, self.region, kept))


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the diff that people read: what was, what will be."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what}: {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done now: nothing where the wish is fulfilled already.

    Attributes:
        calls: that change something, in order; reads are not listed.
        changes: what they mean, for people; as many as are needed to say it.
        warnings: what may break, in plain words.
    """

    calls: tuple[Call, ...]
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()

    def digest(self, target: Target) -> str:
        """Return what an approval is bound to: the target, each call, each line of the diff."""
        calls = [call.digest() for call in self.calls]
        changes = [str(change) for change in self.changes]
        return _digest((target.type, target.uid, target.account, calls, changes))

    def is_within(self, approved: "Plan") -> bool:
        """Say whether this plan has no call that `approved` lacks."""
        return {call.digest() for call in self.calls} <= {call.digest() for call in approved.calls}


NOTHING = Plan(calls=())
"""The plan where the wish is fulfilled already."""


def differences(one: State, other: State, volatile: frozenset[str]) -> tuple[str, ...]:
    """Return the keys in which two states differ, sorted; volatile ones never differ."""
    keys = (one.keys() | other.keys()) - volatile
    return tuple(sorted(key for key in keys if _plain(one.get(key)) != _plain(other.get(key))))


def _digest(value: object) -> str:
    return blake2b(_encoded(value), digest_size=16).hexdigest()


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic", enc_hook=_made)


def _plain(value: object) -> object:
    return msgspec.json.decode(_encoded(value))


def _made(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")


def rows(value: Json) -> tuple[State, ...]:
    """Return the objects of a list in an answer; nothing where there is none."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(each for each in value if isinstance(each, Mapping))
