"""What detection needs of a place where Python rules run; `isolate` provides it.

The rules' text goes out as data, verdicts come back as data. The place has no credentials and no
network, limits memory and time, and survives whatever a rule does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said about one record, where it matched or failed.

    Attributes:
        rule_uid: the rule.
        record: index of the record, `None` where the failure concerns `count` records together.
        matched: whether the rule matched; false for a failure.
        title, severity, dedup, description: what the rule's functions gave, empty where it has none
            or they failed; cut to a bounded length, without control characters.
        context: JSON object of `alert_context`, `{}` where there is none.
        failure: why the rule gave no answer, or what went wrong in one of its functions; empty.
        count: records that the failure concerns.
        unique: the value that `unique` gave, whose different values the threshold counts; empty
            where the match does not count, `None` where the rule counts matches.
        is_quiet: whether `destinations` named nobody, so that nobody is to be told.
    """

    rule_uid: str
    record: int | None
    matched: bool
    title: str = ""
    severity: str = ""
    dedup: str = ""
    description: str = ""
    context: str = "{}"
    failure: str = ""
    count: int = 1
    unique: str | None = None
    is_quiet: bool = False


class RunPython(Protocol):
    """Runs Python rules over records."""

    def __call__(
        self, rules: Mapping[str, str], records: Sequence[str], mocks: Sequence[str] = ()
    ) -> Sequence[Verdict]:
        """Run every rule on every record.

        Args:
            rules: source text by the rule's uid.
            records: JSON objects as text, in the source's own shape.
            mocks: where the records are those of tests: for each a JSON list of names that are
                replaced meanwhile, each with what it then returns. Each test starts with nothing
                remembered from the one before.

        Returns:
            One verdict for each match and each failure, in any order; nothing where a rule said no.
            Never raises for what a rule does.
        """
