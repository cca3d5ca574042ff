"""Responding: in which accounts Tocsin may change things, and what must precede it.

An entry of `response: accounts:` is made of a plug of `tocsin.act.callers` by its `kind`; the other
keys are the fields of the plug's own settings dataclass.
"""

from functools import cache

from pydantic import Field

from tocsin import plugins
from tocsin.settings.playbooks import Playbooks, Protection
from tocsin.settings.plugs import PlugKind, plug_kind
from tocsin.settings.section import Section
from tocsin.values import Duration

CALLERS = "tocsin.act.callers"


class ResponseAccount(Section):
    """What all kinds of accounts have in common; each kind adds the settings of its plug."""

    kind: str
    """Whose account it is."""


class Response(Section):
    """What may be changed where, and who must agree; without accounts, nothing is ever changed."""

    accounts: tuple[ResponseAccount, ...] = ()
    """Accounts, projects, subscriptions, clusters and consoles in which actions may act."""
    lone_delay: Duration | None = None
    """For a team of one: how long a plan waits, once one person has approved it, where another
    person would have to approve it too. Without it, that other person is needed."""
    lapse_after: Duration = Field(default="1d", validate_default=True)
    """A plan that nobody has approved for so long is dropped."""
    ask: tuple[str, ...] = ()
    """Names of the notifiers that ask people to approve; empty: all of them."""
    playbooks: Playbooks = Playbooks()
    protected: Protection = Protection()


def account_kinds(*, installed: bool = True) -> tuple[str, ...]:
    """Return what `kind` may be, sorted; with what other packages give unless not `installed`."""
    return plugins.names(CALLERS) if installed else plugins.own_names(CALLERS)


@cache
def account_kind(name: str) -> PlugKind[ResponseAccount]:
    """Return a kind of `account_kinds()`.

    Raises:
        SettingsError: the plug cannot be loaded or breaks the convention.
    """
    return plug_kind(CALLERS, name, ResponseAccount, "Whose account it is.")


def account_section(kind: str) -> type[ResponseAccount]:
    """Return what may be written of a kind of `account_kinds()`.

    Raises:
        SettingsError: see `account_kind`.
    """
    return account_kind(kind).section


def check_account(account: ResponseAccount) -> None:
    """Make the plug's settings, which may find fault with the whole of them.

    Raises:
        SettingsError: begins with the key that should change.
    """
    account_kind(account.kind).settings_of(account)
