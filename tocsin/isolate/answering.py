"""The child's side of a channel: read a question, answer it, until the parent is gone."""

import os
from collections.abc import Callable

import msgspec

_MAX_QUESTION_BYTES = 16 * 1024 * 1024


def serve_questions(
    reads: int, writes: int, hello: str, answer: Callable[[list[object]], object]
) -> None:
    """Say hello, then answer questions one after the other until the parent closes its end.

    Args:
        reads: descriptor of the questions.
        writes: descriptor of the answers.
        hello: "" when all is well; otherwise why this child cannot serve, and then it ends.
        answer: never raises; what it returns is what msgpack can say.
    """
    _send(writes, hello)
    while not hello and (question := _question(reads)) is not None:
        _send(writes, answer(question))


def _question(reads: int) -> list[object] | None:
    head = _read(reads, 4)
    if head is None:
        return None
    size = int.from_bytes(head, "big")
    content = _read(reads, size) if size <= _MAX_QUESTION_BYTES else None
    return None if content is None else msgspec.msgpack.decode(content, type=list[object])


def _read(descriptor: int, size: int) -> bytes | None:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 16))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(descriptor: int, value: object) -> None:
    content = msgspec.msgpack.encode(value)
    rest = memoryview(len(content).to_bytes(4, "big") + content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
