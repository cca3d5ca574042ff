"""The engine that tells stories: merged parts, filled placeholders, times that look alive."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.collect.demo_story import load_story
from tocsin.errors import ContentError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SMALL = """
seed: a
span: 10m
values: {account: '111122223333', color: [red, green, blue], again: '{account}/{color}'}
frames:
  log: {id: '{uuid:id}', at: '{time}', where: {account: '{account}'}, who: nobody, gone: 1}
identities:
  alice: {who: alice, where: {city: Ulm}}
habits:
  - {source: log, identity: alice, every: 30s,
     events: [{did: look, color: '{color}', both: '{again}'}]}
steps:
  - {source: log, identity: alice, at: 4m, repeat: 3, gap: 5s, did: leap, gone: '{none}'}
"""


def told(text: str) -> list[dict]:
    return list(load_story(text, "story.yaml").told("log", NOON))


def leaps(text: str) -> list[dict]:
    return [record for record in told(text) if record["did"] == "leap"]


def test_frame_identity_and_event_are_laid_over_one_another():
    record = leaps(SMALL)[0]

    assert record["who"] == "alice"
    assert record["where"] == {"account": "111122223333", "city": "Ulm"}


def test_a_step_happens_at_its_time_and_repeats_after_its_gap():
    assert [record["at"] for record in leaps(SMALL)] == [
        "2026-11-23T12:04:00Z",
        "2026-11-23T12:04:05Z",
        "2026-11-23T12:04:10Z",
    ]


def test_a_habit_happens_about_as_often_as_it_says_at_uneven_times():
    story = load_story(SMALL, "story.yaml")
    offsets = [each.offset for each in story.occurrences("log") if each.event["did"] == "look"]
    pauses = [later - earlier for earlier, later in zip(offsets, offsets[1:], strict=False)]

    assert 15 <= len(offsets) <= 25
    assert min(pauses) >= timedelta(seconds=15)
    assert max(pauses) <= timedelta(seconds=45)
    assert len(set(pauses)) > 5


def test_a_placeholder_is_filled_alike_within_a_record():
    for record in told(SMALL):
        if record["did"] == "look":
            assert record["both"] == f"111122223333/{record['color']}"


def test_choices_differ_between_records():
    colors = {record["color"] for record in told(SMALL) if record["did"] == "look"}

    assert len(colors) > 1


def test_a_key_with_none_is_left_out():
    assert "gone" not in leaps(SMALL)[0]


def test_another_seed_tells_another_story():
    assert told(SMALL) != told(SMALL.replace("seed: a", "seed: b"))


def test_a_limit_cuts_the_story():
    assert len(told(SMALL.replace("span: 10m", "span: 10m\nlimit: 7"))) == 7


def test_the_background_goes_on_without_end():
    story = load_story(SMALL, "story.yaml")

    ids = {story.record("log", story.background("log", at), NOON)["id"] for at in range(500)}

    assert len(ids) == 500


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ("identity: alice, every", "identity: bob, every", "no identity 'bob'"),
        ("source: log, identity: alice, at", "source: logs, identity: alice, at", "no frame"),
        ("every: 30s", "every: often", "must be a length"),
        ("events: [{did: look, color: '{color}', both: '{again}'}]", "events: []", "no events"),
        ("span: 10m", "span: 10", "must be a length"),
        ("steps:", "steps: 1\nnotes:", "steps must be a list"),
    ],
)
def test_a_story_that_is_wrong_says_what(written, instead, message):
    with pytest.raises(ContentError, match=message):
        load_story(SMALL.replace(written, instead), "story.yaml")


def test_a_step_without_a_time_follows_the_one_before_it():
    text = SMALL.replace("gone: '{none}'}", "gone: '{none}'}\n  - {source: log, did: leave}")

    left = [record["at"] for record in told(text) if record["did"] == "leave"]

    assert left == ["2026-11-23T12:04:30Z"]


def test_steps_may_share_a_source_and_need_no_identity():
    text = "source: log\n" + SMALL.replace("{source: log, identity: alice, at: 4m", "{at: 4m")

    assert {record["who"] for record in leaps(text)} == {"nobody"}


def test_many_stories_may_share_what_lies_below_them():
    below = "values: {account: '444455556666', city: Bonn}\nidentities: {bob: {who: bob}}"
    above = SMALL.replace("at: 4m", "at: 4m, city: '{city}'").replace(
        "source: log, identity: alice, at", "source: log, identity: bob, at"
    )

    leap = next(
        record
        for record in load_story(above, "story.yaml", below).told("log", NOON)
        if record["did"] == "leap"
    )

    assert (leap["who"], leap["city"]) == ("bob", "Bonn")
    assert leap["where"]["account"] == "111122223333"


def test_another_day_has_the_same_habits_in_another_course_and_no_steps():
    story = load_story(SMALL, "story.yaml")
    other = story.another_day(1, timedelta(minutes=2))

    did = [record["did"] for record in other.told("log", NOON)]

    assert set(did) == {"look"}
    assert 3 <= len(did) <= 8
    assert [each.offset for each in other.occurrences("log")] != [
        each.offset for each in story.another_day(2, timedelta(minutes=2)).occurrences("log")
    ]


def test_the_first_step_is_where_habits_end_to_be_all():
    story = load_story(SMALL, "story.yaml")

    assert story.first_step == timedelta(minutes=4)
    assert story.another_day(1, timedelta(0)).first_step == timedelta(0)
