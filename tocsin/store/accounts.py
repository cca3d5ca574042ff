"""People: the one-time set-up token, users, sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tocsin.ocsf import EVERYTHING, Scope

Role = Literal["viewer", "analyst", "admin"]


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
    """Users and sessions. Only hashes of tokens and passwords are stored (argon2id, SHA-256).

    Every change is one transaction with its audit row.
    """

    def needs_setup(self) -> bool:
        """Return whether there is no user yet."""
        raise NotImplementedError

    def new_setup_token(self, now: datetime) -> str:
        """Make the token that lets someone create the first admin; earlier ones stop working.

        Raises:
            UsageError: there are users already.
        """
        raise NotImplementedError

    def consume_setup_token(self, token: str, name: str, password: str, now: datetime) -> User:
        """Create the first admin; the token never works again.

        Raises:
            UsageError: the token is wrong or used up, or name or password is not acceptable.
        """
        raise NotImplementedError

    def users(self) -> tuple[User, ...]:
        """Return all users by name."""
        raise NotImplementedError

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
        raise NotImplementedError

    def set_password(self, name: str, password: str, actor: str, now: datetime) -> None:
        """Change a password and end every session of that user."""
        raise NotImplementedError

    def set_role(self, name: str, role: Role, actor: str, now: datetime) -> None:
        """Change a role and end every session of that user; the last admin keeps theirs."""
        raise NotImplementedError

    def disable(self, name: str, actor: str, now: datetime) -> None:
        """Lock a user out and end their sessions; not the last admin."""
        raise NotImplementedError

    def enable(self, name: str, actor: str, now: datetime) -> None:
        """Let a user in again."""
        raise NotImplementedError

    def login(self, name: str, password: str, address: str, now: datetime) -> str | None:
        """Return a new session token (for a cookie), or `None` for wrong credentials.

        Name and address may try 10 times in 15 minutes, however many logins run at once.

        Raises:
            UsageError: too many attempts; the text says when to try again.
        """
        raise NotImplementedError

    def session(self, token: str, now: datetime) -> User | None:
        """Return whose session this is and keep it alive; `None` when unknown, idle or too old."""
        raise NotImplementedError

    def logout(self, token: str, now: datetime) -> None:
        """End one session."""
        raise NotImplementedError

    idle_limit: timedelta = timedelta(hours=1)
    absolute_limit: timedelta = timedelta(hours=12)
