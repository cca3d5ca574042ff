"""Expressions of cron mean what crontab(5) says."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tocsin.errors import SettingsError
from tocsin.settings.cron import Cron

MONDAY = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", "2026-11-23T12:01"),
        ("0 * * * *", "2026-11-23T13:00"),
        ("*/15 * * * *", "2026-11-23T12:15"),
        ("30 4 * * *", "2026-11-24T04:30"),
        ("0 12 * * *", "2026-11-24T12:00"),
        ("0 0 1 * *", "2026-12-01T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 * * 0", "2026-11-29T00:00"),
        ("0 0 * * 7", "2026-11-29T00:00"),
        ("0 0 * * sun", "2026-11-29T00:00"),
        ("0 9 * * mon-fri", "2026-11-24T09:00"),
        ("0 9 * jan,MAR *", "2027-01-01T09:00"),
        ("5-10/2,50 12 * * *", "2026-11-23T12:05"),
        ("10/20 * * * *", "2026-11-23T12:10"),
        # Either day is enough where both are limited.
        ("0 0 13 * 5", "2026-11-27T00:00"),
        ("0 0 25 * 5", "2026-11-25T00:00"),
        # Both are needed where one is a step over all.
        ("0 0 */2 * 2", "2026-12-01T00:00"),
        ("@weekly", "2026-11-29T00:00"),
        ("@hourly", "2026-11-23T13:00"),
    ],
)
def test_the_next_time(text: str, expected: str):
    assert Cron(text).after(MONDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_zones_and_changes_of_clocks():
    berlin = ZoneInfo("Europe/Berlin")
    half_past_two = Cron("30 2 * * *", berlin)

    assert Cron("0 9 * * *", berlin).after(MONDAY) == datetime(2026, 11, 24, 8, tzinfo=UTC)
    # On 2026-03-29 the clocks of Berlin skip from 2 to 3.
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert half_past_two.after(before) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    # On 2026-10-25 they have 2:30 twice.
    first = half_past_two.after(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert half_past_two.after(first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "x * * * *",
        "* * * mon *",
        "0 0 30 2 *",
        "1,,2 * * * *",
        "@reboot",
        "1" * 300,
    ],
)
def test_what_is_no_expression_is_refused(text: str):
    with pytest.raises(SettingsError):
        Cron(text)


@given(
    some.integers(0, 59),
    some.integers(0, 23),
    some.sampled_from(["*", "1", "15", "*/3"]),
    some.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
)
def test_the_next_time_lies_ahead_and_nothing_is_left_out(
    minute: int, hour: int, day: str, moment: datetime
):
    cron, now = Cron(f"{minute} {hour} {day} * *"), moment.replace(tzinfo=UTC)
    following = cron.after(now)

    assert following > now
    assert (following.minute, following.hour) == (minute, hour)
    # The moment just before it leads to it too: there is none in between.
    assert cron.after(following - timedelta(microseconds=1)) == following
