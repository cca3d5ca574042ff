"""What an organization fits Sigma rules to its own ways with: values and pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.detect.placeholders import NOTHING_GIVEN, Placeholders


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What rules are read with.

    Attributes:
        placeholders: values for `expand` by name.
        pipelines: texts of pySigma's processing pipelines by file.
    """

    placeholders: Placeholders = field(default_factory=lambda: NOTHING_GIVEN)
    pipelines: Mapping[str, str] = field(default_factory=dict)


AS_WRITTEN = Adaptation()
