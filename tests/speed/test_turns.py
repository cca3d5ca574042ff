"""Medians of turns, and sides that were given fewer events."""

import pytest

from benchmarks.detection.turns import Seconds, extended, interleave


def test_the_median_counts_and_not_the_mean():
    assert Seconds((1.0, 1.1, 9.0)).median == 1.1


def test_spread_is_the_longest_over_the_shortest():
    assert Seconds((2.0, 3.0, 2.5)).spread == pytest.approx(0.5)


def test_sides_take_turns_and_change_their_order():
    said = []

    def side(name):
        def run():
            said.append(name)
            return float(len(said))

        return run

    found = interleave({"a": side("a"), "b": side("b")}, 3)

    assert said == ["a", "b", "b", "a", "a", "b"]
    assert found["a"].turns == (1.0, 4.0, 5.0)
    assert found["b"].turns == (2.0, 3.0, 6.0)


def test_the_start_is_counted_once_where_fewer_events_were_given():
    """A start of 2 s and 0.01 s an event: 200,000 events would take 2,002 s."""
    assert extended(2 + 1, 2 + 10, (100, 1_000), 200_000) == pytest.approx(2_002)


def test_all_events_need_no_extension():
    assert extended(1.0, 7.5, (10, 200), 200) == 7.5


def test_noise_does_not_make_more_events_cheaper():
    assert extended(3.0, 2.9, (100, 1_000), 10_000) == 2.9


def test_counts_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="second count"):
        extended(1.0, 2.0, (1_000, 1_000), 2_000)
