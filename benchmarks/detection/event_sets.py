"""The event sets: recorded CloudTrail made large with fresh values, and command lines of our own.

* `repeated`: each recorded event in turn, with its own identifier and time;
* `agents`: also 5,000 user agents, and 20,000 identities with their addresses;
* `uniq`: every user agent, address, identity and key is different;
* `commands`: started processes, every command line different.
"""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path

from benchmarks import recorded
from benchmarks.detection.process_rules import programs, suspects

CLOUDTRAIL_SETS = ("repeated", "agents", "uniq")
COMMANDS = "commands"
_AGENTS, _IDENTITIES = 5_000, 20_000
_OTRF = recorded.LOGS.parent.parent.parent / "otrf"
_BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


@cache
def templates() -> tuple[dict[str, object], ...]:
    """Return every recorded CloudTrail event that lies beside the project, attacks above all."""
    more = [
        json.loads(line)
        for path in sorted(_OTRF.glob("*.json"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return (*recorded.templates(), *more)


def event_id(number: int) -> str:
    """Return the identifier of an event by its number, the same in every set."""
    digits = blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def lines(name: str, count: int) -> Iterator[str]:
    """Yield the events of a set, one JSON text each."""
    if name == COMMANDS:
        yield from _commands(count)
        return
    made = [_Template(event) for event in templates()]
    for number in range(count):
        yield made[number % len(made)].filled(name, number)


def write(name: str, count: int, path: Path) -> int:
    """Write the events of a set as JSON lines; return the bytes written."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines(name, count))
    return path.stat().st_size


class _Template:
    """One recorded event, cut where fresh values go."""

    def __init__(self, event: dict[str, object]) -> None:
        marked = {**event, "eventID": _mark("id"), "eventTime": _mark("time")}
        self._kept = {"id": "", "time": ""}
        for key, kind in (("userAgent", "agent"), ("sourceIPAddress", "address")):
            self._mark(marked, key, kind)
        identity = marked.get("userIdentity")
        if isinstance(identity, dict):
            identity = marked["userIdentity"] = dict(identity)
            self._mark(identity, "arn", "arn")
            self._mark(identity, "accessKeyId", "key")
        text = json.dumps(marked, separators=(",", ":"))
        first, *rest = text.split("@<")
        self._pieces = [("", first), *(_cut(piece) for piece in rest)]

    def filled(self, name: str, number: int) -> str:
        """Return the event with the values of one number."""
        fresh = {**self._kept, **_fresh(name, number, self._kept)}
        return "".join(fresh[kind] + text if kind else text for kind, text in self._pieces)

    def _mark(self, place: dict[str, object], key: str, kind: str) -> None:
        value = place.get(key)
        if isinstance(value, str):
            self._kept[kind] = json.dumps(value)[1:-1]
            place[key] = _mark(kind)


def _mark(kind: str) -> str:
    return f"@<{kind}>@"


def _cut(piece: str) -> tuple[str, str]:
    kind, _, text = piece.partition(">@")
    return kind, text


def _fresh(name: str, number: int, kept: dict[str, str]) -> dict[str, str]:
    """Return what is fresh in this event of the set."""
    moment = _BEGIN + timedelta(milliseconds=430 * number)
    fresh = {"id": event_id(number), "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if name == "repeated":
        return fresh
    is_unique = name == "uniq"
    agent = number if is_unique else number % _AGENTS
    identity = number if is_unique else number % _IDENTITIES
    return fresh | {
        "agent": f"{kept.get('agent')} run/{agent}",
        "address": f"10.{identity >> 16 & 255}.{identity >> 8 & 255}.{identity & 255}",
        "arn": f"{kept.get('arn')}-{identity}",
        "key": f"ASIA{identity:016}",
    }


_FOLDERS = ("C:\\Windows\\System32", "C:\\Program Files\\Office", "C:\\Users\\alba\\AppData\\Local")
_PLAIN_PROGRAMS = (
    *("svchost.exe", "chrome.exe", "conhost.exe", "backgroundTaskHost.exe", "cmd.exe"),
    *("dllhost.exe", "taskhostw.exe", "git.exe", "node.exe", "java.exe", "python.exe", "code.exe"),
    *("OUTLOOK.EXE", "WINWORD.EXE", "explorer.exe", "RuntimeBroker.exe", "SearchHost.exe"),
)
_PARENTS = ("services.exe", "explorer.exe", "svchost.exe", "cmd.exe", "code.exe", "WINWORD.EXE")
_WORDS = (
    *("--type=renderer", "--lang=en-US", "-k netsvcs -p", "/c", "--field-trial-handle", "-jar"),
    *("install", "--configuration", "Release", "status --porcelain", "-Dfile.encoding=UTF-8"),
    *(
        "/Embedding",
        "--no-sandbox",
        "-ServerName:App.wca",
        "build",
        "--json",
        "/quiet",
        "-NoProfile",
    ),
)
_SUSPECT, _LONG = 0.02, 0.2


def _commands(count: int) -> Iterator[str]:
    chance = random.Random(57)
    suspicious, watched = suspects(), programs()
    for number in range(count):
        words: Sequence[str] = chance.choices(_WORDS, k=chance.randint(1, 5))
        program = chance.choice(_PLAIN_PROGRAMS if chance.random() < 0.8 else watched)
        if chance.random() < _SUSPECT:
            program, literals = chance.choice(suspicious)
            words = [*words, *literals]
        if chance.random() < _LONG:
            words = [
                *words,
                *(f"--flag-{chance.getrandbits(48):x}={_path(chance)}" for _ in range(6)),
            ]
        yield _process(number, program, " ".join(words), chance)


def _path(chance: random.Random) -> str:
    return f"{chance.choice(_FOLDERS)}\\{chance.getrandbits(40):x}\\{chance.getrandbits(24):x}.dat"


def _process(number: int, program: str, words: str, chance: random.Random) -> str:
    image = f"{chance.choice(_FOLDERS)}\\{program}"
    parent = f"C:\\Windows\\{chance.choice(_PARENTS)}"
    moment = _BEGIN + timedelta(seconds=number)
    record = {
        "ProcessGuid": event_id(number),
        "UtcTime": f"{moment:%Y-%m-%d %H:%M:%S}.000",
        "EventID": 1,
        "Image": image,
        "CommandLine": f'"{image}" {words} {_path(chance)} --id {number}',
        "CurrentDirectory": _path(chance),
        "ParentImage": parent,
        "ParentCommandLine": f"{parent} -s {chance.getrandbits(32):x}",
        "OriginalFileName": program,
        "User": f"CORP\\user{chance.randint(1, 400)}",
        "IntegrityLevel": chance.choice(("Medium", "High", "System")),
        "Hashes": f"SHA256={chance.getrandbits(256):064X}",
        "Company": "Example Corporation",
    }
    return json.dumps(record, separators=(",", ":"))
