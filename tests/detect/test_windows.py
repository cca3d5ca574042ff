"""Windows count matches over turns, survive as rows, and stay bounded."""

from datetime import timedelta

import msgspec
import pytest

from tests.detect.tables import NOON
from tocsin.detect import windows as windows_module
from tocsin.detect.windows import Counted, Window, Windows, microseconds


def counted(*numbers):
    return tuple(Counted(f"evt_{number}", number) for number in numbers)


def test_below_the_threshold_matches_wait():
    window, released = Windows().count("k", counted(1, 2), 3, expiry=NOON)

    assert (window.waiting, window.is_open, released) == (counted(1, 2), False, ())


def test_at_the_threshold_all_are_released_and_later_ones_at_once():
    before = Windows({"k": Window(0, counted(1, 2))})
    window, released = before.count("k", counted(3), 3, expiry=NOON)
    later, more = Windows({"k": window}).count("k", counted(4), 3, expiry=NOON)

    assert released == counted(1, 2, 3)
    assert (window.waiting, window.is_open) == ((), True)
    assert (more, later.is_open) == (counted(4), True)


def test_windows_survive_as_rows():
    windows = Windows({"b": Window(microseconds(NOON), counted(1)), "a": Window(5, is_open=True)})
    rows = windows.to_rows()

    assert [(key, expiry) for key, _, expiry in rows][1] == ("b", NOON)
    assert Windows.from_rows(rows) == windows


def test_rows_that_were_not_written_here_are_refused():
    with pytest.raises(msgspec.MsgspecError):
        Windows.from_rows([("k", b"\xc1", NOON)])


def test_expired_windows_are_forgotten():
    windows = Windows({"old": Window(microseconds(NOON)), "new": Window(microseconds(NOON) + 1)})

    after, lost = windows.after({}, NOON)

    assert (list(after.by_key), lost) == (["new"], 0)


def test_a_window_lives_a_while_beyond_its_period():
    window, _ = Windows().count("k", counted(1), 2, expiry=NOON)

    assert window.expiry_us == microseconds(NOON + timedelta(hours=1))


def test_the_first_to_expire_go_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(windows_module, "MAX_WINDOWS", 2)
    start = microseconds(NOON)
    windows = Windows({str(number): Window(start + number) for number in range(1, 5)})

    after, lost = windows.after({}, NOON)

    assert (list(after.by_key), lost) == (["3", "4"], 2)
