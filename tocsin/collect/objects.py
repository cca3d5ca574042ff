"""What sources that read objects from a bucket need of whoever keeps it: AWS or Google."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tocsin.collect.notifications import ObjectReference
from tocsin.errors import SourceError

_MISSING = ("NoSuchKey", "404")


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it; `modified` is the other side's clock, aware."""

    reference: ObjectReference
    modified: datetime


class ObjectError(SourceError):
    """One object could not be read; others may be.

    Attributes:
        code: the other side's word for it, such as `NoSuchKey` or `403`.
    """

    def __init__(self, reference: ObjectReference, code: str, reason: object) -> None:
        super().__init__(f"{reference.url}: {code}: {reason}")
        self.code = code

    @property
    def is_missing(self) -> bool:
        """Whether there is no such object."""
        return self.code in _MISSING


class Objects(Protocol):
    """Buckets of one cloud, as whoever we are there."""

    def blocks(self, reference: ObjectReference, offset: int) -> Iterator[bytes]:
        """Yield the bytes of an object from `offset` on, in blocks of at most 1 MiB.

        Raises:
            ObjectError: it cannot be opened or its transfer broke off.
        """
        ...

    def listed(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield the objects below `prefix` whose keys sort after `after`, in order of keys.

        Raises:
            SourceError: the bucket cannot be listed.
        """
        ...
