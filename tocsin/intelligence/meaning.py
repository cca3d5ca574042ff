"""Say what it means that an event names an indicator: who turned to whom, and was it let through.

A stranger who knocks and is refused is the weather of the internet: noted, told to nobody. What
matters is who of one's own turns to a bad place, and a bad place that was let in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

INFORMATIONAL, LOW, MEDIUM, HIGH = 1, 2, 3, 4

_SURE, _LIKELY = 70, 40
_STOPPED = frozenset({2, 3, 4, 5, 6, 25, 26})
_DENIED = 2
_FAILURE = 2
_NETWORK_ACTIVITY = 4001
_REFUSED = frozenset({4, 5})
_INBOUND, _OUTBOUND = 1, 2
_BY_NAME = frozenset({3001, 3002, 3003, 3004, 3005, 3006, 6003, 6005, 6006})
_SEVERITIES = {
    # Direction, and whether it was let through: by confidence from little to much.
    ("outbound", True): (LOW, MEDIUM, HIGH),
    ("outbound", False): (LOW, LOW, MEDIUM),
    ("entry", True): (LOW, MEDIUM, HIGH),
    ("entry", False): (INFORMATIONAL,) * 3,
    ("inbound", True): (INFORMATIONAL, LOW, MEDIUM),
    ("inbound", False): (INFORMATIONAL,) * 3,
    ("seen", True): (LOW, MEDIUM, HIGH),
    ("seen", False): (LOW, LOW, MEDIUM),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one contact means.

    Attributes:
        direction: `outbound` (one's own turned to it), `inbound` (it turned to one's own), `entry`
            (it acted under an identity of one's own), `seen` (a file or a mail).
        is_denied: whether it was refused or failed.
    """

    direction: str
    is_denied: bool

    def severity_id(self, confidence: int) -> int:
        """Return the OCSF severity for how sure the feed is."""
        step = (confidence >= _LIKELY) + (confidence >= _SURE)
        return _SEVERITIES[self.direction, not self.is_denied][step]


def meaning_of(row: Mapping[str, object], paths: Iterable[str], kind: str) -> Meaning:
    """Return what it means that the event names an indicator at these paths."""
    return Meaning(_direction(row, tuple(paths), kind), _is_denied(row))


def _direction(row: Mapping[str, object], paths: tuple[str, ...], kind: str) -> str:
    if kind in ("hash", "mail"):
        return "seen"
    sides = {"src" if "src_endpoint" in path else "dst" for path in paths}
    if "dst" in sides:
        return "outbound"
    if row.get("class_uid") in _BY_NAME and _object(row.get("actor")):
        return "entry"
    told = _object(row.get("connection_info")).get("direction_id")
    return "outbound" if told == _OUTBOUND else "inbound"


def _is_denied(row: Mapping[str, object]) -> bool:
    if row.get("disposition_id") in _STOPPED or row.get("action_id") == _DENIED:
        return True
    if row.get("class_uid") == _NETWORK_ACTIVITY and row.get("activity_id") in _REFUSED:
        return True
    return row.get("status_id") == _FAILURE


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
