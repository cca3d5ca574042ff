"""What pages show of rules beside findings: the matrix, and correlations that learn."""

from datetime import timedelta

from tests.serve.web import seed
from tocsin.detect.coverage import coverage as laid_over
from tocsin.run import content
from tocsin.run.coverage import Covered, SourceState
from tocsin.run.remembering import Learning

LEARNING = {"r-enum": Learning(4, 2, seed.NOW + timedelta(days=3))}


def coverage() -> Covered:
    """Return the matrix with these rules, of which those on clusters are blind."""
    states = (
        SourceState(seed.AWS, True, "last heard 2026-11-23 12:00 UTC"),
        SourceState(seed.KUBERNETES, False, "silent since 2026-11-20 12:00 UTC"),
    )
    matrix = laid_over(
        seed.RULES,
        {rule.uid: frozenset(rule.sources) for rule in seed.RULES},
        content.attack_text(),
        frozenset({seed.AWS}),
    )
    return Covered(matrix, states, {rule.uid: rule.title for rule in seed.RULES})
