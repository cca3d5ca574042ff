"""Run Python rules inside a process of their own; started by `rule_worker`, never imported.

The file and those in `jail` need the standard library and msgspec only, so that a worker starts
fast and holds nothing else of Tocsin. It locks itself in before it sees the first rule: no
privileges to gain, no network where the system allows that, no system calls but a few, no new file
descriptors (so no files, sockets or pipes), no processes or threads, bounded memory and processor
time, no environment. What a locked-in rule may still do is spend its time; the parent measures that
and ends the process.

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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from tocsin.isolate.jail import (
        rule_event,
        rule_expressions,
        rule_modules,
        rule_words,
        system_calls,
    )
else:
    sys.path.insert(0, str(Path(__file__).with_name("jail")))
    import rule_event
    import rule_expressions
    import rule_modules
    import rule_words
    import system_calls

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
    *(
        "numbers",
        "pprint",
        "random",
        "operator",
        "os",
        "re",
        "statistics",
        "string",
        "struct",
        "sys",
        "textwrap",
        "time",
    ),
    *("traceback", "typing", "unicodedata", "urllib.parse", "uuid", "zlib", "_strptime"),
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_16_le"),
)
"""What rules can import: loaded before the lock, for nothing can be read from disk after it."""

_MAX_DIGITS = 400
_CPU_SECONDS = 600
_NOBODY = 65_534
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
# Python raises these before it does what they name, https://docs.python.org/3/library/audit_events.html
_REFUSED_PREFIXES = ("os.", "subprocess.", "socket.", "ctypes.", "shutil.", "signal.", "mmap.")

Frame = list[Any]


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
    surroundings = rule_modules.Surroundings(execute)
    surroundings.missing = import_packages(sys.argv[4:])
    channel.send(lock_in(memory_bytes=int(sys.argv[3])))
    sys.meta_path.append(surroundings)
    functions: dict[str, dict[str, Any]] = {}
    while True:
        request = channel.receive()
        if request[0] == "provide":
            surroundings.provide(json.loads(request[1]))
            channel.send([""])
        elif request[0] == "load":
            _, uid, source, seconds = request
            with_alarm(seconds)
            functions[uid], problem = load(uid, source)
            channel.send([problem])
        else:
            _, uids, cases, size, seconds = request
            for start in range(0, len(cases), size):
                with_alarm(seconds)
                group = cases[start : start + size]
                asked = [(uid, functions[uid]) for uid in uids]
                channel.send([judge_case(surroundings, asked, case) for case in group])
        with_alarm(0)


def with_alarm(seconds: float) -> None:
    """End this process after so long: only for when the parent is gone and nobody else would."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def import_packages(names: list[str]) -> dict[str, str]:
    """Import what the owner lets rules import; return why some of it cannot be, by name."""
    missing = {}
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: B036 # code of others may raise anything
            missing[name] = rule_words.reason(error)
    return missing


def lock_in(memory_bytes: int) -> list[bool]:
    """Give up everything a rule does not need.

    Returns:
        Whether the network is cut off, system calls are filtered, and the user is without rights.
    """
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
    is_nobody = os.geteuid() != 0
    # Last of all: the calls above are refused after it.
    return [network_is_cut, system_calls.confine(libc), is_nobody]


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
        execute(source, f"rule {uid}", names)
        if not callable(names.get("rule", names.get("policy"))):
            problem = "it defines no function rule(event)"
    except BaseException as error:  # noqa: B036 # a rule may raise anything, SystemExit too
        problem = rule_words.reason(error)
    return names, problem


def execute(source: str, name: str, names: dict[str, Any]) -> None:
    """Execute a text in these names; what this process is for."""
    exec(compile(source, f"<{name}>", "exec"), names)  # noqa: S102 # nowhere else, and locked in


def judge_case(
    surroundings: "rule_modules.Surroundings",
    asked: list[tuple[str, dict[str, Any]]],
    case: str | list[str],
) -> list[Frame]:
    """Return what each rule says of one record, or of a record and the mocks of its test."""
    record, mocks = (case, None) if isinstance(case, str) else case
    try:
        # Read once: no rule can change what the next one sees.
        contents = rule_event.frozen(read(record))
    except BaseException as error:  # noqa: B036 # a record of a depth or size beyond what fits
        return [_answer(uid, failure=rule_words.reason(error)) for uid, _ in asked]
    return [_judge_rule(surroundings, uid, names, contents, mocks) for uid, names in asked]


def _judge_rule(
    surroundings: "rule_modules.Surroundings",
    uid: str,
    names: dict[str, Any],
    contents: "rule_event.FrozenDict",
    mocks: str | None,
) -> Frame:
    """Return what one rule says of one record that passes the filter it may have."""
    try:
        event = surroundings.event(uid, contents)
        sieve = surroundings.filters.get(uid)
        if sieve is not None and not rule_expressions.holds(sieve, event, is_filter=True):
            return _answer(uid)
        with contextlib.nullcontext() if mocks is None else _mocked(surroundings, names, mocks):
            return judge(uid, names, event)
    except rule_modules.NoSuchNameError as error:
        return _answer(uid, str(error)[: rule_words.REASON_CHARACTERS])
    except BaseException as error:  # noqa: B036 # a record may be too deep for a filter or table
        return _answer(uid, rule_words.reason(error))


def _mocked(
    surroundings: "rule_modules.Surroundings", names: dict[str, Any], mocks: str
) -> "contextlib.AbstractContextManager[None]":
    return surroundings.mocked(names, json.loads(mocks))


def judge(uid: str, names: Mapping[str, Any], event: "rule_event.RuleEvent") -> Frame:
    """Return what one rule says, in the order of the parent's `_Answer`.

    A policy says whether all is well, so that it matches where it says no.
    """
    name = "rule" if "rule" in names else "policy"
    try:
        answer = names[name](event)
    except BaseException as error:  # noqa: B036 # as above
        return _answer(uid, failure=rule_words.reason(error))
    if answer is not (name == "rule"):
        kind = type(answer)
        failure = "" if kind is bool else f"{name}() returned {kind.__name__}, not a bool"
        return _answer(uid, failure[: rule_words.REASON_CHARACTERS])
    words = rule_words.Wording(names, event)
    said = [
        words.text("title", rule_words.TITLE_CHARACTERS),
        words.severity(),
        words.dedup(),
        words.text("description", rule_words.DESCRIPTION_CHARACTERS),
        words.context(),
    ]
    unique = words.unique()
    failure = "; ".join(words.failures)[: rule_words.REASON_CHARACTERS]
    return [uid, True, *said, failure, unique, words.is_quiet]


def _answer(uid: str, failure: str = "") -> Frame:
    return [uid, False, "", "", "", "", "{}", failure, None, False]


def read(record: str) -> Any:
    """Return the record; whole numbers beyond what fits stay text, as in `detect.evaluate`."""
    try:
        return msgspec.json.decode(record)
    except msgspec.MsgspecError:
        return json.loads(record, parse_int=_whole)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


if __name__ == "__main__":
    main()
