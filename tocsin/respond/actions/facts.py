"""What an action says of itself before it is ever used: rights, class, expiry, limits."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Category = Literal["reversible", "compensable", "destructive"]
"""Whether undoing restores everything, makes good most of it, or is impossible."""

BLOCK = timedelta(hours=1)
"""How long a block lasts where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Need:
    """One right that an action needs.

    Attributes:
        permission: as the provider names it: `iam:UpdateAccessKey`,
            `compute.instances.setTags`, `Microsoft.Network/networkInterfaces/write`,
            `patch pods` (verb and resource, with `group/` before the resource where it has one).
        resource: what it must reach; `{account}`, `{region}`, `{name}`, `{uid}` stand for the
            target's; `*` only where the provider knows nothing narrower.
        is_reading: whether `read_state` needs it; others are needed to apply and undo.
        condition: AWS: operator, key and value that narrow it further.
    """

    permission: str
    resource: str = "*"
    is_reading: bool = False
    condition: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """What is true of every use of an action.

    Attributes:
        title: what it does, in the imperative: `Disable an access key`.
        provider: of its targets.
        targets: types of entities that it can be about.
        category: reversible, compensable or destructive; the last needs two persons.
        level: 0 tells, 1 gathers evidence, 2 reversible and narrow, 3 reversible and wide,
            4 destructive; the highest level that a playbook may do by itself is 2.
        needs: all rights, reads and writes.
        lasts: after which time it reverts by itself; `None` while the incident is open, and then
            a person is asked.
        volatile: keys of its state that change by themselves: they count neither as drift nor
            as a difference to what was.
        has_undo: whether `plan_undo` can ever give calls.
        evidence_first: whether evidence is to be taken before; its plans remind people of that.
        restores_safety: it restores what an attacker switched off; it may run without approval
            in every mode but observe.
        source: the provider's documentation of its calls.
    """

    title: str
    provider: str
    targets: frozenset[str]
    category: Category
    level: int
    needs: tuple[Need, ...]
    lasts: timedelta | None = None
    volatile: frozenset[str] = field(default_factory=frozenset)
    has_undo: bool = True
    evidence_first: bool = False
    restores_safety: bool = False
    source: str = ""
