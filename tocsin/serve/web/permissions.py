"""Who may do what: every operation names one permission, every role holds some.

A route without a permission cannot be made (`GuardedRoute` refuses it when the application is
built), so there is nothing to forget. What changes anything asks for more than reading.
"""

from enum import StrEnum

SAFE_METHODS = frozenset({"GET", "HEAD"})


class Permission(StrEnum):
    """What an operation asks of the visitor."""

    ANYONE = "anyone"
    """No sign-in: the door itself, the files of the pages, the life signs."""
    OWN_SESSION = "own_session"
    """Any signed-in person, about their own session only."""
    READ = "read"
    """See incidents, findings, events, sources, rules."""
    METRICS = "metrics"
    """Read counters: like READ, or without sign-in from this machine."""
    TRIAGE = "triage"
    """Take, move and close incidents."""
    SUPPRESS = "suppress"
    """Hide findings for a time, and end that."""
    OPERATE = "operate"
    """Send test messages, and have what was refused tried again."""
    RESPOND = "respond"
    """Approve, refuse and take back what is done about incidents; stop all of it, let it go on."""
    AUDIT = "audit"
    """Read who changed what."""
    REMOVE_EVIDENCE = "remove_evidence"
    """Remove what somebody attached to an incident, for good."""
    USERS = "users"
    """Add people, change their role, lock them out."""


_VIEWER = frozenset({Permission.OWN_SESSION, Permission.READ, Permission.METRICS})
_ANALYST = _VIEWER | {
    Permission.TRIAGE,
    Permission.SUPPRESS,
    Permission.RESPOND,
    Permission.OPERATE,
    Permission.AUDIT,
}
_ADMIN = _ANALYST | {Permission.REMOVE_EVIDENCE, Permission.USERS}

ROLES: dict[str, frozenset[Permission]] = {
    "viewer": _VIEWER,
    "analyst": _ANALYST,
    "admin": _ADMIN,
}
"""The permissions of each role; ANYONE is everybody's."""

# What a person without the right to change anything may still send: their way in and out.
_MAY_CHANGE_WITHOUT_RIGHT = frozenset({Permission.ANYONE, Permission.OWN_SESSION})


def is_allowed(role: str | None, permission: Permission) -> bool:
    """Say whether a visitor of `role` (`None`: not signed in) holds `permission`."""
    if permission is Permission.ANYONE:
        return True
    return role is not None and permission in ROLES.get(role, frozenset())


def can_guard(permission: Permission, methods: frozenset[str]) -> bool:
    """Say whether `permission` is strong enough for an operation of these methods."""
    if methods <= SAFE_METHODS or permission in _MAY_CHANGE_WITHOUT_RIGHT:
        return True
    return permission not in _VIEWER
