"""What Hypothesis makes of good inputs: a few edits each, chosen to hurt parsers.

An edit is a few small numbers and a token, so that Hypothesis shrinks a failure to the one edit
that matters.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

SIZE = 64 << 10
"""Of a long case, bytes."""

TOKENS = (
    *(b"", b"\0", b"\n", b"\r\n", b"\t", b" ", b",", b":", b'"', b"'", b"\\", b"|", b"=", b"-"),
    *(b"{", b"}", b"[", b"]", b"{}", b"[]", b"[[", b'{"a":', b"}{", b"][", b'""', b"\\u", b"%"),
    *(b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\x1b["),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-1", b"0", b"18446744073709551616"),
    *(b"9" * 40, b"0x", b"\\ud800", b"\\u0000", b"<", b">", b"<0>1 ", b"999999999 ", b"#", b"&a"),
    *(b"*a", b"!!python/none ", b"---", b"|", b"(", b")", b" and ", b" not ", b"1 of *", b"%s"),
    *(b"0000-00-00T00:00:00Z", b"9999-12-31T23:59:59.999999999+99:99", b"::", b"256.0.0.1"),
    *(b"\x1e\x0f", b"\x1f\x8b", b"\x78\x9c", b"PAR1", b"PK\x03\x04", b"\xff\xff\xff\xff", b"$"),
    *(b"\x00\x05", b"\x00\x09", b"\x00\x0a", b"\x00\x00\x00\x00", b"\x80", b"\xff" * 9 + b"\x01"),
)
"""Put in or over: brackets, quotes, numbers and times beyond all, frames and magic numbers."""

VALUES = (
    *(b"null", b"7", b"-1.5", b"true", b'""', b"[]", b"{}", b"[[]]", b'["x",7,null]', b"1e999"),
    *(b'{"a":{}}', b"18446744073709551616", b'"\\u0000\\u202e\\u001b[31m"', b'"\\ud800"'),
    *(b"0", b"-1", b'"0000-00-00T00:00:00Z"', b'"999999-01-01"', b'"' + b"a" * 300 + b'"'),
    *(b"[" * 70 + b"]" * 70, b'"256.1.1.1"', b'"::ffff:1.2.3.4"', b'"1e5"', b"1793610867123456789"),
)
"""Put in the place of a value of JSON: other types, and values beyond bounds."""

# A value of JSON behind its key, as far as a pattern can tell: texts, numbers, words.
_VALUE = re.compile(rb'(?<=:)\s*(?:"(?:[^"\\]|\\.)*"|[-+.eE0-9]+|null|true|false)')


class Edit(NamedTuple):
    """One damage: what, where (of 65,536 parts of the input), how much, and with what."""

    what: str
    place: int
    much: int
    token: int


def _put_in(text: bytes, at: int, edit: Edit) -> bytes:
    return text[:at] + TOKENS[edit.token % len(TOKENS)] + text[at:]


def _put_over(text: bytes, at: int, edit: Edit) -> bytes:
    token = TOKENS[edit.token % len(TOKENS)]
    return text[:at] + token + text[at + len(token) :]


def _leave_out(text: bytes, at: int, edit: Edit) -> bytes:
    return text[:at] + text[at + 1 + edit.much % 40 :]


def _say_again(text: bytes, at: int, edit: Edit) -> bytes:
    part = text[at : at + 1 + edit.much % 60]
    return text[:at] + part * (2 + edit.token % 3) + text[at:]


def _cut_short(text: bytes, at: int, edit: Edit) -> bytes:
    return text[:at]


def _flip(text: bytes, at: int, edit: Edit) -> bytes:
    changed = bytearray(text or b"\0")
    changed[at % len(changed)] ^= 1 << edit.token % 8
    return bytes(changed)


def _set_byte(text: bytes, at: int, edit: Edit) -> bytes:
    changed = bytearray(text or b"\0")
    changed[at % len(changed)] = edit.much % 256
    return bytes(changed)


def _another_value(text: bytes, at: int, edit: Edit) -> bytes:
    found = _VALUE.search(text, at) or _VALUE.search(text)
    value = VALUES[edit.token % len(VALUES)]
    return text[: found.start()] + value + text[found.end() :] if found else _put_in(text, at, edit)


_EDITS = {
    "value": _another_value,
    "put in": _put_in,
    "put over": _put_over,
    "leave out": _leave_out,
    "again": _say_again,
    "cut short": _cut_short,
    "flip": _flip,
    "byte": _set_byte,
}
_number = st.integers(0, 0xFFFF)
edits = st.lists(
    st.builds(Edit, st.sampled_from(sorted(_EDITS)), _number, _number, _number), max_size=5
)


def damaged(text: bytes, changes: Sequence[Edit]) -> bytes:
    """Return a text after edits, one after the other."""
    for edit in changes:
        text = _EDITS[edit.what](text, edit.place * len(text) >> 16, edit)
    return text


def cases(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Give damaged seeds, and a few bytes that never were one."""
    made = st.builds(damaged, st.sampled_from(list(seeds)), edits)
    return st.one_of(made, made, made, made, made, made, made, st.binary(max_size=80))


def long_cases(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Give inputs of 64 KiB: a damaged seed again and again, or one with a long hole in it."""
    return st.builds(_grown, st.sampled_from(list(seeds)), edits, _number, _number)


def _grown(text: bytes, changes: Sequence[Edit], place: int, token: int) -> bytes:
    text = damaged(text, changes)[:SIZE]
    way, token = token % 4, token // 4
    if way == 0 and text:
        return (text * (SIZE // len(text) + 1))[:SIZE]
    if way == 1 and text:
        return ((text + b"\n") * (SIZE // len(text) + 1))[:SIZE]
    filling = TOKENS[1 + token % (len(TOKENS) - 1)]
    if way == 2:
        filling += TOKENS[token // len(TOKENS) % len(TOKENS)]
    at = place * len(text) >> 16
    return text[:at] + filling * ((SIZE - len(text)) // len(filling)) + text[at:]
