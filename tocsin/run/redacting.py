"""Take secrets out of batches, as the settings want it, hashed with the key of the data folder."""

import os
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tocsin.errors import StoreError
from tocsin.ocsf import RawBatch, identifiers
from tocsin.redact import Redactor, read_definition
from tocsin.run import content

if TYPE_CHECKING:
    from tocsin.settings import Settings

KEY_FILE = "redaction.key"
_KEY_BYTES = 32


@dataclass(slots=True)
class KeyFile:
    """The key that hashes of secrets are made with; without a folder, one that nobody keeps."""

    folder: Path | None = None
    _known: tuple[int, bytes] = (0, b"")

    def key(self) -> bytes:
        """Return the key in force, made when first asked for; a rotation is noticed.

        Raises:
            StoreError: the file cannot be read or written.
        """
        path = self.folder / KEY_FILE if self.folder and self.folder.is_dir() else None
        if path is None:
            self._known = self._known if self._known[1] else (0, secrets.token_bytes(_KEY_BYTES))
            return self._known[1]
        try:
            if not path.exists():
                _write(path, exclusively=True)
            stamp = path.stat().st_mtime_ns
            if stamp != self._known[0]:
                self._known = stamp, bytes.fromhex(path.read_text("ascii"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: the key of redaction cannot be used: {error}") from error
        return self._known[1]


def rotate(folder: Path) -> None:
    """Replace the key: the same secret has another hash from now on.

    Raises:
        StoreError: the file cannot be written.
    """
    try:
        _write(folder / KEY_FILE, exclusively=False)
    except OSError as error:
        raise StoreError(f"{folder / KEY_FILE} cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Redaction:
    """What takes secrets out of batches; of itself, nothing.

    Attributes:
        redactor: `None` where redaction is off.
        keys: what hashes are keyed with.
        feeds: those whose records stay as they are; `sources`: the same.
    """

    redactor: Redactor | None = None
    keys: KeyFile = field(default_factory=KeyFile)
    feeds: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def of(self, batch: RawBatch) -> tuple[RawBatch, Mapping[str, int]]:
        """Return the batch without secrets, and how many were replaced, by kind.

        Rejects that are replayed lost theirs before they were stored, and keep their names.
        """
        # Loaded here: commands that read rules alone open no store.
        from tocsin.store.answers import Replay

        is_spared = batch.feed in self.feeds or batch.source in self.sources
        if self.redactor is None or is_spared or isinstance(batch.receipt, Replay):
            return batch, {}
        counts: Counter[str] = Counter()
        records = self._clean(_with_clean_headers(batch.records, self, counts), counts)
        rejects = _named_anew(batch.rejects, self._clean(batch.rejects, counts))
        return replace(batch, records=records, rejects=rejects), counts

    def _clean(self, table: pa.Table, counts: Counter[str]) -> pa.Table:
        """Return a table with its column `raw` clean."""
        texts: list[bytes] = table.column("raw").to_pylist()
        changed = self.clean_texts(texts, counts)
        if not changed:
            return table
        texts = [changed.get(index, text) for index, text in enumerate(texts)]
        place = table.schema.get_field_index("raw")
        return table.set_column(place, table.schema.field(place), pa.array(texts, pa.binary()))

    def clean_texts(self, texts: list[bytes], counts: Counter[str]) -> Mapping[int, bytes]:
        """Return those texts that change, by index; `counts` is added to."""
        if self.redactor is None or not texts:
            return {}
        found = self.redactor.redact(texts, self.keys.key)
        counts.update(found.counts)
        return found.texts


def redaction_of(settings: "Settings") -> Redaction:
    """Return what the settings want taken out.

    Raises:
        ContentError: `content/redaction.yaml` is wrong.
    """
    wanted = settings.redaction
    return Redaction(
        redactor=_redactor(frozenset(wanted.except_kinds)) if wanted.enabled else None,
        keys=KeyFile(settings.data),
        feeds=frozenset(feed.name for feed in settings.feeds if not feed.redaction),
        sources=frozenset(wanted.except_sources),
    )


@lru_cache(maxsize=4)
def _redactor(without: frozenset[str]) -> Redactor:
    return Redactor(read_definition(content.redaction_text(), "content/redaction.yaml"), without)


def _with_clean_headers(records: pa.Table, redaction: Redaction, counts: Counter[str]) -> pa.Table:
    """Return records whose headers are clean: they stand above the line in rejects."""
    place = records.schema.get_field_index("header")
    column = records.column(place)
    if column.null_count == len(column):
        return records
    headers = column.combine_chunks()
    texts: list[bytes] = headers.dictionary.to_pylist()
    changed = redaction.clean_texts(texts, counts)
    if not changed:
        return records
    clean = pa.array([changed.get(i, text) for i, text in enumerate(texts)], pa.binary())
    made = pa.DictionaryArray.from_arrays(headers.indices, clean)
    return records.set_column(place, records.schema.field(place), made)


def _named_anew(before: pa.Table, after: pa.Table) -> pa.Table:
    """Return rejects whose hash tells nothing of a secret that was taken out of them."""
    if after is before:
        return after
    columns = ("raw", "is_replayable", "raw_hash")
    olds, whole, hashes = (before.column(name).to_pylist() for name in columns)
    raws = after.column("raw").to_pylist()
    renewed = [
        identifiers.content_hash(new) if is_whole and new != old else known
        for old, new, is_whole, known in zip(olds, raws, whole, hashes, strict=True)
    ]
    place = after.schema.get_field_index("raw_hash")
    return after.set_column(place, after.schema.field(place), pa.array(renewed, pa.string()))


def _write(path: Path, *, exclusively: bool) -> None:
    """Write a new key; another process that was faster wins where `exclusively`."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    if not exclusively:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
