"""Take records out of the answers of HTTP APIs: each as the bytes that it came as."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from tocsin.collect.asking import Answer, Ask, Asker
from tocsin.collect.paging import Content, Item
from tocsin.errors import SourceError
from tocsin.ocsf.identifiers import content_hash

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^,;="]+(?:=(?:"[^"]*"|[^,;"]*))?)*)\s*(?:,|\Z)')
_NEXT = re.compile(r';\s*rel\s*=\s*"?(?:[^";]*\s)?next(?:\s[^";]*)?"?\s*(?:;|\Z)', re.IGNORECASE)
_MOST_MS = 253_402_300_799_000
# Numbers below are seconds since 1970, above milliseconds.
_LEAST_MS = 100_000_000_000

_decode = msgspec.json.decode


@dataclass(frozen=True, slots=True)
class Shape:
    """Where an answer holds what; paths are keys joined by dots, each key tried whole first.

    Attributes:
        records: of the list; empty where the answer is the list.
        uid: of the id within a record; empty takes the hash of the record.
        moment: of the time within a record.
    """

    records: str = ""
    uid: str = ""
    moment: str = ""

    def items(self, origin: str, answer: Answer) -> list[Item]:
        """Return the records of an answer.

        Raises:
            SourceError: there is no list of records where one should be.
        """
        try:
            content = msgspec.Raw(answer.body)
            found = raw_at(content, self.records) if self.records else content
            raws = _decode(found or b"null", type=list[msgspec.Raw])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            where = f"`{self.records}`" if self.records else "its answer"
            raise SourceError(f"{origin} gives no list of records in {where}") from None
        return [self._item(bytes(raw)) for raw in raws]

    def _item(self, raw: bytes) -> Item:
        uid = text_at(raw, self.uid) if self.uid else ""
        moment = moment_of(text_at(raw, self.moment)) if self.moment else 0
        return Item(raw, uid or content_hash(raw), moment)


@dataclass(frozen=True, slots=True)
class LinkedApi:
    """An API whose answers link to their next page.

    Attributes:
        first: the address of the first page, `{since}` in it filled with the time.
        link: path of the next address within an answer; empty where the Link header holds it.
        since: writes the time.
    """

    origin: str
    asker: Asker
    shape: Shape
    first: str
    since: "SinceText"
    link: str = ""
    keeps_place: bool = False

    def begin(self, since: int) -> Ask:
        """Return the request for the first page."""
        return Ask(self.first.replace("{since}", self.since(since)))

    def content(self, ask: Ask, answer: Answer) -> Content:
        """Return what an answer holds; see `Api`."""
        items = self.shape.items(self.origin, answer)
        link = text_at(answer.body, self.link) if self.link else next_link(answer)
        return Content(items, Ask(self.asker.within(ask.url, link)) if link else None)


class SinceText:
    """Writes a time in milliseconds since 1970 in the way an API reads it."""

    def __init__(self, form: str) -> None:
        """Take `iso`, `seconds` or `milliseconds`."""
        self._form = form

    def __call__(self, since: int) -> str:
        """Return the text."""
        if self._form == "milliseconds":
            return str(since)
        if self._form == "seconds":
            return str(since // 1000)
        return datetime.fromtimestamp(since // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_link(answer: Answer) -> str:
    """Return the address with `rel="next"` of the Link header; empty where there is none."""
    for target, attributes in _LINK.findall(answer.headers.get("link", "")):
        if _NEXT.search(attributes):
            return str(target)
    return ""


def raw_at(content: msgspec.Raw, path: str) -> msgspec.Raw | None:
    """Return the JSON at a path; `None` where there is none."""
    try:
        members = _decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if path in members:
        return members[path]
    for end in _ends(path):
        if path[:end] in members:
            return raw_at(members[path[:end]], path[end + 1 :])
    return None


def text_at(content: bytes, path: str) -> str:
    """Return the text or number at a path as text; empty where there is none."""
    found = raw_at(msgspec.Raw(content), path)
    if found is None:
        return ""
    try:
        value = _decode(found)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
    return str(value) if isinstance(value, str | int | float) and value is not True else ""


def moment_of(text: str) -> int:
    """Return a time in milliseconds since 1970: of ISO 8601, seconds or milliseconds; else 0."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        milliseconds = number if abs(number) >= _LEAST_MS else number * 1000
        return int(milliseconds) if 0 <= milliseconds <= _MOST_MS else 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(int(moment.timestamp() * 1000), 0)


def _ends(path: str) -> Sequence[int]:
    return [index for index, letter in enumerate(path) if letter == "."]
