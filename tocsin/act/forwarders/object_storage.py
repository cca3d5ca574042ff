"""Parquet files of OCSF records, in an S3 bucket or a folder: for lakes and for keeping.

One file for each kind, class and batch, named by what is in it: a batch that is sent again replaces
its own file. Readers take the newest row of each `uid`.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tocsin.act.clouds import AwsSettings, client
from tocsin.act.forwarding import EVERY_KIND, Record, RecordsRefused
from tocsin.errors import ActionError, SettingsError
from tocsin.values import Matching

if TYPE_CHECKING:
    import pyarrow as pa

Group = tuple[str, str, str]
"""Kind, class and day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStorageSettings(AwsSettings):
    """Where files go.

    Attributes:
        folder: a folder of this machine; it must exist.
        bucket: an S3 bucket, instead of `folder`; needs `s3:PutObject` below `prefix`.
        prefix: how the names of objects begin.
    """

    folder: Path | None = None
    bucket: Annotated[
        str | None, Matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket")
    ] = None
    prefix: str = "tocsin"

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.bucket is None):
            raise SettingsError("`bucket` or `folder`: give exactly one of them")


class ObjectStorage:
    """Writes files."""

    kinds = EVERY_KIND
    target = None
    most = 5_000

    def __init__(self, settings: ObjectStorageSettings) -> None:
        """Take where to write; nothing is opened yet."""
        self._settings = settings

    def forward(self, records: Sequence[Record]) -> None:
        """Write the records of each kind, class and day as one file.

        Raises:
            RecordsRefused: records of one class that do not fit into one table.
            ActionError: the bucket or the folder does not take a file.
        """
        for group, members in _grouped(records).items():
            name = f"{self._settings.prefix.strip('/')}/{_name(group, members)}".lstrip("/")
            self._write(name, _parquet(members))

    def _write(self, name: str, content: bytes) -> None:
        if self._settings.folder is not None:
            _write_file(self._settings.folder, name, content)
            return
        with client(self._settings, "s3") as s3:
            s3.put_object(Bucket=self._settings.bucket, Key=name, Body=content)


def _grouped(records: Sequence[Record]) -> dict[Group, list[Record]]:
    found: dict[Group, list[Record]] = {}
    for record in records:
        group = (record.kind, str(record.content.get("class_uid", 0)), f"{record.time:%Y-%m-%d}")
        found.setdefault(group, []).append(record)
    return found


def _name(group: Group, members: Sequence[Record]) -> str:
    kind, class_uid, day = group
    states = "\n".join(f"{each.uid} {each.time.isoformat()}" for each in members)
    digest = blake2b(states.encode(), digest_size=16).hexdigest()
    return f"kind={kind}/class_uid={class_uid}/day={day}/{digest}.parquet"


def _parquet(members: Sequence[Record]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        buffer = BytesIO()
        pq.write_table(_table(members), buffer, compression="zstd")
        return buffer.getvalue()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise RecordsRefused(f"they fit into no table: {str(error)[:200]}") from None


def _table(members: Sequence[Record]) -> "pa.Table":
    import pyarrow as pa

    rows = []
    for record in members:
        content = dict(record.content)
        # Its shape is different in every record; the rest has that of the class.
        unmapped = json.dumps(content.pop("unmapped", {}), ensure_ascii=False, sort_keys=True)
        written = json.dumps(record.content, ensure_ascii=False)
        rows.append({"uid": record.uid, **_filled(content), "unmapped": unmapped, "ocsf": written})
    return pa.Table.from_pylist(rows, schema=_schema(rows))


def _schema(rows: Sequence[Mapping[str, object]]) -> "pa.Schema":
    """Return the columns of all rows: Arrow alone would take those of the first."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    return pa.schema([(name, pa.array([row.get(name) for row in rows]).type) for name in names])


def _filled(value: Mapping[str, object]) -> dict[str, object]:
    """Return an object without empty objects, which Parquet cannot hold."""
    return dict(_parts(value))


def _parts(value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, inner in value.items():
        kept = _filled(inner) if isinstance(inner, Mapping) else inner
        if isinstance(kept, list):
            kept = [_filled(each) if isinstance(each, Mapping) else each for each in kept]
        if kept not in ({}, []):
            yield name, kept


def _write_file(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    try:
        if not folder.is_dir():
            raise ActionError(f"the folder {folder} is not there")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise ActionError(f"{folder} does not take a file: {error.strerror}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
