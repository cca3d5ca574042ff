"""How long to wait before a message is tried again."""

from datetime import timedelta

TRIES = 5
"""After so many a message is parked with its reason."""

_FIRST_SECONDS = 5.0
_FACTOR = 4
_JITTER = 0.5


def pause(attempts: int, jitter: float) -> timedelta | None:
    """Return how long to wait after the try number `attempts` failed; `None`: park it.

    Args:
        attempts: from 1.
        jitter: between 0 and 1; up to half as long again, so that not all come back together.
    """
    if attempts >= TRIES:
        return None
    seconds = _FIRST_SECONDS * _FACTOR ** (attempts - 1)
    return timedelta(seconds=seconds * (1 + _JITTER * min(max(jitter, 0.0), 1.0)))
