r"""Read the tab-separated logs of Zeek, to the same records as its JSON writer gives.

Lines that begin with `#` say how those below are read. Values are typed; an unset one is left out,
sets and vectors become lists. Zeek writes bytes that it cannot show as `\xNN`; its JSON has the
characters themselves where they are text, and the escapes where they are not.
https://docs.zeek.org/en/current/log-formats.html
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from tocsin.ocsf.reading import LineReader

_KEYS = (b"separator", b"set_separator", b"empty_field", b"unset_field", b"path") + (
    b"fields",
    b"types",
)
_ESCAPES = re.compile(rb"\\\\|(?:\\x[0-9a-fA-F]{2})+")
_CONTAINER = re.compile(r"(?:set|vector|table)\[(\w+)\]\Z")
_MOST_FIELDS = 1_000
_encode = msgspec.json.Encoder().encode

Convert = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class ZeekTsvSettings:
    """Nothing to choose: the logs say themselves how they are read."""


class ZeekTsv(LineReader):
    """Reads logs of Zeek."""

    has_header = True

    def __init__(self, settings: ZeekTsvSettings) -> None:
        """Take the options, of which there are none."""

    def header_after(self, header: bytes, line: bytes) -> bytes | None:
        """Return the header after a line that begins with `#`; see `LineReader`."""
        if not line.startswith(b"#"):
            return None
        key = re.split(rb"[^a-z_]", line[1:14], maxsplit=1)[0]
        if key == b"separator":
            return line + b"\n"
        if key not in _KEYS:
            # `#open` and `#close` say nothing about the lines between them.
            return header
        before = (known for known in header.splitlines(keepends=True) if _key(known) != key)
        return b"".join(before) + line + b"\n"

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each line; see `LineReader`."""
        layout = _layout(header or b"")
        if isinstance(layout, str):
            return [layout] * len(raws)
        return [_read_line(layout, raw) for raw in raws]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How lines are read: their separator, and name and type of each field."""

    separator: bytes
    unset: bytes
    fixed: dict[str, object]
    fields: tuple[tuple[str, Convert], ...]


def _key(line: bytes) -> bytes:
    return re.split(rb"[^a-z_]", line[1:14], maxsplit=1)[0]


@lru_cache(maxsize=64)
def _layout(header: bytes) -> _Layout | str:
    """Return how the lines below `header` are read, or the reason of their rejects."""
    lines = {_key(line): line[1 + len(_key(line)) :] for line in header.splitlines()}
    separator = _unescaped(lines.get(b"separator", b" \\x09")[1:]) or b"\t"
    values = {key: line.removeprefix(separator).strip(b" ") for key, line in lines.items()}
    if b"fields" not in values:
        return "no_header: no line `#fields` stands above"
    names = values[b"fields"].decode("utf-8", "replace").split(separator.decode("latin-1"))
    types = values.get(b"types", b"").decode("utf-8", "replace").split(separator.decode("latin-1"))
    if len(names) > _MOST_FIELDS:
        return f"bad_header: {len(names)} fields, at most {_MOST_FIELDS} are read"
    types += ["string"] * (len(names) - len(types))
    path = values.get(b"path", b"").decode("utf-8", "replace")
    of_sets = (values.get(b"set_separator", b","), values.get(b"empty_field", b"(empty)"))
    unset = values.get(b"unset_field", b"-")
    converts = [_converter(kind, of_sets, unset) for kind in types]
    return _Layout(
        separator=separator,
        unset=unset,
        fixed={"_path": path} if path and "_path" not in names else {},
        fields=tuple(zip(names, converts, strict=False)),
    )


def _read_line(layout: _Layout, raw: bytes) -> bytes | str:
    values = raw.split(layout.separator, _MOST_FIELDS)
    if len(values) != len(layout.fields):
        return f"bad_columns: {len(values)} values where the header names {len(layout.fields)}"
    record = dict(layout.fixed)
    unset = layout.unset
    for (name, convert), value in zip(layout.fields, values, strict=True):
        if value != unset:
            record[name] = convert(value)
    return _encode(record)


def _converter(kind: str, of_sets: tuple[bytes, bytes], unset: bytes) -> Convert:
    """Return what reads values of a type of Zeek; text that does not fit stays text."""
    set_separator, empty = of_sets
    container = _CONTAINER.match(kind)
    if container:
        convert = _converter(container[1], of_sets, unset)

        def members(value: bytes) -> object:
            if value == empty:
                return []
            found = value.split(set_separator)
            return [None if member == unset else convert(member) for member in found]

        return members
    if kind in ("count", "int", "port"):
        return _whole
    if kind in ("time", "interval", "double"):
        return _fraction
    if kind == "bool":
        return lambda value: {b"T": True, b"F": False}.get(value, _text(value))
    return lambda value: "" if value == empty else _text(value)


def _whole(value: bytes) -> object:
    digits = value.removeprefix(b"-")
    # Longer ones do not fit into 64 bits and stay text.
    return int(value) if digits.isdigit() and len(digits) <= 18 else _text(value)


def _fraction(value: bytes) -> object:
    try:
        return float(value)
    except ValueError:
        return _text(value)


def _text(value: bytes) -> str:
    if b"\\" in value:
        value = _ESCAPES.sub(_shown, value)
    return value.decode("utf-8", "backslashreplace")


def _shown(escapes: re.Match[bytes]) -> bytes:
    """Return escaped bytes as text where they are text, else as they are."""
    if escapes[0] == b"\\\\":
        return b"\\"
    found = _unescaped(escapes[0]).decode("utf-8", "backslashreplace")
    return "".join(_character(each) for each in found).encode()


def _character(each: str) -> str:
    is_shown = each >= " " and each != "\x7f"
    return each if is_shown or each in "\b\f\n\r\t" else f"\\x{ord(each):02x}"


def _unescaped(value: bytes) -> bytes:
    """Return the bytes of a text that may be written in escapes."""
    if not value.startswith(b"\\x"):
        return value
    try:
        return bytes.fromhex(value.replace(b"\\x", b"").decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return value
