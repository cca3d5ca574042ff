"""Cursors of pages: the place of the last row, bound to the question that they belong to."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Select, and_, or_

from tocsin.errors import UsageError
from tocsin.store.moments import from_microseconds, to_microseconds

AnySelect = TypeVar("AnySelect", bound=Select[Any])
Row = TypeVar("Row")


def question_of(*parts: object) -> str:
    """Return a short hash of a question; a cursor fits only the question that gave it."""
    text = "\0".join(repr(_ordered(part)) for part in parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def write(question: str, time: datetime | int, uid: str) -> str:
    """Return the cursor behind the row with this time (microseconds where a number)."""
    place = to_microseconds(time) if isinstance(time, datetime) else time
    content = json.dumps([question, place, uid]).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read(cursor: str, question: str) -> tuple[int, str]:
    """Return time (microseconds) and identifier of the row that the next page begins behind.

    Raises:
        UsageError: it is no cursor, or belongs to another question.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        owner, time, uid = content
        place = int(time), str(uid)
    except (ValueError, TypeError, binascii.Error, UnicodeError) as error:
        raise UsageError("this page cursor is not one that Tocsin gave") from error
    if owner != question or not -(2**62) <= place[0] < 2**62:
        raise UsageError("this page cursor belongs to another query: start from the first page")
    return place


def newest_first(
    query: AnySelect,
    time: Column[Any],
    uid: Column[Any],
    question: str,
    cursor: str | None,
) -> AnySelect:
    """Return the query in order of time and identifier, newest first, from behind the cursor."""
    if cursor:
        at, last = read(cursor, question)
        moment = from_microseconds(at)
        query = query.where(_either(time < moment, and_(time == moment, uid < last)))
    return query.order_by(time.desc(), uid.desc())


def oldest_first(
    query: AnySelect,
    time: Column[Any],
    uid: Column[Any],
    question: str,
    cursor: str | None,
) -> AnySelect:
    """Return the query in order of time and identifier, oldest first, from behind the cursor."""
    if cursor:
        at, last = read(cursor, question)
        moment = from_microseconds(at)
        query = query.where(_either(time > moment, and_(time == moment, uid > last)))
    return query.order_by(time, uid)


def split(
    rows: Sequence[Row],
    limit: int,
    question: str,
    place: Callable[[Row], tuple[datetime | int, str]],
) -> tuple[Sequence[Row], str | None]:
    """Return the rows of the page and the cursor of the next one, `None` where this is the last.

    Args:
        rows: one more than `limit` where there are more.
        limit: rows of a page.
        question: what the cursor is bound to.
        place: time and identifier of a row.
    """
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], write(question, *place(rows[limit - 1]))


def _either(*sides: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(*sides)


def _ordered(part: object) -> object:
    """Return frozen sets inside scopes in one order, whatever the process."""
    sets = {"accounts": None, "namespaces": None}
    if all(hasattr(part, name) for name in sets):
        return [sorted(getattr(part, name) or ()) for name in sets]
    return part
