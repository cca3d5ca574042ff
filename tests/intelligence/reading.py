"""Reading in tests."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from tocsin.intelligence import Defaults, Indicator, Reader

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOON = NOW.replace(tzinfo=None)


def reader(**more: object) -> Reader:
    return Reader(Defaults("feed", NOW, **more))  # type: ignore[arg-type]


def pairs(found: Iterable[Indicator]) -> list[tuple[str, str]]:
    return [(each.kind, each.value) for each in found]


def indicator(
    kind: str, value: str, *, confidence: int = 90, days: float = 30, uid: str = "", feed: str = ""
) -> Indicator:
    until = NOON + timedelta(days=days)
    return Indicator(kind, value, uid or f"{kind}:{value}", confidence, until, feed=feed)
