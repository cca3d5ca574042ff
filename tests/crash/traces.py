"""What strace saw, and whether every acknowledgement came after an fsync of what it covers.

For a record: its event file was synced, renamed and its folder synced, before the log of the state
named that file; and the log was synced after it named it, before the acknowledgement left.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SYSCALLS = (
    "mkdir,mkdirat,openat,write,pwrite64,writev,pwritev,fsync,fdatasync,sync_file_range,"
    "rename,renameat,renameat2,sendto,sendmsg"
)
_WHOLE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(.*)$")
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)(.*)$")
_PATH = re.compile(r"^\d+<([^>]*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded; `start` and `end` are places in the order of the trace."""

    name: str
    arguments: str
    start: int
    end: int

    @property
    def path(self) -> str:
        """The file behind the first argument, a descriptor."""
        found = _PATH.match(self.arguments)
        return found.group(1) if found else ""

    @property
    def texts(self) -> list[str]:
        """The quoted arguments."""
        return _QUOTED.findall(self.arguments)


def read(trace: Path) -> list[Call]:
    """Return the calls of all threads, in order of their end."""
    begun: dict[tuple[str, str], tuple[int, str]] = {}
    calls: list[Call] = []
    for place, line in enumerate(trace.read_text("utf-8", "replace").splitlines()):
        if whole := _WHOLE.match(line):
            _, name, arguments, result, _ = whole.groups()
            _add(calls, name, arguments, result, (place, place))
        elif unfinished := _BEGUN.match(line):
            thread, name, arguments = unfinished.groups()
            begun[thread, name] = (place, arguments)
        elif ended := _ENDED.match(line):
            thread, name, rest, result, _ = ended.groups()
            start, arguments = begun.pop((thread, name), (place, ""))
            _add(calls, name, arguments + rest, result, (start, place))
    return calls


def _add(
    calls: list[Call], name: str, arguments: str, result: str, places: tuple[int, int]
) -> None:
    if not result.startswith("-"):
        calls.append(Call(name, arguments, *places))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A sender is told that these records are kept; `start` is when that left."""

    what: str
    start: int
    records: tuple[str, ...]


def answers(calls: Iterable[Call], text: str) -> list[Call]:
    """Return what was sent over a socket with this text in it, in order."""
    return [
        call
        for call in calls
        if call.name in {"sendto", "sendmsg", "write", "writev"}
        and "socket" in call.path + call.arguments[:60]
        and text in call.arguments
    ]


class Durability:
    """What the trace says about the event files and the state of one data folder."""

    def __init__(self, calls: list[Call], data: Path) -> None:
        self._calls = calls
        self._lake = str(data / "lake")
        self._log = str(data / "state.sqlite-wal")

    def files(self) -> list[str]:
        """Return every event file that was given its name."""
        return [target for target, _ in self._renamed()]

    def problems(self, places: dict[str, str], acks: Iterable[Acknowledgement]) -> Iterator[str]:
        """Yield everything that a loss of power could have undone.

        Args:
            places: event file of each record.
            acks: in any order.
        """
        named: dict[str, int] = {}
        for target, rename in self._renamed():
            begin = self._named_in_log(target)
            if begin is None:
                yield f"{target}: the state never names it"
                continue
            named[target] = begin
            yield from self._file_problems(target, rename, begin)
        acks = list(acks)
        yield from self._state_problems(min(ack.start for ack in acks))
        for ack in acks:
            for record in ack.records:
                if record not in places:
                    yield f"{ack.what}: {record} is nowhere"
                elif places[record] in named:
                    yield from self._ack_problems(ack, record, named[places[record]])

    def _state_problems(self, first: int) -> Iterator[str]:
        folder = str(PurePosixPath(self._log).parent)
        for path in (self._log, self._log.removesuffix("-wal")):
            made = [
                call.end
                for call in self._calls
                if call.name == "openat" and "O_CREAT" in call.arguments and path in call.texts
            ]
            if not made:
                yield f"{path}: nobody made it"
            elif not self._synced(folder, min(made), first):
                yield f"{path}: its folder was not synced before the first acknowledgement"

    def _file_problems(self, target: str, rename: Call, begin: int) -> Iterator[str]:
        temporary = f"{target}.tmp"
        written = [call.end for call in self._writes(temporary)]
        if not written:
            yield f"{target}: no write of it was seen"
        elif not self._synced(temporary, max(written), rename.start):
            yield f"{target}: renamed before its bytes were synced"
        if not self._synced(str(PurePosixPath(target).parent), rename.end, begin):
            yield f"{target}: the state names it before its folder was synced"
        for made in self._made(PurePosixPath(target).parent):
            if not self._synced(str(PurePosixPath(made.texts[0]).parent), made.end, begin):
                yield f"{target}: the state names it before {made.texts[0]} was durable"

    def _ack_problems(self, ack: Acknowledgement, record: str, begin: int) -> Iterator[str]:
        if begin > ack.start:
            yield f"{ack.what}: sent before {record} was stored at all"
        elif not self._synced(self._log, begin, ack.start):
            yield f"{ack.what}: sent before the log that holds {record} was synced"

    def _renamed(self) -> list[tuple[str, Call]]:
        found = []
        for call in self._calls:
            texts = call.texts
            if call.name.startswith("rename") and texts[-1].startswith(self._lake):
                found.append((texts[-1], call))
        return found

    def _made(self, folder: PurePosixPath) -> list[Call]:
        names = {str(folder), *map(str, folder.parents)}
        return [
            call for call in self._calls if call.name.startswith("mkdir") and call.texts[0] in names
        ]

    def _writes(self, path: str) -> list[Call]:
        names = {"write", "pwrite64", "writev", "pwritev"}
        return [call for call in self._calls if call.name in names and call.path == path]

    def _named_in_log(self, target: str) -> int | None:
        name = PurePosixPath(target).name
        found = [call.end for call in self._writes(self._log) if name in call.arguments]
        return min(found, default=None)

    def _synced(self, path: str, after: int, before: int) -> bool:
        """Whether `path` was synced between two places of the trace."""
        return any(
            call.name in {"fsync", "fdatasync"}
            and call.path == path
            and after < call.start
            and call.end < before
            for call in self._calls
        )
