"""What is found out about one kind of log at one place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogState:
    """One kind of log at one place, or the rights that we hold there.

    Attributes:
        place: account and region, project, subscription or tenant.
        kind: as in `content/connect/prices.yaml`, such as `aws.vpc_flow`; `rights` for rights.
        is_on: whether it is as it should be; `None` where that cannot be found out.
        message: what is off and how to switch it on, in one line.
        count: how many things it is off for: the cost follows from it.
    """

    place: str
    kind: str
    is_on: bool | None
    message: str
    count: int = 1


class Examination(Protocol):
    """What a plug of `log_coverage` can do."""

    def examine(self) -> Iterator[LogState]:
        """Yield the state of every kind of log at every place, and of our rights.

        Raises:
            SourceError: nothing answers.
        """
        ...


def named(things: "list[str]", most: int = 3) -> str:
    """Return the first names of a list and how many more there are."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return f"{', '.join(things[:most])}{more}"
