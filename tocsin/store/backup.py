"""Copy a whole store while turns go on, and make a store of such a copy.

The state is copied by SQLite's own means as of one moment; the event files that this copy names are
immutable, as is evidence, so they are linked where the file system allows it. A list of all files
with their hashes closes the backup: without it, or against it, nothing is restored.
"""

import json
import os
import shutil
from hashlib import blake2b
from pathlib import Path

from sqlalchemy import select

from tocsin.errors import StoreError
from tocsin.store import durable, evidence, evidence_files
from tocsin.store.database import Database
from tocsin.store.folder import DataFolder
from tocsin.store.tables import RETIRED, SEGMENTS

LIST = "backup.json"
READ_BYTES = 1 << 20


def back_up(folder: DataFolder, database: Database, target: Path) -> None:
    """Copy everything to `target`; see `Maintenance.backup`. The upkeep lock must be held."""
    try:
        if target.exists() and any(target.iterdir()):
            raise StoreError(f"{target} is not empty: choose a new folder for the backup")
        durable.make_folder(target)
        _take(folder, database, target)
    except OSError as error:
        raise StoreError(f"the backup at {target} failed: {error}") from error


def restore(source: Path, target: Path) -> None:
    """Make the new data folder `target` from a backup, checked file by file.

    Raises:
        StoreError: the backup is not whole, or `target` is not empty.
    """
    try:
        expected = _read_list(source)
        if target.exists() and any(target.iterdir()):
            raise StoreError(f"{target} is not empty: choose a new folder to restore to")
        for name, digest in expected.items():
            path = source / name
            if not path.is_file() or _digest(path) != digest:
                raise StoreError(f"the backup is damaged: {path} is missing or was changed")
        durable.make_folder(target)
        for name in sorted(expected, key=lambda name: name == "marker.json"):
            with durable.new_file(target / name) as temporary:
                shutil.copyfile(source / name, temporary)
                temporary.chmod(0o600)
    except OSError as error:
        raise StoreError(f"{source} cannot be restored to {target}: {error}") from error


def _take(folder: DataFolder, database: Database, target: Path) -> None:
    state = target / folder.state.name
    with durable.new_file(state) as temporary:
        database.copy_to(temporary)
    names = [folder.state.name, folder.marker.name]
    shutil.copyfile(folder.marker, target / folder.marker.name)
    copy = Database(state)
    try:
        with copy.read() as connection:
            pieces = sorted(evidence.kept(connection))
            wanted = [
                *connection.execute(select(SEGMENTS.c.path)).scalars(),
                *connection.execute(select(RETIRED.c.path)).scalars(),
            ]
    finally:
        copy.close()
    for name in wanted:
        path = folder.lake / name
        if path.exists():
            _link(path, target / folder.lake.name / name)
            names.append(f"{folder.lake.name}/{name}")
    for piece in pieces:
        path = evidence_files.place(folder.evidence, piece)
        if path.exists():
            name = path.relative_to(folder.path)
            _link(path, target / name)
            names.append(str(name))
    digests = {name: _digest(target / name) for name in names}
    with durable.new_file(target / LIST) as temporary:
        temporary.write_text(json.dumps(digests, indent=1) + "\n")


def _link(path: Path, target: Path) -> None:
    durable.make_folder(target.parent)
    try:
        os.link(path, target)
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(path, target)
        durable.sync_file(target)
    durable.sync_folder(target.parent)


def _read_list(source: Path) -> dict[str, str]:
    try:
        content = json.loads((source / LIST).read_text("utf-8"))
        expected = {str(name): str(digest) for name, digest in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise StoreError(f"{source} is no whole backup: {LIST} cannot be read ({error})") from error
    for name in expected:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise StoreError(f"{source / LIST} names a file outside the backup: {name}")
    return expected


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
