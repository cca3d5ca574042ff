"""People: the one-time set-up token, users, sessions.

Only hashes are stored: argon2id of passwords, SHA-256 of tokens, which are random and long. Every
change is one transaction with its audit row.
"""

import json
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, TypeAlias, get_args

import re2
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING, Scope
from tocsin.store import audit, documents
from tocsin.store.database import Database
from tocsin.store.moments import to_microseconds
from tocsin.store.tables import LOGIN_ATTEMPTS, SESSIONS, SETUP_TOKENS, USERS

Role: TypeAlias = Literal["viewer", "analyst", "admin"]

ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS = {"pair": 10, "address": 30, "name": 100}
"""Logins in one window: of a name from an address, from an address, of a name from anywhere. The
last is high, so that a stranger cannot lock a colleague out by guessing."""

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
TOUCH_AFTER = timedelta(minutes=1)
"""A session's last use is written no more often than this."""

ENDED = "the session has ended: sign in again"
HASHES_AT_ONCE = 2
_NAME = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
# OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane (as of 2026).
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in; `scope` limits what is seen, `role` what is done."""

    name: str
    role: Role
    scope: Scope
    is_disabled: bool
    created_time: datetime
    last_login_time: datetime | None


class Accounts:
    """Users and sessions.

    Attributes:
        idle_limit: a session ends when it is not used for this long.
        absolute_limit: a session ends after this long in any case.
    """

    idle_limit = timedelta(hours=1)
    absolute_limit = timedelta(hours=12)

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)
        self._nobody = ""

    def needs_setup(self) -> bool:
        """Return whether there is no user yet."""
        with self._database.read() as connection:
            return not _has_users(connection)

    def new_setup_token(self, now: datetime) -> str:
        """Make the token that lets someone create the first admin; earlier ones stop working.

        Raises:
            UsageError: there are users already.
        """
        token = secrets.token_urlsafe(24)
        with self._database.write() as connection:
            if _has_users(connection):
                raise UsageError("Tocsin is set up already: sign in as an admin to add users")
            connection.execute(delete(SETUP_TOKENS))
            row = {"token_hash": _token_hash(token), "created_time": now}
            connection.execute(insert(SETUP_TOKENS).values(row))
            audit.record(connection, "Tocsin", "setup.token", "", {}, now=now)
        return token

    def consume_setup_token(self, token: str, name: str, password: str, now: datetime) -> User:
        """Create the first admin; the token never works again.

        Raises:
            UsageError: the token is wrong or used up, or name or password is not acceptable.
        """
        hashed = self._acceptable(name, password)
        with self._database.write() as connection:
            ours = SETUP_TOKENS.c.token_hash == _token_hash(token)
            gone = connection.execute(delete(SETUP_TOKENS).where(ours))
            if gone.rowcount != 1 or _has_users(connection):
                raise UsageError("this set-up token is wrong or used up: see where Tocsin started")
            return _add(connection, name, hashed, "admin", EVERYTHING, actor=name, now=now)

    def users(self) -> tuple[User, ...]:
        """Return all users by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(USERS).order_by(USERS.c.name))
            return tuple(_user(row) for row in rows)

    def add_user(
        self,
        name: str,
        password: str,
        role: Role,
        actor: str,
        now: datetime,
        *,
        scope: Scope = EVERYTHING,
    ) -> User:
        """Create a user.

        Raises:
            UsageError: the name is taken or not acceptable, or the password is.
        """
        _check_role(role)
        hashed = self._acceptable(name, password)
        with self._database.write() as connection:
            taken = select(USERS.c.name).where(func.lower(USERS.c.name) == name.lower())
            if connection.execute(taken).first():
                raise UsageError(f"there is a user {name} already")
            return _add(connection, name, hashed, role, scope, actor=actor, now=now)

    def set_password(self, name: str, password: str, actor: str, now: datetime) -> None:
        """Change a password and end every session of that user.

        Raises:
            UsageError: no such user, or the password is not acceptable.
        """
        hashed = self._acceptable(name, password)
        self._change(name, {"password_hash": hashed}, "user.password", {}, actor=actor, now=now)

    def set_role(self, name: str, role: Role, actor: str, now: datetime) -> None:
        """Change a role and end every session of that user.

        Raises:
            UsageError: no such user or role, or nobody would be left to administer.
        """
        _check_role(role)
        self._change(name, {"role": role}, "user.role", {"role": role}, actor=actor, now=now)

    def set_scope(self, name: str, scope: Scope, actor: str, now: datetime) -> None:
        """Change what a user may see and end their sessions.

        Raises:
            UsageError: no such user.
        """
        values = _scope_columns(scope)
        self._change(name, values, "user.scope", dict(values), actor=actor, now=now)

    def disable(self, name: str, actor: str, now: datetime) -> None:
        """Lock a user out and end their sessions.

        Raises:
            UsageError: no such user, or nobody would be left to administer.
        """
        self._change(name, {"is_disabled": True}, "user.disable", {}, actor=actor, now=now)

    def enable(self, name: str, actor: str, now: datetime) -> None:
        """Let a user in again.

        Raises:
            UsageError: no such user.
        """
        self._change(name, {"is_disabled": False}, "user.enable", {}, actor=actor, now=now)

    def login(self, name: str, password: str, address: str, now: datetime) -> str | None:
        """Return a new session token (for a cookie), or `None` for wrong credentials.

        A name from an address may try 10 times in a quarter of an hour, however many logins run at
        once; tries are counted before the password is looked at.

        Raises:
            UsageError: too many attempts; the text says when to try again.
        """
        name = name if _is_name(name) else ""
        self._count_attempt(name, address, now)
        with self._database.read() as connection:
            row = connection.execute(select(USERS).where(USERS.c.name == name)).first()
        usable = row if row and not row.is_disabled else None
        is_right = self._verify(usable.password_hash if usable else self._decoy(), password)
        if usable is None or not is_right:
            with self._database.write() as connection:
                audit.record(connection, name, "login.failed", name, {"from": address}, now=now)
            return None
        return self._open_session(usable, address, now)

    def session(self, token: str, now: datetime) -> User | None:
        """Return whose session this is and keep it alive; `None` when unknown, idle or too old."""
        key = _token_hash(token)
        query = select(USERS, SESSIONS.c.created_time.label("since"), SESSIONS.c.used_time)
        query = query.join(SESSIONS, SESSIONS.c.user == USERS.c.name)
        with self._database.read() as connection:
            row = connection.execute(query.where(SESSIONS.c.token_hash == key)).first()
        if row is None or row.is_disabled:
            return None
        if now - row.used_time > self.idle_limit or now - row.since > self.absolute_limit:
            return None
        if now - row.used_time > TOUCH_AFTER:
            with self._database.write() as connection:
                ours = update(SESSIONS).where(SESSIONS.c.token_hash == key)
                connection.execute(ours.values(used_time=now))
        return _user(row)

    def logout(self, token: str, now: datetime) -> None:
        """End one session."""
        key = _token_hash(token)
        with self._database.write() as connection:
            query = select(SESSIONS.c.user).where(SESSIONS.c.token_hash == key)
            name = connection.execute(query).scalar_one_or_none()
            if name is not None:
                connection.execute(delete(SESSIONS).where(SESSIONS.c.token_hash == key))
                audit.record(connection, name, "logout", name, {}, now=now)

    def change_own_password(
        self, token: str, old: str, new: str, address: str, now: datetime
    ) -> bool:
        """Change the password of whoever holds session `token` and end their other sessions.

        Tries count like logins, before the old password is looked at: a session left open must not
        become a place to guess at.

        Returns:
            Whether it is changed; not when the old password is wrong.

        Raises:
            UsageError: too many attempts, the new password is not acceptable, or the session or
                the password ended meanwhile.
        """
        key = _token_hash(token)
        query = select(USERS).join(SESSIONS, SESSIONS.c.user == USERS.c.name)
        query = query.where(SESSIONS.c.token_hash == key, ~USERS.c.is_disabled)
        with self._database.read() as connection:
            user = connection.execute(query).first()
        if user is None:
            raise UsageError(ENDED)
        self._count_attempt(user.name, address, now)
        if not self._verify(user.password_hash, old):
            with self._database.write() as connection:
                details: dict[str, object] = {"from": address}
                audit.record(connection, user.name, "password.failed", user.name, details, now=now)
            return False
        if new == old:
            raise UsageError("the new password is the old one")
        hashed = self._acceptable(user.name, new)
        with self._database.write() as connection:
            self._replace_password(connection, key, user, hashed, now)
        return True

    def _replace_password(
        self, connection: Connection, key: str, user: Row[Any], hashed: str, now: datetime
    ) -> None:
        still = select(SESSIONS.c.user).where(SESSIONS.c.token_hash == key)
        mine = update(USERS).where(
            USERS.c.name == user.name,
            # Somebody may have changed it, or locked them out, while the old one was checked.
            USERS.c.password_hash == user.password_hash,
            ~USERS.c.is_disabled,
            still.exists(),
        )
        if connection.execute(mine.values(password_hash=hashed)).rowcount != 1:
            raise UsageError(ENDED)
        others = delete(SESSIONS).where(SESSIONS.c.user == user.name, SESSIONS.c.token_hash != key)
        connection.execute(others)
        audit.record(connection, user.name, "user.password", user.name, {}, now=now)

    def _acceptable(self, name: str, password: str) -> str:
        """Return the hash of the password, once name and password are acceptable."""
        if not _is_name(name):
            raise UsageError("a user name has 1 to 64 letters, digits or any of . _ @ + -")
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise UsageError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
        if password.lower() == name.lower():
            raise UsageError("the password must not be the user name")
        with self._hashing:
            return _HASHER.hash(password)

    def _verify(self, hashed: str, password: str) -> bool:
        if len(password) > LONGEST_PASSWORD:
            return False
        with self._hashing:
            try:
                return _HASHER.verify(hashed, password)
            except (VerificationError, InvalidHashError):
                return False

    def _decoy(self) -> str:
        """Return the hash of nobody's password: an unknown name takes as long as a known one."""
        if not self._nobody:
            with self._hashing:
                self._nobody = _HASHER.hash(secrets.token_urlsafe(24))
        return self._nobody

    def _change(
        self,
        name: str,
        values: dict[str, Any],
        action: str,
        details: dict[str, object],
        *,
        actor: str,
        now: datetime,
    ) -> None:
        with self._database.write() as connection:
            changed = connection.execute(update(USERS).where(USERS.c.name == name).values(values))
            if changed.rowcount != 1:
                raise UsageError(f"there is no user {name}")
            admins = select(func.count()).where(USERS.c.role == "admin", ~USERS.c.is_disabled)
            if not connection.execute(admins).scalar_one():
                raise UsageError("the last admin must stay one: make somebody else admin first")
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user == name))
            audit.record(connection, actor, action, name, details, now=now)

    def _count_attempt(self, name: str, address: str, now: datetime) -> None:
        window = to_microseconds(now) // (ATTEMPT_WINDOW // timedelta(microseconds=1))
        subjects = {"pair": f"{name}\0{address}", "address": address, "name": name}
        with self._database.write() as connection:
            connection.execute(delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.window < window))
            counts = {
                kind: _attempts(connection, _token_hash(f"{kind}\0{subject}"), window)
                for kind, subject in subjects.items()
            }
        if any(count > ATTEMPTS[kind] for kind, count in counts.items()):
            minutes = ATTEMPT_WINDOW // timedelta(minutes=1)
            raise UsageError(f"too many attempts to sign in: try again in {minutes} minutes")

    def _open_session(self, user: Row[Any], address: str, now: datetime) -> str | None:
        token = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            # The password or the account may have changed while it was checked.
            same = select(USERS.c.name).where(
                USERS.c.name == user.name,
                USERS.c.password_hash == user.password_hash,
                ~USERS.c.is_disabled,
            )
            if connection.execute(same).first() is None:
                return None
            dead = SESSIONS.c.used_time < now - self.idle_limit
            old = SESSIONS.c.created_time < now - self.absolute_limit
            connection.execute(delete(SESSIONS).where(or_(dead, old)))
            row = {"token_hash": _token_hash(token), "user": user.name}
            connection.execute(insert(SESSIONS).values(**row, created_time=now, used_time=now))
            last = update(USERS).where(USERS.c.name == user.name)
            connection.execute(last.values(last_login_time=now))
            audit.record(connection, user.name, "login", user.name, {"from": address}, now=now)
        return token


def _add(
    connection: Connection,
    name: str,
    hashed: str,
    role: Role,
    scope: Scope,
    *,
    actor: str,
    now: datetime,
) -> User:
    limits = _scope_columns(scope)
    row = {"name": name, "password_hash": hashed, "role": role, "is_disabled": False, **limits}
    connection.execute(insert(USERS).values(**row, created_time=now))
    audit.record(connection, actor, "user.add", name, {"role": role, **limits}, now=now)
    return User(name, role, scope, is_disabled=False, created_time=now, last_login_time=None)


def _attempts(connection: Connection, subject: str, window: int) -> int:
    new = upsert(LOGIN_ATTEMPTS).values(subject=subject, window=window, count=1)
    counted = new.on_conflict_do_update(
        index_elements=["subject", "window"], set_={"count": LOGIN_ATTEMPTS.c.count + 1}
    )
    return int(connection.execute(counted.returning(LOGIN_ATTEMPTS.c.count)).scalar_one())


def _is_name(name: str) -> bool:
    return name.isascii() and bool(_NAME.fullmatch(name))


def _has_users(connection: Connection) -> bool:
    return connection.execute(select(USERS.c.name).limit(1)).first() is not None


def _check_role(role: str) -> None:
    if role not in get_args(Role):
        raise UsageError(f"{role!r} is no role: {', '.join(get_args(Role))}")


def _user(row: Row[Any]) -> User:
    return User(
        name=row.name,
        role=row.role,
        scope=Scope(_names(row.accounts), _names(row.namespaces)),
        is_disabled=row.is_disabled,
        created_time=row.created_time,
        last_login_time=row.last_login_time,
    )


def _scope_columns(scope: Scope) -> dict[str, str | None]:
    limits = {"accounts": scope.accounts, "namespaces": scope.namespaces}
    return {
        name: None if allowed is None else documents.canonical(sorted(allowed))
        for name, allowed in limits.items()
    }


def _names(content: str | None) -> frozenset[str] | None:
    return None if content is None else frozenset(json.loads(content))


def _token_hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
