"""Give the keys of JSON records the names that a mapping knows: `Id` becomes `id`.

Some products write the same thing with capitals in one place and without in another, as GuardDuty
does in its API and in its exports; a mapping cannot declare names that differ only in case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from tocsin.errors import SettingsError
from tocsin.ocsf.reading import LineReader

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class NamesSettings:
    """Whose keys get other names.

    Attributes:
        marks: records that have all of these keys get new names; others stay as they are.
        renamed: new names of single keys, wherever they stand; of all others the capitals at the
            beginning become small: `AccountId` is `accountId`, `URLs` is `urls`.
    """

    marks: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


class Names(LineReader):
    """Renames keys of records, at every depth."""

    takes_json = True

    def __init__(self, settings: NamesSettings) -> None:
        """Take whose keys get other names.

        Raises:
            SettingsError: no mark is given.
        """
        if not settings.marks:
            raise SettingsError("`marks` names at least one key")
        self._marks = settings.marks
        self._patterns = [f'"{mark}"'.encode() for mark in settings.marks]
        self._names = dict(settings.renamed)

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return records with the names that the mapping knows; see `LineReader`."""
        return [self._record(raw) for raw in raws]

    def _record(self, raw: bytes) -> bytes:
        if not all(pattern in raw for pattern in self._patterns):
            return raw
        try:
            record = _decode(raw)
            if not all(mark in record for mark in self._marks):
                return raw
            return _encode(self._renamed(record))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return raw

    def _renamed(self, value: object) -> object:
        if isinstance(value, dict):
            return {self._name(key): self._renamed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._renamed(inner) for inner in value]
        return value

    def _name(self, key: str) -> str:
        known = self._names.get(key)
        return known if known is not None else small_start(key)


def small_start(key: str) -> str:
    """Return a name with small letters at its beginning: `UserId`, `IPAddress`, `URLs`."""
    length = next((at for at, letter in enumerate(key) if not letter.isupper()), len(key))
    # Of several capitals before a small letter the last begins the next word, but in a plural.
    if 1 < length < len(key) and key[length:] != "s" and key[length].islower():
        length -= 1
    return key[:length].lower() + key[length:]
