"""Requests that must count once, however often a shaky line repeats them."""

from fastapi import Request
from pydantic import BaseModel

from tocsin.store.answers import Once

KEY_HEADER = "idempotency-key"


def once_of(request: Request, body: BaseModel) -> Once | None:
    """Return the request's idempotency key with what it asks; `None` where it has no key.

    Raises:
        UsageError: the key is no key.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    return Once.of(key, request.method, request.url.path, body.model_dump(mode="json"))
