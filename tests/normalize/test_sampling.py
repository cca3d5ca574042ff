"""Partial records are laid over an example, and a mapping is held to its samples."""

from tests.normalize.records import SMALL, small
from tocsin.normalize import check_samples, overlay


def test_objects_merge_and_anything_else_replaces():
    example = {"a": {"b": 1, "c": [1, 2]}, "d": 1, "e": {"f": 1}}

    laid = overlay(example, {"a": {"c": [3]}, "d": None, "e": 5, "g": {"h": 1}})

    assert laid == {"a": {"b": 1, "c": [3]}, "d": None, "e": 5, "g": {"h": 1}}
    assert example["a"] == {"b": 1, "c": [1, 2]}


def test_a_sample_that_holds_says_nothing(tiny):
    assert check_samples(tiny) == ()


def test_a_sample_that_does_not_hold_says_what_is_there_instead():
    text = SMALL.replace("event: {activity_name: Read}", "event: {api.operation: other}")

    assert check_samples(small(text)) == (
        "sample 'reads': api.operation should be 'other', is ['getIt']",
    )


def test_a_sample_that_is_refused_says_why():
    text = SMALL.replace("record: {}, event", "record: {name: null}, event")

    assert check_samples(small(text)) == (
        "sample 'reads' is refused: unrecognized: not a record of test.small",
    )
