"""Run Python rules inside a process of their own; started by `rule_worker`, never imported.

The file needs the standard library and msgspec only, so that a worker starts fast and holds nothing
of Tocsin. It locks itself in before it sees the first rule: no privileges to gain, no network where
the system allows that, no new file descriptors (so no files, sockets or pipes), no processes or
threads, bounded memory and processor time, no environment. What a locked-in rule may still do is
spend its time; the parent measures that and ends the process.

Frames on the two descriptors are a length (4 bytes, big-endian) and that many bytes of msgpack.
This is one of the two files in which `exec` stands (building.md, invariant 13).
"""

import builtins
import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

MODULES = (
    *("abc", "ast", "base64", "binascii", "calendar", "collections", "collections.abc", "copy"),
    *(
        "contextlib",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fnmatch",
        "fractions",
    ),
    *("functools", "hashlib", "hmac", "html", "ipaddress", "itertools", "json", "logging", "math"),
    *("operator", "os", "re", "statistics", "string", "struct", "sys", "textwrap", "time"),
    *("traceback", "typing", "unicodedata", "urllib.parse", "uuid", "zlib", "_strptime"),
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_16_le"),
)
"""What rules can import: loaded before the lock, for nothing can be read from disk after it."""

TITLE_CHARACTERS = 300
DEDUP_CHARACTERS = 1_000
DESCRIPTION_CHARACTERS = 4_000
CONTEXT_BYTES = 16_384
REASON_CHARACTERS = 300

_MAX_DIGITS = 400
_CPU_SECONDS = 600
_NOBODY = 65_534
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_OUT_OF_MEMORY_STATUS = 3
# Python raises these before it does what they name, https://docs.python.org/3/library/audit_events.html
_REFUSED_PREFIXES = ("os.", "subprocess.", "socket.", "ctypes.", "shutil.", "signal.", "mmap.")

Frame = list[Any]


class RuleEvent(dict[str, Any]):
    """The record that a rule is given: a dictionary with two ways to reach deep inside."""

    def deep_get(self, *keys: str, default: Any = None) -> Any:
        """Return the value under these keys, one inside the other, else `default`."""
        value: Any = self
        for key in keys:
            if not isinstance(value, Mapping):
                return default
            value = value.get(key)
        return default if value is None else value

    def deep_walk(self, *keys: str, default: Any = None, return_val: str = "all") -> Any:
        """Return values under these keys, lists on the way opened.

        `return_val` is `first`, `last` or `all`; `all` gives distinct values, one alone unlisted.
        """
        found: list[Any] = []
        for value in _walk(self, keys):
            if value not in found:
                found.append(value)
        if not found:
            return default
        if return_val == "first":
            return found[0]
        return found[-1] if return_val == "last" or len(found) == 1 else found


def _walk(value: Any, keys: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for element in value:
            yield from _walk(element, keys)
    elif not keys:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        yield from _walk(value.get(keys[0]), keys[1:])


@dataclass(frozen=True)
class Channel:
    """The two descriptors to the parent."""

    read_descriptor: int
    write_descriptor: int

    def receive(self) -> Any:
        """Return the next frame; ends the process when the parent is gone."""
        size = int.from_bytes(self._read(4), "big")
        return msgspec.msgpack.decode(self._read(size))

    def send(self, frame: Frame) -> None:
        """Send one frame."""
        content = msgspec.msgpack.encode(frame)
        rest = memoryview(len(content).to_bytes(4, "big") + content)
        while rest:
            rest = rest[os.write(self.write_descriptor, rest) :]

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self.read_descriptor, min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def main() -> None:
    """Lock in, then load and judge as the parent asks, until it closes its end."""
    channel = Channel(int(sys.argv[1]), int(sys.argv[2]))
    network_is_cut = lock_in(memory_bytes=int(sys.argv[3]))
    channel.send([network_is_cut])
    functions: dict[str, dict[str, Any]] = {}
    while True:
        request = channel.receive()
        if request[0] == "load":
            _, uid, source, seconds = request
            with_alarm(seconds)
            functions[uid], problem = load(uid, source)
            channel.send([problem])
        else:
            _, uids, records, size, seconds = request
            for start in range(0, len(records), size):
                with_alarm(seconds)
                group = records[start : start + size]
                asked = [(uid, functions[uid]) for uid in uids]
                channel.send([[judge(*rule, record) for rule in asked] for record in group])
        with_alarm(0)


def with_alarm(seconds: float) -> None:
    """End this process after so long: only for when the parent is gone and nobody else would."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def lock_in(memory_bytes: int) -> bool:
    """Give up everything a rule does not need; return whether the network is cut off."""
    for name in MODULES:
        importlib.import_module(name)
    libc = ctypes.CDLL(None, use_errno=True)
    network_is_cut = any(libc.unshare(how) == 0 for how in _ways_to_cut_the_network())
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        _stop_being_root()
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: _CPU_SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))
    os.environ.clear()  # Python itself sets LC_CTYPE
    sys.path.clear()
    sys.meta_path.clear()
    for name in ("ctypes", "_ctypes", "resource", "signal", "importlib"):
        sys.modules.pop(name, None)
    sys.addaudithook(_refuse)
    return network_is_cut


def _stop_being_root() -> None:
    """Become nobody; a root that may not is one of a namespace, and no more than its user."""
    with contextlib.suppress(OSError):
        os.setgroups([])
    with contextlib.suppress(OSError):
        os.setgid(_NOBODY)
    with contextlib.suppress(OSError):
        os.setuid(_NOBODY)


def _ways_to_cut_the_network() -> tuple[int, ...]:
    """Return what to ask the kernel for, in order: root may at once, others in a namespace."""
    return (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET)


def _refuse(event: str, _arguments: object) -> None:
    if event.startswith(_REFUSED_PREFIXES):
        raise PermissionError(f"a rule may not do {event}")


def load(uid: str, source: str) -> tuple[dict[str, Any], str]:
    """Execute a rule's text; return its names, and what went wrong, empty where nothing did."""
    names: dict[str, Any] = {"__name__": f"rule.{uid}", "__builtins__": builtins}
    problem = ""
    try:
        exec(compile(source, f"<rule {uid}>", "exec"), names)  # noqa: S102 # what this process is for
        if not callable(names.get("rule")):
            problem = "it defines no function rule(event)"
    except BaseException as error:  # noqa: B036 # a rule may raise anything, SystemExit too
        problem = reason(error)
    return names, problem


def judge(uid: str, names: Mapping[str, Any], record: str) -> Frame:
    """Return [uid, matched, title, severity, dedup, description, context, failure]."""
    try:
        # Each rule gets a record of its own: what it changes no other rule sees.
        event = read(record)
        answer = names["rule"](event)
    except BaseException as error:  # noqa: B036 # as above
        return _answer(uid, failure=reason(error))
    if answer is not True:
        said = "" if answer is False else f"rule() returned {type(answer).__name__}, not a bool"
        return _answer(uid, failure=said[:REASON_CHARACTERS])
    words = Wording(names, event)
    return _answer(
        uid,
        matched=True,
        title=words.text("title", TITLE_CHARACTERS),
        severity=words.text("severity", 20),
        dedup=words.text("dedup", DEDUP_CHARACTERS),
        description=words.text("description", DESCRIPTION_CHARACTERS),
        context=words.context(),
        failure="; ".join(words.failures)[:REASON_CHARACTERS],
    )


def _answer(uid: str, *, matched: bool = False, failure: str = "", **words: str) -> Frame:
    names = ("title", "severity", "dedup", "description")
    context = words.get("context", "{}")
    return [uid, matched, *(words.get(name, "") for name in names), context, failure]


def read(record: str) -> RuleEvent:
    """Return the record; whole numbers beyond what fits stay text, as in `detect.evaluate`."""
    try:
        found = msgspec.json.decode(record)
    except msgspec.MsgspecError:
        found = json.loads(record, parse_int=_whole)
    return RuleEvent(found)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


class Wording:
    """What the other functions of a matching rule say; their failures do not undo the match."""

    def __init__(self, names: Mapping[str, Any], event: RuleEvent) -> None:
        self._names = names
        self._event = event
        self.failures: list[str] = []

    def text(self, name: str, most: int) -> str:
        """Return the text of one function in one line, empty where it has none to say."""
        said = self._call(name)
        if said is None:
            return ""
        if type(said) is not str:
            self.failures.append(f"{name}() returned {type(said).__name__}, not text")
            return ""
        return one_line(said[: 2 * most])[:most]

    def context(self) -> str:
        """Return the object of `alert_context` as JSON, `{}` where there is none."""
        said = self._call("alert_context")
        if said is None:
            return "{}"
        try:
            text = json.dumps(dict(said), default=str)
        except BaseException as error:  # noqa: B036 # values may be of the rule's own making
            self.failures.append(f"alert_context: {reason(error)}")
            return "{}"
        if len(text) > CONTEXT_BYTES:
            self.failures.append(f"alert_context is larger than {CONTEXT_BYTES} bytes")
            return "{}"
        return text

    def _call(self, name: str) -> Any:
        function: Callable[[RuleEvent], Any] | None = self._names.get(name)
        if function is None:
            return None
        try:
            return function(self._event)
        except BaseException as error:  # noqa: B036 # a rule may raise anything
            self.failures.append(f"{name}: {reason(error)}")
            return None


def one_line(text: str) -> str:
    """Return the text without control, format and other unprintable characters."""
    plain = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text)
    return " ".join(plain.split())


def reason(error: BaseException) -> str:
    """Return what went wrong in one line; ends the process where memory ran out.

    A process that has run out of memory may fail rules that did nothing wrong: the parent starts
    another and tries each rule alone.
    """
    if isinstance(error, MemoryError):
        os._exit(_OUT_OF_MEMORY_STATUS)
    kind = type(error).__name__
    try:
        text = one_line(str(error)[:REASON_CHARACTERS])
    except BaseException:  # noqa: B036 # even the text of an error may raise
        text = ""
    return f"raised {kind}: {text}" if text else f"raised {kind}"


if __name__ == "__main__":
    main()
