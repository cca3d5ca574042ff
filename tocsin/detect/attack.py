"""Read ATT&CK tags in the forms of Sigma (`attack.t1562.008`) and Panther (`TA0005:T1562.008`)."""

import re
from collections.abc import Iterable

from tocsin.ocsf.findings import TACTIC_UIDS

_TECHNIQUE = re.compile(r"t[0-9]{4}(\.[0-9]{3})?\Z", re.IGNORECASE)


def tactics_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the short names of the tactics among the words, sorted; both forms are known."""
    by_uid = {uid: name for name, uid in TACTIC_UIDS.items()}
    plain = (word.replace("_", "-") for word in words)
    found = {by_uid.get(word.upper(), word.lower()) for word in plain}
    return tuple(sorted(found & set(TACTIC_UIDS)))


def techniques_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the technique identifiers among the words, in capitals, sorted."""
    return tuple(sorted({word.upper() for word in words if _TECHNIQUE.match(word)}))
