"""Identifiers that are derived from content, never drawn: a replay gives the same ones.

blake2b-128 in hex behind a prefix of its kind: `evt_`, `fnd_`, `inc_`, `req_`.
"""

from hashlib import blake2b
from typing import Literal

Kind = Literal["evt", "fnd", "inc", "req", "aud", "rej", "sup", "dec", "evi", "msg", "idn"]

# A separator that cannot stand inside a part: parts are joined after their lengths.
_DIGEST_BYTES = 16


def derive(kind: Kind, *parts: str | bytes) -> str:
    """Return the identifier of `kind` for these parts, in this order.

    Each part enters with its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return f"{kind}_{digest.hexdigest()}"


def content_hash(content: bytes) -> str:
    """Return blake2b-128 of `content` in hex."""
    return blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()
