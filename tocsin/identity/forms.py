"""What the spelling of an entity alone tells: principals of ARNs, names of sessions and hosts.

Source: forms of ARNs and sessions,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html; names of hosts,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html
"""

import re
from collections.abc import Callable, Iterator

from tocsin.ocsf import Entity

_ASSUMED = re.compile(r"arn:([\w-]+):sts::(\d*):assumed-role/([^/]+)(?:/(.*))?\Z")
_PRINCIPAL = re.compile(r"arn:([\w-]+):iam::(\d*):(role|user)/(?:.*/)?([^/]+)\Z")
_INSTANCE = re.compile(r"(i-[0-9a-f]{8,17})\Z")
_HOST_OF_INSTANCE = re.compile(r"(i-[0-9a-f]{8,17})(?:\.[a-z0-9-]+)*\Z")
_HOST_OF_ADDRESS = re.compile(r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})(?:\.[a-z0-9.-]+)?\Z")
_PERSON = re.compile(r"[^@\s/]+@[^@\s/]+\.[^@\s/]+\Z")
_SERVICE_ACCOUNT = "system:serviceaccount:"
_NODE = "system:node:"
_SIGN_ON_ROLE = ":role/AWSReservedSSO_"

Told = tuple[Entity, str]
"""What an entity is, and the reason."""


def entity(kind: str, uid: str, account: str = "") -> Entity:
    """Return the entity under the uid by which findings know it.

    Sessions of roles in ARNs become their role, bare names of AWS users their ARN, persons are
    spelled in small letters.
    """
    uid = uid.strip()
    if kind == "session":
        return Entity(kind, uid, uid.rpartition("/")[2])
    assumed, plain = _ASSUMED.match(uid), _PRINCIPAL.match(uid)
    if assumed:
        name = assumed[3]
        return Entity("role", f"arn:{assumed[1]}:iam::{assumed[2]}:role/{name}", name)
    if plain:
        partition, number, kind, name = plain.groups()
        return Entity(kind, f"arn:{partition}:iam::{number}:{kind}/{name}", name)
    if uid.startswith(_SERVICE_ACCOUNT):
        return Entity("service_account", uid, uid.removeprefix(_SERVICE_ACCOUNT).replace(":", "/"))
    is_bare = kind in ("user", "role") and "@" not in uid and ":" not in uid
    if is_bare and re.fullmatch(r"\d{12}", account):
        return Entity(kind, f"arn:aws:iam::{account}:{kind}/{uid}", uid)
    if kind in ("user", "host", "node"):
        return Entity(kind, uid.lower() if "@" in uid or kind != "user" else uid, uid)
    return Entity(kind, uid, uid)


def session_of(arn: str) -> Entity | None:
    """Return the session that the ARN of an assumed role names."""
    found = _ASSUMED.match(arn)
    if not found or not found[4]:
        return None
    role = f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}"
    return Entity("session", f"{role}/{found[4]}", found[4])


def told_by_form(one: Entity) -> Told | None:
    """Return what the spelling of an entity says that it is; statements go before it."""
    for form in _FORMS.get(one.type, ()):
        for told in form(one.uid):
            return told
    return None


def _session(uid: str) -> Iterator[Told]:
    role, _, name = uid.rpartition("/")
    if found := _INSTANCE.match(name):
        told = Entity("instance", found[1], found[1])
        yield told, "sessions of an instance's role are named after the instance"
    elif _SIGN_ON_ROLE in role and _PERSON.match(name):
        told = Entity("user", name.lower(), name)
        yield told, "single sign-on names the session after the person"


def _host(uid: str) -> Iterator[Told]:
    if found := _HOST_OF_INSTANCE.match(uid):
        yield Entity("instance", found[1], found[1]), "the host is named after the instance"
    elif found := _HOST_OF_ADDRESS.match(uid):
        address = ".".join(str(int(part)) for part in found.groups())
        yield Entity("address", address, address), "the host is named after its address"


def _node(uid: str) -> Iterator[Told]:
    yield Entity("host", uid.lower(), uid), "a node goes by the name of its host"


def _user(uid: str) -> Iterator[Told]:
    if uid.startswith(_NODE) and len(uid) > len(_NODE):
        name = uid.removeprefix(_NODE)
        yield Entity("host", name.lower(), name), "a node signs in by the name of its host"


_FORMS: dict[str, tuple[Callable[[str], Iterator[Told]], ...]] = {
    "session": (_session,),
    "host": (_host,),
    "node": (_node,),
    "user": (_user,),
}
