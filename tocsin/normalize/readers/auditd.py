r"""Read records of the Linux audit daemon; those of one event are joined to one record.

`type=SYSCALL msg=audit(1793610867.123:89): arch=c000003e ...`, raw or with names added behind the
character 0x1d (`log_format=ENRICHED`), or as `ausearch -i` shows them. Values that the kernel
writes in hexadecimal are decoded.
https://github.com/linux-audit/audit-documentation/wiki
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.ocsf.reading import LineReader

_HEAD = re.compile(
    r"(?:node=(\S{1,255}) )?type=([A-Z0-9_\[\]]{1,64}) "
    r"msg=audit\(([^():]{1,20}(?::\d\d:[\d.]{2,9})?):(\d{1,20})\) ?:\s?"
)
_KEY = re.compile(rb"(?:node=\S{1,255} )?type=\S{1,64} (msg=audit\([^)]{1,64}\))")
_PAIR = re.compile(
    r"(?<![\w-])([A-Za-z][\w-]{0,63}(?:\[\d{1,4}\])?)=(\"[^\"]*\"|'[^']*'|[^\s'\"]\S*|)"
)
_HEXADECIMAL = re.compile(r"(?:[0-9A-F]{2}){2,}\Z")
_DAY = re.compile(r"(\d\d)/(\d\d)/(\d{4}|\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)\Z")
_ENRICHED = "\x1d"
# Of these the kernel writes what is not plain text in hexadecimal, without quotes.
_ENCODED = frozenset(
    (
        "acct",
        "cmd",
        "comm",
        "cwd",
        "data",
        "dir",
        "exe",
        "file",
        "key",
        "name",
        "new",
        "old",
        "ocomm",
    )
    + ("path", "proctitle", "vm", "watch", "unit", "id", "grp", "new_group", "root_dir", "sw")
)
_ARGUMENT = re.compile(r"a\d{1,4}(?:\[\d{1,4}\])?\Z")
_LISTS = {"PATH": "paths", "OBJ_PID": "objects"}
_MOST_ARGUMENTS = 2_000
_MOST_PAIRS = 2_500
_MOST_LINES = 2_000
_encode = msgspec.json.Encoder().encode

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class AuditdSettings:
    """Nothing to choose: the records say all."""


class Auditd(LineReader):
    """Reads records of the audit daemon."""

    is_joining = True

    def __init__(self, settings: AuditdSettings) -> None:
        """Take the options, of which there are none."""

    def join_key(self, line: bytes) -> bytes | None:
        """Return time and serial number of a record; see `LineReader`."""
        found = _KEY.match(line)
        return found[1] if found else None

    def read(self, raws: Sequence[bytes], header: bytes | None) -> list[bytes | str]:
        """Return the JSON of each event; see `LineReader`.

        Its `type` is that of its first record, `types` are those of all. What a system call did is
        in `syscall`, `argv`, `cwd`, `paths`, `objects`, `sockaddr` and `proctitle`; what the kernel
        or a program says else is in `data`, and further records of that kind in `more`.
        """
        return [_read_event(raw) for raw in raws]


def _read_event(raw: bytes) -> bytes | str:
    event: Fields = {}
    types: list[str] = []
    for number, line in enumerate(raw.decode("utf-8", "backslashreplace").split("\n")):
        head = _HEAD.match(line.lstrip())
        if head is None:
            if number or not line.strip():
                continue
            return "bad_frame: no `type=... msg=audit(time:serial):` at the beginning"
        if number >= _MOST_LINES:
            break
        node, kind, moment, serial = head.groups()
        if not types:
            event = {"type": kind, "time": _moment(moment), "serial": serial}
            if node:
                event["node"] = node
        types.append(kind)
        _add(event, kind, _fields(line.lstrip()[head.end() :]))
    event["types"] = types
    return _encode(event)


def _add(event: Fields, kind: str, fields: Fields) -> None:
    if kind in _ONE_VALUE:
        name, value = _ONE_VALUE[kind](fields)
        event.setdefault(name, value)
    elif kind == "EXECVE":
        _append(event, "argv", _arguments(fields))
    elif kind in _LISTS:
        _append(event, _LISTS[kind], [fields])
    elif kind != "EOE":
        if "data" in event:
            _append(event, "more", [{"type": kind, **fields}])
        else:
            event["data"] = fields


def _append(event: Fields, name: str, added: Sequence[object]) -> None:
    before = event.get(name)
    event[name] = [*before, *added] if isinstance(before, list) else list(added)


def _fields(text: str) -> Fields:
    """Return the values of one record; enriched ones get `_name` behind their keys."""
    plain, _, enriched = text.partition(_ENRICHED)
    fields: Fields = {}
    _take(plain, fields)
    for key, value in _pairs(enriched):
        fields[f"{key.lower()}_name"] = value.strip('"')
    return fields


def _take(text: str, fields: Fields) -> None:
    for key, value in _pairs(text):
        if key == "msg" and value[:1] == "'":
            # What programs say about people: `msg='op=login acct="root" ... res=failed'`.
            _take(value[1:-1], fields)
        elif value not in ("?", "(null)", "(none)", '"?"', ""):
            fields.setdefault(key, _value(key, value))


def _pairs(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while len(found) < _MOST_PAIRS and (match := _PAIR.search(text, at)):
        key, value = match[1], match[2]
        at = match.end()
        if value == "" and text[at : at + 1] == "'":
            # An open quote: the rest of a record that was cut off.
            value, at = text[at:] + "'", len(text)
        found.append((key, value))
    return found


def _value(key: str, value: str) -> str:
    if value[:1] == '"':
        return value.strip('"')
    is_encoded = key in _ENCODED or _ARGUMENT.match(key)
    if is_encoded and _HEXADECIMAL.match(value):
        return bytes.fromhex(value).decode("utf-8", "backslashreplace")
    return value.strip("'")


def _arguments(fields: Fields) -> list[str]:
    """Return the arguments of a program in their order; long ones come in pieces."""
    arguments: dict[int, list[str]] = {}
    for key, value in fields.items():
        if _ARGUMENT.match(key):
            number = int(key[1:].partition("[")[0])
            arguments.setdefault(number, []).append(str(value))
    ordered = sorted(arguments)[:_MOST_ARGUMENTS]
    return ["".join(arguments[number]) for number in ordered]


def _address(fields: Fields) -> Fields:
    """Return family, address and port of a socket address that the kernel gave in hexadecimal."""
    text = str(fields.get("saddr", ""))
    if not _HEXADECIMAL.match(text):
        return fields
    content = bytes.fromhex(text)
    family = int.from_bytes(content[:2], "little")
    if family == 2 and len(content) >= 8:
        port = int.from_bytes(content[2:4], "big")
        return {"family": "inet", "port": port, "address": ".".join(map(str, content[4:8]))}
    if family == 10 and len(content) >= 24:
        groups = [content[at : at + 2].hex() for at in range(8, 24, 2)]
        port = int.from_bytes(content[2:4], "big")
        return {"family": "inet6", "port": port, "address": ":".join(groups)}
    if family == 1:
        path = content[2:].lstrip(b"\x00").partition(b"\x00")[0]
        return {"family": "unix", "path": path.decode("utf-8", "backslashreplace")}
    return {"family": str(family)}


def _title(fields: Fields) -> str:
    return str(fields.get("proctitle", "")).replace("\x00", " ").strip()


_ONE_VALUE: dict[str, Callable[[Fields], tuple[str, object]]] = {
    "SYSCALL": lambda fields: ("syscall", fields),
    "CWD": lambda fields: ("cwd", fields.get("cwd")),
    "PROCTITLE": lambda fields: ("proctitle", _title(fields)),
    "SOCKADDR": lambda fields: ("sockaddr", _address(fields)),
}


def _moment(text: str) -> str:
    """Return seconds since 1970 as written, or the ISO 8601 time of an interpreted record."""
    found = _DAY.match(text)
    if found is None:
        return text
    month, day, year, clock = found.groups()
    return f"{year if len(year) == 4 else '20' + year}-{month}-{day}T{clock}"
