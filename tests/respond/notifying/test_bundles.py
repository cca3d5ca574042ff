"""Few messages, nothing left out, and what is urgent is never buried."""

from dataclasses import replace
from datetime import UTC, time, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.incidents.tables import NOON, finding, table
from tests.respond.notifying.said import ALL, later, notice
from tocsin.incidents import group
from tocsin.respond.notifying import (
    TRIES,
    Allowance,
    Hours,
    Notice,
    Route,
    bundled,
    digest_text,
    noticed,
    occasion_of,
    pause,
)

RESTED = Allowance.rested(NOON)
NIGHT = Hours(UTC, time(22), time(7))


def test_a_rested_route_tells_of_each_incident_alone():
    waiting = [notice("a"), notice("b", minutes=1)]

    bundles, left = bundled(ALL, "normal", waiting, RESTED, NOON)

    assert [one.uid for one in bundles] == ["msg_a", "msg_b"]
    assert left.tokens == 3


def test_notices_of_one_incident_are_one_message():
    waiting = [notice("a"), notice("a2", severity=5, incident_uid="inc_a", stage="grown")]

    bundles, _ = bundled(ALL, "normal", waiting, RESTED, NOON)

    assert [(one.is_single, len(one.notices)) for one in bundles] == [(True, 2)]


def test_more_than_the_allowance_is_one_digest_of_all():
    waiting = [notice(str(number)) for number in range(1000)]

    bundles, left = bundled(ALL, "normal", waiting, RESTED, NOON)

    assert [len(one.notices) for one in bundles] == [1000]
    assert left.tokens == 4


def test_without_allowance_all_waits_and_urgent_ones_at_most_a_minute():
    spent = Allowance(0.0, NOON)

    for lane, stretch in (("urgent", 60), ("normal", 300)):
        before = later(seconds=stretch - 1)
        assert bundled(ALL, lane, [notice("a")], spent, before)[0] == ()
        assert len(bundled(ALL, lane, [notice("a")], spent, later(seconds=stretch))[0]) == 1


def test_quiet_hours_hold_what_is_not_urgent_until_they_end():
    route = replace(ALL, quiet=(NIGHT,))
    night, morning = NOON.replace(hour=23), NOON.replace(hour=7) + timedelta(days=1)
    waiting = [notice("a"), notice("b")]

    assert bundled(route, "normal", waiting, RESTED, night)[0] == ()
    assert len(bundled(route, "urgent", waiting, RESTED, night)[0]) == 2
    assert len(bundled(route, "normal", waiting, RESTED, morning)[0]) == 2


def test_a_digest_gathers_until_its_time_has_come():
    route = replace(ALL, digest=timedelta(hours=1))
    waiting = [notice("a"), notice("b", minutes=50)]

    assert bundled(route, "normal", waiting, RESTED, later(minutes=59))[0] == ()
    bundles, _ = bundled(route, "normal", waiting, RESTED, later(minutes=60))
    assert [len(one.notices) for one in bundles] == [2]
    assert len(bundled(route, "urgent", waiting, RESTED, NOON)[0]) == 2


def test_a_clock_that_goes_back_gives_no_allowance():
    assert Allowance(1.0, NOON).at(later(hours=-5), "normal").tokens == 1.0


NOTICES = st.lists(
    st.builds(
        notice,
        st.integers(0, 40).map(str),
        severity=st.integers(1, 4),
        minutes=st.floats(0, 30),
    ),
    max_size=40,
    unique_by=lambda one: one.uid,
)


@given(
    NOTICES,
    st.floats(0, 5),
    st.sampled_from([None, timedelta(minutes=5)]),
    st.sampled_from(["urgent", "normal"]),
)
def test_every_notice_is_told_once_or_waits(waiting, tokens, digest, lane):
    route = replace(ALL, digest=digest)

    bundles, left = bundled(route, lane, waiting, Allowance(tokens, NOON), later(minutes=30))

    told = [each.uid for one in bundles for each in one.notices]
    assert sorted(told) in ([], sorted(each.uid for each in waiting))
    assert 0 <= left.tokens <= 5
    assert len(bundles) <= 5
    assert len({one.uid for one in bundles}) == len(bundles)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=600, max_size=600), st.booleans())
def test_ten_minutes_of_anything_are_at_most_fifteen_messages_a_lane(arrivals, is_urgent):
    lane = "urgent" if is_urgent else "normal"
    allowance, waiting, sent = RESTED, [], 0

    for second, count in enumerate(arrivals):
        now = later(seconds=second)
        waiting += [notice(f"{second}-{number}", time=now) for number in range(min(count, 3))]
        bundles, allowance = bundled(ALL, lane, waiting, allowance, now)
        sent += len(bundles)
        waiting = [] if bundles else waiting

    assert sent <= (15 if is_urgent else 7)


def test_tries_end_after_some_and_their_pauses_grow():
    waits = [pause(number, 0.0) for number in range(1, TRIES)]

    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=5)
    assert pause(1, 1.0) == timedelta(seconds=7.5)
    assert pause(TRIES, 0.5) is None


@pytest.mark.slow
@pytest.mark.parametrize("noise_severity", [4, 5])
def test_a_hundred_thousand_findings_do_not_bury_the_needle(noise_severity):
    """A-FLOOD: ten minutes of one noisy rule, each finding another incident, and one critical."""
    flood = Flood(Route("all", ("chat",), urgent_id=5))
    alike = [finding("user/noise", title="Noise", severity=noise_severity)] * 5_000
    rows = table(*alike).drop_columns(["uid", "entity"])

    for part in range(20):
        names = [f"noise-{part}-{number}" for number in range(5_000)]
        uids = pa.array([f"fnd_{name}" for name in names])
        entities = pa.array([{"type": "user", "uid": name, "name": name} for name in names])
        found = rows.append_column("uid", uids).append_column("entity", entities)
        parts = [found]
        if part == 7:
            parts.append(table(finding("user/needle", title="Needle", severity=5)))
        flood.turn(pa.concat_tables(parts, promote_options="permissive"), later(seconds=30 * part))
        for second in range(0, 30, 2):
            flood.loop(later(seconds=30 * part + second))
    for second in range(600, 1200, 10):
        flood.loop(later(seconds=second))

    assert len(flood.incidents) == 100_001
    assert len(flood.messages) <= 30
    assert sum(len(one) for _, one in flood.messages) == 100_001
    when, bundle = flood.message_about("needle")
    assert when - later(seconds=30 * 7) <= timedelta(seconds=60)
    text = digest_text(bundle)
    assert "Needle" in text.body.splitlines()[0]


class Flood:
    """Turns and an act loop without a store."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.waiting: dict[str, list[Notice]] = {"urgent": [], "normal": []}
        self.allowances = {lane: RESTED for lane in self.waiting}
        self.incidents: dict[str, str] = {}
        self.messages: list[tuple[object, tuple[Notice, ...]]] = []

    def turn(self, found, now):
        for incident in group((), found, now, gap=timedelta(hours=4), threshold=3).changed:
            self.incidents[incident.uid] = incident.entities[0].uid
            occasion = occasion_of(None, incident)
            for each in noticed([self.route], occasion, incident, (), frozenset()):
                self.waiting[each.lane].append(each)

    def loop(self, now):
        for lane, waiting in self.waiting.items():
            bundles, self.allowances[lane] = bundled(
                self.route, lane, waiting, self.allowances[lane], now
            )
            self.messages += [(now, one.notices) for one in bundles]
            if bundles:
                self.waiting[lane] = []

    def message_about(self, entity):
        uid = next(uid for uid, name in self.incidents.items() if entity in name)
        return next(
            (when, notices)
            for when, notices in self.messages
            if any(each.incident_uid == uid for each in notices)
        )
