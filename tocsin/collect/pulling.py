"""What plugs that pull indicators promise, and what they are given."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from tocsin.errors import SourceError
from tocsin.intelligence import Defaults, Indicator, Reader, recognized

MOST_JSON_BYTES = 256 << 20

_LOOKED_AT = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; header names are small letters."""

    status: int
    headers: Mapping[str, str]


class Fetch(Protocol):
    """The one way out: https, only to public addresses unless others are allowed, no redirects."""

    def __call__(
        self, url: str, headers: Mapping[str, str], target: Path, content: bytes | None = None
    ) -> Answer:
        """Fetch what is at `url` into the file `target`; POST `content` where there is any.

        Raises:
            WorldError: the other side does not answer in time or in full, says too much, or lies
                where nobody allowed it.
        """
        ...


@dataclass(slots=True)
class Pulled:
    """What one pull gave.

    Attributes:
        indicators: read while they are written down.
        reader: counts them, and what was left out; knows what was taken back.
        grows: whether what came before stays.
        marks: what the next pull goes by; complete once the indicators were read.
        is_unchanged: nothing has changed since the last pull.
    """

    indicators: Iterable[Indicator]
    reader: Reader
    grows: bool = False
    marks: dict[str, str] = field(default_factory=dict)
    is_unchanged: bool = False

    @property
    def counts(self) -> Counter[str]:
        """What became of the entries."""
        return self.reader.counts


class Puller(Protocol):
    """Pulls one feed."""

    def pull(self, defaults: Defaults, marks: Mapping[str, str], room: Path) -> Pulled:
        """Pull what the feed has.

        Args:
            defaults: for what it does not say.
            marks: those of the last pull; empty for everything.
            room: a folder for files, removed afterwards.

        Raises:
            TocsinError: it cannot be pulled or read; what is there stays.
        """
        ...


def unchanged(defaults: Defaults, marks: Mapping[str, str]) -> Pulled:
    """Return the result of a pull that found nothing new."""
    return Pulled((), Reader(defaults), marks=dict(marks), is_unchanged=True)


def read_file(path: Path, name: str, wanted: str, reader: Reader) -> Iterator[Indicator]:
    """Yield the indicators of a file.

    Args:
        path: of the file.
        name: what to call it in messages.
        wanted: `text`, `csv`, `stix`, `misp`, or `auto` to look at its content.
        reader: reads and counts.

    Raises:
        SourceError: it cannot be read, or is of no known form.
    """
    kind = wanted if wanted != "auto" else _recognized(path, name)
    if kind in ("text", "csv"):
        with path.open(encoding="utf-8", errors="replace", newline="") as lines:
            yield from reader.text(lines) if kind == "text" else reader.csv(lines)
        return
    content = read_json(path, name)
    if kind == "stix":
        objects = content.get("objects") if isinstance(content, dict) else content
        if not isinstance(objects, list):
            raise SourceError(f"{name} is no STIX bundle: it has no `objects`")
        yield from reader.stix(objects)
    else:
        yield from reader.misp(misp_events(content))


def misp_events(content: object) -> list[object]:
    """Return the events of what MISP exports: one, a list, or the answer of its API."""
    if isinstance(content, dict):
        inner = content.get("response", content)
        return inner if isinstance(inner, list) else [inner]
    return content if isinstance(content, list) else []


def read_json(path: Path, name: str) -> object:
    """Return the content of a JSON file.

    Raises:
        SourceError: it is too large, broken, or cut off.
    """
    try:
        if path.stat().st_size > MOST_JSON_BYTES:
            raise SourceError(f"{name} is larger than {MOST_JSON_BYTES >> 20} MiB")
        return msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise SourceError(f"{name} is no whole JSON ({error})") from None


def _recognized(path: Path, name: str) -> str:
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT)
    text = head.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if text.startswith(("{", "[")):
        if '"objects"' in text or '"spec_version"' in text or '"indicator--' in text:
            return "stix"
        if '"Event"' in text or '"Attribute"' in text:
            return "misp"
        raise SourceError(f"{name} is JSON, but neither STIX nor MISP; set its `format`")
    if "<html" in text[:2_000].lower():
        raise SourceError(f"{name} is a page for people and no list; check its address")
    lines = [
        each
        for each in text.splitlines()[:200]
        if each.strip() and not each.startswith(("#", ";", "//"))
    ]
    commas = [each for each in lines[:20] if "," in each and not recognized(each.split(",")[0])]
    return "csv" if commas or any(each.count(",") > 1 for each in lines[:20]) else "text"


def dumped(value: object) -> bytes:
    """Return a value as JSON bytes."""
    return json.dumps(value).encode()
