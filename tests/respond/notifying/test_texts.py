"""Text of attackers stays text, whoever shows it."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.respond.notifying.said import about, notice
from tocsin.ocsf import Entity
from tocsin.respond.notifying import digest_text, incident_text, inert

EVIL = [
    "<!here> <@U123> <#C1> <http://evil.example|Sign in>",
    "@channel @everyone @here",
    "[Sign in](https://evil.example/login) ![x](http://evil.example/p.png)",
    "evil.example and WWW.Evil.Example and ｅｖｉｌ．ｅｘａｍｐｌｅ and evil。example",
    "a\r\nBcc: victim@example.com\r\n\r\nbody",
    "line\u2028next\u2029paragraph\u0085feed\x0bform\x0c",
    "**bold** __under__ _it_ ~~gone~~ `code` ||spoiler|| # heading",
    "mailto:a tel:123 javascript:alert(1) file:///etc/passwd data:text/html,x slack://x",
    "\\\\evil.example\\share",
    "\u202eexe.txt\u2066 zero\u200bwidth\ufeff",
    "http://198.51.100.7/x https://xn--e1awd7f.xn--p1ai",
    "＠channel ＜!here＞",
]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_in_it_mentions_links_or_breaks_out(text):
    assert is_harmless(inert(text)), inert(text)


@given(st.text() | st.lists(st.sampled_from([*EVIL, ".", "@", ":", "/", "_", "a"])).map("".join))
def test_no_text_mentions_links_or_breaks_out(text):
    assert is_harmless(inert(text)), inert(text)


def is_harmless(text: str) -> bool:
    forbidden = (
        r"[<>@`*~|#\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]",
        r"://",
        r"\]\(",
        r"\w[.。]([^\W\d_]{2}|xn--)",
        r"(?i)\b(mailto|tel|javascript|file|data):",
        r"\\\\",
        r"(?<![^\W_])_|_(?![^\W_])",
    )
    return not any(re.search(pattern, text) for pattern in forbidden)


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "arn:aws:iam::111122223333:user/alice",
        "Logging was stopped: my_audit_trail",
        "AKIAIOSFODNN7EXAMPLE from 198.51.100.7",
        "Größe 東京 100 %",
    ],
)
def test_what_is_harmless_stays_as_it_is(text):
    assert inert(text) == text


def test_a_text_without_end_is_cut():
    assert len(inert("a" * 10_000_000)) == 200


def test_a_message_says_what_happened_to_whom_and_when():
    incident = replace(about(severity=5), accounts=("111122223333",))

    text = incident_text(incident, [notice("a", stage="opened")])

    assert text.title == "[Critical] New incident: Something happened: alice"
    lines = text.body.splitlines()
    assert "Severity: Critical" in lines
    assert "Accounts: 111122223333" in lines
    assert any(line.startswith("About: user alice") for line in lines)


def test_fields_choose_the_lines():
    text = incident_text(about(), [notice("a")], ["severity"])

    assert text.body.splitlines() == ["Something happened: alice", "Severity: High"]


def test_names_of_attackers_are_inert_in_the_whole_message():
    evil = Entity("user", "x", "@channel <!here>\nBcc: a@b.example [x](http://evil.example)")
    incident = replace(about(), title=EVIL[2], entities=(evil,) * 40, accounts=("a.example",))

    text = incident_text(incident, [notice("a")])

    assert "\n" not in text.title
    assert "Bcc" not in {line[:3] for line in text.body.splitlines()}
    assert is_harmless(" ".join(text.body.splitlines()))
    assert "and 35 more" in text.body


@given(st.text(max_size=5_000), st.integers(1, 60))
def test_no_message_is_longer_than_sixteen_kibibytes(name, count):
    entities = (Entity("user", name, name),) * count
    incident = replace(about(), title=name, entities=entities, accounts=(name,) * count)
    notices = [notice(str(number), subject=f"{number}{name}") for number in range(count)]

    for text in (incident_text(incident, notices), digest_text(notices)):
        assert len(text.body.encode("utf-8", "replace")) <= 16 << 10
        assert len(text.title) <= 1000


def test_a_digest_counts_everything_and_names_the_rarest_first():
    noise = [notice(f"n{number}", subject="Noise") for number in range(500)]

    text = digest_text([*noise, notice("needle", subject="Needle")])

    assert text.title == "[High] 501 incidents"
    assert text.body.splitlines()[:2] == [
        "1 x [High] Needle (opened)",
        "500 x [High] Noise (opened)",
    ]


def test_a_digest_of_many_kinds_says_how_many_it_does_not_show():
    text = digest_text([notice(str(number), subject=f"Kind {number}") for number in range(50)])

    assert "and 30 more, of 30 other kinds" in text.body
