"""What no playbook may do: touch what is protected, do much at once, answer its own deeds."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TypeAlias

from tocsin.conditions import lookup
from tocsin.respond.actions import Target
from tocsin.respond.playbooks import Playbook
from tocsin.respond.ports import Inventory, KnownResource, Testimony
from tocsin.respond.requests import ActionRequest

TAG = "tocsin:protected"
"""A resource with this tag is never touched."""

SESSION_PREFIX = "tocsin-respond"
"""How the sessions are called in which Tocsin acts."""

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_TEN_MINUTES = timedelta(minutes=10)
_HOUR = timedelta(hours=1)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNCOUNTED = frozenset({"refused", "lapsed"})


@dataclass(frozen=True, slots=True)
class Protected:
    """What is never a target.

    Attributes:
        networks: own egress, ranges of administrators, health checks, providers: no address in
            them is ever blocked. Addresses that are not public never are, listed or not.
        identities: uids or names, `*` for any characters: break-glass identities, Tocsin's own
            roles, whatever somebody lists.
    """

    networks: tuple[Network, ...] = ()
    identities: frozenset[str] = frozenset()

    def reason(self, target: Target, known: KnownResource | None = None) -> str:
        """Return why a target must not be touched; "" where it may."""
        if target.type == "address":
            return self._address_reason(target.uid)
        for pattern in sorted(self.identities):
            if _fits(pattern, target):
                return f"{pattern} is protected by the settings"
        if known is not None and known.tags.get(TAG, "false").lower() != "false":
            return f"it has the tag {TAG}"
        return ""

    def _address_reason(self, text: str) -> str:
        address = plain_address(text)
        if address is None:
            return f"{text[:60]!r} is no single address"
        if not address.is_global or address.is_multicast:
            return "it is no public address"
        for network in self.networks:
            if address.version == network.version and address in network:
                return f"{network} is protected by the settings"
        return ""


def plain_address(text: str) -> Address | None:
    """Return one address as the network sees it, IPv4 inside of IPv6 taken out; else `None`."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        return None
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def released(
    protected: Protected, requests: Iterable[ActionRequest]
) -> tuple[tuple[ActionRequest, str], ...]:
    """Return the requests that must not stand any more, each with the reason.

    Whoever protects something expects that nothing of Tocsin holds it any longer: those that wait
    are refused, those in force are taken back.
    """
    held = ("proposed", "approved", "active")
    found = ((one, protected.reason(one.target)) for one in requests if one.state in held)
    return tuple((one, reason) for one, reason in found if reason)


def is_own(testimony: Testimony, own_roles: frozenset[str]) -> bool:
    """Say whether Tocsin itself did this when it acted.

    The session's name alone proves nothing: whoever may assume some role can choose it.
    """
    if not own_roles:
        return False
    sessions = [text for text in _texts(testimony, "actor.session.uid")]
    users = [text for text in _texts(testimony, "actor.user.uid")]
    names = [user.rpartition("/")[2] for user in users if ":assumed-role/" in user]
    if not any(name.startswith(SESSION_PREFIX) for name in (*sessions, *names)):
        return False
    issuers = {_role(text) for text in (*_texts(testimony, "actor.session.issuer"), *users)}
    return not issuers.isdisjoint({_role(role) for role in own_roles})


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for all playbooks together.

    Attributes:
        protected: what is never touched.
        per_account_hour: requests in one account in any hour.
        class_floor: targets of one type in one account in any hour, where a hundredth of those
            that are known is less; addresses are not counted so.
        own_roles: ARNs of the roles in which Tocsin acts.
    """

    protected: Protected = field(default_factory=Protected)
    per_account_hour: int = 20
    class_floor: int = 3
    own_roles: frozenset[str] = frozenset()


class Ledger:
    """What was asked for in the last hour, and in this call: who may still ask for how much."""

    def __init__(
        self, limits: Limits, past: Iterable[ActionRequest], inventory: Inventory, now: datetime
    ) -> None:
        """Begin with the requests of the past; those beyond an hour only name what exists."""
        self._limits = limits
        self._inventory = inventory
        self._now = now
        self._known: dict[str, ActionRequest] = {}
        self._recent: list[ActionRequest] = []
        for one in past:
            self.add(one)

    def add(self, request: ActionRequest) -> None:
        """Count one more."""
        if request.uid in self._known:
            return
        self._known[request.uid] = request
        if self._now - request.requested_time < _HOUR:
            self._recent.append(request)

    def has(self, uid: str) -> bool:
        """Whether there is this request already."""
        return uid in self._known

    def is_cooling(self, playbook: Playbook, target: Target, incident_uid: str) -> bool:
        """Whether the playbook asked for something about this target elsewhere lately."""
        return any(
            one.playbook_uid == playbook.uid
            and one.incident_uid != incident_uid
            and _same(one.target, target)
            and self._now - one.requested_time < playbook.cooldown
            for one in self._known.values()
        )

    def overflow(self, playbook: Playbook, wanted: list[ActionRequest]) -> str:
        """Return which cap these requests would break, all of them together; "" for none."""
        own = [one for one in self._counted(_TEN_MINUTES) if one.playbook_uid == playbook.uid]
        if len(own) + len(wanted) > playbook.caps.per_ten_minutes:
            return (
                f"{len(own) + len(wanted)} requests in ten minutes, "
                f"{playbook.caps.per_ten_minutes} are its limit"
            )
        hour = list(self._counted(_HOUR))
        return next(iter(self._broken(hour, wanted)), "")

    def _broken(self, hour: list[ActionRequest], wanted: list[ActionRequest]) -> Iterator[str]:
        for account in sorted({one.target.account for one in wanted}):
            total = sum(one.target.account == account for one in (*hour, *wanted))
            if total > self._limits.per_account_hour:
                most = self._limits.per_account_hour
                yield f"{total} requests in account {account} in an hour, {most} are the limit"
        for kind, account in sorted({(one.target.type, one.target.account) for one in wanted}):
            if kind == "address":
                continue
            touched = {
                one.target.uid
                for one in (*hour, *wanted)
                if (one.target.type, one.target.account) == (kind, account)
            }
            most = max(self._limits.class_floor, self._inventory.count(kind, account) // 100)
            if len(touched) > most:
                yield f"{len(touched)} targets of type {kind} in an hour, {most} are the limit"

    def _counted(self, span: timedelta) -> Iterator[ActionRequest]:
        for one in self._recent:
            if one.state not in _UNCOUNTED and self._now - one.requested_time < span:
                yield one


def _fits(pattern: str, target: Target) -> bool:
    return fnmatchcase(target.uid, pattern) or fnmatchcase(target.name, pattern)


def _same(one: Target, other: Target) -> bool:
    return (one.type, one.account, one.uid) == (other.type, other.account, other.uid)


def _texts(testimony: Testimony, path: str) -> Iterator[str]:
    event: Mapping[str, object] = testimony.event
    for value in lookup(event, path):
        if isinstance(value, str):
            yield value


def _role(arn: str) -> str:
    """Return account and name of a role, whether the ARN is of the role or of a session of it."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    last = arn.rpartition(":")[2].split("/")
    name = last[1] if last[0] == "assumed-role" and len(last) > 1 else last[-1]
    return f"{account}/{name}"
