"""Moments by the five fields of cron: minute, hour, day of month, month, day of week.

Lists, ranges, steps and names of months and days, as the System V cron of Linux reads them
(crontab(5)): where day of month and day of week both are limited, either is enough. Sunday is 0 and
7. A minute that a zone skips when its clocks go forward is left out; one that it has twice counts
once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from tocsin.errors import SettingsError

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}
_PART = re.compile(r"(\*|[a-z0-9]{1,3}(?:-[a-z0-9]{1,3})?)(?:/(\d{1,2}))?")
_LONGEST_TEXT = 200
# A leap day that is a Monday comes back after 40 years at most (around 2100).
_FURTHEST = timedelta(days=366 * 41)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression of cron.

    Attributes:
        text: as written.
        zone: in which it is meant.
    """

    text: str
    zone: tzinfo = UTC
    _minutes: frozenset[int] = field(init=False, repr=False)
    _hours: frozenset[int] = field(init=False, repr=False)
    _days: frozenset[int] = field(init=False, repr=False)
    _months: frozenset[int] = field(init=False, repr=False)
    _weekdays: frozenset[int] = field(init=False, repr=False)
    _is_either: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the expression.

        Raises:
            SettingsError: it is none; the text says which field.
        """
        parts = _NAMED.get(self.text, self.text).lower().split()
        if len(parts) != 5 or len(self.text) > _LONGEST_TEXT:
            raise SettingsError(
                f"{self.text[:40]!r} is no cron expression: expected five fields such as 30 4 * * 1"
            )
        minutes, hours, days, months, weekdays = parts
        read = {
            "_minutes": _read("minute", minutes, 0, 59),
            "_hours": _read("hour", hours, 0, 23),
            "_days": _read("day of month", days, 1, 31),
            "_months": _read("month", months, 1, 12, _numbers(_MONTHS, 1)),
            "_weekdays": frozenset(
                day % 7 for day in _read("day of week", weekdays, 0, 7, _numbers(_DAYS, 0))
            ),
            "_is_either": not days.startswith("*") and not weekdays.startswith("*"),
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)
        if self._first(datetime(2000, 1, 1, tzinfo=self.zone)) is None:
            raise SettingsError(f"{self.text!r} never comes: no such month has such a day")

    def after(self, moment: datetime) -> datetime:
        """Return the first moment after `moment` (aware) that fits, UTC."""
        found = self._first(moment.astimezone(self.zone))
        # An expression that never comes was refused.
        return datetime.max.replace(tzinfo=UTC) if found is None else found.astimezone(UTC)

    def _first(self, local: datetime) -> datetime | None:
        before = local.astimezone(UTC)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        end = day + _FURTHEST
        while day <= end:
            if day.month not in self._months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            found = self._on(day, before) if self._fits(day) else None
            if found is not None:
                return found
            day += timedelta(days=1)
        return None

    def _fits(self, day: datetime) -> bool:
        by_month, by_week = day.day in self._days, day.isoweekday() % 7 in self._weekdays
        return (by_month or by_week) if self._is_either else (by_month and by_week)

    def _on(self, day: datetime, before: datetime) -> datetime | None:
        """Return the first moment of a day that lies after `before`."""
        for hour in sorted(self._hours):
            for minute in sorted(self._minutes):
                local = day.replace(hour=hour, minute=minute, tzinfo=self.zone)
                moment = local.astimezone(UTC)
                is_there = moment.astimezone(self.zone).replace(tzinfo=None) == local.replace(
                    tzinfo=None
                )
                if is_there and moment > before:
                    return moment
        return None


def _read(
    name: str, text: str, least: int, most: int, names: Mapping[str, int] | None = None
) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise SettingsError(f"{part!r} is no {name} of a cron expression")
        first, _, last = match[1].partition("-")
        if first == "*":
            start, end = least, most
        else:
            start = _number(name, first, names)
            end = _number(name, last, names) if last else (most if match[2] else start)
        step = int(match[2] or 1)
        if not (least <= start <= end <= most and step):
            raise SettingsError(
                f"{part!r} is no {name} of a cron expression: expected {least} to {most}"
            )
        found.update(range(start, end + 1, step))
    return frozenset(found)


def _number(name: str, text: str, names: Mapping[str, int] | None) -> int:
    if text.isdecimal():
        return int(text)
    if names and text in names:
        return names[text]
    raise SettingsError(f"{text!r} is no {name} of a cron expression")


def _numbers(names: list[str], first: int) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names, first)}
