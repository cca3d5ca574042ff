"""Recorded CloudTrail events with fresh identifiers and times, as many as asked for."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LOGS = PROJECT.parent / "shared/corpora/stratus-red-team/docs/detonation-logs"


def templates() -> list[dict[str, object]]:
    """Return recorded events, or the mapping's own example where no recorded data lies."""
    recorded = [
        event for path in sorted(LOGS.glob("*.json")) for event in json.loads(path.read_text())
    ]
    if recorded:
        return recorded
    from tocsin.run.wiring import load_mappings

    return [dict(load_mappings()["aws.cloudtrail"].example)]


def lines(
    count: int,
    *,
    since: datetime | None = None,
    spread: timedelta | None = None,
    without: frozenset[str] = frozenset(),
) -> Iterator[bytes]:
    """Yield JSON lines: each template in turn, with its own eventID and the times spread evenly.

    Args:
        count: how many.
        since: the first time; 20 hours ago if not given.
        spread: from the first time to the last.
        without: event names that are left out.
    """
    start = since or datetime.now(UTC) - timedelta(hours=20)
    step = (spread or timedelta(hours=19)) / count
    halves = [_split(each) for each in templates() if each.get("eventName") not in without]
    for number in range(count):
        before, middle, after = halves[number % len(halves)]
        uid = uuid(number)
        moment = (start + number * step).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield b"".join((before, uid.encode(), middle, moment.encode(), after, b"\n"))


def write(path: Path, count: int) -> int:
    """Write that many lines; return the bytes written."""
    with path.open("wb") as stream:
        stream.writelines(lines(count))
    return path.stat().st_size


def _split(template: dict[str, object]) -> tuple[bytes, bytes, bytes]:
    return split(template, "eventID", "eventTime")


def split(template: Mapping[str, object], uid: str, moment: str) -> tuple[bytes, bytes, bytes]:
    """Return the JSON text of a record around the values of two of its fields."""
    rest = {key: value for key, value in template.items() if key not in (uid, moment)}
    marked = {uid: "@uid@", moment: "@time@", **rest}
    text = json.dumps(marked, separators=(",", ":")).encode()
    before, _, rest_of_text = text.partition(b"@uid@")
    middle, _, after = rest_of_text.partition(b"@time@")
    return before, middle, after


def uuid(number: int, salt: str = "") -> str:
    """Return an identifier in the form of a UUID, the same for the same number and salt."""
    digest = blake2b(number.to_bytes(8, "big"), digest_size=16, key=salt.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
