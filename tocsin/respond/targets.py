"""Find what a step acts on, and say how it became certain that this is meant.

A target that the provider names is certain. What a sensor says is certain where the inventory knew
it at that time. What a caller wrote into a request is certain where the provider's own log says
that the call succeeded: then the thing was there, and it is read once more in that account before
anything is planned. Everything else may be an outsider's text, and is written down and no more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.conditions import lookup, text_of
from tocsin.ocsf import Entity
from tocsin.respond.actions import Target
from tocsin.respond.playbooks import ENTITY, LINKS, Step
from tocsin.respond.ports import Inventory, Labels, Testimony

SUCCESS = 1
"""OCSF's `status_id` of what was done."""

_OCSF = "ocsf."
_CLUSTER = "cluster.name"
_MAX_CHARACTERS = 1_000

_PROVIDERS = {
    "azure.entra": "entra",
    "azure": "azure",
    "aws": "aws",
    "gcp.gke_audit": "kubernetes",
    "gcp": "gcp",
    "kubernetes": "kubernetes",
    "falco": "kubernetes",
    "kubearmor": "kubernetes",
    "trivy_operator": "kubernetes",
    "wazuh": "wazuh",
    "microsoft.defender_endpoint": "defender",
    "crowdstrike": "crowdstrike",
    "sentinelone": "sentinelone",
}
"""Whose interface can change what events of a source speak of, by the beginning of its name."""

_REQUESTS: Mapping[str, tuple[str, ...]] = {
    "aws.cloudtrail": ("requestParameters",),
    "azure.activity": ("resourceId", "properties"),
    "azure.entra": ("properties.targetResources",),
    "gcp.audit": (
        "protoPayload.request",
        "protoPayload.resourceName",
        "protoPayload.response",
        "protoPayload.serviceData",
        "resource.labels",
    ),
    "gcp.gke_audit": ("objectRef", "requestObject"),
    "kubernetes.audit": ("objectRef", "requestObject"),
}
"""Where the request stands in records of logs that the provider itself writes of its calls."""

_GCP_KEY = re.compile(r"/serviceAccounts/([^/]+)/keys/([^/]+)\Z")

_CHOSEN_BY_ANYONE = frozenset({"address", "domain", "host", "url"})
"""What need not be one's own thing: that a request names it proves nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A target, and whether it is certain.

    Attributes:
        problem: why it is not; "" where it is.
    """

    target: Target
    problem: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether an action on it may ever be planned."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds the targets of steps in the events of findings.

    Attributes:
        labels: who chose which field.
        inventory: what things were.
    """

    labels: Labels
    inventory: Inventory

    def targets(
        self,
        step: Step,
        testimonies: Iterable[tuple[Testimony, Mapping[str, object]]],
        time: datetime,
    ) -> tuple[Found, ...]:
        """Return the distinct targets of a step, certain ones first, then in order of uid.

        Args:
            step: its action says the provider.
            testimonies: events that the trigger fits, each with the row of its finding.
            time: of the newest of them, UTC; when the inventory is asked.
        """
        best: dict[tuple[str, str, str], Found] = {}
        for testimony, finding in testimonies:
            if provider_of(testimony) != step.facts.provider:
                continue
            for found in self._in(step, testimony, finding, time):
                key = (found.target.type, found.target.account, found.target.uid)
                known = best.get(key)
                if known is None or (found.is_certain and not known.is_certain):
                    best[key] = found
        return tuple(sorted(best.values(), key=lambda one: (not one.is_certain, one.target.uid)))

    def _in(
        self, step: Step, testimony: Testimony, finding: Mapping[str, object], time: datetime
    ) -> Iterator[Found]:
        for entity, paths in self._candidates(step, testimony, finding):
            if entity.type in step.target.types and step.target.fits(entity.uid):
                yield self._judged(entity, paths, testimony, step.facts.provider, time)

    def _candidates(
        self, step: Step, testimony: Testimony, finding: Mapping[str, object]
    ) -> Iterator[tuple[Entity, tuple[str, ...]]]:
        """Yield entities with the paths that they were read from; none where nobody knows them."""
        for place in step.target.places:
            if place in ((ENTITY,), (LINKS,)):
                yield from _of_finding(place[0], finding, testimony)
                continue
            for value in _joined(testimony, place):
                for kind in step.target.types if len(step.target.types) == 1 else ():
                    yield _entity(step.facts.provider, kind, value), place

    def _judged(
        self,
        entity: Entity,
        paths: tuple[str, ...],
        testimony: Testimony,
        provider: str,
        time: datetime,
    ) -> Found:
        account, region = self._account(entity, testimony), _first(testimony.event, "cloud.region")
        name = entity.name or entity.uid
        target = Target(entity.type, entity.uid, name, provider, account, region)
        label = self._lowest(testimony.source, paths)
        if label == "agent":
            return self._by_inventory(target, entity, paths, time)
        if not account:
            return Found(target, "the account that it is in is not certain")
        if label == "provider":
            said = f"{', '.join(paths)} of {testimony.source}, which the provider writes"
            return Found(replace(target, resolution=said))
        return self._by_request(target, entity, paths, testimony)

    def _by_inventory(
        self, target: Target, entity: Entity, paths: tuple[str, ...], time: datetime
    ) -> Found:
        known = self.inventory.resource_at(entity, time)
        said = f"{', '.join(paths)} is what a sensor says"
        if known is None:
            return Found(target, f"{said}, and the inventory knows no such {entity.type}")
        if target.account and known.account and known.account != target.account:
            return Found(target, f"{said}, and the inventory knows it in another account")
        if not known.account and not target.account:
            return Found(target, f"{said}, and nobody knows in which account it is")
        resolution = f"{said}; the inventory knew it, seen {known.observed_time:%Y-%m-%d %H:%M}"
        return Found(
            replace(
                target,
                uid=known.uid,
                name=known.name or known.uid,
                account=known.account or target.account,
                region=known.region or target.region,
                resolution=resolution,
            )
        )

    def _by_request(
        self, target: Target, entity: Entity, paths: tuple[str, ...], testimony: Testimony
    ) -> Found:
        where = ", ".join(paths) or "the finding"
        if entity.type in _CHOSEN_BY_ANYONE:
            return Found(target, f"{where} is text that an outsider can choose")
        if not self._is_done(testimony):
            return Found(target, f"{where} was named in a call that is not known to have succeeded")
        named = set(_request_texts(testimony))
        if not named.issuperset(part for part in _parts(entity, paths)):
            return Found(target, f"{where} is text that an outsider can choose")
        operation = _first(testimony.event, "api.operation") or "a call"
        said = f"named in {operation}, which succeeded in {target.account}; it is read there first"
        return Found(replace(target, resolution=said))

    def _is_done(self, testimony: Testimony) -> bool:
        """Whether the provider's log says that the call was done."""
        is_told = self.labels.label(testimony.source, "ocsf.api.operation") == "provider"
        return is_told and _first(testimony.event, "status_id") == str(SUCCESS)

    def _account(self, entity: Entity, testimony: Testimony) -> str:
        if provider_of(testimony) == "kubernetes":
            # The interface of a cluster is known by the cluster's name.
            is_told = self.labels.label(testimony.source, _CLUSTER) == "provider"
            return _first(testimony.record, _CLUSTER) if is_told else ""
        account = _first(testimony.event, "cloud.account.uid")
        if self.labels.label(testimony.source, "ocsf.cloud.account.uid") == "provider":
            return account
        # A subscription stands in the full name of everything that is in it.
        return account if account and f"/{account}/".lower() in f"{entity.uid}/".lower() else ""

    def _lowest(self, source: str, paths: tuple[str, ...]) -> str:
        labels = {self.labels.label(source, path) for path in paths} or {"attacker"}
        return next((label for label in ("attacker", "agent") if label in labels), "provider")


def provider_of(testimony: Testimony) -> str:
    """Return whose interface can change what an event speaks of; "" where nobody's is known."""
    fits = [name for name in _PROVIDERS if f"{testimony.source}.".startswith(f"{name}.")]
    return _PROVIDERS[max(fits, key=len)] if fits else ""


def _of_finding(
    place: str, finding: Mapping[str, object], testimony: Testimony
) -> Iterator[tuple[Entity, tuple[str, ...]]]:
    """Yield the finding's entities of a place, each way in which the event names it by itself."""
    rows = [finding["entity"]] if place == ENTITY else finding.get("links")
    wanted = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    named = testimony.named()
    for row in wanted:
        kind, uid = str(row.get("type")), str(row.get("uid"))
        ways = [
            (entity, paths) for entity, paths in named if (entity.type, entity.uid) == (kind, uid)
        ]
        # Findings of other tools, and of several events, may speak of what this event does not.
        yield from ways or [(Entity(kind, uid, str(row.get("name") or uid)), ())]


def _joined(testimony: Testimony, place: tuple[str, ...]) -> Iterator[str]:
    """Yield the values at a place; joined ones only where each path gives exactly one."""
    parts = [list(_texts(testimony, path)) for path in place]
    if len(parts) == 1:
        yield from parts[0]
    elif all(len(values) == 1 for values in parts):
        yield "/".join(values[0] for values in parts)


def _texts(testimony: Testimony, path: str) -> Iterator[str]:
    values = (
        lookup(testimony.event, path.removeprefix(_OCSF))
        if path.startswith(_OCSF)
        else lookup(testimony.record, path)
    )
    for value in values:
        text = None if isinstance(value, Mapping) else text_of(value)
        if text and len(text) <= _MAX_CHARACTERS:
            yield text


def _parts(entity: Entity, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return what must stand in the request: the name where the uid is made of it."""
    if len(paths) > 1 and entity.uid.count("/") == len(paths) - 1:
        return tuple(entity.uid.split("/"))
    return (entity.name if entity.uid.startswith("arn:") else entity.uid,)


def _request_texts(testimony: Testimony) -> Iterator[str]:
    stack: list[object] = []
    for root in _REQUESTS.get(testimony.source, ()):
        stack.extend(lookup(testimony.record, root))
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        elif value is not None:
            text = text_of(value) or ""
            yield text
            # A request may name in full what the event names in short.
            if text.startswith(("arn:", "projects/")):
                yield text.rpartition(":")[2].rpartition("/")[2]


def _first(event: Mapping[str, object], path: str) -> str:
    for value in lookup(event, path):
        text = text_of(value)
        if text:
            return text
    return ""


def _entity(provider: str, kind: str, value: str) -> Entity:
    """Return what a value names; full names of Google Cloud and Azure end in the thing's own."""
    key = _GCP_KEY.search(value)
    if key is not None:
        return Entity(kind, key[2], key[1])
    if provider == "gcp" and "/" in value:
        last = value.rpartition("/")[2]
        return Entity(kind, last, last)
    if provider == "azure" and "/" in value:
        return Entity(kind, value, value.rpartition("/")[2])
    return Entity(kind, value, _name(value))


def _name(uid: str) -> str:
    """Return the last part of an ARN; anything else is its own name."""
    return uid.rpartition(":")[2].rpartition("/")[2] if uid.startswith("arn:") else uid
