"""Cases derived by hand from the Sigma specification: how they are told and checked."""

from tests.detect.rules import parsed
from tocsin.conditions import holds


def named(row):
    section, lines, event, expected = row
    return f"{section}: {lines} {'holds' if expected else 'fails'} for {event}".encode().decode(
        "ascii", "replace"
    )


def fits(row):
    """Whether the selection of a row holds for its event, or does not, as the row says."""
    _, lines, event, expected = row
    indented = lines.replace("\n", "\n  ")
    condition = parsed(f"s:\n  {indented}\ncondition: s").condition
    return holds(condition, event) is expected
