"""Find the files of paths and folders, in a fixed order, each once."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read, or the reason why it cannot be.

    Attributes:
        path: absolute, as it was reached (through links).
        device, inode: what it is, whatever its name; zero where it could not be looked at.
        size_bytes, changed_ns: size and time of the last change, at the time of looking.
        problem: why it is not read, with a stable code; empty for a file that can be.
        is_stream: a pipe or standard input: read once, from its beginning to its end.
        is_named: asked for by name, not found in a folder.
    """

    path: str
    device: int = 0
    inode: int = 0
    size_bytes: int = 0
    changed_ns: int = 0
    problem: str = ""
    is_stream: bool = False
    is_named: bool = False

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


def find_files(paths: Iterable[str]) -> Iterator[FoundFile]:
    """Yield the files of all paths: folders with all that is below them, sorted by name.

    A file that is reached twice (links, a path inside a folder that is named too) comes once, and
    a link that leads back into a folder being walked ends there.

    Raises:
        OSError: a path that was named does not exist or may not be looked at.
    """
    seen: set[tuple[int, int]] = set()
    for named in paths:
        if named == STANDARD_INPUT:
            yield FoundFile(STANDARD_INPUT, is_stream=True, is_named=True)
            continue
        path = Path(named).absolute()
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield from _walk(str(path), seen)
        elif stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            # `<(zcat x)` and /dev/stdin: named by hand, so it is meant.
            yield FoundFile(str(path), is_stream=True, is_named=True)
        else:
            yield from (
                replace(found, is_named=True) for found in _look(str(path), seen, path.stat)
            )


def find_beside(path: str) -> list[FoundFile]:
    """Return the readable files in the folder of `path`, whatever they are called."""
    try:
        with os.scandir(Path(path).parent) as entries:
            found = [file for entry in entries for file in _look(entry.path, set(), entry.stat)]
    except OSError:
        return []
    return [file for file in found if not file.problem]


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[FoundFile]:
    try:
        found = Path(folder).stat()
        if (found.st_dev, found.st_ino) in seen:
            return
        seen.add((found.st_dev, found.st_ino))
        with os.scandir(folder) as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        yield FoundFile(folder, problem=f"unreadable: {error.strerror}")
        return
    for entry in names:
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if is_folder:
            yield from _walk(entry.path, seen)
        else:
            yield from _look(entry.path, seen, entry.stat)


def _look(
    path: str, seen: set[tuple[int, int]], look: Callable[[], os.stat_result]
) -> Iterator[FoundFile]:
    try:
        found = look()
    except FileNotFoundError:
        # Rotated away since the folder was listed, or a link to nowhere.
        return
    except OSError as error:
        yield FoundFile(path, problem=f"unreadable: {error.strerror}")
        return
    identity = found.st_dev, found.st_ino
    if identity in seen:
        return
    seen.add(identity)
    problem = "" if stat.S_ISREG(found.st_mode) else "not_a_file: a pipe, socket or device"
    yield FoundFile(path, *identity, found.st_size, found.st_mtime_ns, problem=problem)
