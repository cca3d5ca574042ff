"""The time range of an address."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.serve.web import ranges

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "length"),
    [("15m", timedelta(minutes=15)), ("24h", timedelta(days=1)), ("2w", timedelta(weeks=2))],
)
def test_a_distance_counts_back_from_now(since: str, length: timedelta) -> None:
    span = ranges.parse(since, "", NOW)

    assert (span.end - span.start, span.end, span.is_live) == (length, NOW, True)


def test_two_times_stand_still() -> None:
    span = ranges.parse("2026-11-01T00:00:00Z", "2026-11-02T00:00:00", NOW)

    assert (span.start.day, span.end.day, span.is_live) == (1, 2, False)
    assert span.query == {"since": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00"}


@pytest.mark.parametrize(
    "since", ["", "yesterday", "-1h", "2027-01-01T00:00:00Z", "99999w", "1601-01-01"]
)
def test_what_cannot_be_read_is_the_default_or_the_beginning(since: str) -> None:
    span = ranges.parse(since, "", NOW, "6h")

    assert span.start < span.end == NOW


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_address_makes_a_range_that_is_none(since: str, until: str) -> None:
    span = ranges.parse(since, until, NOW)

    assert span.start < span.end


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_a_histogram_has_a_readable_number_of_bars(length: timedelta) -> None:
    assert 1 <= length / ranges.step(length) + 1 <= 62
