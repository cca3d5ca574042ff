"""Let go of what somebody has protected since Tocsin acted on it."""

import logging
from datetime import datetime

from tocsin.errors import UsageError
from tocsin.ocsf import EVERYTHING
from tocsin.respond.guardrails import released
from tocsin.run.proposing import limits_of
from tocsin.settings import Settings
from tocsin.store import Store

WHO = "tocsin"

log = logging.getLogger("tocsin.respond")


def release(settings: Settings, store: Store, now: datetime) -> int:
    """Refuse what waits, and ask to take back what is in force, on targets that are protected.

    Settings change with a start, so that this is done once at each.

    Returns:
        How many requests were let go.
    """
    count = 0
    for request, reason in released(limits_of(settings).protected, store.playbooks.held()):
        said = f"{request.target.name} is protected now: {reason}"
        try:
            if request.state == "active":
                store.requests.ask_undo(request.uid, WHO, said, now, EVERYTHING)
            else:
                store.requests.refuse(request.uid, WHO, said, now, EVERYTHING)
            count += 1
        except UsageError as error:
            # Somebody was faster, or nothing of it can be taken back.
            log.warning("not released", extra={"request": request.uid, "problem": str(error)})
    return count
