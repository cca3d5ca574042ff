"""Read ATT&CK tags in the forms of Sigma (`attack.t1562.008`) and Panther (`TA0005:T1562.008`).

Short names and identifiers of the fourteen enterprise tactics: https://attack.mitre.org/tactics/
"""

import re
from collections.abc import Iterable

TACTICS = {
    "reconnaissance": "TA0043",
    "resource-development": "TA0042",
    "initial-access": "TA0001",
    "execution": "TA0002",
    "persistence": "TA0003",
    "privilege-escalation": "TA0004",
    "defense-evasion": "TA0005",
    "credential-access": "TA0006",
    "discovery": "TA0007",
    "lateral-movement": "TA0008",
    "collection": "TA0009",
    "command-and-control": "TA0011",
    "exfiltration": "TA0010",
    "impact": "TA0040",
}

_TECHNIQUE = re.compile(r"t[0-9]{4}(\.[0-9]{3})?\Z", re.IGNORECASE)


def tactics_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the short names of the tactics among the words, sorted; both forms are known."""
    by_uid = {uid: name for name, uid in TACTICS.items()}
    plain = (word.replace("_", "-") for word in words)
    found = {by_uid.get(word.upper(), word.lower()) for word in plain}
    return tuple(sorted(found & set(TACTICS)))


def techniques_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the technique identifiers among the words, in capitals, sorted."""
    return tuple(sorted({word.upper() for word in words if _TECHNIQUE.match(word)}))
