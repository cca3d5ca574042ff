"""Answers that are kept by idempotency key, so that a repeated request changes nothing twice.

The answer is written in the transaction of the change: a crash leaves both or neither.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from tocsin.errors import UsageError
from tocsin.store import documents
from tocsin.store.incident_tables import ANSWERED

KEPT_FOR = timedelta(days=7)
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Once:
    """A request that must count once, however often it comes.

    Attributes:
        key: chosen by the caller, 1 to 200 printable characters without spaces.
        request: hash of what is asked; the same key with another request is refused.
    """

    key: str
    request: str

    @classmethod
    def of(cls, key: str, *request: object) -> "Once":
        """Return the request with this key.

        Raises:
            UsageError: the key is empty, too long, or has other characters.
        """
        if not 0 < len(key) <= LONGEST_KEY or not all("!" <= each <= "~" for each in key):
            raise UsageError(
                f"an idempotency key has 1 to {LONGEST_KEY} printable ASCII characters, no spaces"
            )
        return cls(key, sha256(documents.canonical(request).encode()).hexdigest())


def recall(connection: Connection, actor: str, once: Once | None) -> str | None:
    """Return the answer that this request got before; `None` where it is new or has no key.

    Raises:
        UsageError: the key came with another request before.
    """
    if once is None:
        return None
    query = select(ANSWERED.c.request, ANSWERED.c.answer)
    mine = query.where(ANSWERED.c.actor == actor, ANSWERED.c.key == once.key)
    row = connection.execute(mine).first()
    if row is None:
        return None
    if row.request != once.request:
        raise UsageError(f"the idempotency key {once.key} was used for another request")
    return str(row.answer)


def keep(connection: Connection, actor: str, once: Once | None, answer: str, now: datetime) -> None:
    """Keep an answer for a week, in the transaction of the change; without a key do nothing."""
    if once is None:
        return
    connection.execute(delete(ANSWERED).where(ANSWERED.c.time < now - KEPT_FOR))
    row = {"actor": actor, "key": once.key, "request": once.request, "answer": answer, "time": now}
    connection.execute(insert(ANSWERED).values(row))
