"""Cut a payload into raw records: arrays, `{"Records": [...]}`, lists of items, lines, documents.

Records stay bytes as received, but where a mapping makes many of one (`expansion`). Whole payloads
take the fast way; damaged ones are searched for what is still there: the neighbors of a broken
element arrive, the broken bytes are given back too.
"""

import json
import re
from dataclasses import dataclass, field

import msgspec

from tocsin.normalize.envelopes import places
from tocsin.normalize.expansion import Expansion, TooManyError, expanded, expansion_of

_BOM = b"\xef\xbb\xbf"
_WHITE = b" \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")
_FIRST_KEY = re.compile(r'\{\s*"((?:[^"\\]|\\.){1,200})"\s*:')
_NEXT_OBJECT = re.compile(r",\s*(\{)")
_SCALAR = re.compile(r"[^,\]]*")
_NEXT_LINE = re.compile(r"\n\s*(?=[{\[])")
# A string ends at its quote, at a raw line break (which JSON forbids inside) or with the text.
_TOKENS = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*(?:"|\n|\\?\Z)|[{}\[\]]')
# A damaged payload is searched only so long, so that none costs more than a small multiple of its
# size; what is left then is given back in one broken piece. A look at a bracket and a broken piece
# cost as much as these bytes.
_BUDGET_BYTES = 4 << 20
_TOKEN_BYTES = 12
_BROKEN_BYTES = 100

_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_scan = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The records of one payload.

    Attributes:
        records: position and bytes; positions count records and broken parts from 0 in their order.
        broken: position, bytes and reason (`not_json: ...`) of what could not be cut.
    """

    records: list[tuple[int, bytes]] = field(default_factory=list)
    broken: list[tuple[int, bytes, str]] = field(default_factory=list)

    def _add(self, raw: bytes) -> None:
        self.records.append((len(self.records) + len(self.broken), raw))

    def _add_broken(self, raw: bytes, reason: str, code: str = "not_json") -> None:
        if raw := raw.strip(_WHITE + b","):
            self.broken.append((len(self.records) + len(self.broken), raw, f"{code}: {reason}"))

    def _objects(self) -> int:
        return sum(raw[:1] == b"{" for _, raw in self.records)


def unwrap(payload: bytes, path: str | None) -> Unwrapped:
    """Cut `payload` into records; never raises.

    Args:
        payload: what arrived, after decompression; a byte order mark is ignored.
        path: the dotted key below which an object holds its records (`Records`, `items`; more
            in `envelopes`), `None` where every object is a record, or the text of an expansion. An
            object without it is one record.
    """
    if expansion := expansion_of(path):
        return _expanded(unwrap(payload, expansion.path), expansion)
    payload = payload.removeprefix(_BOM).strip(_WHITE)
    found = Unwrapped()
    if payload and not _cut_whole(payload, path, found) and not _cut_lines(payload, path, found):
        found = _salvaged(payload, path)
    return found


def _expanded(cut: Unwrapped, expansion: Expansion) -> Unwrapped:
    """Return what was cut with every record that holds lists of records made many."""
    found = Unwrapped()
    pieces = [(at, raw, "") for at, raw in cut.records] + cut.broken
    for _, raw, reason in sorted(pieces):
        if reason:
            found._add_broken(raw, reason.partition(": ")[2])
            continue
        try:
            records = expanded(raw, expansion)
        except TooManyError as error:
            found._add_broken(raw, str(error), "too_many_values")
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            found._add(raw)
        else:
            for record in records:
                found._add(record)
    return found


def _salvaged(payload: bytes, path: str | None) -> Unwrapped:
    """Cut a damaged payload; an open bracket before JSON lines must not swallow them."""
    found = Unwrapped()
    _Salvage(payload, path, found).run()
    if payload[:1] == b"[" and found.broken and b"\n" in payload:
        by_lines = _by_lines(payload, path)
        if by_lines._objects() > found._objects():
            return by_lines
    return found


def _by_lines(payload: bytes, path: str | None) -> Unwrapped:
    """Cut the lines that are JSON values; those between them are given back as broken pieces.

    A line that is indented stands inside a larger value and is no record of its own.
    """
    found = Unwrapped()
    broken: list[bytes] = []
    for line in payload.split(b"\n"):
        value = line.rstrip(_WHITE)
        trial = Unwrapped()
        if value and value[:1] not in _WHITE and _cut_whole(value, path, trial):
            found._add_broken(b"\n".join(broken), "not a line of JSON")
            broken.clear()
            for _, raw in trial.records:
                found._add(raw)
        else:
            broken.append(line)
    found._add_broken(b"\n".join(broken), "not a line of JSON")
    return found


def _cut_whole(payload: bytes, path: str | None, found: Unwrapped) -> bool:
    """Cut a payload that is one valid JSON value; say whether it was."""
    try:
        records = _inner(payload, path)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    for raw in records:
        found._add(raw)
    return True


def _cut_lines(payload: bytes, path: str | None, found: Unwrapped) -> bool:
    """Cut a payload of which every line is a valid JSON value; say whether it was."""
    if b"\n" not in payload:
        return False
    lines = (line.strip(_WHITE) for line in payload.split(b"\n"))
    return all(_cut_whole(line, path, found) for line in lines if line)


def _inner(document: bytes, path: str | None) -> list[bytes]:
    """Return the records of one valid document.

    Raises:
        msgspec.MsgspecError: when it is not JSON.
    """
    if document[:1] == b"[":
        return [bytes(raw) for raw in _decode_array(document)]
    known = places(path) if document[:1] == b"{" else ()
    if not known:
        _decode_raw(document)
        return [document]
    members = _decode_object(document)
    found = (place.records(members) for place in known)
    return next((records for records in found if records is not None), [document])


class _Text(str):
    """A text in which `json` finds no lines: each of its errors counts them from the beginning."""

    def count(self, *arguments: object) -> int:
        return 0

    def rfind(self, *arguments: object) -> int:
        return -1


class _Salvage:
    """Walks through a damaged payload; text is latin-1, so that its indices are those of bytes."""

    def __init__(self, payload: bytes, path: str | None, found: Unwrapped) -> None:
        self._payload = payload
        self._text = _Text(payload, "latin-1")
        self._found = found
        self._path = path
        key = "|".join(re.escape(place.keys[-1]) for place in places(path) if not place.is_object)
        # Before the records an object may hold plain members and small objects, nothing deeper.
        head = r"\{(?:[^{}\[\]]|\{[^{}\[\]]*\}){0,2000}?"
        self._opening = re.compile(rf'{head}"(?:{key})"\s*:\s*\[') if key else None
        self._budget = min(_BUDGET_BYTES, 8 * len(payload)) + 4 * len(payload)

    def run(self) -> None:
        at = 0
        end = len(self._text)
        while (at := self._skip(at)) < end:
            at = self._document(at) if self._budget >= 0 else self._rest(at)

    def _rest(self, at: int) -> int:
        self._found._add_broken(self._payload[at:], "too damaged to be cut")
        return len(self._text)

    def _document(self, at: int) -> int:
        """Cut the document that begins at `at`; return where the next one may begin."""
        end = self._value_end(at)
        if end is not None:
            raw = self._payload[at:end]
            # Texts and numbers hold no records, and objects only where a path says so.
            may_hold = raw[:1] == b"[" or (raw[:1] == b"{" and self._path is not None)
            if not may_hold or not _cut_whole(raw, self._path, self._found):
                self._found._add(raw)
            return end
        if self._text[at] == "[":
            return self._array(at + 1)
        opening = self._opening.match(self._text, at) if self._opening else None
        if opening:
            return self._array(opening.end())
        next_line = _NEXT_LINE.search(self._text, at)
        until = next_line.end() if next_line else len(self._text)
        self._budget -= _BROKEN_BYTES
        self._found._add_broken(self._payload[at:until], "neither one value nor lines of values")
        return until

    def _array(self, at: int) -> int:
        """Cut the elements of an array after its bracket; return where it ends."""
        first_key: str | None = None
        while (at := self._skip(at)) < len(self._text) and self._budget >= 0:
            if self._text[at] == "]":
                return self._after_array(at + 1)
            end = self._value_end(at)
            if end is not None and self._ends_element(end):
                self._found._add(self._payload[at:end])
                first_key = first_key or self._first_key(at)
            else:
                end = self._resume(at, first_key)
                self._budget -= _BROKEN_BYTES
                self._found._add_broken(self._payload[at:end], "a broken element of an array")
            at = end
        return at

    def _after_array(self, at: int) -> int:
        """Return the end of the object around an array that was cut, if it closes at once."""
        at = self._skip(at)
        return at + 1 if self._text[at : at + 1] == "}" else at

    def _resume(self, at: int, first_key: str | None) -> int:
        """Return where the element after the broken one at `at` begins.

        A neighbor is recognized by its first key, which records of one source share; else the
        broken element ends where its brackets do, or with the payload.
        """
        own_key = first_key or self._first_key(at)
        balanced = self._balanced_end(at)
        limit = balanced if balanced is not None else len(self._text)
        for match in _NEXT_OBJECT.finditer(self._text, at + 1, limit):
            candidate = match.start(1)
            if self._budget < 0:
                return len(self._text)
            if own_key is None or self._first_key(candidate) == own_key:
                end = self._value_end(candidate)
                if end is not None and self._ends_element(end):
                    return candidate
        return limit

    def _balanced_end(self, at: int) -> int | None:
        if self._text[at] not in "{[":
            end = _SCALAR.match(self._text, at)
            return end.end() if end else None
        depth = 0
        for token in _TOKENS.finditer(self._text, at):
            self._budget -= _TOKEN_BYTES
            mark = token.group()
            if mark in "{[":
                depth += 1
            elif mark in "}]":
                depth -= 1
            if depth == 0 or self._budget < 0:
                self._budget -= token.end() - at
                return token.end()
        self._budget -= len(self._text) - at
        return None

    def _value_end(self, at: int) -> int | None:
        try:
            return int(_scan(self._text, at)[1])
        except json.JSONDecodeError as error:
            self._budget -= error.pos - at
        except (ValueError, RecursionError):
            self._budget -= len(self._text) - at
        return None

    def _ends_element(self, end: int) -> bool:
        at = _after_space(self._text, end)
        return self._text[at : at + 1] in ("", ",", "]")

    def _first_key(self, at: int) -> str | None:
        match = _FIRST_KEY.match(self._text, at)
        return match[1] if match else None

    def _skip(self, at: int) -> int:
        """Return the next index that is neither space nor a comma between values."""
        at = _after_space(self._text, at)
        while self._text[at : at + 1] == ",":
            at = _after_space(self._text, at + 1)
        return at


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
