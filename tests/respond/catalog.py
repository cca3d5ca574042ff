"""A few actions as playbooks see them, for the tests of this room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tocsin.respond.actions import ActionFacts


def facts(
    target: str,
    provider: str = "aws",
    *,
    level: int = 2,
    lasts: timedelta | None = None,
    is_destructive: bool = False,
    restores_safety: bool = False,
) -> ActionFacts:
    return ActionFacts(
        title=f"Do something to {target}",
        provider=provider,
        targets=frozenset({target}),
        category="destructive" if is_destructive else "reversible",
        level=level,
        needs=(),
        lasts=lasts,
        restores_safety=restores_safety,
    )


@dataclass
class SomeActions:
    """A catalog of actions without plugs."""

    known: dict[str, ActionFacts] = field(
        default_factory=lambda: {
            "aws_block_address": facts("address", lasts=timedelta(hours=1)),
            "aws_deny_user": facts("user", level=3),
            "aws_disable_access_key": facts("access_key"),
            "aws_start_logging": facts("trail", restores_safety=True),
            "aws_wipe": facts("user", level=4, is_destructive=True),
            "kubernetes_quarantine_pod": facts("pod", "kubernetes"),
        }
    )

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.known))

    def facts(self, action: str) -> ActionFacts:
        return self.known[action]

    def problem(self, action: str, arguments: Mapping[str, object]) -> str:
        wrong = [key for key in arguments if key != "note"]
        return f"`{wrong[0]}` is no setting of {action}" if wrong else ""
