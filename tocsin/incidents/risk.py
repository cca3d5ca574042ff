"""The risk of an incident: severity × confidence × breadth, with the sentences that explain it.

Severity gives points. Confidence is how many different rules agree: one rule may err, three about
the same entity rarely do. Breadth is how many tactics of ATT&CK are seen: an attacker walks through
several, an odd day of an administrator seldom does.
"""

from collections.abc import Sequence

from tocsin.ocsf.findings import tactic_name

POINTS = {1: 10, 2: 25, 3: 45, 4: 65, 5: 85, 6: 95}
SEVERITIES = {
    0: "Unknown",
    1: "Informational",
    2: "Low",
    3: "Medium",
    4: "High",
    5: "Critical",
    6: "Fatal",
}
CONFIDENCE_PERCENT = {1: 80, 2: 90}
"""By number of different rules; three and more are certain enough for 100."""
TACTIC_PERCENT = 10
"""What every tactic after the first adds; five more count, no more."""
MOST_TACTICS = 6


def assess_risk(
    severity_id: int, rule_uids: Sequence[str], tactics: Sequence[str]
) -> tuple[int, tuple[str, ...]]:
    """Return the risk from 0 to 100 and the sentences that explain it.

    Args:
        severity_id: the highest severity of the findings, OCSF 1 to 6; others count nothing.
        rule_uids: the different rules that made the findings.
        tactics: the different tactics that these rules are about, by their short names.
    """
    points = POINTS.get(severity_id, 0)
    confidence = CONFIDENCE_PERCENT.get(len(rule_uids), 100)
    counted = min(max(len(tactics), 1), MOST_TACTICS)
    breadth = 100 + TACTIC_PERCENT * (counted - 1)
    score = min(100, (points * confidence * breadth + 5_000) // 10_000)
    return score, (
        f"The highest severity is {SEVERITIES.get(severity_id, 'Unknown')}: {points} points.",
        f"{_many(len(rule_uids), 'rule')} made the findings: {confidence} % confidence.",
        f"{_tactics(tactics)}: {breadth} % breadth.",
    )


def _tactics(tactics: Sequence[str]) -> str:
    if not tactics:
        return "No tactic is known"
    verb = "is" if len(tactics) == 1 else "are"
    names = ", ".join(map(tactic_name, tactics))
    return f"{_many(len(tactics), 'tactic')} {verb} seen ({names})"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
