"""Read rule files inside a process of their own; started by `rule_readers`, never imported.

It executes nothing of what it reads, and keeps its memory for itself: pySigma's objects, and what a
hostile file makes a parser need, are gone with it.

Frames on the two descriptors are a length (4 bytes, big-endian) and that many bytes. The first that
comes in holds values for placeholders and the pipelines; each that follows, a list of paths and
texts, is answered by one frame for each file.
"""

import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tocsin.detect import parse_rules  # noqa: E402 - the path stands first

_CPU_SECONDS = 3600  # should the parent be gone while a file is hard to read


class _Handed:
    """A shelf that holds nothing and hands on what was read last; empty where that is too odd."""

    def __init__(self) -> None:
        self.content = b""

    def kept(self, files: object) -> tuple[tuple[str, bytes], ...]:
        return ()

    def read_elsewhere(self, files: object) -> dict[str, bytes]:
        return {}

    def keep(self, path: str, content: bytes) -> None:
        self.content = content


def _main(read_descriptor: int, write_descriptor: int, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    with os.fdopen(read_descriptor, "rb") as given, os.fdopen(write_descriptor, "wb") as taken:
        _write(taken, b"ready")
        placeholders, pipelines = msgspec.msgpack.decode(
            _read(given), type=tuple[dict[str, tuple[str, ...]], dict[str, str]]
        )
        while frame := _read(given):
            for path, text in msgspec.msgpack.decode(frame, type=list[tuple[str, str]]):
                _write(taken, _packed(path, text, placeholders, pipelines))


def _packed(
    path: str, text: str, placeholders: dict[str, tuple[str, ...]], pipelines: dict[str, str]
) -> bytes:
    """Return what one file holds; nothing where Tocsin is wrong: then the parent reads it."""
    handed = _Handed()
    try:
        parse_rules({path: text}, placeholders, handed, pipelines)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - one file's trouble, which the parent meets and shows
        return b""
    return handed.content


def _read(given: BinaryIO) -> bytes:
    head = given.read(4)
    content: bytes = given.read(int.from_bytes(head, "big"))
    return content


def _write(taken: BinaryIO, content: bytes) -> None:
    taken.write(len(content).to_bytes(4, "big") + content)
    taken.flush()


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
