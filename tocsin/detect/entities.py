"""Name the entity of a finding, and what else belongs to the same actor.

Findings are grouped by entity, so the same actor must get the same uid from every event: a role
rather than its sessions, a service account by its full name, a user by ARN even where a request
gives only the name.

Source: forms of ARNs and principals,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html;
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from tocsin.conditions import lookup, text_of
from tocsin.detect.fields import Event, EventReader, Row
from tocsin.detect.rules import EntityPath
from tocsin.ocsf import Entity

_ASSUMED = re.compile(r"arn:([\w-]+):sts::(\d*):assumed-role/([^/]+)(/.*)?\Z")
_PRINCIPAL = re.compile(r"arn:([\w-]+):iam::(\d*):(role|user)/(?:.*/)?([^/]+)\Z")
_ARN_NAME = re.compile(r"arn:(?:[^:]*:){4}(?:.*[/:])?([^/:]+)\Z")
_SERVICE_ACCOUNT = "system:serviceaccount:"
_NOBODY = frozenset({"unknown", "anonymous", "system:anonymous", "HIDDEN_DUE_TO_SECURITY_REASONS"})
_SERVICE_SUFFIX = ".amazonaws.com"
_MAX_CHARACTERS = 1_000
_MAX_LINKS = 50


def actor_of(row: Mapping[str, object]) -> Entity | None:
    """Return who did it: a role, user, service account or service; `None` where nobody is named.

    A cloud principal behind a cluster's user is the issuer of its session: deeds in the cloud and
    in the cluster are then of one actor.
    """
    uid, name = _named(row, "actor.user.uid"), _named(row, "actor.user.name")
    for word in (name, uid):
        if word.startswith(_SERVICE_ACCOUNT):
            return Entity("service_account", word, _service_account_name(word))
    principal = _principal(uid)
    if principal is None and not uid.startswith("arn:"):
        principal = _principal(_first(row, "actor.session.issuer"))
    if principal:
        return principal
    if (uid or name).endswith(_SERVICE_SUFFIX):
        return Entity("service", uid or name, name or uid)
    return _user(uid, name) or _service(row)


def entity_of(event: Event, paths: Sequence[EntityPath], reader: EventReader) -> Entity:
    """Return what a finding on this event is about.

    That is the rule's own choice of `paths`, the first that gives a value; then, or where there are
    none, the actor, the source address, the account.
    """
    for found in entities_at(event, paths, reader):
        return found
    return event.once(_own_entity)


def _own_entity(event: Event) -> Entity:
    actor = event.once(_actor)
    if actor:
        return actor
    address = _first(event.row, "src_endpoint.ip")
    if address:
        return Entity("address", address, address)
    account = event.once(account_in)
    if account:
        return Entity("account", account, account)
    return Entity("source", _first(event.row, "source") or "unknown")


def links_of(
    event: Event, entity: Entity, paths: Sequence[EntityPath], reader: EventReader
) -> tuple[Entity, ...]:
    """Return other entities tied to the event: the actor, its key and session, the rule's links."""
    found = [*event.once(_own_links), *entities_at(event, paths, reader)]
    distinct = {(link.type, link.uid): link for link in reversed(found)}
    distinct.pop((entity.type, entity.uid), None)
    return tuple(distinct[key] for key in sorted(distinct))[:_MAX_LINKS]


def _own_links(event: Event) -> list[Entity]:
    row, actor = event.row, event.once(_actor)
    key = _first(row, "actor.user.credential_uid", "actor.session.credential_uid")
    session = _first(row, "actor.session.uid")
    return [
        *([actor] if actor else []),
        *([Entity("access_key", key, key)] if key else []),
        # Session names are chosen by callers and often alike: only with its actor is one unique.
        *([Entity("session", f"{actor.uid}/{session}", session)] if actor and session else []),
    ]


def _actor(event: Event) -> Entity | None:
    return actor_of(event.row)


def account_in(event: Event) -> str | None:
    """Return the account of an event, for `Event.once`."""
    return account_of(event.row)


def account_of(row: Mapping[str, object]) -> str | None:
    """Return the account the event belongs to, or the cluster where there is none."""
    return _first(row, "cloud.account.uid") or None


def entities_at(event: Event, paths: Sequence[EntityPath], reader: EventReader) -> list[Entity]:
    """Return the entities that the paths name, in order."""
    if not paths:
        return []
    account = event.once(account_in) or ""
    found = []
    for path in paths:
        for value in reader.values(path.path)(event):
            text = text_of(value)
            if text and not isinstance(value, Mapping):
                found.append(_entity(path.type, text[:_MAX_CHARACTERS], account))
    return found


def _entity(kind: str, uid: str, account: str) -> Entity:
    """Return the entity under the uid that it has as an actor too.

    A request says `bob`; as an actor bob is `arn:aws:iam::111122223333:user/bob`. The account of an
    AWS event has twelve digits.
    """
    principal = _principal(uid)
    if principal:
        return principal
    if kind in ("user", "role") and re.fullmatch(r"\d{12}", account) and not uid.startswith("arn:"):
        return Entity(kind, f"arn:aws:iam::{account}:{kind}/{uid}", uid)
    if uid.startswith(_SERVICE_ACCOUNT):
        return Entity("service_account", uid, _service_account_name(uid))
    return Entity(kind, uid, _arn_name(uid))


def _principal(arn: str) -> Entity | None:
    """Return the role or user of an ARN, sessions and paths left out.

    Names are unique in an account whatever the path, and requests give names only.
    """
    assumed, plain = _ASSUMED.match(arn), _PRINCIPAL.match(arn)
    if assumed:
        partition, account, kind, name = assumed[1], assumed[2], "role", assumed[3]
    elif plain:
        partition, account, kind, name = plain.groups()
    else:
        return None
    return Entity(kind, f"arn:{partition}:iam::{account}:{kind}/{name}", name)


def _user(uid: str, name: str) -> Entity | None:
    if not uid and not name:
        return None
    # Outside of AWS requests and bindings name users by name; their uid is a number or missing.
    is_known_by_uid = uid.startswith("arn:") or not name
    return Entity("user", uid if is_known_by_uid else name, name or _arn_name(uid))


def _service(row: Mapping[str, object]) -> Entity | None:
    invoker = _first(row, "actor.invoked_by", "actor.app_name")
    return Entity("service", invoker, invoker) if invoker else None


def _service_account_name(uid: str) -> str:
    return uid.removeprefix(_SERVICE_ACCOUNT).replace(":", "/")


def _arn_name(uid: str) -> str:
    found = _ARN_NAME.match(uid)
    return found[1] if found else uid


def _named(row: Mapping[str, object], path: str) -> str:
    """Return the value that names somebody, empty where it names nobody in particular."""
    value = _first(row, path)
    return "" if value in _NOBODY else value


def _first(row: Mapping[str, object], *paths: str) -> str:
    """Return the first value of the first path that has one, as text; empty where none has."""
    if type(row) is Row:
        for path in paths:
            if found := row.first_text(path):
                return found[:_MAX_CHARACTERS]
        return ""
    for path in paths:
        for value in _values(row, path):
            text = text_of(value)
            if text:
                return text[:_MAX_CHARACTERS]
    return ""


def _values(row: Mapping[str, object], path: str) -> Iterable[object]:
    """Return what lies at a path; quick where there is no list on the way, as nearly always."""
    root, *segments = _segments(path)
    value = row.get(root)
    for segment in segments:
        if type(value) is not dict:
            return lookup(row, path) if isinstance(value, list) else ()
        value = value.get(segment)
    return value if isinstance(value, list) else (value,)


@cache
def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))
