"""Read the body of an Elasticsearch `_bulk` request.

Source: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

_OPERATIONS = ("create", "index", "update", "delete")


class BulkError(Exception):
    """The body is no bulk request; nothing of it is taken."""


class _Target(msgspec.Struct):
    """What an action line says about its document; other keys are not needed."""

    index: str | None = msgspec.field(name="_index", default=None)
    id: str | None = msgspec.field(name="_id", default=None)


@dataclass(frozen=True, slots=True)
class Action:
    """One action with its document.

    Attributes:
        operation: `create`, `index`, `update` or `delete`.
        index: where the document should go; empty where neither line nor address says.
        uid: the document's `_id`, where the shipper gives one.
        document: its line as received; empty for `delete`.
    """

    operation: str
    index: str
    uid: str | None
    document: bytes


_decode_action = msgspec.json.Decoder(dict[str, _Target]).decode


def read_actions(body: bytes, default_index: str) -> Iterator[Action]:
    """Yield the actions of a bulk body in order.

    Raises:
        BulkError: an action line cannot be read, so that what follows cannot be told apart.
    """
    lines = iter(enumerate(body.split(b"\n"), start=1))
    for number, line in lines:
        if not line.strip():
            continue
        operation, target = _read_action(line, number)
        document = b""
        if operation != "delete":
            _, document = next(lines, (0, b""))
            if not document.strip():
                raise BulkError(f"the action in line {number} has no document")
        yield Action(operation, target.index or default_index, target.id, document)


def _read_action(line: bytes, number: int) -> tuple[str, _Target]:
    try:
        action = _decode_action(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BulkError(f"Malformed action/metadata line [{number}]: {error}") from error
    if len(action) != 1 or next(iter(action)) not in _OPERATIONS:
        raise BulkError(
            f"Malformed action/metadata line [{number}]: expected one of {', '.join(_OPERATIONS)}"
        )
    return next(iter(action.items()))
