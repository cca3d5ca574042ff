"""YAML is read as plain values with lines; whatever is odd is refused with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ContentError
from tocsin.ocsf import yaml_text


def test_values_are_plain_and_know_their_lines():
    document = yaml_text.load("a:\n  b: [1, x]\n  c: {d: null}\n", "f.yaml")

    assert document.value == {"a": {"b": [1, "x"], "c": {"d": None}}}
    assert document.line(("a", "c", "d")) == 3


def test_the_line_of_a_missing_path_is_that_of_its_parent():
    document = yaml_text.load("a:\n  b: 1\n", "f.yaml")

    assert document.line(("a", "b", "zzz", 3)) == 2


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("012345670123", "012345670123"),
        ("12:30:45", "12:30:45"),
        ("2026-11-23", "2026-11-23"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("5", 5),
        ("0", 0),
        ("0x1F", 31),
        ("-1.5", -1.5),
        ("true", True),
        ("~", None),
        ("=", "="),
        ("", None),
    ],
)
def test_scalars_keep_what_people_mean(written, value):
    assert yaml_text.load(f"key: {written}", "f.yaml").value == {"key": value}


def test_keys_are_always_text():
    assert yaml_text.load("on: 1\n5: 2\nno: 3\n", "f.yaml").value == {"on": 1, "5": 2, "no": 3}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: *x\n", 2, "aliases"),
        ("a: &x 1\n", 1, "anchors"),
        ("a: 1\nc: !!python/object:os.system {}\n", 2, "tags"),
        ("a: 1\nb: 2\na: 3\n", 3, "twice"),
        ("a: 1\n'a': 3\n", 2, "twice"),
        ("a: 1\n<<: {b: 1}\n", 2, "merge"),
        ("a:\n\tb: 1\n", 2, "not YAML"),
        ("a: [1\n", 2, "not YAML"),
        ("? [a]\n: 1\n", 1, "key must be text"),
        ("a: " + "9" * 5000, 1, "number this long"),
        ("a: 1\n---\nb: 2\n", 3, "one YAML document"),
        ("[" * 40, 1, "nested deeper"),
        ("[" * 100_000, 1, "nested deeper"),
        ("a: \x00", 0, "not YAML"),
        ("a: \ud800", 0, "not YAML"),
        ("#" * 300_000, 0, "larger"),
    ],
)
def test_what_is_odd_is_refused_with_its_line(text, line, words):
    with pytest.raises(ContentError) as caught:
        yaml_text.load(text, "f.yaml")

    assert words in str(caught.value)
    assert caught.value.location.file == "f.yaml"
    if line:
        assert caught.value.location.line == line


def test_several_documents_are_read_one_by_one():
    documents = yaml_text.load_all("a: 1\n---\na: 2\n", "f.yaml")

    assert [(document.value, document.line(("a",))) for document in documents] == [
        ({"a": 1}, 1),
        ({"a": 2}, 3),
    ]


def test_an_empty_file_is_an_empty_document():
    assert yaml_text.load("# nothing\n", "f.yaml").value is None


@given(st.text(alphabet="ab:-[]{}'\"&*!|>#?, \n\t0<%@\\", max_size=60))
def test_any_text_is_a_document_or_a_content_error(text):
    try:
        yaml_text.load_all(text, "f.yaml")
    except ContentError as error:
        assert error.location.file == "f.yaml"
