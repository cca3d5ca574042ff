"""What can go wrong, and whose turn it is to mend it.

TocsinError
├── SettingsError      the operator: tocsin.yaml      (all problems at once)
├── UsageError         the person at the keyboard: a query, an argument
├── ContentError       the writer of a content file: file and line
│   ├── RuleError
│   ├── MappingError
│   └── PlaybookError
└── WorldError         nobody here: it may pass; retried after a while
    ├── SourceError
    ├── StoreError
    └── ActionError
        ├── TargetGoneError
        ├── CallRefusedError
        ├── OutcomeUnknownError
        └── PlanChangedError

Odd records, rules that fail on an event, and unreadable resources are not errors: they are rows of
`rejects` and `failures`, counted and shown.
"""

from dataclasses import dataclass


class TocsinError(Exception):
    """Anything Tocsin says to a person instead of a traceback."""


class SettingsError(TocsinError):
    """`tocsin.yaml` or the environment cannot be used; the text lists every problem at once."""


class UsageError(TocsinError):
    """A query or an argument cannot be understood; the text says what would be right."""


class ContentError(TocsinError):
    """A content file cannot be understood.

    The text names the file, the line, what was found and what would be right.
    """

    def __init__(self, message: str, location: "Location") -> None:
        super().__init__(f"{location}: {message}")
        self.message = message
        self.location = location


class RuleError(ContentError):
    """A rule file cannot be understood."""


class MappingError(ContentError):
    """A mapping file cannot be understood."""


class PlaybookError(ContentError):
    """A playbook file cannot be understood."""


class WorldError(TocsinError):
    """The network, a disk or a cloud failed; it may pass."""

    retry_after_seconds: float = 5.0


class SourceError(WorldError):
    """A source could not be read."""


class StoreError(WorldError):
    """The store could not be read or written."""


class ActionError(WorldError):
    """A deed outside (a message, a change in a cloud) did not succeed."""


class TargetGoneError(ActionError):
    """What an action is about does not exist, or no longer."""


class CallRefusedError(ActionError):
    """The other side refuses a call for want of a right; the text names the right."""


class OutcomeUnknownError(ActionError):
    """A call was sent and its answer lost: only reading says whether it was done."""


class PlanChangedError(ActionError):
    """What would be done now is not what was approved, or somebody changed what was done."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a content file; `line` counts from 1, 0 where no line is known."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a settings or content file, with its remedy, ready to print.

    Attributes:
        is_warning: the file is used all the same.
    """

    location: Location
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.location}: {'warning: ' if self.is_warning else ''}{self.message}"
