"""Text of unknown origin: escaped, visible, bounded."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.serve.web import text


def test_markup_is_shown_and_not_obeyed() -> None:
    assert text.visible('<img src=x onerror="a">') == "&lt;img src=x onerror=&#34;a&#34;&gt;"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\u202eb", "U+202E"), ("a\u0000b", "U+0000"), ("a\u200bb", "U+200B"),
        ("a\nb", "U+000A"), ("a\x1b[31mb", "U+001B"), ("a\u00a0b", "U+00A0"),
        ("a\ud800b", "U+D800"), ("a\ufeffb", "U+FEFF"), ("a\u2066b", "U+2066"),
    ],
)  # fmt: skip
def test_a_character_that_is_not_seen_becomes_its_code_point(value: str, code: str) -> None:
    shown = text.visible(value)

    assert f">{code}</span>" in shown
    assert value[1] not in shown


def test_letters_of_any_script_stay() -> None:
    assert text.visible("Zoë 管理者 админ") == "Zoë 管理者 админ"


def test_a_block_keeps_its_lines_and_nothing_else() -> None:
    assert (
        text.block("a\n\tb\r") == 'a\n\tb<span class="odd" title="control character">U+000D</span>'
    )


def test_a_tower_of_marks_is_cut() -> None:
    assert len(text.visible("a" + "\u0301" * 500)) < 10


def test_a_long_value_is_clipped_and_whole_in_its_title() -> None:
    shown = text.clip("x" * 300, 100)

    assert shown.startswith(f'<span class="clip" title="{"x" * 300}">')
    assert shown.endswith("x…</span>")


def test_a_clipped_value_cannot_leave_its_title() -> None:
    assert '"><script' not in text.clip('"><script>' + "x" * 300, 20)


@given(st.text(alphabet=st.characters(), max_size=200))
def test_no_text_brings_markup_or_invisible_characters(value: str) -> None:
    for shown in (text.visible(value), text.clip(value, 20)):
        without_ours = re.sub(r"</?span[^<>]*>", "", shown)
        assert "<" not in without_ours
        assert not any(character < " " or "\u202a" <= character <= "\u202e" for character in shown)
