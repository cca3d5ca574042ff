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
