"""Which playbooks there are and how far each may go; what no action may ever touch."""

from typing import Annotated, Literal

from pydantic import Field

from tocsin.settings.section import Section
from tocsin.values import FilePath, Matching, Network

PlaybookId = Annotated[
    str, Matching(r"[a-z0-9][a-z0-9-]{1,60}", "the id of a playbook, such as leaked-access-key")
]


class PlaybookChoice(Section):
    """How far one playbook may go; what is not said stays as its file says."""

    id: PlaybookId
    """Its id; `tocsin playbooks list` shows all."""
    mode: Literal["off", "observe", "propose", "approve", "automatic"]
    """`observe` writes down what it would have done, `propose` shows plans, `approve` asks people,
    `automatic` does what is narrow and can be undone by itself and asks about the rest."""


class Protection(Section):
    """What no playbook touches. What one does not own, addresses that are not public, break-glass
    identities of the organization and Tocsin's own roles are protected in any case.
    """

    address_ranges: tuple[Network, ...] = ()
    """Addresses that are never blocked: own egress, load balancers, health checks, providers, the
    ranges of administrators. Those of `organization` are protected too."""
    identities: tuple[str, ...] = ()
    """Users, roles, keys, instances and other things by uid, ARN or name; `*` stands for any
    characters."""


class Playbooks(Section):
    """Playbooks of one's own, and how far each may go."""

    folders: tuple[FilePath, ...] = ()
    """Folders with playbooks of one's own, beside those that ship with Tocsin."""
    with_builtin: bool = True
    """Whether those that ship with Tocsin are used."""
    choices: tuple[PlaybookChoice, ...] = ()
    """How far single playbooks may go; all others stay in the mode of their file, which is
    `observe` for those that ship with Tocsin."""
    per_account_hour: int = Field(default=20, ge=1, le=1000)
    """Requests of all playbooks together in one account in any hour."""
