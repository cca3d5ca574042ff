"""Signed checkpoints of the audit log: what its head was at a moment, kept in a second place.

Whoever can write the log can write a whole new one that fits together. It does not fit the
checkpoints that were made before, and those nobody can make up without the key, nor take back from
the place that they were sent to, even with it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tocsin.errors import StoreError, UsageError
from tocsin.store import documents, durable
from tocsin.store.moments import to_microseconds

_KEY_BYTES = 32
_MOST_LINE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the audit log at a moment.

    Attributes:
        seq: of the last row.
        time: when it was made, UTC.
        head: hash of that row.
        public_key: Ed25519, hexadecimal; `signature` over the four fields above, too.
    """

    seq: int
    time: datetime
    head: str
    public_key: str
    signature: str

    def line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({**asdict(self), "time": self.time.isoformat()}, sort_keys=True)


class SigningKey:
    """The key of a data folder, made at its first use; nobody but the owner may read the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sign(self, seq: int, time: datetime, head: str) -> Checkpoint:
        """Return the signed checkpoint.

        Raises:
            StoreError: the key cannot be read or made.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.from_private_bytes(self._bytes())
        public = key.public_key().public_bytes_raw().hex()
        signature = key.sign(_signed(seq, time, head, public)).hex()
        return Checkpoint(seq, time, head, public, signature)

    def _bytes(self) -> bytes:
        try:
            if not self._path.exists():
                from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

                with durable.new_file(self._path) as temporary:
                    temporary.touch(mode=0o600)
                    temporary.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
            content = self._path.read_bytes()
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        if len(content) != _KEY_BYTES:
            raise StoreError(f"{self._path} is no key of the audit log; restore it from a backup")
        return content


def problem_of(checkpoints: Sequence[Checkpoint], trusted: str | None) -> tuple[int, str] | None:
    """Return the first checkpoint that the key did not sign, and why; `None` where all are good.

    Args:
        checkpoints: in any order.
        trusted: the public key; otherwise that of the first one.
    """
    if not checkpoints:
        return None
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    expected = trusted or checkpoints[0].public_key
    for one in checkpoints:
        if one.public_key != expected:
            return one.seq, f"the checkpoint at entry {one.seq} is signed by another key"
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(one.public_key))
            signed = _signed(one.seq, one.time, one.head, one.public_key)
            key.verify(bytes.fromhex(one.signature), signed)
        except (InvalidSignature, ValueError):
            return one.seq, f"the checkpoint at entry {one.seq} is not signed by its key"
    return None


def read(path: Path) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of a file, one a line; a last line without its end is left out.

    Raises:
        UsageError: the file cannot be read, or a line is no checkpoint.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    # A process that dies while it writes leaves a part of a line; the next one begins a new line.
    return tuple(_parsed(text.split("\n")[:-1], path))


def _parsed(lines: Iterable[str], path: Path) -> Iterable[Checkpoint]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line[:_MOST_LINE_BYTES])
            yield Checkpoint(
                seq=int(found["seq"]),
                time=datetime.fromisoformat(found["time"]),
                head=str(found["head"]),
                public_key=str(found["public_key"]),
                signature=str(found["signature"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path}:{number}: this line is no checkpoint") from error


def _signed(seq: int, time: datetime, head: str, public_key: str) -> bytes:
    content: dict[str, object] = {
        "what": "tocsin audit checkpoint 1",
        "seq": seq,
        "time": to_microseconds(time),
        "head": head,
        "public_key": public_key,
    }
    return documents.canonical(content).encode()
