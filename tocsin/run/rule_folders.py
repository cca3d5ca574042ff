"""Find and read the rule files of folders: many, large, linked or broken as they may be.

A folder of rules comes from many hands, so nothing in it leads out of it, and what is left out is
named. Files and folders whose names begin with a dot are nobody's rules.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.errors import ContentError, Location, Problem

_SUFFIXES = (".yaml", ".yml", ".py")
# Rows of lookup tables: read where a file beside them describes such a table and names them.
_TABLE_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")
_READ = (*_SUFFIXES, *_TABLE_SUFFIXES)
_TABLE_KIND = "lookup_table"
_LARGEST_FILE_BYTES = 1 << 20
_LARGEST_TABLE_BYTES = 8 << 20
_MOST_BYTES = 256 << 20
_MOST_FILES = 50_000
_MOST_ENTRIES = 500_000
_DEEPEST = 64


def rule_texts(folders: Iterable[Path]) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """Return name and text of every rule file below the folders, and what was left out.

    A folder may also be a single file. Names are as people would type them.

    Raises:
        ContentError: there is no such folder, or it holds more than rules can be.
    """
    walk = _Walk()
    for folder in folders:
        walk.read(folder)
    return walk.texts, tuple(walk.problems)


@dataclass(slots=True)
class _Walk:
    """What was read so far."""

    texts: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    entries: int = 0
    size: int = 0

    def read(self, folder: Path) -> None:
        """Read one folder, or one file, that somebody named."""
        if not folder.exists():
            raise ContentError("there is no such file or folder", Location(str(folder)))
        name, root = _shown(folder), os.path.realpath(folder)
        if not folder.is_dir() and not folder.name.endswith(_SUFFIXES):
            self.leave_out(name, f"no rule file; rules are read from {', '.join(_SUFFIXES)}")
            return
        files = _files(root, name, self) if folder.is_dir() else [(root, name)]
        tables: list[tuple[str, str]] = []
        for path, shown in files:
            if shown.endswith(_TABLE_SUFFIXES):
                tables.append((path, shown))
                continue
            if len(self.texts) >= _MOST_FILES:
                raise _too_many(f"more than {_MOST_FILES:,} rule files", name)
            self._take(path, shown)
            if self.size > _MOST_BYTES:
                raise _too_many(f"more than {_MOST_BYTES >> 20} MiB of rules", name)
        for path, shown in self._named(tables):
            self._take(path, shown, _LARGEST_TABLE_BYTES)

    def _named(self, tables: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Yield the tables that some file in the same folder describes."""
        describing: dict[str, list[str]] = {}
        for shown, text in self.texts.items() if tables else ():
            if _TABLE_KIND in text:
                describing.setdefault(shown.rpartition("/")[0], []).append(text)
        for path, shown in tables:
            folder, _, name = shown.rpartition("/")
            if any(name in text for text in describing.get(folder, ())):
                yield path, shown

    def leave_out(self, shown: str, reason: str, *, is_warning: bool = False) -> None:
        """Note why something is not read."""
        self.problems.append(Problem(Location(shown), reason, is_warning))

    def _take(self, path: str, shown: str, most: int = _LARGEST_FILE_BYTES) -> None:
        try:
            with open(path, "rb", opener=_opened) as file:  # noqa: PTH123 - thousands, by name
                content = file.read(most + 1)
            if len(content) > most:
                self.leave_out(shown, f"the file is larger than {most >> 20} MiB; split it")
                return
            self.size += len(content)
            self.texts[shown] = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            self.leave_out(shown, f"the file is not UTF-8 ({error.reason}); save it as UTF-8")
        except OSError as error:
            self.leave_out(shown, f"the file cannot be read: {error.strerror}")


def _opened(path: str, flags: int) -> int:
    # A pipe or device among the files must not be waited for.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _files(root: str, name: str, walk: _Walk) -> Iterator[tuple[str, str]]:
    """Yield path and name of the rule files below a folder, in order of name."""
    waiting = [(root, name, 0)]
    while waiting:
        folder, shown, depth = waiting.pop()
        if depth > _DEEPEST:
            walk.leave_out(shown, f"folders nested deeper than {_DEEPEST} are not read")
            continue
        inner: list[tuple[str, str, int]] = []
        for entry in _entries(folder, shown, walk):
            walk.entries += 1
            if walk.entries > _MOST_ENTRIES:
                raise _too_many(f"more than {_MOST_ENTRIES:,} files and folders", name)
            place = f"{shown}/{_readable(entry.name)}" if shown != "." else _readable(entry.name)
            if entry.is_dir(follow_symlinks=False):
                inner.append((entry.path, place, depth + 1))
            elif _is_read(entry, root, place, walk):
                yield entry.path, place
        waiting += reversed(inner)


def _entries(folder: str, shown: str, walk: _Walk) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return sorted(
                (entry for entry in found if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        walk.leave_out(shown, f"the folder cannot be read: {error.strerror}")
        return []


def _is_read(entry: "os.DirEntry[str]", root: str, shown: str, walk: _Walk) -> bool:
    """Whether an entry that is no folder is a rule file; a link must stay inside the folder."""
    if not entry.is_symlink():
        return entry.name.endswith(_READ) and entry.is_file()
    if os.path.isdir(entry.path):  # noqa: PTH112 - thousands, by name; a circle is no folder
        reason = "a link to a folder is not followed; name the folder itself"
        walk.leave_out(shown, reason, is_warning=True)
        return False
    if not entry.name.endswith(_READ):
        return False
    target = os.path.realpath(entry.path)
    if not target.startswith(root + os.sep):
        walk.leave_out(shown, "a link that leads out of the folder is not followed")
        return False
    if not os.path.isfile(target):  # noqa: PTH113 - thousands, by name
        walk.leave_out(shown, "the link leads to no file")
        return False
    return True


def _too_many(what: str, shown: str) -> ContentError:
    return ContentError(f"{what}; name smaller folders", Location(shown))


def _readable(name: str) -> str:
    """Return a file's name without what is no text."""
    return name if name.isprintable() else os.fsencode(name).decode("utf-8", "replace")


def _shown(path: Path) -> str:
    """Return the path as people would type it: relative where it lies in the working folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
