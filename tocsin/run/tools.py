"""What a turn works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.enrich import Knowledge
from tocsin.run.redacting import Redaction

if TYPE_CHECKING:
    from tocsin import detect, normalize, posture
    from tocsin.run.identifying import Identification
    from tocsin.run.proposing import Proposing
    from tocsin.settings import Settings


# Loaded when made: commands that read rules alone start without the store.
def _nobody() -> "Identification":
    from tocsin.run.identifying import Identification

    return Identification()


def _nothing() -> "Proposing":
    from tocsin.run.proposing import Proposing

    return Proposing()


@dataclass(frozen=True, slots=True)
class Tools:
    """What a turn works with; replaced as a whole when content is reloaded.

    Attributes:
        mappings: by source.
        rules: compiled rules in force.
        checks: judged on the resources that events describe.
        run_python: evaluates Python rules elsewhere.
        never_link: identities that many share and that must not tie incidents together.
        knowledge: what is added to events before rules see them.
        redaction: takes secrets out of records before anything else reads them.
        identification: what tells who is who.
        proposing: the playbooks in force; none where settings name none.
        is_told: whether people are told of incidents; not when history is loaded.
    """

    settings: "Settings"
    mappings: "Mapping[str, normalize.Mapping]" = field(repr=False)
    rules: "detect.RuleSet" = field(repr=False)
    checks: "tuple[posture.Check, ...]"
    run_python: "detect.RunPython"
    never_link: frozenset[str]
    knowledge: Knowledge = field(default_factory=Knowledge, repr=False)
    redaction: Redaction = field(default_factory=Redaction, repr=False)
    is_told: bool = True
    identification: "Identification" = field(default_factory=_nobody, repr=False)
    proposing: "Proposing" = field(default_factory=_nothing, repr=False)
